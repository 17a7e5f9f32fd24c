package bus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cedadev/kerchunk-builder/scheduler/bus"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// The test binary is also the processes that the tests start.
const roleVariable = "KERB_BUS_TEST"

func TestMain(m *testing.M) {
	switch role := strings.Fields(os.Getenv(roleVariable)); {
	case len(role) == 0:
		os.Exit(m.Run())
	case role[0] == "task":
		exit(taskProcess(role[1], role[2], role[3], role[4]))
	case role[0] == "watcher":
		exit(watcherProcess(role[1], role[2]))
	}
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// process is a process of the test binary in a role.
func process(t *testing.T, role ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), roleVariable+"="+strings.Join(role, " "))
	return c
}

// taskProcess does what a task does: append to the file, then publish.
func taskProcess(workdir, runID, index, count string) error {
	run, err := openRun(workdir, runID)
	if err != nil {
		return err
	}
	i, _ := strconv.Atoi(index)
	n, _ := strconv.Atoi(count)
	events, err := run.OpenEvents("compute", i, 1)
	if err != nil {
		return err
	}
	live := bus.Join(run.BusAddress)
	for k := range n {
		e, err := events.Append(bus.Event{Code: "sst", Done: int64(k + 1), Total: int64(n)})
		if err != nil {
			return err
		}
		for live.Publish(context.Background(), e) != nil { // a task of ours would go on; here none may be lost
			time.Sleep(time.Millisecond)
		}
	}
	return errors.Join(live.Close(), events.Close())
}

// watcherProcess serves a run's bus until it is killed.
func watcherProcess(workdir, runID string) error {
	run, err := openRun(workdir, runID)
	if err != nil {
		return err
	}
	s, err := bus.Serve(bus.Loopback)
	if err != nil {
		return err
	}
	if err := run.WriteBusAddress(s.Address()); err != nil {
		return err
	}
	for range s.Events(context.Background()) {
		fmt.Println("event")
	}
	return nil
}

func openRun(workdir, id string) (*workdirs.Run, error) {
	w, err := workdirs.Open(workdir)
	if err != nil {
		return nil, err
	}
	g, err := w.Group("ocean")
	if err != nil {
		return nil, err
	}
	return g.Run(id), nil
}

// workdirOf is the workdir that newRun made.
func workdirOf(run *workdirs.Run) string {
	root, _, _ := strings.Cut(run.Dir(), "/groups/")
	return root
}

func TestProcesses(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	const tasks, each = 4, 2500
	run := newRun(t)
	s := serve(t)
	if err := run.WriteBusAddress(s.Address()); err != nil {
		t.Fatal(err)
	}
	for i := range tasks {
		c := process(t, "task", workdirOf(run), run.ID, strconv.Itoa(i), strconv.Itoa(each))
		out := &strings.Builder{}
		c.Stdout, c.Stderr = out, out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := c.Wait(); err != nil {
				t.Errorf("task %d: %v: %s", i, err, out)
			}
			if strings.Contains(out.String(), s.Address().Token) {
				t.Error("the token was written to a task's log")
			}
		}()
	}
	live := readAll(t, s, tasks, each)
	file := readAll(t, bus.NewFile(run, 10*time.Millisecond, nil), tasks, each)
	both := readAll(t, merged{s, bus.NewFile(run, 10*time.Millisecond, nil)}, tasks, each)
	for name, got := range map[string]int{"live": live, "file": file, "both": both} {
		if got != tasks*each {
			t.Errorf("%s: %d events of %d", name, got, tasks*each)
		}
	}
}

// merged makes a bus of two, for reading.
type merged struct{ a, b bus.Bus }

func (m merged) Publish(context.Context, bus.Event) error { return bus.ErrClosed }
func (m merged) Close() error                             { return nil }
func (m merged) Events(ctx context.Context) iter.Seq2[bus.Event, error] {
	return bus.Merge(ctx, m.a, m.b)
}

// readAll reads until every task's last event, and returns how many different ones there were; none may come twice.
func readAll(t *testing.T, b bus.Bus, tasks, each int) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	seen := map[[2]int]bool{}
	for e, err := range b.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		key := [2]int{e.Index, e.Seq}
		if seen[key] {
			t.Fatalf("event %d of task %d came twice", e.Seq, e.Index)
		}
		if seen[key] = true; len(seen) == tasks*each {
			break
		}
	}
	return len(seen)
}

// TestWatcherIsKilled: tasks go on when the process that serves the bus dies, and the files miss nothing; its address is no use any
// more, and the next watcher's is taken.
func TestWatcherIsKilled(t *testing.T) {
	run := newRun(t)
	t.Setenv("TMPDIR", t.TempDir())
	watcher := process(t, "watcher", workdirOf(run), run.ID)
	out, err := watcher.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watcher.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { _, err := run.BusAddress(); return err == nil })
	dead, err := run.BusAddress()
	if err != nil {
		t.Fatal(err)
	}
	events, err := run.OpenEvents("compute", 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	live := bus.Join(run.BusAddress)
	say := func(n int) {
		for range n {
			e, err := events.Append(bus.Event{Code: "sst"})
			if err != nil {
				t.Fatal(err)
			}
			_ = live.Publish(t.Context(), e)
		}
	}
	say(10)
	if _, err := io.ReadFull(out, make([]byte, len("event\n"))); err != nil {
		t.Fatalf("nothing arrived: %v", err)
	}
	if err := watcher.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = watcher.Wait()
	say(1000)
	if err := live.Close(); err != nil {
		t.Error(err)
	}
	if got := readAll(t, bus.NewFile(run, 10*time.Millisecond, nil), 1, 1010); got != 1010 {
		t.Errorf("%d events of 1010 in the file", got)
	}

	s := serve(t) // the next watcher, over the dead one's address
	if streams, err := os.ReadDir(os.TempDir()); err != nil || len(streams) != 1 {
		t.Errorf("there are %d streams, where the killed process's should be gone: %v", len(streams), err)
	}
	if err := run.WriteBusAddress(s.Address()); err != nil {
		t.Fatal(err)
	}
	if err := run.RemoveBusAddress(dead); err != nil {
		t.Fatal(err)
	}
	if a, err := run.BusAddress(); err != nil || a.Token != s.Address().Token {
		t.Errorf("the dead watcher's end removed the living one's address: %v", err)
	}
	next := bus.Join(run.BusAddress)
	if err := next.Publish(t.Context(), event(0, 1)); err != nil {
		t.Error(err)
	}
	defer next.Close()
	read(t, fixture{reader: s, carries: true}, 1, func(bus.Event) {})
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
	}
}
