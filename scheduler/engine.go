// Package scheduler decides how the work of a run reaches machines: which jobs there are, in what
// order, with what resources, and what to do when some of them fail. The decisions (plan.go,
// reconcile.go, retry.go) are pure functions; an [Engine] carries them out.
package scheduler

import (
	"context"
	"errors"
	"time"
)

// JobID is the scheduler's name for a job: the array's id when the job is an array. It is no
// identity, since a scheduler may hand out an id again: a submission's Token is.
type JobID string

// Dependency lets a job wait for another, in sbatch's words.
type Dependency struct {
	Kind DependencyKind
	Job  JobID
}

// DependencyKind is one of sbatch's --dependency types.
type DependencyKind string

// The dependency types in use. One that can't come true any more leaves its job PENDING for ever, with the reason
// DependencyNeverSatisfied, until the job is re-pointed or cancelled.
const (
	AfterOK    DependencyKind = "afterok"    // all tasks of the job ended well
	AfterAny   DependencyKind = "afterany"   // all tasks ended, however
	AfterNotOK DependencyKind = "afternotok" // the job ended and some task failed
	AfterCorr  DependencyKind = "aftercorr"  // task i waits for task i of the job, which must end well; where that job has no task i, for all of it
)

// NeverSatisfied is the reason of a waiting task whose dependency can't come true any more.
const NeverSatisfied = "DependencyNeverSatisfied"

// Submission is one job to be queued: a rendered script that carries its own #SBATCH lines for
// everything but what stands here. Of the script's --array line only the throttle counts: the indices are these.
type Submission struct {
	Name    string // kerb.GROUP.STEP[.CODE]
	Script  string // path of the rendered script
	Token   string // unique; becomes the job's --comment
	Indices []int  // array indices; nil for a job that is no array
	After   []Dependency
	Any     bool          // one dependency that comes true is enough; otherwise all must. Such a job is never re-pointed.
	Exclude []string      // nodes that must not be used
	Delay   time.Duration // it is not started before this has passed; in whole seconds
}

// TaskState is what the scheduler knows of one task of a job.
type TaskState struct {
	Job      JobID
	Index    int    // array index; -1 for a job that is no array
	Token    string // the job's --comment, where the source of the answer has it
	State    State
	Reason   string // the scheduler's own words: "Priority", "NonZeroExitCode", ...
	ExitCode int
	Signal   int
	Node     string
	Memory   int64 // requested bytes; 0 when unknown
	PeakRSS  int64 // observed bytes; 0 when unknown
	Start    time.Time
	End      time.Time
	Submit   time.Time // with Job, tells a job from an earlier one of the same id
	Source   string    // "squeue", "sacct", "local": where the fact comes from
	Seen     time.Time // when the scheduler said so: a poll may be answered from an earlier one's answer
}

// State is a task's state in SLURM's words.
type State string

// The states that are told apart. Unknown is a task that the scheduler has no record of (any more):
// never a failure by itself.
const (
	Unknown     State = "UNKNOWN"
	Pending     State = "PENDING"
	Running     State = "RUNNING"
	Completed   State = "COMPLETED"
	Failed      State = "FAILED"
	Timeout     State = "TIMEOUT"
	OutOfMemory State = "OUT_OF_MEMORY"
	NodeFail    State = "NODE_FAIL"
	Preempted   State = "PREEMPTED"
	Cancelled   State = "CANCELLED"
)

// Ended reports whether the state is final.
func (s State) Ended() bool { return s != Unknown && s != Pending && s != Running }

// ErrUnreachable says that the scheduler did not answer. A submission that ends with it may have been
// accepted all the same: Find tells.
var ErrUnreachable = errors.New("scheduler unreachable")

// ErrFull says that the scheduler takes no more jobs of this user for now. Nothing was queued.
var ErrFull = errors.New("the queue is full")

// Engine queues jobs and tells what became of them. All methods may be called concurrently.
// The conformance suite in enginetest says what each method promises.
type Engine interface {
	// Name is "slurm" or "local".
	Name() string

	// Submit queues one job and returns its id. It sends the request once and never retries:
	// after ErrUnreachable the caller asks Find for the token before it submits again. ErrUnknownJob when it is to wait for a
	// job that the scheduler does not know (any more): a scheduler may take that for a dependency that came true. ErrFull when
	// the user has as many jobs queued as he may.
	Submit(ctx context.Context, s Submission) (JobID, error)

	// Find returns the job submitted with token, and whether there is one that the scheduler remembers.
	Find(ctx context.Context, token string) (JobID, bool, error)

	// Poll returns what is known of the tasks of the named jobs, with one call to the scheduler's queue and at
	// most one to its accounting whatever the number of jobs, or none when the last answer is recent enough.
	// Tasks that are not known are left out. A scheduler that other processes of this user queue jobs with tells, beside them, of all his
	// other tasks that wait or run. With ErrUnreachable the last known answer is returned.
	Poll(ctx context.Context, jobs []JobID) ([]TaskState, error)

	// Repoint replaces a waiting job's dependencies; none lets it start. ErrUnknownJob when the job is not waiting any
	// more, or when it is to wait for a job that is not known. All tasks that have not started are re-pointed, so a job that waits with
	// aftercorr is re-pointed only when the job that it waits for has ended.
	Repoint(ctx context.Context, job JobID, after []Dependency) error

	// Cancel cancels the named tasks of a job, or all of it when indices is nil. What has ended already, or is not
	// known, is no error. Of a task that is cancelled before it started nothing may be left to Poll.
	Cancel(ctx context.Context, job JobID, indices []int) error
}

// ErrUnknownJob says that the scheduler has no such job (any more).
var ErrUnknownJob = errors.New("no such job")
