package scheduler

import (
	"cmp"
	"math/bits"
	"slices"
	"time"
)

// asked is what to ask for where a time is predicted: predictions err, and nodes differ.
func asked(r Request) Request {
	if r.Time > 0 {
		r.Time = 2*r.Time + 10*time.Minute
	}
	return r
}

// memoryClass is a set of tasks that ask for about the same memory: an array has one request for all its indices, and one
// greedy dataset must not make thousands wait for big nodes.
type memoryClass struct {
	tasks []Task
	steps map[Step]Request
}

// packed puts small datasets into tasks by predicted time. Datasets of one task ask for memory of the same power of
// two. Few datasets get a task each; many share, up to limits.PackTime, since starting a task costs seconds.
func packed(datasets []Needs, steps []Step, limits Limits) []memoryClass {
	if len(datasets) == 0 || len(steps) == 0 {
		return nil
	}
	// The first step is the one that decides; the others follow its tasks.
	lead := steps[0]
	request := func(n Needs, s Step) Request { return n.Steps[s].Or(DefaultRequest(s)) }
	known := func(n Needs) bool { return n.Steps[lead].Time > 0 }
	var total time.Duration
	for _, n := range datasets {
		total += request(n, lead).Time
	}
	budget := min(limits.PackTime, total/time.Duration(max(limits.Width, 1)))

	sorted := slices.Clone(datasets)
	class := func(n Needs) int { return bits.Len64(uint64(max(request(n, lead).Memory, 0) / mebibyte)) }
	slices.SortStableFunc(sorted, func(a, b Needs) int {
		return cmp.Or(class(a)-class(b), cmp.Compare(request(b, lead).Time, request(a, lead).Time))
	})
	var classes []memoryClass
	var used time.Duration
	for i, n := range sorted {
		if i == 0 || class(n) != class(sorted[i-1]) {
			classes = append(classes, memoryClass{steps: map[Step]Request{}})
			used = budget + 1
		}
		c := &classes[len(classes)-1]
		t := request(n, lead).Time
		if used+t > budget || !known(n) {
			c.tasks, used = append(c.tasks, nil), 0
		}
		used += t
		last := len(c.tasks) - 1
		c.tasks[last] = append(c.tasks[last], Item{n.Code, -1})
	}
	// A task's time is the sum of its items'; the array asks for its longest task. A default is no prediction.
	of := map[string]Needs{}
	for _, n := range datasets {
		of[n.Code] = n
	}
	for i := range classes {
		for _, s := range steps {
			var longest Request
			for _, t := range classes[i].tasks {
				var sum Request
				for _, item := range t {
					r := of[item.Code].Steps[s].Or(Request{Memory: DefaultRequest(s).Memory, CPUs: 1})
					if r.Time == 0 {
						r.Time = DefaultRequest(s).Time / 2
					}
					r.Time += sum.Time
					sum = sum.Max(r)
				}
				longest = longest.Max(sum)
			}
			classes[i].steps[s] = asked(longest)
		}
	}
	return classes
}
