package scheduler

import (
	"fmt"
	"slices"
)

// RerunOrder is what a person wants to be run again.
type RerunOrder struct {
	Job     string  // the plan's key, a submission's KEY@ATTEMPT or the scheduler's id; empty: all jobs
	Indices []int   // nil: those that failed for good
	Request Request // what is zero stays as it was
}

// Rerun turns an order into journal entries: one for each job whose tasks start afresh, with what followed those that had
// ended well. Tasks that only wait need none: reconciling re-points them. A run that was cancelled before anything failed goes on with an
// entry that names no job.
func Rerun(o Observed, order RerunOrder) ([]Entry, error) {
	pic := Look(o)
	only := ""
	if order.Job != "" {
		var err error
		if only, err = findJob(o, order.Job); err != nil {
			return nil, err
		}
	}
	again := map[*JobView]map[int]bool{}
	var entries []Entry
	for _, v := range pic.Jobs {
		named := map[int]bool{}
		if only == "" || v.Job.Key == only {
			if err := pick(v, order.Indices, named); err != nil {
				return nil, err
			}
		}
		followers := followersOf(pic, v, again)
		again[v] = map[int]bool{}
		for _, set := range []struct {
			tasks  map[int]bool
			reason string
			want   Request
		}{{named, "run again", order.Request}, {followers, "rebuilt, since what it follows is run again", Request{}}} {
			var list []int
			for i := range v.Tasks {
				if set.tasks[i] && !again[v][i] {
					again[v][i] = true
					list = append(list, i)
				}
			}
			last := o.Ledger.attempts[v.Job.Key]
			if len(list) == 0 || last == 0 { // what was never submitted comes by itself
				continue
			}
			e := Entry{Kind: EntryRerun, Ref: Ref{v.Job.Key, last}, Indices: list, Reason: set.reason}
			if set.want != (Request{}) {
				r := set.want
				e.Request = &r
			}
			entries = append(entries, e)
		}
	}
	if len(entries) == 0 && order.Job == "" && o.Ledger.Stopped {
		entries = append(entries, Entry{Kind: EntryRerun, Reason: "goes on where it was cancelled"})
	}
	return entries, nil
}

// pick chooses the tasks of a job that were asked for.
func pick(v *JobView, indices []int, named map[int]bool) error {
	if indices == nil {
		for i := range v.Tasks {
			if v.Tasks[i].HasFailed() {
				named[i] = true
			}
		}
		return nil
	}
	for _, i := range indices {
		if i >= len(v.Tasks) {
			return fmt.Errorf("job %s has the indices 0 to %d, not %d", v.Job.Key, len(v.Tasks)-1, i)
		}
		if v.Tasks[i].Stand == Live && v.subs[i] != nil {
			return fmt.Errorf("index %d of job %s is still queued or running", i, v.Job.Key)
		}
		named[i] = true
	}
	return nil
}

// followersOf finds the tasks of a job that have ended and follow one that is run again.
func followersOf(pic *Picture, v *JobView, again map[*JobView]map[int]bool) map[int]bool {
	set := map[int]bool{}
	for _, w := range v.Job.After {
		up := pic.Job(w.Key)
		if up == nil || len(again[up]) == 0 {
			continue
		}
		for i := range v.Tasks {
			if s := v.Tasks[i].Stand; s != Done && s != Dead && s != Failing {
				continue
			}
			if w.Kind != AfterCorr || again[up][i] {
				set[i] = true
			}
		}
	}
	return set
}

// findJob finds the plan's key of a job that a person has named.
func findJob(o Observed, name string) (string, error) {
	if _, ok := o.Plan.Job(name); ok {
		return name, nil
	}
	if ref, err := ParseRef(name); err == nil && o.Ledger.Submission(ref) != nil {
		return ref.Key, nil
	}
	if s := o.Ledger.ByJob(JobID(name)); s != nil {
		return s.Ref.Key, nil
	}
	if i := slices.IndexFunc(o.Plan.Jobs, func(j Job) bool { return j.Name == name }); i >= 0 {
		return o.Plan.Jobs[i].Key, nil
	}
	return "", fmt.Errorf("no job %s in this run", name)
}
