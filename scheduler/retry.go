package scheduler

import (
	"fmt"
	"slices"
	"time"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Cause is why an attempt at a task failed.
type Cause string

// The causes, and what is done about each. A cause that is none of these is the task's own error class, which is
// retried only when the task called it transient.
const (
	CauseMemory      Cause = "memory"      // more memory
	CauseTime        Cause = "time"        // more time
	CauseNode        Cause = "node"        // another node
	CauseLaunch      Cause = "launch"      // the script ended before the task could say anything: another node
	CausePreempted   Cause = "preempted"   // the same again
	CauseSignal      Cause = "signal"      // killed by something that left no reason: a little more memory
	CauseLost        Cause = "lost"        // no trace of it: the same again
	CauseCancelled   Cause = "cancelled"   // by a person: nothing
	CauseInterrupted Cause = "interrupted" // the task was told to stop: what the scheduler says is the cause
)

// Attempt is one failed attempt at a task.
type Attempt struct {
	Cause     Cause
	Transient bool // the task says that trying the same again may succeed
	Request   Request
	Peak      int64         // observed bytes; 0 when unknown
	Elapsed   time.Duration // 0 when unknown
	Node      string
}

// Policy bounds retries.
type Policy struct {
	Attempts  int           // that the task is to blame for, the first included
	Patience  int           // attempts in all: nodes that die and preemptions are nobody's fault, but not for ever
	MaxMemory int64         // the most that any queue of the site gives a task; 0 when unknown
	MaxTime   time.Duration // the same
	MaxQueued int           // about the most tasks of a run in the queue at once; 0: no limit
	Grace     time.Duration // how long a task may be unknown to the scheduler and silent before it counts as lost
}

// DefaultPolicy is used where a site says nothing.
var DefaultPolicy = Policy{Attempts: 4, Patience: 12, Grace: 10 * time.Minute}

// Decision is what to do about a task that failed.
type Decision struct {
	Retry   bool
	Request Request
	Exclude []string
	Reason  string // in words, for people
}

// CauseOf tells why an attempt failed from what the task recorded and what the scheduler says; either may be nil.
// request is what the attempt had asked for.
func CauseOf(rec *workdirs.Record, state *TaskState, request Request) Cause {
	if rec != nil && rec.Source == taskSource && Cause(rec.Class) != CauseInterrupted {
		return Cause(rec.Class)
	}
	if state != nil {
		switch state.State {
		case OutOfMemory:
			return CauseMemory
		case Timeout:
			return CauseTime
		case NodeFail:
			return CauseNode
		case Preempted:
			return CausePreempted
		case Cancelled:
			return CauseCancelled
		case Failed:
			return causeOfFailure(*state, request)
		}
	}
	switch {
	case rec == nil:
		return CauseLost
	case rec.Source != taskSource:
		return Cause(rec.Class)
	case request.Time > 0 && rec.End.Sub(rec.Start) > request.Time*9/10:
		return CauseTime // a warning signal comes a little before the limit
	}
	return CauseInterrupted
}

// launchFailure is the "signal" that SLURM 22.05 gives for a job it could not start, for instance since its log can't be opened.
const launchFailure = 53

// causeOfFailure tells apart what schedulers call FAILED.
func causeOfFailure(s TaskState, request Request) Cause {
	killed := s.Signal == 9 || s.ExitCode == 128+9
	asked := s.Memory
	if asked == 0 {
		asked = request.Memory
	}
	switch {
	case killed && asked > 0 && s.PeakRSS >= asked:
		return CauseMemory
	case s.Signal == launchFailure:
		return CauseLaunch
	case killed || s.Signal != 0 || s.ExitCode > 128:
		return CauseSignal
	}
	return CauseLaunch
}

// taskSource is the source of a record that the task wrote itself.
const taskSource = "task"

// Next decides what to do after the attempts so far, of which the last is the newest. It depends on nothing else.
func Next(attempts []Attempt, p Policy) Decision {
	if len(attempts) == 0 {
		return Decision{}
	}
	last := attempts[len(attempts)-1]
	blamed := 0
	var exclude []string
	for _, a := range attempts {
		switch a.Cause {
		case CauseNode, CausePreempted, CauseLost, CauseInterrupted:
		default:
			blamed++
		}
		if (a.Cause == CauseNode || a.Cause == CauseLaunch) && a.Node != "" && !slices.Contains(exclude, a.Node) {
			exclude = append(exclude, a.Node)
		}
	}
	stop := func(format string, v ...any) Decision { return Decision{Reason: fmt.Sprintf(format, v...)} }
	if blamed >= p.Attempts {
		return stop("failed %d times, the last time for %s", blamed, last.Cause)
	}
	if len(attempts) >= p.Patience {
		return stop("tried %d times, the last time ended for %s", len(attempts), last.Cause)
	}
	d := Decision{Retry: true, Request: last.Request, Exclude: exclude}
	switch last.Cause {
	case CauseMemory:
		// The peak is sampled, and misses bursts: never less than half as much again.
		d.Request.Memory = max(last.Request.Memory*3/2, last.Peak*13/10)
		if p.MaxMemory > 0 && d.Request.Memory > p.MaxMemory {
			if last.Request.Memory >= p.MaxMemory {
				return stop("out of memory at %s, the most that this site gives a task", FormatMemory(last.Request.Memory))
			}
			d.Request.Memory = p.MaxMemory
		}
		d.Reason = fmt.Sprintf("out of memory at %s", FormatMemory(last.Request.Memory))
	case CauseTime:
		d.Request.Time = max(last.Request.Time*2, last.Elapsed*2)
		if p.MaxTime > 0 && d.Request.Time > p.MaxTime {
			if last.Request.Time >= p.MaxTime {
				return stop("out of time after %s, the most that this site gives a task", FormatTime(last.Request.Time))
			}
			d.Request.Time = p.MaxTime
		}
		d.Reason = fmt.Sprintf("out of time after %s", FormatTime(last.Request.Time))
	case CauseSignal:
		d.Request.Memory = last.Request.Memory * 3 / 2
		if p.MaxMemory > 0 {
			d.Request.Memory = min(d.Request.Memory, max(p.MaxMemory, last.Request.Memory))
		}
		d.Reason = "killed without a reason, perhaps for its memory"
	case CauseNode, CauseLaunch, CausePreempted, CauseLost, CauseInterrupted:
		d.Reason = map[Cause]string{
			CauseNode:        "its node failed",
			CauseLaunch:      "it ended before it could say anything",
			CausePreempted:   "preempted",
			CauseLost:        "lost without a trace",
			CauseInterrupted: "told to stop",
		}[last.Cause]
	case CauseCancelled:
		return stop("cancelled")
	default:
		if !last.Transient {
			return stop("%s error: trying again would end the same way", last.Cause)
		}
		d.Reason = fmt.Sprintf("%s error that may pass", last.Cause)
	}
	d.Request = d.Request.Rounded()
	return d
}
