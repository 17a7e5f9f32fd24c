package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

const (
	scanEvery  = 50 * time.Millisecond  // new submissions and requests are looked for
	watchEvery = 200 * time.Millisecond // memory is looked at
)

// Run drives the queue: it starts what is due and watches what runs, until nothing runs and nothing could start. Jobs that wait for
// what never comes stay. Jobs that are submitted meanwhile, by whatever process, are run too. One process drives at a time; a
// second waits for its turn. When ctx ends, the running tasks are ended and become NODE_FAIL, as on a node that goes down.
func (e *Engine) Run(ctx context.Context) (err error) {
	release, err := e.takeWheel(ctx)
	if err != nil {
		return fmt.Errorf("local engine: %w", err)
	}
	defer func() { err = errors.Join(err, release()) }()
	d := &driver{
		Engine: e, free: e.whole, jobs: map[scheduler.JobID]*job{}, logs: map[scheduler.JobID]*os.File{},
		running: map[running]*attempt{}, ended: make(chan ending),
	}
	defer d.closeLogs()
	if err := d.drive(ctx); err != nil {
		return fmt.Errorf("local engine: %w", err)
	}
	return nil
}

// driver is what the process that drives knows.
type driver struct {
	*Engine
	free    room
	jobs    map[scheduler.JobID]*job
	order   []*job
	logs    map[scheduler.JobID]*os.File
	running map[running]*attempt
	ended   chan ending
}

// running names a task that runs.
type running struct {
	job   scheduler.JobID
	index int
}

func (d *driver) drive(ctx context.Context) error {
	scan, watch := time.NewTicker(scanEvery), time.NewTicker(watchEvery)
	defer scan.Stop()
	defer watch.Stop()
	look, start := true, true // look for what others want; start what is due
	for {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, d.stop())
		}
		if look {
			changed, err := d.scan()
			if err != nil {
				return errors.Join(err, d.stop())
			}
			start = start || changed
		}
		if start {
			if err := d.startDue(); err != nil {
				return errors.Join(err, d.stop())
			}
		}
		if look && len(d.running) == 0 {
			return nil
		}
		look, start = false, false
		select {
		case <-ctx.Done():
		case end := <-d.ended:
			if err := d.finish(end); err != nil {
				return errors.Join(err, d.stop())
			}
			look, start = true, true
		case <-scan.C:
			look = true
		case <-watch.C:
			d.watch()
		}
	}
}

// scan takes in new jobs and does what is requested, and reports whether there was any of it.
func (d *driver) scan() (changed bool, err error) {
	ids, err := d.spool.ids()
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		if d.jobs[id] != nil {
			continue
		}
		j, err := d.spool.load(id)
		if err != nil {
			return false, err
		}
		if j == nil {
			continue // not all there yet
		}
		d.jobs[id] = j
		d.order = append(d.order, j)
		changed = true
		if err := d.bury(j); err != nil {
			return false, err
		}
	}
	names, requests, err := d.spool.requests()
	if err != nil {
		return false, err
	}
	for i, r := range requests {
		changed = true
		if j := d.jobs[r.Job]; j != nil {
			if err := d.do(j, r); err != nil {
				return false, err
			}
		}
		if err := os.Remove(names[i]); err != nil {
			return false, err
		}
	}
	return changed, nil
}

// bury ends the tasks that a driver left behind when it died. They may be running still.
func (d *driver) bury(j *job) error {
	for _, t := range j.tasks {
		if t.State != scheduler.Running {
			continue
		}
		if t.Process.alive() {
			kill(t.Process.PID)
		}
		t.State, t.Reason, t.End = scheduler.NodeFail, "NodeDown", time.Now()
		if err := d.note(j, t); err != nil {
			return err
		}
	}
	return nil
}

func (d *driver) do(j *job, r request) error {
	if r.After != nil && j.pending > 0 {
		j.After = *r.After
		if err := d.log(j, entry{After: r.After}); err != nil {
			return err
		}
	}
	for _, t := range j.tasks {
		if !r.covers(t) {
			continue
		}
		if t.State == scheduler.Running {
			d.running[running{j.id, t.Index}].end(scheduler.Cancelled, "", d.wait)
		} else if err := d.note(j, cancelled(t)); err != nil {
			return err
		}
	}
	return nil
}

func (d *driver) find(id scheduler.JobID) *job { return d.jobs[id] }

// startDue starts what is due, until nothing is: a task that can't be launched has failed, and another may wait for that.
func (d *driver) startDue() error {
	for {
		starts := due(d.order, d.find, d.free, time.Now())
		if len(starts) == 0 {
			return nil
		}
		for _, s := range starts {
			if err := d.start(s); err != nil {
				return err
			}
		}
	}
}

func (d *driver) start(s *start) error {
	a, err := d.launch(s.job, s.index)
	t := task{Index: s.index, State: scheduler.Running, Start: time.Now()}
	if err != nil { // SLURM's words for a task whose log or folder can't be had
		t.State, t.Reason, t.Signal, t.End = scheduler.Failed, "JobLaunchFailure: "+err.Error(), 53, t.Start
	} else {
		t.Process = a.process
		d.running[running{s.job.id, s.index}] = a
		d.free.cpus -= s.job.CPUs
		d.free.memory -= s.job.Memory
	}
	return d.note(s.job, t)
}

// watch ends the tasks that are over their memory.
func (d *driver) watch() {
	if len(d.running) == 0 {
		return
	}
	sums := memoryBySession()
	for _, a := range d.running {
		a.peak = max(a.peak, sums[a.process.PID])
		if a.job.Memory > 0 && a.peak > a.job.Memory {
			a.end(scheduler.OutOfMemory, "OutOfMemory", 0)
		}
	}
}

// finish notes how a task ended, and gives back what it had.
func (d *driver) finish(end ending) error {
	a := end.attempt
	delete(d.running, running{a.job.id, a.index})
	d.free.cpus += a.job.CPUs
	d.free.memory += a.job.Memory
	t := a.job.tasks[a.job.at[a.index]]
	return d.note(a.job, a.outcome(t, end))
}

// stop ends everything that runs.
func (d *driver) stop() error {
	var errs []error
	for _, a := range d.running {
		a.end(scheduler.NodeFail, "NodeDown", d.wait)
	}
	for len(d.running) > 0 {
		errs = append(errs, d.finish(<-d.ended))
	}
	return errors.Join(errs...)
}

func (d *driver) note(j *job, t task) error {
	j.set(t)
	if err := d.log(j, entry{Task: &t}); err != nil {
		return err
	}
	if f := d.logs[j.id]; j.pending+j.running == 0 && f != nil {
		delete(d.logs, j.id)
		return f.Close()
	}
	return nil
}

// log appends a line to a job's log, in one write.
func (d *driver) log(j *job, e entry) error {
	f := d.logs[j.id]
	if f == nil {
		var err error
		if f, err = os.OpenFile(d.spool.job(j.id, "log.ndjson"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o666); err != nil {
			return err
		}
		d.logs[j.id] = f
		if err := endLine(f); err != nil {
			return err
		}
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return err
}

// endLine ends a line that a driver could not finish, so that the next one is a line of its own.
func endLine(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = f.Write([]byte{'\n'})
	return err
}

func (d *driver) closeLogs() {
	for _, f := range d.logs {
		f.Close()
	}
}

// wheel says which process drives.
type wheel struct {
	Host string
	process
}

// takeWheel waits until no other process drives.
func (e *Engine) takeWheel(ctx context.Context) (release func() error, err error) {
	path := filepath.Join(e.spool.dir, "driver")
	mine, err := json.Marshal(wheel{e.host, identify(os.Getpid())})
	if err != nil {
		return nil, err
	}
	tmp := fmt.Sprintf("%s.%d-%d", path, os.Getpid(), time.Now().UnixNano())
	if err := os.WriteFile(tmp, mine, 0o666); err != nil {
		return nil, err
	}
	defer os.Remove(tmp)
	for {
		err := os.Link(tmp, path) // atomic, and whole at once
		if err == nil {
			return func() error { return os.Remove(path) }, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return nil, err
		}
		var held wheel
		if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &held) == nil {
			switch {
			case held.Host != e.host:
				return nil, fmt.Errorf("it is driven by process %d on %s: if that is no more, remove %s", held.PID, held.Host, path)
			case !held.alive():
				os.Remove(path)
				continue
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(scanEvery):
		}
	}
}
