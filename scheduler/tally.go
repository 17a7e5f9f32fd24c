package scheduler

import (
	"fmt"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Tally counts tasks, and the items that failed in them.
type Tally struct {
	Total   int `json:"total"`
	Idle    int `json:"idle"`
	Queued  int `json:"queued"`
	Running int `json:"running"`
	Done    int `json:"done"`
	Failing int `json:"to_retry"`
	Failed  int `json:"failed"`
	Blocked int `json:"blocked"`
	Items   int `json:"failed_items"` // in tasks that ended well otherwise
}

// Count counts all tasks of a run.
func Count(p *Picture) Tally {
	var t Tally
	for _, v := range p.Jobs {
		t.Add(v)
	}
	return t
}

// Add counts the tasks of one job.
func (t *Tally) Add(v *JobView) {
	for i := range v.Tasks {
		task := &v.Tasks[i]
		t.Total++
		switch task.Stand {
		case Idle:
			t.Idle++
		case Live:
			if task.Queue != nil && task.Queue.State == Running {
				t.Running++
			} else {
				t.Queued++
			}
		case Done:
			t.Done++
			t.Items += failedItems(task.Record)
		case Failing:
			t.Failing++
		case Dead:
			t.Failed++
		case Blocked:
			t.Blocked++
		}
	}
}

// failedItems counts the items that failed for good in a task that ended well.
func failedItems(r *workdirs.Record) int {
	n := 0
	if r != nil && r.State == workdirs.Done {
		for _, item := range r.Items {
			if item.State == workdirs.Failed {
				n++
			}
		}
	}
	return n
}

// Bad reports whether anything failed for good.
func (t Tally) Bad() bool { return t.Failed+t.Blocked+t.Items > 0 }

func (t Tally) String() string {
	s := fmt.Sprintf("%d of %d tasks done", t.Done, t.Total)
	within := "datasets in them failed"
	if t.Items == 1 {
		within = "dataset in them failed"
	}
	for _, part := range []struct {
		n    int
		what string
	}{
		{t.Running, "running"}, {t.Queued, "queued"}, {t.Idle, "to be submitted"}, {t.Failing, "to be tried again"},
		{t.Failed, "failed"}, {t.Blocked, "blocked"}, {t.Items, within},
	} {
		if part.n > 0 {
			s += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	return s
}

// HasFailed reports whether a task failed for good, or some of its items did.
func (t *TaskView) HasFailed() bool {
	return t.Stand == Dead || t.Stand == Done && failedItems(t.Record) > 0
}
