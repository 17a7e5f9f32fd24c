package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Files is what a run keeps, of which it is driven. A workdirs.Run is one.
type Files interface {
	ReadPlan(plan any) error
	WritePlan(plan any) error
	ReadJournal(fn func(line []byte) error) error
	AppendJournal(entry any) error
	Records() ([]workdirs.Record, error)
	WriteRecord(workdirs.Record) error
	Compact(least int) error
	StopRequested() (bool, error)
}

// compactFrom is the number of loose records from which a step compacts them.
const compactFrom = 500

// Driver drives one run, step by step. Only the holder of the group's lease may step.
type Driver struct {
	RunID  string
	Files  Files
	Engine Engine
	Policy Policy
	Chain  bool                         // jobs may submit jobs
	Self   JobID                        // the scheduler's job that this process runs in, if any
	Script func(Submit) (string, error) // renders and keeps the script of a submission
	Needs  func(ctx context.Context, codes []string) ([]Needs, error)
	Check  func() error // of the lease
	Fence  int64        // the lease's revision
	Now    func() time.Time
}

// Step looks at the run once, and does what is due: the one idempotent step by which runs advance and recover. It
// returns what it saw, and whether nothing is left to do. It may be called at any time, twice or never.
func (d *Driver) Step(ctx context.Context) (*Picture, bool, error) {
	o, err := d.observe(ctx, true)
	if err != nil {
		return nil, false, err
	}
	a := d.applier(o)
	if err := a.Resolve(ctx); err != nil {
		return nil, false, err
	}
	if asked, err := d.Files.StopRequested(); err != nil {
		return nil, false, err
	} else if asked && !o.Ledger.Stopped {
		if err := a.write(Entry{Kind: EntryStop, Reason: "cancelled"}); err != nil {
			return nil, false, err
		}
	}
	// What is done may make more due: until nothing is, at most a few times round.
	for range 8 {
		if err := d.extend(ctx, o); err != nil {
			return nil, false, err
		}
		actions := Reconcile(*o)
		noted := false
		for _, action := range actions {
			switch action.(type) {
			case Finish:
				return Look(*o), true, d.Files.Compact(compactFrom)
			case Note:
				noted = true
			}
		}
		if len(actions) == 0 {
			break
		}
		if err := a.Apply(ctx, actions); errors.Is(err, ErrUnknownJob) {
			break // what a job was to wait for has ended meanwhile: the next step sees how
		} else if err != nil {
			return Look(*o), false, err
		}
		if noted {
			if o.Records, err = d.Files.Records(); err != nil {
				return nil, false, err
			}
		}
	}
	return Look(*o), false, d.Files.Compact(compactFrom)
}

// Clear cancels what the scheduler still holds of a run that has ended, and that nobody waits for.
func (d *Driver) Clear(ctx context.Context) error {
	o, err := d.observe(ctx, true)
	if err != nil {
		return err
	}
	a := d.applier(o)
	if err := a.Resolve(ctx); err != nil {
		return err
	}
	return a.Apply(ctx, needlessIn(*o))
}

func (d *Driver) applier(o *Observed) *Applier {
	return &Applier{
		Engine: d.Engine, Ledger: o.Ledger, Queue: o.Queue, RunID: d.RunID, Fence: d.Fence,
		Journal: func(e Entry) error { return d.Files.AppendJournal(e) }, Record: d.Files.WriteRecord,
		Script: d.Script, Check: d.Check, Now: d.Now,
	}
}

// Observe reads the run's files and asks the scheduler about what they leave open: records, queue, records again. With
// ErrUnreachable it returns what is known without the scheduler.
func (d *Driver) Observe(ctx context.Context) (*Observed, error) {
	o, err := d.observe(ctx, false)
	if o != nil {
		o.Queue = slices.DeleteFunc(o.Queue, func(q TaskState) bool { return o.Ledger.ByJob(q.Job) == nil })
	}
	return o, err
}

// observe asks the scheduler also where nothing is open when that is wanted: it may hold what nobody waits for, and how much else this
// user has in the queue, only it knows.
func (d *Driver) observe(ctx context.Context, always bool) (*Observed, error) {
	o := &Observed{Plan: &Plan{}, Policy: d.Policy, Chain: d.Chain, Self: d.Self}
	if err := d.Files.ReadPlan(o.Plan); err != nil {
		return nil, err
	}
	var err error
	if o.Ledger, err = ReadLedger(d.Files); err != nil {
		return nil, err
	}
	if o.Records, err = d.Files.Records(); err != nil {
		return nil, err
	}
	if jobs := o.Ledger.Unresolved(o.Records); always || len(jobs) > 0 {
		var polled error
		if o.Queue, polled = d.Engine.Poll(ctx, jobs); polled != nil && !errors.Is(polled, ErrUnreachable) {
			return nil, fmt.Errorf("asking the scheduler: %w", polled)
		}
		if o.Records, err = d.Files.Records(); err != nil {
			return nil, err
		}
		if polled != nil {
			o.Now = d.Now()
			return o, fmt.Errorf("asking the scheduler: %w", polled)
		}
	}
	o.Now = d.Now()
	return o, nil
}

// ReadLedger reads a run's journal.
func ReadLedger(f Files) (*Ledger, error) {
	l := NewLedger(nil)
	err := f.ReadJournal(func(line []byte) error {
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		l.Add(e)
		return nil
	})
	return l, err
}

// extend plans what the datasets need that are configured by now.
func (d *Driver) extend(ctx context.Context, o *Observed) error {
	if o.Ledger.Stopped {
		return nil
	}
	ready := o.Ready()
	if len(ready) == 0 {
		return nil
	}
	needs, err := d.Needs(ctx, ready)
	if err != nil {
		return err
	}
	plan := o.Plan.Extend(needs)
	if len(plan.Jobs) == len(o.Plan.Jobs) {
		return nil
	}
	if err := d.Check(); err != nil {
		return err
	}
	if err := d.Files.WritePlan(plan); err != nil {
		return fmt.Errorf("plan of run %s: %w", d.RunID, err)
	}
	o.Plan = &plan
	return nil
}

// Ready lists the datasets that are configured, or were before the run, and whose further jobs are not planned yet.
func (o *Observed) Ready() []string {
	missing := o.Plan.Missing()
	if len(missing) == 0 || !o.Plan.wants(Configure) {
		return missing
	}
	configured := map[string]bool{}
	for _, v := range Look(*o).Jobs {
		if v.Job.Step != Configure {
			continue
		}
		for t, task := range v.Tasks {
			for _, item := range v.Job.Tasks[t] {
				configured[item.Code] = task.Stand == Done
			}
		}
	}
	var ready []string
	for _, code := range missing {
		if configured[code] {
			ready = append(ready, code)
		}
	}
	return ready
}
