package scheduler

import (
	"cmp"
	"maps"
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

// packed puts small datasets into tasks, the same ones in all the steps. Few datasets get a task each. Many share: starting a task
// costs seconds, and more tasks than can run at once only wait. Datasets of one task ask for memory of the same power of two.
func packed(datasets []Needs, steps []Step, limits Limits) []memoryClass {
	if len(datasets) == 0 || len(steps) == 0 {
		return nil
	}
	byMemory := map[int][]Needs{}
	var total time.Duration
	for _, n := range datasets {
		most := n.most(steps)
		class := bits.Len64(uint64(max(most.Memory, 0) / mebibyte))
		byMemory[class] = append(byMemory[class], n)
		total += most.Time
	}
	budget := min(limits.PackTime, total/time.Duration(max(limits.Width, 1)))
	var classes []memoryClass
	for _, class := range slices.Sorted(maps.Keys(byMemory)) {
		sharing := shared(byMemory[class], steps, budget)
		c := memoryClass{steps: requested(sharing, steps)}
		for _, list := range sharing {
			task := make(Task, len(list))
			for i, n := range list {
				task[i] = Item{n.Code, -1}
			}
			c.tasks = append(c.tasks, task)
		}
		classes = append(classes, c)
	}
	return classes
}

// shared puts datasets together that take about the budget in the step that takes them longest. A dataset of which no time is
// predicted stays alone, and so does one that takes most of the budget by itself.
func shared(datasets []Needs, steps []Step, budget time.Duration) [][]Needs {
	var tasks [][]Needs
	var quick []Needs
	var total time.Duration
	for _, n := range datasets {
		if t := n.most(steps).Time; t <= 0 || t > budget/2 {
			tasks = append(tasks, []Needs{n})
		} else {
			quick, total = append(quick, n), total+t
		}
	}
	if len(quick) == 0 {
		return tasks
	}
	// Dealt out like cards, the longest first and each round the other way about, they come to about the same.
	slices.SortStableFunc(quick, func(a, b Needs) int { return cmp.Compare(b.most(steps).Time, a.most(steps).Time) })
	hands := make([][]Needs, (total+budget-1)/budget)
	for i, n := range quick {
		k := i % len(hands)
		if i/len(hands)%2 == 1 {
			k = len(hands) - 1 - k
		}
		hands[k] = append(hands[k], n)
	}
	return append(tasks, hands...)
}

// requested is what the arrays of some tasks ask for, step by step: enough for the longest task, whose time is the sum of its
// datasets'.
func requested(tasks [][]Needs, steps []Step) map[Step]Request {
	requests := map[Step]Request{}
	for _, s := range steps {
		var longest Request
		for _, task := range tasks {
			var sum Request
			for _, n := range task {
				r := n.Steps[s].Or(Request{Memory: DefaultRequest(s).Memory, CPUs: 1})
				if r.Time == 0 { // a default is no prediction
					r.Time = DefaultRequest(s).Time / 2
				}
				r.Time += sum.Time
				sum = sum.Max(r)
			}
			longest = longest.Max(sum)
		}
		requests[s] = asked(longest)
	}
	return requests
}

// most is the most that any of the steps needs, as far as it is predicted.
func (n Needs) most(steps []Step) Request {
	var most Request
	for _, s := range steps {
		most = most.Max(n.Steps[s])
	}
	return most
}
