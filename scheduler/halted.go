package scheduler

import (
	"context"
	"fmt"
	"time"
)

// haltedAfter is how long nothing must have been heard of a run before it may be said to have halted: its jobs start and end, and
// records take their time through the file system.
const haltedAfter = 2 * time.Minute

// Halted reports whether a run that is to lead itself on has more to do, while the scheduler has nothing left of it that would: a
// controller that was killed has lost its jobs, or whatever killed a task killed the job that was to follow as well. A step leads on.
func (d *Driver) Halted(ctx context.Context, o *Observed, p *Picture) (bool, error) {
	if !d.Chain || o.Ledger.Stopped {
		return false, nil
	}
	more := len(Unplanned(*o, p)) > 0
	for _, v := range p.Jobs {
		for t := range v.Tasks {
			switch task := &v.Tasks[t]; task.Stand {
			case Idle, Failing:
				more = true
			case Live:
				if q := task.Queue; q != nil && (q.State == Running || q.State == Pending && q.Reason != reasonNever) {
					return false, nil
				}
				more = true
			}
		}
	}
	if !more {
		return false, nil
	}
	var driving []JobID
	for _, s := range o.Ledger.Submissions {
		if o.Now.Sub(s.Time) < haltedAfter {
			return false, nil
		}
		if drives(s.Ref.Key) && s.Job != "" {
			driving = append(driving, s.Job)
		}
	}
	for i := range o.Records {
		if o.Now.Sub(o.Records[i].End) < haltedAfter {
			return false, nil
		}
	}
	queue, err := d.Engine.Poll(ctx, driving)
	if err != nil {
		return false, fmt.Errorf("asking the scheduler: %w", err)
	}
	for _, q := range queue {
		if s := o.Ledger.ByJob(q.Job); s != nil && q.Token == s.Token && drives(s.Ref.Key) && (q.State == Pending || q.State == Running) {
			return false, nil
		}
	}
	return true, nil
}
