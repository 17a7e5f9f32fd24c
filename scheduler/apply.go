package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Applier carries out actions. It keeps the promise that nothing is submitted twice: what is about to be sent is in the
// journal, with a token, before it is sent; after a crash or a time-out the scheduler is asked for the token first.
type Applier struct {
	Engine  Engine
	Ledger  *Ledger
	Queue   []TaskState // what the scheduler said last
	RunID   string
	Fence   int64
	Journal func(Entry) error           // appends durably
	Record  func(workdirs.Record) error // writes a record atomically
	Script  func(Submit) (string, error)
	Check   func() error // an error when the lease is lost
	Now     func() time.Time
}

// Resolve finishes what an earlier process may not have finished: submissions of which it is not known whether the
// scheduler took them, and withdrawals of which it is not known whether it was told.
func (a *Applier) Resolve(ctx context.Context) error {
	for _, s := range a.Ledger.Submissions {
		if s.Open() {
			if err := a.find(ctx, s); err != nil {
				return err
			}
		}
		if s.Job != "" && len(s.cancel) > 0 {
			if err := a.cancel(ctx, s, s.Job, slices.Sorted(maps.Keys(s.cancel))); err != nil {
				return err
			}
		}
	}
	return nil
}

// find asks for a submission's token and writes the answer to the journal.
func (a *Applier) find(ctx context.Context, s *Submitted) error {
	id, found, err := a.Engine.Find(ctx, s.Token)
	if err != nil {
		return fmt.Errorf("looking for job %s: %w", s.Name, err)
	}
	if found {
		return a.write(Entry{Kind: EntryAccepted, Ref: s.Ref, Job: id, Reason: "found by its token"})
	}
	return a.write(Entry{Kind: EntryRefused, Ref: s.Ref, Reason: "the scheduler knows no job with its token"})
}

// errRefused marks a submission that can't be made as things are. It holds up what waits for it, and nothing else.
var errRefused = errors.New("refused")

// Apply carries out actions in their order. After an error the rest is left out; reconciling again picks it up. A submission that is
// refused is told of when the others are made.
func (a *Applier) Apply(ctx context.Context, actions []Action) error {
	var refused []error
	for _, action := range actions {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := a.Check(); err != nil {
			return err
		}
		err := a.apply(ctx, action)
		if errors.Is(err, errRefused) {
			refused = append(refused, err)
		} else if err != nil {
			return errors.Join(append(refused, err)...)
		}
	}
	return errors.Join(refused...)
}

func (a *Applier) apply(ctx context.Context, action Action) error {
	switch x := action.(type) {
	case Submit:
		return a.submit(ctx, x)
	case Repoint:
		return a.repoint(ctx, x)
	case Withdraw:
		return a.withdraw(ctx, x)
	case Clear:
		return a.cancel(ctx, a.Ledger.Submission(x.Ref), x.Job, x.Indices)
	case Note:
		return a.Record(x.Record)
	case Finish:
		return nil
	}
	return fmt.Errorf("no way to apply %T", action)
}

func (a *Applier) submit(ctx context.Context, s Submit) error {
	if drives(s.Ref.Key) {
		s.After = slices.DeleteFunc(slices.Clone(s.After), func(l Link) bool { return a.job(l.Ref) == "" })
		if len(s.After) == 0 && s.Delay == 0 {
			return nil // all that it was to follow was refused
		}
	}
	after, err := a.dependencies(s.After)
	if err != nil {
		return fmt.Errorf("job %s: %w", s.Name, err)
	}
	path, err := a.Script(s)
	if err != nil {
		return fmt.Errorf("job %s: %w: %w", s.Name, errRefused, err)
	}
	token := Token(a.RunID, s.Ref)
	request := s.Request
	err = a.write(Entry{
		Kind: EntryIntent, Ref: s.Ref, Name: s.Name, Token: token, Indices: s.Indices, Request: &request,
		After: s.After, Any: s.Any, Exclude: s.Exclude, Reason: s.Reason,
	})
	if err != nil {
		return err
	}
	sub := Submission{Name: s.Name, Script: path, Token: token, After: after, Any: s.Any, Exclude: s.Exclude, Delay: s.Delay}
	if s.Array {
		sub.Indices = s.Indices
	}
	id, err := a.Engine.Submit(ctx, sub)
	if drives(s.Ref.Key) && errors.Is(err, ErrUnknownJob) {
		sub.After = nil // what it was to wait for has ended and is forgotten: it may look at once
		id, err = a.Engine.Submit(ctx, sub)
	}
	if refusal(err) && ctx.Err() == nil && len(s.Exclude) > 0 {
		sub.Exclude = nil // perhaps no other node is there, or a node has gone: it is better tried again where it failed than nowhere
		id, err = a.Engine.Submit(ctx, sub)
	}
	switch {
	case err == nil:
		return a.write(Entry{Kind: EntryAccepted, Ref: s.Ref, Job: id})
	case errors.Is(err, ErrUnreachable):
		// It may have been accepted all the same. When the scheduler can't say so now, the next pass asks.
		if ferr := a.find(ctx, a.Ledger.Submission(s.Ref)); ferr != nil {
			return fmt.Errorf("submitting job %s: %w", s.Name, err)
		}
		if a.Ledger.Submission(s.Ref).Job != "" {
			return nil
		}
	case ctx.Err() != nil:
		return err // it is not known what became of it
	default:
		if werr := a.write(Entry{Kind: EntryRefused, Ref: s.Ref, Reason: err.Error()}); werr != nil {
			return errors.Join(err, werr)
		}
		if refusal(err) {
			return fmt.Errorf("submitting job %s: %w: %w", s.Name, errRefused, err)
		}
	}
	return fmt.Errorf("submitting job %s: %w", s.Name, err)
}

// refusal reports whether the scheduler has looked at a submission and does not want it.
func refusal(err error) bool {
	return err != nil && !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrFull) && !errors.Is(err, ErrUnknownJob)
}

func (a *Applier) repoint(ctx context.Context, x Repoint) error {
	s := a.Ledger.Submission(x.Ref)
	if a.another(s, s.Job) {
		return nil // it is lost
	}
	after, err := a.dependencies(x.After)
	if err != nil {
		return fmt.Errorf("job %s: %w", s.Name, err)
	}
	err = a.Engine.Repoint(ctx, s.Job, after)
	if errors.Is(err, ErrUnknownJob) {
		return nil // it does not wait any more: what became of it shows in its record or in the queue
	}
	if err != nil {
		return fmt.Errorf("re-pointing job %s: %w", s.Name, err)
	}
	return a.write(Entry{Kind: EntryRepoint, Ref: x.Ref, After: x.After})
}

func (a *Applier) withdraw(ctx context.Context, x Withdraw) error {
	s := a.Ledger.Submission(x.Ref)
	if err := a.write(Entry{Kind: EntryWithdraw, Ref: x.Ref, Indices: x.Indices, Reason: x.Reason}); err != nil {
		return err
	}
	if s.Job == "" {
		return nil
	}
	return a.cancel(ctx, s, s.Job, x.Indices)
}

// cancel tells the scheduler to cancel tasks.
func (a *Applier) cancel(ctx context.Context, s *Submitted, job JobID, indices []int) error {
	which := indices
	if len(indices) == len(s.Indices) {
		which = nil
	}
	if !a.another(s, job) {
		if err := a.Engine.Cancel(ctx, job, which); err != nil && !errors.Is(err, ErrUnknownJob) {
			return fmt.Errorf("cancelling job %s: %w", s.Name, err)
		}
	}
	return a.write(Entry{Kind: EntryCancel, Ref: s.Ref, Indices: indices})
}

// another reports whether the scheduler, which had lost a submission's job, has handed out its id again.
func (a *Applier) another(s *Submitted, job JobID) bool {
	if s.Job == job && a.Ledger.ByJob(job) != s {
		return true
	}
	return slices.ContainsFunc(a.Queue, func(q TaskState) bool { return q.Job == job && q.Token != "" && q.Token != s.Token })
}

// dependencies turns links into the scheduler's terms.
func (a *Applier) dependencies(links []Link) ([]Dependency, error) {
	var list []Dependency
	for _, l := range links {
		job := a.job(l.Ref)
		if job == "" {
			return nil, fmt.Errorf("%w: it is to wait for %s, which is not submitted", errRefused, l.Ref)
		}
		list = append(list, Dependency{l.Kind, job})
	}
	return list, nil
}

// job is the scheduler's id of a submission, empty when there is none.
func (a *Applier) job(r Ref) JobID {
	if s := a.Ledger.Submission(r); s != nil && !s.Refused {
		return s.Job
	}
	return ""
}

// write appends an entry to the journal and folds it into the ledger.
func (a *Applier) write(e Entry) error {
	e.Time, e.Fence = a.Now().UTC(), a.Fence
	if err := a.Journal(e); err != nil {
		return fmt.Errorf("journal of run %s: %w", a.RunID, err)
	}
	a.Ledger.Add(e)
	return nil
}
