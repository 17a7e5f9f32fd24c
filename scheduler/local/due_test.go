package local

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

// TestQueue runs random jobs with made-up outcomes to the end, and checks at every step what a queue must never do.
func TestQueue(t *testing.T) {
	kinds := []scheduler.DependencyKind{scheduler.AfterOK, scheduler.AfterAny, scheduler.AfterNotOK, scheduler.AfterCorr}
	rapid.Check(t, func(t *rapid.T) {
		whole := room{rapid.IntRange(1, 4).Draw(t, "cpus"), rapid.Int64Range(1, 8).Draw(t, "memory")}
		free := whole
		jobs := map[scheduler.JobID]*job{}
		var order []*job
		for i := range rapid.IntRange(1, 6).Draw(t, "jobs") {
			s := spec{
				CPUs: rapid.IntRange(1, whole.cpus).Draw(t, "c"), Memory: rapid.Int64Range(1, whole.memory).Draw(t, "m"),
				Throttle: rapid.IntRange(0, 2).Draw(t, "throttle"),
			}
			for index := range rapid.IntRange(0, 4).Draw(t, "tasks") {
				s.Indices = append(s.Indices, index)
			}
			if i > 0 && rapid.Bool().Draw(t, "waits") {
				on := scheduler.JobID(rune('a' + rapid.IntRange(0, i-1).Draw(t, "on")))
				s.After = []scheduler.Dependency{{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Job: on}}
				if s.Any = rapid.Bool().Draw(t, "any"); s.Any {
					other := scheduler.JobID(rune('a' + rapid.IntRange(0, i-1).Draw(t, "or on")))
					s.After = append(s.After, scheduler.Dependency{Kind: rapid.SampledFrom(kinds).Draw(t, "other kind"), Job: other})
				}
			}
			j := newJob(scheduler.JobID(rune('a'+i)), s)
			jobs[j.id] = j
			order = append(order, j)
		}
		find := func(id scheduler.JobID) *job { return jobs[id] }
		var running []*start
		for step := 0; ; step++ {
			if step > 1000 {
				t.Fatal("it never ends")
			}
			for _, s := range due(order, find, free, time.Now()) {
				if !free.fits(s.job) {
					t.Fatalf("job %s does not fit into %+v", s.job.id, free)
				}
				if task := s.job.tasks[s.job.at[s.index]]; task.State != scheduler.Pending || judge(s.job, s.index, find) != cameTrue {
					t.Fatalf("started a task that is %+v", task)
				}
				free.cpus, free.memory = free.cpus-s.job.CPUs, free.memory-s.job.Memory
				s.job.set(task{Index: s.index, State: scheduler.Running})
				if s.job.Throttle > 0 && s.job.running > s.job.Throttle {
					t.Fatalf("%d tasks of job %s run, %d may", s.job.running, s.job.id, s.job.Throttle)
				}
				running = append(running, s)
			}
			if len(running) == 0 {
				break
			}
			i := rapid.IntRange(0, len(running)-1).Draw(t, "ends")
			s := running[i]
			running = append(running[:i], running[i+1:]...)
			free.cpus, free.memory = free.cpus+s.job.CPUs, free.memory+s.job.Memory
			s.job.set(task{Index: s.index, State: rapid.SampledFrom([]scheduler.State{scheduler.Completed, scheduler.Failed}).Draw(t, "how")})
		}
		if free != whole {
			t.Fatalf("%+v left of %+v", free, whole)
		}
		for _, j := range order { // what is left over waits for what never comes
			for _, task := range j.tasks {
				if task.State == scheduler.Pending && judge(j, task.Index, find) == cameTrue {
					t.Fatalf("task %d of job %s was never started", task.Index, j.id)
				}
			}
		}
	})
}
