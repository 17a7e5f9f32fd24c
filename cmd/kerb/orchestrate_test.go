package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// The test binary is the kerb that the rendered scripts call, with work that does nothing but fail as told.
func TestMain(m *testing.M) {
	asKerb()
	if os.Getenv("KERB_PRETEND") != "" && len(os.Args) > 1 {
		switch os.Args[1] {
		case "task":
			os.Exit(pretendTask(os.Args[2:]))
		case "submit", "advance", "--version":
			os.Exit(run(context.Background(), os.Args, environment{os.Stdout, os.Stderr}))
		}
	}
	os.Exit(m.Run())
}

func pretendTask(args []string) int {
	env := environment{stdout: os.Stdout, stderr: os.Stderr}
	ctx := context.Background()
	w, err := workdirs.Open(args[4])
	if err == nil {
		var ref scheduler.Ref
		if ref, err = scheduler.ParseRef(args[1]); err == nil {
			var index int
			if index, err = strconv.Atoi(args[2]); err == nil {
				err = runTask(ctx, w, args[0], ref, index, pretender{w.Root()}.do, finishNothing, env)
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kerb:", err)
	}
	return exitCode(ctx, err)
}

func finishNothing(context.Context, scheduler.Step, []string) error { return nil }

// pretender is work that follows rules: the file pretend/STEP.CODE[.PART] holds one word for each attempt, and what
// is not ruled succeeds.
type pretender struct{ root string }

func (p pretender) do(_ context.Context, step scheduler.Step, code string, part int, progress func(phases.Progress)) error {
	name := string(step) + "." + code
	if part >= 0 {
		name += "." + strconv.Itoa(part)
	}
	progress(phases.Progress{Done: 1, Total: 4, References: 12})
	tries, err := os.ReadFile(filepath.Join(p.root, "pretend", name+".tries"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.root, "pretend", name+".tries"), append(tries, '.'), 0o644); err != nil {
		return err
	}
	rules, err := os.ReadFile(filepath.Join(p.root, "pretend", name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if words := strings.Fields(string(rules)); len(tries) < len(words) {
		switch words[len(tries)] {
		case "io":
			return phases.Errorf(phases.IO, "", "file f.nc: read error")
		case "drift":
			return phases.Errorf(phases.Drift, "", "file f.nc: units differ")
		case "panic":
			panic("as told")
		case "redo":
			return &missingParts{1}
		case "slow":
			time.Sleep(2 * time.Second)
		case "kill":
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
	if step == scheduler.Configure {
		mode, parts := "serial", 0
		if strings.HasPrefix(code, "large") {
			mode, parts = "parallel", 3
		}
		path := filepath.Join(p.root, "datasets", code, "configure.json")
		if err := workdirs.WriteJSON(path, map[string]any{"compute": map[string]any{"mode": mode, "parts": parts, "memory_bytes": 100 << 20, "seconds": 1}}); err != nil {
			return err
		}
	}
	return workdirs.AppendLine(filepath.Join(p.root, "pretend", "effects"), name)
}

// missingParts is what combine says when the gate finds a part's data gone.
type missingParts struct{ part int }

func (e *missingParts) Error() string { return fmt.Sprintf("part %d has no manifest", e.part) }
func (e *missingParts) Redo() []int   { return []int{e.part} }

// stage is a workdir with a group of datasets that are worked on by the pretender.
type stage struct {
	t   *testing.T
	dir string
}

func newStage(t *testing.T, codes ...string) *stage {
	t.Helper()
	t.Setenv("KERB_PRETEND", "1")
	s := &stage{t, t.TempDir()}
	w, err := workdirs.Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	g, err := w.Group("g")
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Define(workdirs.GroupInfo{Codes: codes}, []byte(strings.Join(codes, "\n"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.dir, "pretend"), 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) rule(name, words string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "pretend", name), []byte(words), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// kerb runs a command line and returns what it printed.
func (s *stage) kerb(code int, args ...string) string {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	got := run(context.Background(), append(append([]string{"kerb"}, args...), "-w", s.dir), environment{&stdout, &stderr})
	if got != code {
		s.t.Fatalf("kerb %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &stdout, &stderr)
	}
	return stdout.String()
}

// effects counts how often each step of each dataset has succeeded.
func (s *stage) effects() map[string]int {
	s.t.Helper()
	n := map[string]int{}
	err := workdirs.ReadLines(filepath.Join(s.dir, "pretend", "effects"), func(line []byte) error {
		var name string
		if err := json.Unmarshal(line, &name); err != nil {
			return err
		}
		n[name]++
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// steps are the effects of a dataset that went through.
func steps(code string) []string {
	if strings.HasPrefix(code, "large") {
		return []string{"scan." + code, "configure." + code, "parts." + code + ".0", "parts." + code + ".1", "parts." + code + ".2",
			"combine." + code, "correct." + code, "test." + code, "catalog." + code}
	}
	return []string{"scan." + code, "configure." + code, "compute." + code, "test." + code, "catalog." + code}
}

func (s *stage) wantOnce(codes ...string) {
	s.t.Helper()
	got := s.effects()
	for _, code := range codes {
		for _, name := range steps(code) {
			if got[name] != 1 {
				s.t.Errorf("%s happened %d times, want once", name, got[name])
			}
		}
	}
}

// emptyRun makes a run of which a test writes the tasks itself.
func (s *stage) emptyRun() (*workdirs.Workdir, *workdirs.Run) {
	s.t.Helper()
	w, err := workdirs.Open(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	g, err := w.Group("g")
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := g.NewRun(workdirs.RunInfo{}, scheduler.Plan{})
	if err != nil {
		s.t.Fatal(err)
	}
	return w, r
}

// wantAll wants each step of the datasets to have succeeded: of tasks that are shared and run again perhaps more than once, since
// it is for the phases to see that there is nothing to do.
func (s *stage) wantAll(codes ...string) {
	s.t.Helper()
	got := s.effects()
	for _, code := range codes {
		for _, name := range steps(code) {
			if got[name] == 0 {
				s.t.Errorf("%s never happened", name)
			}
		}
	}
}

// light records of datasets that they are small.
func (s *stage) light(codes ...string) {
	s.t.Helper()
	w, err := workdirs.Open(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, code := range codes {
		d, err := w.Dataset(code)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := d.Define(workdirs.Definition{Code: code, Files: 2, Bytes: 1000}, nil); err != nil {
			s.t.Fatal(err)
		}
	}
}

func TestSubmitLocal(t *testing.T) {
	s := newStage(t, "a", "b", "large1")
	s.kerb(exitDone, "submit", "g", "--scheduler", "local")
	s.wantOnce("a", "b", "large1")
	status := s.kerb(exitDone, "status", "g")
	for _, want := range []string{"JOBID", "parts", "large1", "CD", "3/3"} {
		if !strings.Contains(status, want) {
			t.Errorf("status has no %q:\n%s", want, status)
		}
	}
}

func TestFailuresAndRerun(t *testing.T) {
	s := newStage(t, "a", "b", "c", "d", "large1", "large2")
	s.rule("scan.a", "io io")         // passes with the third attempt
	s.rule("compute.b", "kill")       // dies without a record
	s.rule("compute.c", "drift")      // never passes by itself
	s.rule("test.d", "panic")         // a fault of ours: not tried again
	s.rule("parts.large1.1", "io")    // one part fails once
	s.rule("parts.large2.2", "drift") // one part fails for good
	s.kerb(exitSomeFailed, "submit", "g", "--scheduler", "local", "--wait")
	s.wantOnce("a", "b", "large1")
	got := s.effects()
	for _, name := range []string{"compute.c", "test.c", "test.d", "catalog.d", "combine.large2"} {
		if got[name] != 0 {
			t.Errorf("%s happened", name)
		}
	}
	var reports []report
	if err := json.Unmarshal([]byte(s.kerb(exitDone, "status", "g", "--by", "error", "--json")), &reports); err != nil {
		t.Fatal(err)
	}
	classes := map[string][]string{}
	for _, e := range reports[0].Errors {
		classes[e.Class+" "+e.Step] = e.Datasets
	}
	for key, want := range map[string][]string{"drift compute": {"c"}, "internal test": {"d"}, "drift parts": {"large2#2"}} {
		if !slices.Equal(classes[key], want) {
			t.Errorf("status --by error: %s is %v, want %v", key, classes[key], want)
		}
	}
	if logs := s.kerb(exitDone, "logs", "g", "c"); !strings.Contains(logs, "units differ") {
		t.Errorf("the log of c does not name its error:\n%s", logs)
	}

	// The rules are spent: what failed, and only that, is run again.
	s.kerb(exitDone, "rerun", "g")
	s.wantOnce("a", "b", "c", "d", "large1", "large2")
	if out := s.kerb(exitDone, "rerun", "g"); !strings.Contains(out, "nothing has failed") {
		t.Errorf("rerun of a run without failures says %q", out)
	}
}

func TestRerunNamedIndices(t *testing.T) {
	s := newStage(t, "large1", "a")
	s.kerb(exitDone, "submit", "g", "--scheduler", "local")
	s.kerb(exitDone, "rerun", "g", "--job", "parts.large1", "--indices", "0,2", "--mem", "300M", "--time", "10m")
	got := s.effects()
	want := map[string]int{"parts.large1.0": 2, "parts.large1.1": 1, "parts.large1.2": 2, "combine.large1": 2, "correct.large1": 2,
		"test.large1": 2, "catalog.large1": 2, "configure.large1": 1, "compute.a": 1, "test.a": 1}
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s happened %d times, want %d", name, got[name], n)
		}
	}
	s.kerb(exitUsage, "rerun", "g", "--indices", "0")
	s.kerb(exitRefused, "rerun", "g", "--job", "parts.large1", "--indices", "3")
	s.kerb(exitRefused, "rerun", "g", "--job", "nothing", "--indices", "0")
}

func TestSubmitDryRun(t *testing.T) {
	s := newStage(t, "a", "b")
	var jobs []dryJob
	if err := json.Unmarshal([]byte(s.kerb(exitDone, "submit", "g", "--dry-run", "--json", "--to", "configure")), &jobs); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, j := range jobs {
		names = append(names, j.Name+" "+j.Array+" "+j.Dependency)
		if !strings.HasPrefix(j.Script, "#!/bin/bash") {
			t.Errorf("job %s has no script", j.Name)
		}
	}
	want := []string{"kerb.g.scan 0-1 ", "kerb.g.configure 0-1 aftercorr:scan", "kerb.g.recover  afternotok:scan?afternotok:configure"}
	if !slices.Equal(names, want) {
		t.Errorf("dry run shows %q, want %q", names, want)
	}
	if entries, _ := os.ReadDir(filepath.Join(s.dir, "groups", "g", "runs")); len(entries) > 0 {
		t.Error("a dry run has left a run behind")
	}
}

func TestBadSubmits(t *testing.T) {
	s := newStage(t, "a")
	s.kerb(exitRefused, "submit", "nogroup")
	s.kerb(exitUsage, "submit", "g", "--from", "catalog", "--to", "scan")
	s.kerb(exitUsage, "submit", "g", "--scheduler", "pbs")
	s.kerb(exitRefused, "submit", "g", "--scheduler", "local", "--from", "compute") // not configured
	s.kerb(exitRefused, "status", "nogroup")
	s.kerb(exitUsage, "status", "g", "--by", "colour")
	s.kerb(exitRefused, "advance", "nogroup")
	s.kerb(exitRefused, "submit", "g", "--site", "lotus2") // which wants an account
	if entries, _ := os.ReadDir(filepath.Join(s.dir, "groups", "g", "runs")); len(entries) > 0 {
		t.Error("a refused submit has left a run behind")
	}
}

// A part that ended well and whose data is gone is computed again, and only it.
func TestGateSendsPartsBack(t *testing.T) {
	s := newStage(t, "large1")
	s.rule("combine.large1", "redo")
	s.kerb(exitDone, "submit", "g", "--scheduler", "local")
	got := s.effects()
	for name, n := range map[string]int{"parts.large1.0": 1, "parts.large1.1": 2, "parts.large1.2": 1, "combine.large1": 1, "catalog.large1": 1} {
		if got[name] != n {
			t.Errorf("%s happened %d times, want %d", name, got[name], n)
		}
	}
}

// The process that drives a run is killed; another one brings the run to its end, and nothing is done twice.
func TestDriverIsKilled(t *testing.T) {
	s := newStage(t, "a", "b", "large1")
	s.rule("compute.a", "slow")
	s.rule("parts.large1.1", "slow")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "submit", "g", "--scheduler", "local", "-w", s.dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for s.effects()["configure.large1"] == 0 {
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(700 * time.Millisecond)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	s.kerb(exitDone, "advance", "g")
	got := s.effects()
	for _, code := range []string{"a", "b", "large1"} {
		for _, name := range steps(code) {
			// A task that ran when its driver died may have been killed with it, or have done its work unseen.
			if got[name] == 0 {
				t.Errorf("%s never happened", name)
			}
		}
	}
	if got["scan.a"] != 1 || got["configure.b"] != 1 {
		t.Errorf("what was recorded was done again: %v", got)
	}
}

// Each dataset of a packed task has a result of its own: one that can't be built holds up no other, and one that may pass
// another time is tried again alone.
func TestPackedTask(t *testing.T) {
	s := newStage(t, "a", "b", "c")
	w, r := s.emptyRun()
	var log bytes.Buffer
	task := func(job, after string, attempt int) (workdirs.Record, error) {
		t.Helper()
		log.Reset()
		ref := scheduler.Ref{Key: job, Attempt: attempt}
		if err := r.WriteTaskList(ref.String(), workdirs.TaskList{Job: job, Attempt: attempt, Step: job, After: after, Tasks: map[int]string{0: "a b c"}}); err != nil {
			t.Fatal(err)
		}
		terr := runTask(t.Context(), w, r.ID, ref, 0, pretender{s.dir}.do, finishNothing, environment{io.Discard, &log})
		recs, err := r.TaskRecords(job, 0)
		if err != nil {
			t.Fatal(err)
		}
		return recs[len(recs)-1], terr
	}
	states := func(rec workdirs.Record) (list []string) {
		for _, item := range rec.Items {
			list = append(list, item.Code+" "+item.State)
		}
		return append(list, rec.State)
	}
	s.rule("compute.a", "drift drift")
	s.rule("compute.b", "io")
	first, err := task("compute", "", 1)
	if want := []string{"a failed", "b failed", "c done", "failed"}; err == nil || !slices.Equal(states(first), want) || !first.Transient || first.Class != "io" {
		t.Errorf("first attempt: %v, class %s, %v; want %v", states(first), first.Class, err, want)
	}
	if text := fmt.Sprint(log.String(), err); !strings.Contains(text, "dataset a") || !strings.Contains(text, "dataset b") {
		t.Errorf("the log of the first attempt names not both failures: %s", text)
	}
	second, err := task("compute", "", 2)
	if want := []string{"a failed", "b done", "c done", "done"}; err != nil || !slices.Equal(states(second), want) {
		t.Errorf("second attempt: %v, %v; want %v", states(second), err, want)
	}
	if !strings.Contains(log.String(), "units differ") {
		t.Errorf("the log of the second attempt, which ends well, does not say what failed: %s", log.String())
	}
	if n := s.effects()["compute.c"]; n != 1 {
		t.Errorf("c was computed %d times", n)
	}
	if tries, err := os.ReadFile(filepath.Join(s.dir, "pretend", "compute.a.tries")); err != nil || len(tries) != 1 {
		t.Errorf("a was tried %d times (%v), and its error does not pass", len(tries), err)
	}
	next, err := task("test", "compute", 1)
	if want := []string{"a skipped", "b done", "c done", "done"}; err != nil || !slices.Equal(states(next), want) {
		t.Errorf("next step: %v, %v; want %v", states(next), err, want)
	}
	if next.Peak == 0 || next.Host == "" || next.End.Before(next.Start) {
		t.Errorf("the record lacks its costs: %+v", next)
	}
}

// An interrupted command ends with its own exit code, and its tasks are told to stop; they are no failures.
func TestInterrupted(t *testing.T) {
	s := newStage(t, "a", "b")
	s.rule("compute.a", "slow")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for s.effects()["configure.a"] == 0 {
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(500 * time.Millisecond)
		cancel()
	}()
	code := run(ctx, []string{"kerb", "submit", "g", "--scheduler", "local", "-w", s.dir}, environment{io.Discard, io.Discard})
	if code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	s.kerb(exitDone, "advance", "g")
	for _, name := range append(steps("a"), steps("b")...) {
		if s.effects()[name] == 0 {
			t.Errorf("%s never happened", name)
		}
	}
}
