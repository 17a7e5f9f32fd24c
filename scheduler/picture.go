package scheduler

import (
	"slices"
	"time"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Observed is all that is known of a run at one moment. The records are to be read (again) after the queue was asked:
// a task may end between the two.
type Observed struct {
	Plan    *Plan
	Ledger  *Ledger
	Records []workdirs.Record // sorted by job, index and attempt
	Queue   []TaskState
	Now     time.Time
	Policy  Policy
	Chain   bool  // jobs may submit jobs: the run drives itself by advance and recover jobs
	Self    JobID // the scheduler's job that this process runs in; empty when it runs in none
}

// Stand is where a task stands.
type Stand string

// Where a task may stand.
const (
	Idle    Stand = "idle"    // not submitted
	Live    Stand = "live"    // submitted, and not known to have ended
	Done    Stand = "done"    // ended well; some of its items may have failed for good
	Failing Stand = "failing" // failed, and to be tried again
	Dead    Stand = "failed"  // failed for good
	Blocked Stand = "blocked" // can't run, since what it waits for failed for good
)

// TaskView is what is known of one task.
type TaskView struct {
	Stand    Stand
	Ref      Ref              // the submission that holds the task; zero when there is none
	Record   *workdirs.Record // of the latest attempt that has one
	Queue    *TaskState       // what the scheduler says of the latest attempt; nil when nothing
	Failures []Attempt        // since the last time that a person asked for a rerun
	Decision Decision         // after a failure
}

// JobView is what is known of one job.
type JobView struct {
	Job   *Job
	Tasks []TaskView
	subs  []*Submitted // per index: the submission that holds it, or nil
	recs  [][]workdirs.Record
}

// Picture is what is known of a run, job by job in the plan's order.
type Picture struct {
	Jobs  []*JobView
	byKey map[string]*JobView
}

// Job returns the view of a job, or nil.
func (p *Picture) Job(key string) *JobView { return p.byKey[key] }

// Look puts together what is known of every task.
func Look(o Observed) *Picture {
	p := &Picture{byKey: make(map[string]*JobView, len(o.Plan.Jobs))}
	queue := o.queueIndex()
	records := recordIndex(o.Records)
	redo := redoIndex(o.Plan, records)
	for i := range o.Plan.Jobs {
		j := &o.Plan.Jobs[i]
		v := &JobView{Job: j, Tasks: make([]TaskView, len(j.Tasks)), subs: make([]*Submitted, len(j.Tasks)), recs: byTask(records[j.Key], len(j.Tasks))}
		floors := make([]int, len(j.Tasks))
		for t := range j.Tasks {
			floors[t] = o.Ledger.rerun[taskKey{j.Key, t}].after
		}
		for _, s := range o.Ledger.Of(j.Key) {
			for _, t := range s.Indices {
				if t < len(v.subs) && s.Ref.Attempt > floors[t] && s.Holds(t) {
					v.subs[t] = s
				}
			}
		}
		for t := range j.Tasks {
			recs := v.recs[t]
			for len(recs) > 0 && recs[0].Attempt <= floors[t] {
				recs = recs[1:]
			}
			v.recs[t] = recs
			v.Tasks[t] = o.lookTask(v.subs[t], recs, t, queue, redo[partOf(j, t)])
		}
		o.blockTasks(p, v)
		p.Jobs = append(p.Jobs, v)
		p.byKey[j.Key] = v
	}
	return p
}

// lookTask decides where one task stands by itself. recs are its records that count, redo the moment at which what
// it had done was found missing.
func (o Observed) lookTask(s *Submitted, recs []workdirs.Record, index int, queue map[queueKey]*TaskState, redo time.Time) TaskView {
	v := TaskView{Stand: Idle}
	if n := len(recs); n > 0 {
		v.Record = &recs[n-1]
	}
	for i := range recs {
		r := &recs[i]
		switch {
		case r.State == workdirs.Done && r.End.Before(redo):
			v.Failures = append(v.Failures, Attempt{Cause: CauseLost, Request: o.requestOf(r, s)})
		case r.State == workdirs.Done:
			v.Stand, v.Record = Done, r
			v.Ref = Ref{r.Job, r.Attempt}
			return v
		case r.State == workdirs.Failed && (s == nil || r.Attempt != s.Ref.Attempt):
			v.Failures = append(v.Failures, o.attempt(r, nil, s))
		}
	}
	if s == nil {
		return v
	}
	v.Ref = s.Ref
	if s.Open() {
		v.Stand = Live
		return v
	}
	if q := queue[queueKey{s.Job, index}]; q != nil && (q.Token == s.Token || q.Token == "" && o.Ledger.ByJob(s.Job) == s) {
		v.Queue = q // otherwise the scheduler has handed out the id again
	}
	var rec *workdirs.Record
	if v.Record != nil && v.Record.Attempt == s.Ref.Attempt && v.Record.State != workdirs.Running {
		rec = v.Record
	}
	switch {
	case rec != nil && rec.State == workdirs.Done: // and found missing since
	case rec != nil:
		v.Failures = append(v.Failures, o.attempt(rec, v.Queue, s))
	case o.alive(v.Queue, s):
		v.Stand = Live
		return v
	case v.Queue != nil && v.Queue.State == Cancelled && dependencyReason(v.Queue.Reason):
		v.Ref = Ref{} // it never ran: the site cancels jobs whose dependency failed
		return v
	default:
		v.Failures = append(v.Failures, o.attempt(nil, v.Queue, s))
	}
	v.Decision = Next(v.Failures, o.Policy)
	v.Stand = Dead
	if v.Decision.Retry {
		v.Stand = Failing
	}
	return v
}

// alive reports whether a task without a final record may still come to an end by itself.
func (o Observed) alive(q *TaskState, s *Submitted) bool {
	switch {
	case q == nil || q.State == Unknown:
		return o.Now.Sub(s.Time) < o.Policy.Grace
	case q.State == Completed: // the record is still on its way through the file system, or never was written
		return o.Now.Sub(q.End) < o.Policy.Grace
	}
	return !q.State.Ended()
}

// attempt describes a failed attempt from its record, or from the scheduler's word, or from both.
func (o Observed) attempt(rec *workdirs.Record, q *TaskState, s *Submitted) Attempt {
	a := Attempt{}
	if rec != nil {
		a.Request = o.requestOf(rec, s)
		a.Peak, a.Node, a.Transient = rec.Peak, rec.Host, rec.Transient
		if !rec.Start.IsZero() && rec.End.After(rec.Start) {
			a.Elapsed = rec.End.Sub(rec.Start)
		}
	} else if s != nil {
		a.Request = s.Request
	}
	if q != nil {
		a.Peak = max(a.Peak, q.PeakRSS)
		if q.Node != "" {
			a.Node = q.Node
		}
		if a.Elapsed == 0 && !q.Start.IsZero() && q.End.After(q.Start) {
			a.Elapsed = q.End.Sub(q.Start)
		}
	}
	a.Cause = CauseOf(rec, q, a.Request)
	return a
}

// requestOf is what the attempt of a record had asked for.
func (o Observed) requestOf(rec *workdirs.Record, current *Submitted) Request {
	if s := o.Ledger.Submission(Ref{rec.Job, rec.Attempt}); s != nil {
		return s.Request
	}
	if current != nil {
		return current.Request
	}
	return Request{}
}

// blockTasks marks the tasks that can't run since what they wait for failed for good.
func (o Observed) blockTasks(p *Picture, v *JobView) {
	for t := range v.Tasks {
		if v.Tasks[t].Stand != Idle && v.Tasks[t].Stand != Failing {
			continue
		}
		for _, w := range v.Job.After {
			for u := range upstream(p.byKey[w.Key], w.Kind, t) {
				if u.Stand == Dead || u.Stand == Blocked {
					v.Tasks[t].Stand = Blocked
				}
			}
		}
	}
}

// upstream yields the tasks of a job that task t of another waits for.
func upstream(up *JobView, kind DependencyKind, t int) func(func(*TaskView) bool) {
	return func(yield func(*TaskView) bool) {
		switch {
		case up == nil:
		case kind == AfterCorr:
			if t < len(up.Tasks) {
				yield(&up.Tasks[t])
			}
		default:
			for i := range up.Tasks {
				if !yield(&up.Tasks[i]) {
					return
				}
			}
		}
	}
}

// doneAt reports whether attempt n at task t ended well.
func (v *JobView) doneAt(t, n int) bool {
	return slices.ContainsFunc(v.recs[t], func(r workdirs.Record) bool { return r.Attempt == n && r.State == workdirs.Done })
}

func dependencyReason(reason string) bool {
	return reason == reasonNever || reason == "Dependency"
}

// reasonNever is what SLURM says of a job whose dependency failed: it stays in the queue for ever.
const reasonNever = "DependencyNeverSatisfied"

type queueKey struct {
	job   JobID
	index int
}

func (o Observed) queueIndex() map[queueKey]*TaskState {
	m := make(map[queueKey]*TaskState, len(o.Queue))
	for i := range o.Queue {
		q := &o.Queue[i]
		m[queueKey{q.Job, max(q.Index, 0)}] = q // a job that is no array is its task 0
	}
	return m
}

// recordIndex cuts sorted records by job.
func recordIndex(records []workdirs.Record) map[string][]workdirs.Record {
	m := map[string][]workdirs.Record{}
	for i := 0; i < len(records); {
		j := i
		for j < len(records) && records[j].Job == records[i].Job {
			j++
		}
		m[records[i].Job] = records[i:j:j]
		i = j
	}
	return m
}

// byTask cuts the sorted records of one job by index.
func byTask(records []workdirs.Record, n int) [][]workdirs.Record {
	list := make([][]workdirs.Record, n)
	for i := 0; i < len(records); {
		j := i
		for j < len(records) && records[j].Index == records[i].Index {
			j++
		}
		if t := records[i].Index; t >= 0 && t < n {
			list[t] = records[i:j:j]
		}
		i = j
	}
	return list
}

// redoIndex finds the parts that a later step found missing although their tasks had ended well, and when that was.
func redoIndex(p *Plan, records map[string][]workdirs.Record) map[Item]time.Time {
	redo := map[Item]time.Time{}
	for i := range p.Jobs {
		j := &p.Jobs[i]
		if j.Step != Combine {
			continue
		}
		for _, r := range records[j.Key] {
			for _, part := range r.Redo {
				item := Item{j.Tasks[0][0].Code, part}
				if r.Start.After(redo[item]) {
					redo[item] = r.Start
				}
			}
		}
	}
	return redo
}

// partOf is the part that a task computes, or no item that can be missing.
func partOf(j *Job, t int) Item {
	if j.Step != Parts {
		return Item{}
	}
	return j.Tasks[t][0]
}

// Unplanned lists the datasets that go on, and of which it is not planned yet how: they are being configured, or were a moment ago.
func Unplanned(o Observed, p *Picture) []string {
	ended := map[string]bool{}
	for _, v := range p.Jobs {
		for t := range v.Tasks {
			if s := v.Tasks[t].Stand; s == Dead || s == Blocked {
				for _, item := range v.Job.Tasks[t] {
					ended[item.Code] = true
				}
			}
		}
	}
	return slices.DeleteFunc(o.Plan.Missing(), func(code string) bool { return ended[code] })
}

// Unresolved lists the scheduler's jobs that it has to be asked about: those that hold a task without a final record, and beside
// them the jobs that drive the run, which leave no records.
func (l *Ledger) Unresolved(records []workdirs.Record) []JobID {
	final := make(map[taskAttempt]bool, len(records))
	for i := range records {
		r := &records[i]
		if r.State != workdirs.Running {
			final[taskAttempt{taskKey{r.Job, r.Index}, r.Attempt}] = true
		}
	}
	var jobs, driving []JobID
	asked := map[JobID]bool{}
	ask := func(s *Submitted) {
		if s != nil && s.Job != "" && !asked[s.Job] {
			asked[s.Job] = true
			jobs = append(jobs, s.Job)
		}
	}
	for _, s := range l.Submissions {
		switch {
		case s.Job == "" || s.Refused:
		case drives(s.Ref.Key):
			driving = append(driving, s.Job)
		case slices.ContainsFunc(s.Indices, func(i int) bool {
			return s.Holds(i) && !final[taskAttempt{taskKey{s.Ref.Key, i}, s.Ref.Attempt}]
		}):
			ask(s)
			for _, link := range s.After { // whether it waits in vain, only the scheduler knows
				ask(l.Submission(link.Ref))
			}
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	return append(jobs, driving...)
}

// drives reports whether the job is an advance or recover job, which is no part of the plan.
func drives(key string) bool {
	return key == string(Advance) || key == string(Recover)
}

type taskAttempt struct {
	taskKey
	attempt int
}
