package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

func write(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/bash\n#SBATCH --mem=50M --output=/dev/null\n"+body+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func submit(t *testing.T, e *Engine, body string, indices ...int) scheduler.JobID {
	t.Helper()
	id, err := e.Submit(t.Context(), scheduler.Submission{Name: "kerb.test", Token: fmt.Sprint("t", time.Now().UnixNano()), Script: write(t, body), Indices: indices})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func statesOf(t *testing.T, e *Engine, id scheduler.JobID) []scheduler.State {
	t.Helper()
	tasks, err := e.Poll(t.Context(), []scheduler.JobID{id})
	if err != nil {
		t.Fatal(err)
	}
	var states []scheduler.State
	for _, s := range tasks {
		states = append(states, s.State)
	}
	return states
}

func is(states []scheduler.State, want ...scheduler.State) bool {
	return fmt.Sprint(states) == fmt.Sprint(want)
}

// until waits for a condition that must come.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestDrive is the process that TestDriverDies kills; it is no test of its own.
func TestDrive(t *testing.T) {
	dir := os.Getenv("KERB_TEST_DRIVE")
	if dir == "" {
		t.Skip("it is run by TestDriverDies")
	}
	if err := newEngine(t, dir).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestDriverDies: the next driver ends what the dead one left running, says so, and goes on with the rest.
func TestDriverDies(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	e := newEngine(t, dir)
	first := submit(t, e, "echo $$ >"+out+"/pid.new; mv "+out+"/pid.new "+out+"/pid; [ -e "+out+"/second ] || sleep 300")
	then, err := e.Submit(t.Context(), scheduler.Submission{Name: "kerb.test", Token: "then", Script: write(t, "true"),
		After: []scheduler.Dependency{{Kind: scheduler.AfterNotOK, Job: first}}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDrive$")
	cmd.Env = append(os.Environ(), "KERB_TEST_DRIVE="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the task runs", func() bool { return exists(out+"/pid") && is(statesOf(t, e, first), scheduler.Running) })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	log, err := os.OpenFile(e.spool.job(first, "log.ndjson"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.WriteString(`{"task":{"i":-1,"state":"COMPL`); err != nil { // the line in which it died
		t.Fatal(err)
	}
	log.Close()
	if err := e.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := statesOf(t, e, first); !is(got, scheduler.NodeFail) {
		t.Errorf("the task that the dead driver ran: %v", got)
	}
	if got := statesOf(t, e, then); !is(got, scheduler.Completed) {
		t.Errorf("what waited for a failure: %v", got)
	}
	text, err := os.ReadFile(out + "/pid")
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	fmt.Sscan(string(text), &pid)
	until(t, "the task's process is gone", func() bool { s, err := readStat(pid); return err != nil || s.session != pid })
}

// TestRunEndsWhenIdle: one Run takes a chain to its end, through throttles, a machine with room for one task, and a task that can't
// be launched; what waits for what never comes does not keep it.
func TestRunEndsWhenIdle(t *testing.T) {
	e, err := New(t.TempDir(), Options{CPUs: 1, Memory: 60 << 20})
	if err != nil {
		t.Fatal(err)
	}
	after := func(kind scheduler.DependencyKind, job scheduler.JobID, body string, indices ...int) scheduler.JobID {
		t.Helper()
		id, err := e.Submit(t.Context(), scheduler.Submission{Name: "kerb.test", Token: fmt.Sprint("t", time.Now().UnixNano()), Script: write(t, body),
			Indices: indices, After: []scheduler.Dependency{{Kind: kind, Job: job}}})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	first := submit(t, e, "true", 0, 1, 2)
	second := after(scheduler.AfterCorr, first, "true", 0, 1, 2)
	nowhere := after(scheduler.AfterOK, second, "#SBATCH --chdir=/nowhere/at/all\ntrue")
	third := after(scheduler.AfterNotOK, nowhere, "exit 1")
	never := after(scheduler.AfterOK, third, "true")
	if err := e.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := scheduler.Completed
	for _, w := range []struct {
		job  scheduler.JobID
		want []scheduler.State
	}{
		{first, []scheduler.State{c, c, c}}, {second, []scheduler.State{c, c, c}}, {nowhere, []scheduler.State{scheduler.Failed}},
		{third, []scheduler.State{scheduler.Failed}}, {never, []scheduler.State{scheduler.Pending}},
	} {
		if got := statesOf(t, e, w.job); !is(got, w.want...) {
			t.Errorf("job %s: %v, want %v", w.job, got, w.want)
		}
	}
}

// TestStopped: when the driving process is told to stop, nothing is left running.
func TestStopped(t *testing.T) {
	out := t.TempDir()
	e := newEngine(t, t.TempDir())
	id := submit(t, e, "trap 'touch "+out+"/told; exit 0' TERM; touch "+out+"/runs; sleep 300 & wait", 0)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- e.Run(ctx) }()
	until(t, "the task runs", func() bool { return exists(out + "/runs") })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := statesOf(t, e, id); !is(got, scheduler.NodeFail) || !exists(out+"/told") {
		t.Errorf("%v, told: %v", got, exists(out+"/told"))
	}
	if exists(filepath.Join(e.spool.dir, "driver")) {
		t.Error("it still holds the wheel")
	}
}

// TestSubmitFromJob: a running task may submit, as another process; the driver runs that before it is idle.
func TestSubmitFromJob(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	e := newEngine(t, dir)
	inner := write(t, "touch "+out+"/inner")
	submit(t, e, "export KERB_TEST_SUBMIT='"+dir+"' KERB_TEST_SCRIPT='"+inner+"'; "+os.Args[0]+" -test.run='^TestSubmitter$'")
	if err := e.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !exists(out + "/inner") {
		t.Error("what the job submitted did not run")
	}
}

// TestSubmitter is what the job of TestSubmitFromJob runs; it is no test of its own.
func TestSubmitter(t *testing.T) {
	dir := os.Getenv("KERB_TEST_SUBMIT")
	if dir == "" {
		t.Skip("it is run by TestSubmitFromJob")
	}
	s := scheduler.Submission{Name: "kerb.test", Token: "inner", Script: os.Getenv("KERB_TEST_SCRIPT")}
	if _, err := newEngine(t, dir).Submit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// TestOneDrives: two drivers of one folder run every task once.
func TestOneDrives(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	a, b := newEngine(t, dir), newEngine(t, dir)
	id := submit(t, a, "echo $SLURM_ARRAY_TASK_ID >>"+out+"/ran", 0, 1, 2, 3, 4, 5, 6, 7)
	done := make(chan error)
	for _, e := range []*Engine{a, b} {
		go func() { done <- e.Run(t.Context()) }()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	text, err := os.ReadFile(out + "/ran")
	if err != nil || len(strings.Fields(string(text))) != 8 {
		t.Errorf("%q, %v", text, err)
	}
	for _, s := range statesOf(t, b, id) {
		if s != scheduler.Completed {
			t.Error(s)
		}
	}
}

// TestLeftovers: what a task leaves running in its session ends with it, also in a process group of its own.
func TestLeftovers(t *testing.T) {
	out := t.TempDir()
	e := newEngine(t, t.TempDir())
	submit(t, e, "set -m; sleep 300 & echo $! >"+out+"/pid")
	if err := e.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out + "/pid")
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	fmt.Sscan(string(text), &pid)
	until(t, "it is gone", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
}

func TestTooLargeForTheMachine(t *testing.T) {
	e, err := New(t.TempDir(), Options{CPUs: 2, Memory: 100 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for options, word := range map[string]string{"--mem=101M": "101M", "--cpus-per-task=3": "3 CPUs"} {
		path := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(path, []byte("#!/bin/bash\n#SBATCH "+options+"\ntrue\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if id, err := e.Submit(t.Context(), scheduler.Submission{Name: "x", Token: "x", Script: path}); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: job %s, %v", options, id, err)
		}
	}
}
