package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/scheduler/bus"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// live gathers what the running tasks of a run tell of themselves: over the bus where the site allows one, and from their event files. A nil live
// knows nothing.
type live struct {
	board  *bus.Board
	run    *workdirs.Run
	server *bus.Server // nil: files only
	file   *bus.File
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	running []workdirs.Attempt
}

// How often the event files are looked at: those of local tasks cost nothing.
const (
	localEvery  = 500 * time.Millisecond
	sharedEvery = 3 * time.Second
)

// lookEvery is the time between two looks at a run that is watched. A scheduler is spared; what runs on this machine is not.
func (o *orchestra) lookEvery() time.Duration {
	if o.local != nil {
		return time.Second
	}
	return o.site.PollInterval
}

// busOff is the bus_interface that wants no server.
const busOff = "off"

// busInterface is the interface for the run's bus; "" for none. Tasks of this machine need no more than loopback; that other machines may
// connect to this one is for the site to say.
func (o *orchestra) busInterface() string {
	i := o.site.BusInterface
	if o.local != nil {
		i = cmp.Or(i, bus.Loopback)
	}
	if i == busOff {
		return ""
	}
	return i
}

// watchLive begins to gather. With serve it starts the bus of the run too, unless another process has; where that fails it says so on notes, and
// the event files must do.
func watchLive(ctx context.Context, o *orchestra, serve bool, notes io.Writer) *live {
	l := &live{board: bus.NewBoard(), run: o.run, done: make(chan struct{})}
	ctx, l.cancel = context.WithCancel(ctx)
	every := sharedEvery
	if o.local != nil {
		every = localEvery
	}
	l.file = bus.NewFile(o.run, every, l.attempts)
	sources := []bus.Bus{l.file}
	if i := o.busInterface(); serve && i != "" {
		if err := l.serve(ctx, i); err != nil {
			fmt.Fprintf(notes, "note: progress comes from the tasks' files: %v\n", err)
		} else if l.server != nil {
			sources = append(sources, l.server)
		}
	}
	go func() {
		defer close(l.done)
		for e, err := range bus.Merge(ctx, sources...) {
			if err == nil {
				l.board.Add(e) // what could not be read is not shown
			}
		}
	}()
	return l
}

// serve starts a server and tells the run's tasks of it.
func (l *live) serve(ctx context.Context, iface string) error {
	if a, err := l.run.BusAddress(); err == nil && bus.Answers(ctx, a) {
		return nil // another process watches already
	}
	s, err := bus.Serve(iface)
	if err != nil {
		return err
	}
	if err := l.run.WriteBusAddress(s.Address()); err != nil {
		_ = s.Close() // the error that led here says more
		return err
	}
	l.server = s
	return nil
}

func (l *live) close() {
	if l == nil {
		return
	}
	l.cancel()
	<-l.done
	_ = l.file.Close() // nothing was written
	if l.server != nil {
		_ = l.run.RemoveBusAddress(l.server.Address()) // a file that stays names a server that does not answer
		_ = l.server.Close()
	}
}

// look notes which tasks are running.
func (l *live) look(pic *scheduler.Picture) {
	if l == nil || pic == nil {
		return
	}
	list := running(pic, watchedTasks, watchedFiles)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = list
}

func (l *live) attempts() ([]workdirs.Attempt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.running, nil
}

// running lists attempts that are running, at most so many of a job, and in all.
func running(pic *scheduler.Picture, ofJob, all int) []workdirs.Attempt {
	var list []workdirs.Attempt
	for _, v := range pic.Jobs {
		n := 0
		for i := range v.Tasks {
			t := &v.Tasks[i]
			if t.Stand != scheduler.Live || t.Queue == nil || t.Queue.State != scheduler.Running {
				continue
			}
			if n++; n > ofJob {
				break
			}
			if list = append(list, workdirs.Attempt{Job: v.Job.Key, Index: i, Attempt: t.Ref.Attempt}); len(list) == all {
				return list
			}
		}
	}
	return list
}

// progress is how far a task's attempt has come, and whether that is known. Without a live it reads the attempt's newest event.
func (l *live) progress(run *workdirs.Run, a workdirs.Attempt) (bus.Progress, bool, error) {
	if l != nil {
		p, known := l.board.Task(a.Job, a.Index, a.Attempt)
		return p, known, nil
	}
	e, ok, err := run.LastEvent(a.Job, a.Index, a.Attempt)
	if err != nil || !ok {
		return bus.Progress{}, false, err
	}
	b := bus.NewBoard()
	b.Add(e)
	p, known := b.Task(a.Job, a.Index, a.Attempt)
	return p, known, nil
}

// progressText writes a task's progress for people.
func progressText(a workdirs.Attempt, p bus.Progress) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s[%d] %s: %d", a.Job, a.Index, shorten(p.Code), p.Files)
	if p.TotalFiles >= p.Files {
		fmt.Fprintf(&b, "/%d", p.TotalFiles)
	}
	b.WriteString(" " + unitOf(scheduler.Step(p.Step)))
	if p.Rate > 0 {
		fmt.Fprintf(&b, ", %s/s", strconv.FormatFloat(p.Rate, 'f', max(0, 1-int(math.Log10(p.Rate))), 64))
	}
	if p.References > 0 {
		fmt.Fprintf(&b, ", %d references", p.References)
	}
	if p.TotalItems > 1 {
		fmt.Fprintf(&b, " (%d/%d datasets)", p.Items, p.TotalItems)
	}
	return b.String()
}

// unitOf is what a step counts while it works.
func unitOf(s scheduler.Step) string {
	if s == scheduler.Test || s == scheduler.Reduce {
		return "chunks"
	}
	return "files"
}

// hear marks the tasks as running that say so themselves, while the scheduler's last answer has them waiting: they are heard at once, and the
// scheduler is asked once an interval.
func (l *live) hear(pic *scheduler.Picture) {
	if l == nil || pic == nil {
		return
	}
	for _, v := range pic.Jobs {
		for i := range v.Tasks {
			t := &v.Tasks[i]
			if t.Stand != scheduler.Live || t.Queue != nil && t.Queue.State == scheduler.Running {
				continue
			}
			p, known := l.board.Task(v.Job.Key, i, t.Ref.Attempt)
			if known && !p.Ended && (t.Queue == nil || p.Time.After(t.Queue.Seen)) {
				t.Queue = &scheduler.TaskState{Index: i, State: scheduler.Running, Node: p.Host, Start: p.Began, Source: "events", Seen: p.Time}
			}
		}
	}
}

// every calls fn again and again until the context ends or stop is called, which waits for fn.
func every(ctx context.Context, d time.Duration, fn func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for sleep(ctx, d) == nil {
			fn()
		}
	}()
	return func() { cancel(); <-done }
}
