package scheduler

import (
	"slices"
	"time"
)

// With Chain, a run leads itself on: an advance job waits for what configures datasets, one recover job a pass waits for the
// first failure of anything that lives, and while not all that is due fits into the queue another advance job waits for
// the first of the submissions to end. Each of them does the same step, after which all that lives is covered again.

// maxLinks bounds how many submissions one job waits for: all of them stand on one command line.
const maxLinks = 100

// chain adds the jobs that drive the run, and takes back those that wait for nothing any more.
func (r *reconciler) chain() {
	_, lost := r.living()
	if r.Chain {
		r.advance()
		r.cover()
		r.refill()
	}
	for _, s := range r.Ledger.Submissions {
		if s.Ref.Key == string(Recover) && r.waiting(s) && r.inQueue(s) && r.settled(s.After) && (len(s.After) > 0 || !lost) {
			r.add(Withdraw{s.Ref, []int{0}, "nothing failed"})
		}
	}
}

// advance puts an advance job behind what configures, in this pass, datasets that are not planned to their end.
func (r *reconciler) advance() {
	missing := map[string]bool{}
	for _, code := range r.Plan.Missing() {
		missing[code] = true
	}
	waits := func(s Submit) bool {
		return slices.ContainsFunc(s.Indices, func(t int) bool {
			return slices.ContainsFunc(s.Job.Tasks[t], func(i Item) bool { return missing[i.Code] })
		})
	}
	var after []Link
	for _, s := range r.submitted {
		if s.Step == Configure && waits(s) {
			after = append(after, Link{AfterAny, s.Ref})
		}
	}
	if len(after) > 0 {
		r.drive(Submit{Step: Advance, After: after})
	}
}

// cover puts a recover job behind all that lives, advance jobs too, and has none yet. For what the scheduler has lost, which
// no job can wait for, one looks again when it must have ended.
func (r *reconciler) cover() {
	covered, timer := map[Ref]bool{}, false
	for _, s := range r.Ledger.Submissions {
		if s.Ref.Key == string(Recover) && r.waiting(s) {
			timer = timer || len(s.After) == 0
			for _, l := range s.After {
				covered[l.Ref] = true
			}
		}
	}
	living, lost := r.living()
	var after []Link
	for _, ref := range append(living, r.advancing()...) {
		if !covered[ref] {
			after = append(after, Link{AfterNotOK, ref})
		}
	}
	for links := range slices.Chunk(after, maxLinks) {
		r.drive(Submit{Step: Recover, After: links, Any: true})
	}
	if lost && !timer {
		r.drive(Submit{Step: Recover, Delay: r.Policy.Grace + time.Minute})
	}
}

// advancing lists the advance jobs that have yet to start.
func (r *reconciler) advancing() []Ref {
	var refs []Ref
	for _, s := range r.Ledger.Submissions {
		if s.Ref.Key == string(Advance) && r.waiting(s) {
			refs = append(refs, s.Ref)
		}
	}
	for _, a := range r.actions {
		if s, ok := a.(Submit); ok && s.Step == Advance {
			refs = append(refs, s.Ref)
		}
	}
	return refs
}

// refill puts an advance job behind what lives when something due did not fit into the queue.
func (r *reconciler) refill() {
	pending := func(s *Submitted) bool { return s.Ref.Key == string(Advance) && s.Any && r.waiting(s) }
	if !r.short || slices.ContainsFunc(r.Ledger.Submissions, pending) {
		return
	}
	var after []Link
	living, _ := r.living()
	for _, ref := range living {
		after = append(after, Link{AfterAny, ref})
	}
	if len(after) > 0 {
		r.drive(Submit{Step: Advance, After: after[:min(len(after), maxLinks)], Any: true})
	}
}

// drive submits a job that leads the run on.
func (r *reconciler) drive(s Submit) {
	s.Ref, s.Name = r.newRef(string(s.Step)), "kerb."+r.Plan.Group+"."+string(s.Step)
	s.Indices, s.Request = []int{0}, DefaultRequest(s.Step).Rounded()
	r.add(s)
}

// living lists the submissions of the plan's jobs that hold a task that lives, in the plan's order, those of this pass last. Those
// of which the scheduler knows nothing (any more) are left out, and lost says that there are such.
func (r *reconciler) living() (refs []Ref, lost bool) {
	for _, v := range r.picture.Jobs {
		live := map[*Submitted]bool{} // with whether the scheduler knows of it
		for t := range v.Tasks {
			if _, moved := r.carrier[&v.Tasks[t]]; v.Tasks[t].Stand == Live && !moved {
				live[v.subs[t]] = live[v.subs[t]] || !r.lost(&v.Tasks[t])
			}
		}
		for _, s := range r.Ledger.Of(v.Job.Key) {
			if known, lives := live[s]; known && s.Job != "" {
				refs = append(refs, s.Ref)
			} else if lives && !known {
				lost = true
			}
		}
	}
	for _, s := range r.submitted {
		refs = append(refs, s.Ref)
	}
	return refs, lost
}

// waiting reports whether a driving job has yet to start. One that the queue does not tell of has ended, unless it was submitted
// since the queue was asked. The job in which this runs does not wait, whatever an answer from before its start says.
func (r *reconciler) waiting(s *Submitted) bool {
	if s.Job == "" || s.Job == r.Self || !s.Holds(0) {
		return false
	}
	q := r.queue[queueKey{s.Job, 0}]
	if q == nil || q.Token != "" && q.Token != s.Token {
		return !s.Time.Before(r.Now)
	}
	return q.State == Pending
}

func (r *reconciler) inQueue(s *Submitted) bool { return r.queue[queueKey{s.Job, 0}] != nil }

// fit cuts a group of due tasks to what the queue has room for. When not all fit, pieces end one after the other, and make
// room for the next.
func (r *reconciler) fit(v *JobView, s Submit) []Submit {
	most := r.Policy.MaxQueued
	if most == 0 {
		return []Submit{s}
	}
	if r.room == nil {
		room := most - drivers - r.queued()
		if room < 1 && !r.moving() {
			room = 1
		}
		r.room = &room
	}
	n := min(max(*r.room, 0), len(s.Indices))
	*r.room -= n
	if n < len(s.Indices) {
		r.short = true
	}
	for _, t := range s.Indices[n:] {
		if v.Tasks[t].Stand == Live {
			v.Tasks[t].Stand = Idle // it was taken out of a waiting array
		}
	}
	var pieces []Submit
	for indices := range slices.Chunk(s.Indices[:n], max(most/4, 1)) {
		piece := s
		piece.Indices = indices
		pieces = append(pieces, piece)
	}
	return pieces
}

// queued counts what the scheduler counts: also tasks that have written their record and are still on their way out, and driving jobs.
func (r *reconciler) queued() int {
	n := 0
	for i := range r.Queue {
		if s := r.Queue[i].State; s == Pending || s == Running {
			n++
		}
	}
	for _, v := range r.picture.Jobs {
		for t := range v.Tasks {
			if v.Tasks[t].Stand == Live && v.Tasks[t].Queue == nil {
				n++
			}
		}
	}
	for _, s := range r.Ledger.Submissions {
		if drives(s.Ref.Key) && r.waiting(s) && !r.inQueue(s) {
			n++
		}
	}
	return n
}

// moving reports whether any task lives that does not wait, by itself or through another, for what is not in the queue.
func (r *reconciler) moving() bool {
	moves := map[*TaskView]bool{}
	for _, v := range r.picture.Jobs {
	tasks:
		for t := range v.Tasks {
			task, s := &v.Tasks[t], v.subs[t]
			if task.Stand != Live || !s.Open() && r.latched(task, s, t) {
				continue
			}
			for _, w := range v.Job.After {
				for u := range upstream(r.picture.Job(w.Key), w.Kind, t) {
					if u.Stand != Done && !moves[u] {
						continue tasks
					}
				}
			}
			moves[task] = true
		}
	}
	return len(moves) > 0
}

// drivers is the room in the queue that is kept for the advance and recover jobs of a pass.
const drivers = 4
