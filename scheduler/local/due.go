package local

import (
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

// verdict is what a dependency says of a task.
type verdict int

const (
	cameTrue verdict = iota
	waiting
	never
)

// lookup finds a job; nil when there is none.
type lookup func(scheduler.JobID) *job

// judge is the verdict of a job's dependencies on its task of an index: all must come true, and one that never does
// decides; or, where the job says so, one that comes true is enough.
func judge(j *job, index int, find lookup) verdict {
	if len(j.After) == 0 {
		return cameTrue
	}
	best, worst := never, cameTrue
	for _, d := range j.After {
		v := judgeOne(d.Kind, find(d.Job), index)
		best, worst = min(best, v), max(worst, v)
	}
	if j.Any {
		return best
	}
	return worst
}

func judgeOne(kind scheduler.DependencyKind, on *job, index int) verdict {
	if on == nil {
		return never
	}
	done := on.ended == len(on.tasks)
	switch kind {
	case scheduler.AfterAny:
		return when(done, false)
	case scheduler.AfterNotOK:
		return when(done && on.failed > 0, done)
	case scheduler.AfterCorr:
		if i, ok := on.at[index]; ok {
			s := on.tasks[i].State
			return when(s == scheduler.Completed, s.Ended())
		}
	}
	return when(done && on.failed == 0, on.failed > 0)
}

func when(true_, hopeless bool) verdict {
	switch {
	case true_:
		return cameTrue
	case hopeless:
		return never
	}
	return waiting
}

// room is what is left of the machine.
type room struct {
	cpus   int
	memory int64
}

func (r room) fits(j *job) bool { return j.CPUs <= r.cpus && j.Memory <= r.memory }

// due are the tasks to start now, in the order of their submission. A task that is due but does not fit holds up all
// behind it, so that a large one is not passed by small ones for ever.
func due(jobs []*job, find lookup, free room, now time.Time) []*start {
	var starts []*start
	for _, j := range jobs {
		if now.Before(j.Begin) {
			continue
		}
		running := j.running
		for i := j.next; i < len(j.tasks); i++ {
			if j.Throttle > 0 && running >= j.Throttle {
				break
			}
			t := &j.tasks[i]
			if t.State != scheduler.Pending || judge(j, t.Index, find) != cameTrue {
				continue
			}
			if !free.fits(j) {
				return starts
			}
			free.cpus -= j.CPUs
			free.memory -= j.Memory
			running++
			starts = append(starts, &start{j, t.Index})
		}
	}
	return starts
}

// start is a task that is to be started.
type start struct {
	job   *job
	index int
}

// reasonOf says in SLURM's words why a task waits.
func reasonOf(j *job, t task, find lookup) string {
	switch judge(j, t.Index, find) {
	case never:
		return scheduler.NeverSatisfied
	case waiting:
		return "Dependency"
	}
	if time.Now().Before(j.Begin) {
		return "BeginTime"
	}
	if j.Throttle > 0 && j.running >= j.Throttle {
		return "JobArrayTaskLimit"
	}
	return "Resources"
}
