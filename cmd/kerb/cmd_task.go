package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/profile"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/scheduler/bus"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// newTaskCommand is what the rendered scripts call. People use `kerb run`.
func newTaskCommand(env environment) *cli.Command {
	var workdir string
	return &cli.Command{
		Name:      "task",
		Usage:     "do one task of a run (called by the rendered scripts)",
		ArgsUsage: "RUN JOB INDEX",
		Hidden:    true,
		Description: `Does the step of JOB for the datasets of array index INDEX, and leaves a record of how it went.
It may be repeated: what is done already is not done again.

Example:
   kerb task 0190b5c2-... compute@1 3 -w /gws/me/work`,
		Flags: []cli.Flag{workdirFlag(&workdir)},
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 3, 3)
			if err != nil {
				return err
			}
			index, err := strconv.Atoi(args[2])
			if err != nil || index < 0 {
				return usagef("task: INDEX %q is not a number", args[2])
			}
			ref, err := scheduler.ParseRef(args[1])
			if err != nil {
				return usagef("task: %v", err)
			}
			w, err := openWorkdir(workdir)
			if err != nil {
				return err
			}
			limitMemory()
			worker := &worker{workdir: w, run: args[0]}
			return runTask(c.Context, w, args[0], ref, index, worker.do, worker.finish, env)
		},
	}
}

// work does a step for one dataset or part (part is -1 for a whole dataset), and calls progress as it goes. It must be idempotent.
type work func(ctx context.Context, step scheduler.Step, code string, part int, progress func(phases.Progress)) error

// finishing does what a step leaves for the end of a task, once for all datasets for which it was done. It must be idempotent.
type finishing func(ctx context.Context, step scheduler.Step, codes []string) error

// limitMemory keeps the garbage collector below what the scheduler granted, so that a task shrinks rather than dies.
func limitMemory() {
	if mib, err := strconv.ParseInt(os.Getenv("SLURM_MEM_PER_NODE"), 10, 64); err == nil && mib > 0 {
		debug.SetMemoryLimit(mib << 20 / 10 * 9)
	}
}

// eventEvery is the shortest time between two progress events of a task.
const eventEvery = time.Second

func runTask(ctx context.Context, w *workdirs.Workdir, runID string, ref scheduler.Ref, index int, do work, finish finishing, env environment) error {
	run, err := w.FindRun(runID)
	if err != nil {
		return &phases.Error{Class: phases.Input, Err: err}
	}
	list, err := run.TaskList(ref.String())
	if err != nil {
		return &phases.Error{Class: phases.Input, Err: err}
	}
	step := scheduler.Step(list.Step)
	if step == scheduler.Advance || step == scheduler.Recover {
		return runAdvance(ctx, advanceOptions{workdir: w.Root(), job: true}, runID, env)
	}
	text, ok := list.Tasks[index]
	if !ok {
		return phases.Errorf(phases.Input, "", "job %s of run %s has no index %d", ref, runID, index)
	}
	t := &taskRun{workdir: w, run: run, step: step, index: index, do: do, finish: finish, after: list.After, since: list.Since, log: env.stderr}
	if err := t.items.UnmarshalText([]byte(text)); err != nil {
		return err
	}
	host, _ := os.Hostname()
	t.record = workdirs.Record{Job: ref.Key, Index: index, Attempt: ref.Attempt, Host: host, Start: time.Now().UTC(), Source: "task"}
	err = t.all(ctx)
	if compacts(ref.Key, index) && ctx.Err() == nil {
		if cerr := compactRun(ctx, w, run); cerr != nil { // the next one does it
			fmt.Fprintln(env.stderr, "kerb: the run's records are not compacted:", cerr)
		}
	}
	return err
}

// One task in so many compacts the records of the run, when it has done its work and finds so many, so that they are read at once
// at any time.
const (
	compactEvery = 100
	compactFrom  = 500
)

// compacts chooses the tasks that do so, however many tasks a job has.
func compacts(job string, index int) bool {
	h := fnv.New32a()
	fmt.Fprint(h, job, " ", index)
	return h.Sum32()%compactEvery == 0
}

// compactRun compacts the records of a run if there are many and nobody else is at its group.
func compactRun(ctx context.Context, w *workdirs.Workdir, run *workdirs.Run) error {
	if n, err := run.Loose(); err != nil || n < compactFrom {
		return err
	}
	g, err := w.Group(run.Group)
	if err != nil {
		return err
	}
	_, lease, err := g.Acquire(ctx)
	if err != nil {
		return nil // busy, or not ours to write to
	}
	err = run.Compact(compactFrom)
	if errors.Is(err, fs.ErrPermission) {
		err = nil
	}
	return errors.Join(err, lease.Release())
}

// taskRun is one attempt at a task.
type taskRun struct {
	workdir *workdirs.Workdir
	run     *workdirs.Run
	step    scheduler.Step
	index   int
	items   scheduler.Task
	after   string
	since   int // attempts up to this one do not count
	do      work
	finish  finishing
	record  workdirs.Record
	events  *workdirs.EventWriter
	live    bus.Publisher
	told    time.Time // the last event of progress
	log     io.Writer
}

// all does the items in turn, each with its own result, and writes the record. The task fails, and is tried again, when an item
// may succeed another time or when none succeeded; otherwise it ends well, so that one dataset that can't be
// built does not hold up the others.
func (t *taskRun) all(ctx context.Context) (err error) {
	if t.events, err = t.run.OpenEvents(t.record.Job, t.index, t.record.Attempt); err != nil {
		return err
	}
	defer t.events.Close()
	t.live = bus.Join(t.run.BusAddress)
	defer t.live.Close()
	if err := t.tell(ctx, workdirs.Event{Total: int64(len(t.items)), Message: "started"}); err != nil {
		return err
	}
	done, failed, err := t.settled()
	if err != nil {
		return err
	}
	var first error
	for _, item := range t.items {
		result, known := done[item]
		var ierr error
		switch {
		case !known:
			result, ierr = t.one(ctx, item, failed[item.Code])
		case result.State == workdirs.Failed:
			ierr = phases.Errorf(phases.Class(result.Class), "", "%s", result.Message)
		}
		t.record.Items = append(t.record.Items, result)
		switch {
		case first == nil:
			first = ierr
		case ierr != nil:
			fmt.Fprintln(t.log, "kerb:", ierr)
		}
		if ctx.Err() != nil {
			break // told to stop: what is left is for the next attempt
		}
		if len(t.items) > 1 {
			t.record.State = workdirs.Running
			if err := t.run.WriteRecord(t.record); err != nil {
				return err
			}
			if t.due() {
				_ = t.tell(ctx, workdirs.Event{Done: int64(len(t.record.Items)), Total: int64(len(t.items))})
			}
		}
	}
	if ferr := t.finished(ctx); ferr != nil && first == nil {
		first = ferr
	}
	if err = t.conclude(ctx, first); err == nil && first != nil { // the task ends well, and its log says all the same what failed
		fmt.Fprintln(t.log, "kerb:", first)
	}
	eerr := t.tell(ctx, workdirs.Event{Done: int64(len(t.record.Items)), Total: int64(len(t.items)), Message: t.record.State})
	return errors.Join(err, t.run.WriteRecord(t.record), eerr)
}

// finished ends the step for the datasets for which it was done. When that fails, the last of them is done again.
func (t *taskRun) finished(ctx context.Context) error {
	var codes []string
	last := -1
	for i, r := range t.record.Items {
		if r.State == workdirs.Done {
			codes, last = append(codes, r.Code), i
		}
	}
	if len(codes) == 0 || ctx.Err() != nil {
		return nil
	}
	err := t.finish(ctx, t.step, codes)
	if err != nil {
		r := &t.record.Items[last]
		class := phases.ClassOf(err)
		r.State, r.Message, r.Class, r.Transient = workdirs.Failed, err.Error(), string(class), class != phases.Input
		return fmt.Errorf("%s: %w", t.step, err)
	}
	return nil
}

// settled finds what needs no work: items that an earlier attempt has done, or that failed in it for good, and datasets
// that failed in the step before.
func (t *taskRun) settled() (done map[scheduler.Item]workdirs.ItemResult, failed map[string]string, err error) {
	if len(t.items) == 1 {
		return nil, nil, nil // it would not have been started
	}
	done, failed = map[scheduler.Item]workdirs.ItemResult{}, map[string]string{}
	if t.record.Attempt > 1 {
		earlier, err := t.run.TaskRecords(t.record.Job, t.index)
		if err != nil {
			return nil, nil, err
		}
		for _, r := range earlier {
			if r.Attempt <= t.since || r.Attempt >= t.record.Attempt {
				continue
			}
			for i, item := range r.Items {
				if i < len(t.items) && (item.State == workdirs.Done || item.State == workdirs.Failed && !item.Transient) {
					done[t.items[i]] = item
				}
			}
		}
	}
	if t.after != "" {
		before, err := t.run.TaskRecords(t.after, t.index)
		if err != nil {
			return nil, nil, err
		}
		if len(before) > 0 {
			for _, item := range before[len(before)-1].Items {
				if item.State != workdirs.Done {
					failed[item.Code] = item.Message
				}
			}
		}
	}
	return done, failed, nil
}

// one does one item.
func (t *taskRun) one(ctx context.Context, item scheduler.Item, before string) (workdirs.ItemResult, error) {
	result := workdirs.ItemResult{Code: item.Code, Part: max(item.Part, 0), State: workdirs.Done}
	if before != "" {
		result.State, result.Message = workdirs.Skipped, before
		return result, nil
	}
	start := time.Now()
	progress := func(p phases.Progress) {
		if t.due() {
			_ = t.tell(ctx, workdirs.Event{Code: item.Code, Done: p.Done, Total: p.Total, Refs: p.References}) // best effort: work does not stop for it
		}
	}
	err := t.guarded(ctx, item, progress)
	result.Seconds = time.Since(start).Seconds()
	if err == nil {
		return result, nil
	}
	result.State, result.Message = workdirs.Failed, err.Error()
	class := phases.ClassOf(err)
	result.Class, result.Transient = string(class), class.Transient()
	if ctx.Err() != nil {
		result.Class, result.Transient = string(scheduler.CauseInterrupted), true
	}
	var redo interface{ Redo() []int }
	if errors.As(err, &redo) {
		t.record.Redo = redo.Redo()
		result.Transient = true
	}
	return result, fmt.Errorf("%s of dataset %s: %w", t.step, item.Code, err)
}

// tell appends an event to the task's file, and then hands it to whoever watches.
func (t *taskRun) tell(ctx context.Context, e workdirs.Event) error {
	e.Step = string(t.step)
	e, err := t.events.Append(e)
	if err == nil {
		_ = t.live.Publish(ctx, e) // best effort: it is in the file
	}
	return err
}

// due reports whether it is time for another event.
func (t *taskRun) due() bool {
	now := time.Now()
	if now.Sub(t.told) < eventEvery {
		return false
	}
	t.told = now
	return true
}

// guarded makes a panic an error of the one item that caused it.
func (t *taskRun) guarded(ctx context.Context, item scheduler.Item, progress func(phases.Progress)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n%s", p, debug.Stack())
			err = phases.Errorf(phases.Internal, "report it with the task's log", "panic: %v", p)
		}
	}()
	return t.do(ctx, t.step, item.Code, item.Part, progress)
}

// conclude fills in the record from the items' results, and returns what the process ends with.
func (t *taskRun) conclude(ctx context.Context, first error) error {
	t.record.End, t.record.Peak = time.Now().UTC(), profile.PeakMemory()
	t.record.State = workdirs.Done
	ended := 0
	for _, r := range t.record.Items {
		if r.State != workdirs.Failed {
			ended++
			continue
		}
		if t.record.Class == "" || r.Transient && !t.record.Transient {
			t.record.Class, t.record.Message, t.record.Transient = r.Class, r.Message, r.Transient
		}
	}
	if err := ctx.Err(); err != nil && len(t.record.Items) < len(t.items) && t.record.Class == "" {
		t.record.Class, t.record.Message, t.record.Transient = string(scheduler.CauseInterrupted), "told to stop", true
		first = err
	}
	if t.record.Class != "" && (t.record.Transient || ended == 0) {
		t.record.State = workdirs.Failed
		return first
	}
	return nil
}

// itemNames writes the items of a task for people.
func itemNames(t scheduler.Task) string {
	names := make([]string, 0, len(t))
	for _, item := range t {
		name := item.Code
		if item.Part >= 0 {
			name += "#" + strconv.Itoa(item.Part)
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}
