// Package local is the embedded engine: it runs the same rendered scripts as SLURM would, on this machine, with the
// same variables, dependencies, limits and states.
//
// There is no daemon. Any process may submit, poll, re-point and cancel, through files in one folder; the process that calls
// [Engine.Run] drives: it starts what is due and watches what runs.
package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Options say what of this machine jobs may use.
type Options struct {
	CPUs     int           // all, when 0
	Memory   int64         // bytes; 9/10 of the machine's (or the container's), when 0
	KillWait time.Duration // between SIGTERM and SIGKILL; 30 s, which is SLURM's default, when 0
}

// Engine is a scheduler.Engine on this machine.
type Engine struct {
	spool spool
	whole room
	wait  time.Duration
	host  string
}

var _ scheduler.Engine = (*Engine)(nil)

// New makes an engine whose state is in the folder dir, which is made when it does not exist.
func New(dir string, o Options) (*Engine, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for _, d := range []string{"jobs", "requests"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o777); err != nil {
			return nil, fmt.Errorf("local engine: %w", err)
		}
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("local engine: %w", err)
	}
	e := &Engine{spool: spool{dir}, whole: room{o.CPUs, o.Memory}, wait: o.KillWait, host: host}
	if e.whole.cpus == 0 {
		e.whole.cpus = runtime.NumCPU()
	}
	if e.whole.memory == 0 {
		if e.whole.memory, err = machineMemory(); err != nil {
			return nil, fmt.Errorf("local engine: %w", err)
		}
		e.whole.memory = e.whole.memory / 10 * 9
	}
	if e.wait == 0 {
		e.wait = 30 * time.Second
	}
	return e, nil
}

// Name is "local".
func (e *Engine) Name() string { return "local" }

// Submit implements scheduler.Engine. A task that this machine could never hold is refused.
func (e *Engine) Submit(ctx context.Context, s scheduler.Submission) (scheduler.JobID, error) {
	id, err := e.submit(ctx, s)
	if err != nil {
		return "", fmt.Errorf("submit %s: %w", s.Name, err)
	}
	return id, nil
}

func (e *Engine) submit(ctx context.Context, s scheduler.Submission) (scheduler.JobID, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	script, err := os.ReadFile(s.Script)
	if err != nil {
		return "", err
	}
	sp, err := e.specify(s, string(script))
	if err != nil {
		return "", err
	}
	if err := e.known(s.After); err != nil {
		return "", err
	}
	ids, err := e.spool.ids()
	if err != nil {
		return "", err
	}
	next := 1
	if len(ids) > 0 {
		last, err := strconv.Atoi(string(ids[len(ids)-1]))
		if err != nil {
			return "", err
		}
		next = last + 1
	}
	for ; ; next++ {
		err := os.Mkdir(filepath.Join(e.spool.dir, "jobs", strconv.Itoa(next)), 0o777)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	id := scheduler.JobID(strconv.Itoa(next))
	write := func(w io.Writer) error { _, err := w.Write(script); return err }
	if err := workdirs.WriteFile(e.spool.job(id, "script"), write); err != nil {
		return "", err
	}
	return id, workdirs.WriteJSON(e.spool.job(id, "spec.json"), sp) // last: with it the job is there
}

// specify reads what a script asks for.
func (e *Engine) specify(s scheduler.Submission, script string) (*spec, error) {
	if !strings.HasPrefix(script, "#!") {
		return nil, fmt.Errorf("%s: the first line must be #!/bin/bash", s.Script)
	}
	options, err := scheduler.Directives(script)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Script, err)
	}
	if s.Token == "" || strings.ContainsAny(s.Token, " |\n\"'") {
		return nil, fmt.Errorf("%q can't be a token", s.Token)
	}
	sp := &spec{Name: s.Name, Token: s.Token, CPUs: 1, After: s.After, Any: s.Any, Submitted: time.Now(), Append: options["open-mode"] == "append"}
	if s.Delay > 0 {
		sp.Begin = sp.Submitted.Add(s.Delay)
	}
	array, err := s.ArrayOption(options)
	if err != nil {
		return nil, err
	}
	if array != "" {
		if sp.Indices, sp.Throttle, err = scheduler.ParseIndices(array); err != nil {
			return nil, err
		}
	}
	if c, ok := options["cpus-per-task"]; ok {
		if sp.CPUs, err = strconv.Atoi(c); err != nil || sp.CPUs < 1 {
			return nil, fmt.Errorf("%s: --cpus-per-task=%s is no number of CPUs", s.Script, c)
		}
	}
	if m, ok := options["mem"]; ok {
		if sp.Memory, err = scheduler.ParseMemory(m); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Script, err)
		}
	}
	if t, ok := options["time"]; ok {
		if sp.Time, err = scheduler.ParseTime(t); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Script, err)
		}
	}
	switch {
	case sp.CPUs > e.whole.cpus:
		return nil, fmt.Errorf("a task asks for %d CPUs, and this machine has %d", sp.CPUs, e.whole.cpus)
	case sp.Memory > e.whole.memory:
		return nil, fmt.Errorf("a task asks for %s of memory, and this machine has %s for jobs",
			scheduler.FormatMemory(sp.Memory), scheduler.FormatMemory(e.whole.memory))
	}
	if sp.SubmitDir, err = os.Getwd(); err != nil {
		return nil, err
	}
	if sp.Dir = options["chdir"]; sp.Dir == "" {
		sp.Dir = sp.SubmitDir
	}
	if sp.Output = options["output"]; sp.Output == "" {
		if sp.Output = "slurm-%j.out"; sp.Indices != nil {
			sp.Output = "slurm-%A_%a.out"
		}
	}
	if !filepath.IsAbs(sp.Output) {
		sp.Output = filepath.Join(strings.ReplaceAll(sp.Dir, "%", "%%"), sp.Output)
	}
	if sp.Env = scheduler.JobEnvironment(os.Environ()); strings.HasPrefix(options["export"], "ALL") {
		sp.Env = os.Environ()
	}
	return sp, nil
}

func (e *Engine) known(after []scheduler.Dependency) error {
	for _, d := range after {
		if _, err := strconv.ParseUint(string(d.Job), 10, 32); err == nil {
			if sp, err := e.spool.spec(d.Job); sp != nil || err != nil {
				continue
			}
		}
		return fmt.Errorf("to wait for job %s: %w", d.Job, scheduler.ErrUnknownJob)
	}
	return nil
}

// Find implements scheduler.Engine.
func (e *Engine) Find(ctx context.Context, token string) (scheduler.JobID, bool, error) {
	ids, err := e.spool.ids()
	if err != nil {
		return "", false, fmt.Errorf("find %s: %w", token, err)
	}
	for _, id := range slices.Backward(ids) { // it was mostly just submitted
		sp, err := e.spool.spec(id)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return "", false, fmt.Errorf("find %s: %w", token, err)
		}
		if sp != nil && sp.Token == token {
			return id, true, nil
		}
	}
	return "", false, nil
}

// view reads jobs as needed, with what the driver has been asked already done to them.
type view struct {
	spool    spool
	requests []request
	jobs     map[scheduler.JobID]*job
	err      error // the first
}

func (e *Engine) view() (*view, error) {
	_, requests, err := e.spool.requests()
	return &view{spool: e.spool, requests: requests, jobs: map[scheduler.JobID]*job{}}, err
}

func (v *view) find(id scheduler.JobID) *job {
	if j, ok := v.jobs[id]; ok {
		return j
	}
	j, err := v.spool.load(id)
	if err != nil && v.err == nil {
		v.err = err
	}
	v.jobs[id] = j
	if j == nil {
		return nil
	}
	for _, r := range v.requests {
		if r.Job != id {
			continue
		}
		for _, t := range j.tasks {
			if t.State == scheduler.Pending && r.covers(t) {
				j.set(cancelled(t))
			}
		}
		if r.After != nil && j.pending > 0 {
			j.After = *r.After
		}
	}
	return j
}

// cancelled is a waiting task once it is cancelled.
func cancelled(t task) task {
	t.State, t.End = scheduler.Cancelled, time.Now()
	return t
}

// Poll implements scheduler.Engine.
func (e *Engine) Poll(ctx context.Context, jobs []scheduler.JobID) ([]scheduler.TaskState, error) {
	v, err := e.view()
	if err != nil {
		return nil, fmt.Errorf("poll: %w", err)
	}
	now := time.Now()
	var states []scheduler.TaskState
	for _, id := range jobs {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("poll: %w", err)
		}
		j := v.find(id)
		if j == nil {
			continue
		}
		for _, t := range j.tasks {
			s := scheduler.TaskState{
				Job: id, Index: t.Index, Token: j.Token, State: t.State, Reason: t.Reason, ExitCode: t.ExitCode, Signal: t.Signal,
				Memory: j.Memory, PeakRSS: t.PeakRSS, Start: t.Start, End: t.End, Submit: j.Submitted, Source: "local", Seen: now,
			}
			if t.State == scheduler.Pending {
				s.Reason = reasonOf(j, t, v.find)
			} else if !t.Start.IsZero() {
				s.Node = e.host
			}
			states = append(states, s)
		}
	}
	if v.err != nil {
		return nil, fmt.Errorf("poll: %w", v.err)
	}
	return states, nil
}

// Repoint implements scheduler.Engine.
func (e *Engine) Repoint(_ context.Context, id scheduler.JobID, after []scheduler.Dependency) error {
	if err := e.known(after); err != nil {
		return fmt.Errorf("repoint %s: %w", id, err)
	}
	v, err := e.view()
	if err != nil {
		return fmt.Errorf("repoint %s: %w", id, err)
	}
	j := v.find(id)
	if v.err != nil {
		return fmt.Errorf("repoint %s: %w", id, v.err)
	}
	if j == nil || j.pending == 0 {
		return fmt.Errorf("repoint %s: %w", id, scheduler.ErrUnknownJob)
	}
	if after == nil {
		after = []scheduler.Dependency{}
	}
	return e.ask(request{Job: id, After: &after})
}

// Cancel implements scheduler.Engine.
func (e *Engine) Cancel(_ context.Context, id scheduler.JobID, indices []int) error {
	if indices != nil && len(indices) == 0 {
		return nil
	}
	v, err := e.view()
	if err != nil {
		return fmt.Errorf("cancel %s: %w", id, err)
	}
	j := v.find(id)
	if v.err != nil {
		return fmt.Errorf("cancel %s: %w", id, v.err)
	}
	if j == nil || j.pending+j.running == 0 {
		return nil
	}
	return e.ask(request{Job: id, Cancel: true, Indices: indices})
}

// ask leaves a request for the driver. The names of requests sort by the time at which they were made.
func (e *Engine) ask(r request) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%019d-%d.json", time.Now().UnixNano(), os.Getpid())
	return workdirs.WriteFile(filepath.Join(e.spool.dir, "requests", name), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}
