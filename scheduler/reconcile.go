package scheduler

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Action is one thing to do. The actions of one reconciliation are applied in their order.
type Action interface{ action() }

// Submit queues indices of a job. It may depend on submissions that stand before it in the same list.
type Submit struct {
	Ref     Ref
	Job     *Job // of the plan; nil for a job that drives the run
	Step    Step
	Name    string
	Array   bool
	Indices []int
	Request Request
	After   []Link
	Any     bool          // one dependency that comes true is enough
	Delay   time.Duration // not before this has passed
	Exclude []string
	Since   int    // attempts up to this one do not count: a person wants the tasks to start afresh
	Reason  string // why now, when it is not the first time
}

// Repoint makes a waiting job wait for other submissions.
type Repoint struct {
	Ref   Ref
	After []Link
}

// Withdraw cancels tasks of a submission; what is due of them comes again in another.
type Withdraw struct {
	Ref     Ref
	Indices []int
	Reason  string
}

// Clear tells the scheduler (again) to cancel tasks that it holds and that nobody waits for.
type Clear struct {
	Ref     Ref
	Job     JobID // the scheduler's, which it may hold although it is not known to have accepted it
	Indices []int
	Reason  string
}

// Note keeps what the scheduler said about a task that could not write its own record, before the scheduler
// forgets it.
type Note struct{ Record workdirs.Record }

// Finish says that nothing is left to do.
type Finish struct{ Stopped bool }

func (Submit) action()   {}
func (Repoint) action()  {}
func (Withdraw) action() {}
func (Clear) action()    {}
func (Note) action()     {}
func (Finish) action()   {}

// Reconcile compares what a run is to be with what is known of it, and says what to do. It is a pure
// function: applying the actions and reconciling again leads on, from whatever state a crash has left.
//
// Failed tasks of a submission are tried again together, when the submission has ended: one array for all of them. A
// waiting job is re-pointed to the new submission; of a waiting array only the indices that wait for it are
// taken out and submitted again behind it, since the scheduler has latched the failure.
func Reconcile(o Observed) []Action {
	r := newReconciler(o)
	if r.clear(); o.Ledger.Stopped {
		r.stop()
		return r.actions
	}
	for _, v := range r.picture.Jobs {
		r.note(v)
		r.job(v)
	}
	r.chain()
	if len(r.actions) == 0 && r.finished() {
		r.add(Finish{})
	}
	return r.actions
}

type reconciler struct {
	Observed
	picture   *Picture
	queue     map[queueKey]*TaskState
	actions   []Action
	next      map[string]int    // attempts given out in this pass
	carrier   map[*TaskView]Ref // the submission of this pass that a task is in
	submitted []Submit          // of this pass
	room      *int              // how many more tasks may be queued; nil while nobody asked
	short     bool              // not all that is due fits into the queue
}

func newReconciler(o Observed) *reconciler {
	return &reconciler{Observed: o, picture: Look(o), queue: o.queueIndex(), next: map[string]int{}, carrier: map[*TaskView]Ref{}}
}

func (r *reconciler) add(a Action) { r.actions = append(r.actions, a) }

// stop cancels everything that lives.
func (r *reconciler) stop() {
	for _, s := range r.Ledger.Submissions {
		var live []int
		for _, t := range s.Indices {
			if s.Holds(t) && !r.ended(s, t) {
				live = append(live, t)
			}
		}
		if len(live) > 0 {
			r.add(Withdraw{s.Ref, live, "the run was cancelled"})
		}
	}
	if len(r.actions) == 0 {
		r.add(Finish{Stopped: true})
	}
}

// ended reports whether a task of a submission is known to have ended.
func (r *reconciler) ended(s *Submitted, t int) bool {
	v := r.picture.Job(s.Ref.Key)
	if v == nil || t >= len(v.Tasks) {
		return false // an orchestrating job: to cancel it once is enough
	}
	return v.subs[t] != s || v.Tasks[t].Stand != Live
}

// note keeps what the scheduler said about tasks that failed without a record.
func (r *reconciler) note(v *JobView) {
	for t := range v.Tasks {
		task := &v.Tasks[t]
		s := v.subs[t]
		if task.Stand != Failing && task.Stand != Dead || s == nil {
			continue
		}
		rec := task.Record
		if rec != nil && rec.Attempt == s.Ref.Attempt && rec.State != workdirs.Running {
			continue
		}
		failure := task.Failures[len(task.Failures)-1]
		n := workdirs.Record{
			Job: v.Job.Key, Index: t, Attempt: s.Ref.Attempt, State: workdirs.Failed,
			Class: string(failure.Cause), Peak: failure.Peak, Host: failure.Node, Source: "journal",
			Message: fmt.Sprintf("no trace of it since it was submitted as job %s", s.Job),
			End:     r.Now,
		}
		if q := task.Queue; q != nil {
			n.Source, n.Start, n.Message = q.Source, q.Start, describe(q)
			if !q.End.IsZero() {
				n.End = q.End
			}
		}
		if rec != nil && rec.Attempt == s.Ref.Attempt {
			n.Items = rec.Items // what it had done before it died
		}
		r.add(Note{n})
	}
}

// describe puts the scheduler's words about a task that ended into a sentence.
func describe(q *TaskState) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", q.State)
	if q.Reason != "" && q.Reason != "None" {
		fmt.Fprintf(&b, " (%s)", q.Reason)
	}
	if q.ExitCode != 0 || q.Signal != 0 {
		fmt.Fprintf(&b, ", exit code %d, signal %d", q.ExitCode, q.Signal)
	}
	return b.String()
}

// verdict is what a task's dependencies come to.
type verdict struct {
	blocked bool // it can never run
	held    bool // it is not decided yet what it has to wait for
	links   []Link
}

// job decides about the tasks of one job. Those before it in the plan are decided.
func (r *reconciler) job(v *JobView) {
	groups := map[string]*Submit{}
	var order []*Submit
	withdraw := map[*Submitted][]int{}
	busy := r.busy(v)
	for t := range v.Tasks {
		task, s := &v.Tasks[t], v.subs[t]
		if task.Stand == Done || task.Stand == Dead || task.Stand == Blocked || task.Stand == Failing && busy[s] {
			continue
		}
		latched := false
		if task.Stand == Live {
			if s.Open() || r.lost(task) || task.Queue != nil && task.Queue.State == Running || !r.latched(task, s, t) {
				continue
			}
			latched = true
		}
		d := r.verdict(v, t)
		switch {
		case d.held:
			continue
		case d.blocked && latched:
			withdraw[s] = append(withdraw[s], t)
			task.Stand = Blocked
			continue
		case d.blocked:
			task.Stand = Blocked
			continue
		case latched && !v.Job.Array:
			r.add(Repoint{s.Ref, d.links})
			continue
		case latched:
			withdraw[s] = append(withdraw[s], t)
		}
		r.group(v, t, d.links, groups, &order)
	}
	for _, s := range r.Ledger.Of(v.Job.Key) {
		if list := withdraw[s]; list != nil {
			r.add(Withdraw{s.Ref, list, "what they wait for failed"})
		}
	}
	for _, g := range order {
		for _, s := range r.fit(v, *g) {
			r.submit(v, s)
		}
	}
}

// busy finds the submissions of a job that have not ended.
func (r *reconciler) busy(v *JobView) map[*Submitted]bool {
	busy := map[*Submitted]bool{}
	for t := range v.Tasks {
		if v.Tasks[t].Stand == Live {
			busy[v.subs[t]] = true
		}
	}
	return busy
}

// latched reports whether a submitted task waits for something that can't end well any more in the scheduler's eyes. That is
// its word, not the records': the process of a task on a node that was given up may have done its work all the same.
func (r *reconciler) latched(task *TaskView, s *Submitted, t int) bool {
	never := task.Queue != nil && task.Queue.State == Pending && task.Queue.Reason == reasonNever
	for _, link := range s.After {
		up, target := r.picture.Job(link.Ref.Key), r.Ledger.Submission(link.Ref)
		if up == nil || target == nil {
			continue // what an orchestrating job waits for is never latched
		}
		indices := target.Indices
		if link.Kind == AfterCorr {
			if _, found := slices.BinarySearch(indices, t); !found {
				continue
			}
			indices = []int{t}
		}
		for _, i := range indices {
			if i >= len(up.Tasks) {
				continue
			}
			u := &up.Tasks[i]
			_, moved := r.carrier[u]
			live := up.subs[i] == target && u.Stand == Live && !moved
			switch q := r.queue[queueKey{target.Job, i}]; {
			case live:
			case never, !up.doneAt(i, link.Ref.Attempt):
				return true
			case q != nil && q.State.Ended() && q.State != Completed && (q.Token == "" || q.Token == target.Token):
				return true
			}
		}
	}
	return false
}

// verdict looks at what a task waits for.
func (r *reconciler) verdict(v *JobView, t int) verdict {
	var d verdict
	for _, w := range v.Job.After {
		for u := range upstream(r.picture.Job(w.Key), w.Kind, t) {
			ref, moved := r.carrier[u]
			switch {
			case moved:
			case u.Stand == Done:
				continue
			case u.Stand == Live && r.lost(u):
				d.held = true // the scheduler takes nothing that is to wait for it
				continue
			case u.Stand == Live:
				ref = u.Ref
			case u.Stand == Dead || u.Stand == Blocked:
				d.blocked = true
				continue
			default:
				d.held = true
				continue
			}
			if link := (Link{w.Kind, ref}); !slices.Contains(d.links, link) {
				d.links = append(d.links, link)
			}
		}
	}
	d.held = d.held && !d.blocked
	return d
}

// group puts a task that is due to those that ask for the same.
func (r *reconciler) group(v *JobView, t int, links []Link, groups map[string]*Submit, order *[]*Submit) {
	task := &v.Tasks[t]
	s := Submit{Request: v.Job.Request, After: links}
	rerun := r.Ledger.rerun[taskKey{v.Job.Key, t}]
	s.Request, s.Since = rerun.request.Or(s.Request), rerun.after
	if task.Stand == Failing {
		s.Request, s.Exclude, s.Reason = task.Decision.Request.Or(s.Request), task.Decision.Exclude, task.Decision.Reason
	} else if sub := v.subs[t]; sub != nil { // taken out of a waiting array
		s.Request, s.Exclude = sub.Request, sub.Exclude
	} else if d := Next(task.Failures, r.Policy); d.Retry {
		s.Request, s.Exclude = d.Request.Or(s.Request), d.Exclude
	}
	key := fmt.Sprint(s.After, s.Request, s.Exclude, s.Since)
	g := groups[key]
	if g == nil {
		g = &s
		groups[key] = g
		*order = append(*order, g)
	}
	g.Indices = append(g.Indices, t)
}

// submit gives a group of tasks its submission.
func (r *reconciler) submit(v *JobView, s Submit) {
	s.Ref = r.newRef(v.Job.Key)
	s.Job, s.Step, s.Name, s.Array = v.Job, v.Job.Step, v.Job.Name, v.Job.Array
	for _, t := range s.Indices {
		r.carrier[&v.Tasks[t]] = s.Ref
	}
	r.submitted = append(r.submitted, s)
	r.add(s)
}

func (r *reconciler) newRef(key string) Ref {
	if r.next[key] == 0 {
		r.next[key] = r.Ledger.attempts[key]
	}
	r.next[key]++
	return Ref{key, r.next[key]}
}

// settled reports whether all tasks of the submissions are done.
func (r *reconciler) settled(links []Link) bool {
	for _, l := range links {
		up, target := r.picture.Job(l.Ref.Key), r.Ledger.Submission(l.Ref)
		if up == nil || target == nil {
			return false
		}
		for _, i := range target.Indices {
			if i < len(up.Tasks) && target.Holds(i) && !up.doneAt(i, l.Ref.Attempt) {
				return false
			}
		}
	}
	return true
}

// finished reports whether every dataset has come to its end.
func (r *reconciler) finished() bool {
	for _, v := range r.picture.Jobs {
		for t := range v.Tasks {
			if s := v.Tasks[t].Stand; s != Done && s != Dead && s != Blocked {
				return false
			}
		}
	}
	return len(Unplanned(r.Observed, r.picture)) == 0
}
