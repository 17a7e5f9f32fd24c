package scheduler

import (
	"slices"
	"time"
)

// A controller that was killed comes back with what it had last written down: it has forgotten what it was told since, cancellations
// too, and a submission that it seemed not to have heard may turn up in its queue after all. What it holds of a run, and nobody waits
// for, is found in its own answer, by the tokens.

// needlessIn is what there is to cancel of a run of which nothing else is to be done.
func needlessIn(o Observed) []Action {
	r := newReconciler(o)
	r.clear()
	return r.actions
}

// clear cancels what the scheduler holds of the run although nobody waits for it.
func (r *reconciler) clear() {
	byToken := make(map[string]*Submitted, len(r.Ledger.Submissions))
	for _, s := range r.Ledger.Submissions {
		byToken[s.Token] = s
	}
	found := map[JobID]*Clear{}
	var order []*Clear
	for i := range r.Queue {
		q := &r.Queue[i]
		s := byToken[q.Token]
		if s == nil || q.Token == "" || q.State != Pending && q.State != Running {
			continue
		}
		index := max(q.Index, 0)
		reason := r.needless(s, index, q)
		if told := s.told[index]; reason == "" || !told.IsZero() && q.Seen.Sub(told) <= patienceOf(q.State) {
			continue
		}
		c := found[q.Job]
		if c == nil {
			c = &Clear{Ref: s.Ref, Job: q.Job, Reason: reason}
			found[q.Job] = c
			order = append(order, c)
		}
		c.Indices = append(c.Indices, index)
	}
	for _, c := range order {
		slices.Sort(c.Indices)
		r.add(*c)
	}
}

// patienceOf is how long after it was told to cancel a task the scheduler may go on showing it: one that runs is given time to end.
func patienceOf(s State) time.Duration {
	if s == Running {
		return 10 * time.Second
	}
	return 0
}

// needless says why nobody waits for a task that the scheduler holds, or "".
func (r *reconciler) needless(s *Submitted, index int, q *TaskState) string {
	switch {
	case s.Open():
		return "" // it is about to be found
	case s.Refused:
		return "it was taken for refused"
	case !s.Holds(index):
		return "it was cancelled before"
	case drives(s.Ref.Key):
		if q.State == Pending && q.Reason == reasonNever {
			return "what it waits for never comes"
		}
		return ""
	}
	v := r.picture.Job(s.Ref.Key)
	switch {
	case v == nil || index >= len(v.Tasks):
		return ""
	case v.subs[index] != s:
		return "another attempt has taken its place"
	case q.State == Pending && (v.Tasks[index].Stand == Done || v.Tasks[index].Stand == Dead):
		return "it has ended already"
	}
	return ""
}

// lost reports whether the scheduler has no trace of a task that it accepted before it was asked. The task may run all the same, so it
// counts as lost for good only after a time of grace.
func (r *reconciler) lost(u *TaskView) bool {
	s := r.Ledger.Submission(u.Ref)
	return (u.Queue == nil || u.Queue.State == Unknown) && s != nil && !s.Open() && s.Time.Before(r.Now)
}
