package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	slurmcluster "github.com/cedadev/kerchunk-builder/deploy/slurm-cluster"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/scheduler/bus"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// TestLiveProgress: while a task works a watcher knows how far it has come, over the bus, and from its file alone where there is no bus. The two
// look at the same task, whose second start goes on where its first one's events ended.
func TestLiveProgress(t *testing.T) {
	s := newStage(t, "sst")
	s.kerb(exitDone, "submit", "g", "--scheduler", "local")
	w, err := workdirs.Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, iface := range []string{"127.0.0.1", busOff} {
		t.Run(iface, func(t *testing.T) {
			o, err := openLatest(s.dir, "g")
			if err != nil {
				t.Fatal(err)
			}
			o.site.BusInterface = iface
			l := watchLive(t.Context(), o, true, os.Stderr)
			defer l.close()
			address := filepath.Join(o.run.Dir(), "bus.json")
			attempt := workdirs.Attempt{Job: "compute", Index: 0, Attempt: 1}
			if info, err := os.Stat(address); iface == busOff {
				l.mu.Lock()
				l.running = []workdirs.Attempt{attempt} // as look would find
				l.mu.Unlock()
				if err == nil {
					t.Error("a bus was served where none is wanted")
				}
			} else if err != nil || info.Mode().Perm() != 0o600 {
				t.Fatalf("address of the bus: %v", err)
			}

			working, enough := make(chan struct{}), make(chan struct{})
			do := func(_ context.Context, _ scheduler.Step, _ string, _ int, progress func(phases.Progress)) error {
				progress(phases.Progress{Done: 1, Total: 4, References: 12})
				close(working)
				<-enough
				return nil
			}
			done := make(chan error)
			go func() {
				done <- runTask(t.Context(), w, o.info.ID, scheduler.Ref{Key: "compute", Attempt: 1}, 0, do, finishNothing, environment{io.Discard, io.Discard})
			}()
			<-working
			text := ""
			for end := time.Now().Add(30 * time.Second); !strings.HasPrefix(text, "compute[0] sst: 1/4 files, 12 references") && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				if text, err = told(l, o.run, attempt); err != nil {
					t.Fatal(err)
				}
			}
			if !strings.HasPrefix(text, "compute[0] sst: 1/4 files, 12 references") {
				t.Errorf("while the task works it is known: %q", text)
			}
			close(enough)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			l.close()
			if _, err := os.Stat(address); err == nil {
				t.Error("the bus's address is still there")
			}
		})
	}
}

// told is what is shown of an attempt's progress; "" when it has told nothing of its work yet.
func told(l *live, run *workdirs.Run, a workdirs.Attempt) (string, error) {
	p, known, err := l.progress(run, a)
	if err != nil || !known || p.Code == "" {
		return "", err
	}
	return progressText(a, p), nil
}

// TestSecondWatcher: of two that watch, one serves, and the other takes nothing away from it when it ends.
func TestSecondWatcher(t *testing.T) {
	s := newStage(t, "sst")
	s.kerb(exitDone, "submit", "g", "--scheduler", "local")
	o, err := openLatest(s.dir, "g")
	if err != nil {
		t.Fatal(err)
	}
	first := watchLive(t.Context(), o, true, os.Stderr)
	defer first.close()
	second := watchLive(t.Context(), o, true, os.Stderr)
	if first.server == nil || second.server != nil {
		t.Errorf("serving: %v and %v, want the first alone", first.server != nil, second.server != nil)
	}
	second.close()
	if a, err := o.run.BusAddress(); err != nil || a.Token != first.server.Address().Token {
		t.Errorf("the first one's address is gone: %v", err)
	}
}

// TestLiveProgressOnSlurm: jobs of a real SLURM find the bus of a watcher that began after they were submitted, where the site has an interface for it.
func TestLiveProgressOnSlurm(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a real SLURM takes a minute")
	}
	cluster := slurmcluster.Start(t, slurmcluster.Options{})
	t.Setenv("SLURM_CONF", cluster.Conf)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	s := newStage(t, "sst")
	s.rule("compute.sst", "slow")
	s.kerb(exitDone, "submit", "g", "--site", s.site("submit_from_jobs: true", "bus_interface: lo"))
	o, err := openLatest(s.dir, "g")
	if err != nil {
		t.Fatal(err)
	}
	l := watchLive(t.Context(), o, true, os.Stderr)
	defer l.close()
	text := "" // over the bus: no file is looked at before look is told what runs
	for end := time.Now().Add(2 * time.Minute); text == "" && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if text, err = told(l, o.run, workdirs.Attempt{Job: "compute", Index: 0, Attempt: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.HasPrefix(text, "compute[0] sst: 1/4 files, 12 references") {
		t.Errorf("of compute it is known: %q", text)
	}
	s.settle(2 * time.Minute)
	s.wantOnce("sst")

	var found []finding
	if err := json.Unmarshal([]byte(s.kerb(exitDone, "doctor", "--probe", "--json", "--site", s.site("bus_interface: lo"))), &found); err != nil {
		t.Fatal(err)
	}
	nodes := 0
	for _, f := range found {
		if f.Check == "node" {
			nodes++
		}
		if !f.OK && f.Check != "accounting" {
			t.Errorf("the doctor finds %+v", f)
		}
	}
	if nodes != 4 {
		t.Errorf("a job, its workdir, its program and its bus: %d findings of a node in %+v", nodes, found)
	}
}

// TestHear: a task that tells of itself runs, whatever the scheduler said before; what the scheduler has said since counts more.
func TestHear(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	l := &live{board: bus.NewBoard()}
	for i, last := range []string{"started", workdirs.Done, "started", "started"} {
		l.board.Add(bus.Event{Job: "scan", Index: i, Attempt: 1 + i/3, Seq: 1, Time: start, Host: "n7", Message: last})
	}
	waiting := func(seen time.Time) scheduler.TaskView {
		return scheduler.TaskView{Stand: scheduler.Live, Ref: scheduler.Ref{Key: "scan", Attempt: 1}, Queue: &scheduler.TaskState{State: scheduler.Pending, Seen: seen}}
	}
	tasks := []scheduler.TaskView{
		waiting(start.Add(-time.Minute)), // runs now
		waiting(start.Add(-time.Minute)), // has ended since
		waiting(start.Add(time.Minute)),  // was put back into the queue since
		waiting(start.Add(-time.Minute)), // another attempt tells
		waiting(start.Add(-time.Minute)), // tells nothing
	}
	pic := &scheduler.Picture{Jobs: []*scheduler.JobView{{Job: &scheduler.Job{Key: "scan"}, Tasks: tasks}}}
	l.hear(pic)
	for i := range tasks {
		if got := tasks[i].Queue.State == scheduler.Running; got != (i == 0) {
			t.Errorf("task %d runs: %v", i, got)
		}
	}
	if n := scheduler.Count(pic).Running; n != 1 || tasks[0].Queue.Node != "n7" || !tasks[0].Queue.Start.Equal(start) {
		t.Errorf("%d running, the first as %+v", n, tasks[0].Queue)
	}
}
