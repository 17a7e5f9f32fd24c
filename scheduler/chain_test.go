package scheduler

import (
	"fmt"
	"testing"
	"time"
)

// What a user's other jobs take of the queue, a run leaves to them.
func TestQueueIsShared(t *testing.T) {
	var codes []string
	for i := range 30 {
		codes = append(codes, fmt.Sprint("d", i))
	}
	plan, err := NewPlan("g", Scan, Scan, codes, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	plan = plan.Begin(nil)
	for others, want := range map[int]int{0: 16, 13: 3, 40: 1} {
		o := Observed{Plan: &plan, Ledger: NewLedger(nil), Now: time.Now(), Policy: Policy{MaxQueued: 16 + drivers}}
		for i := range others {
			o.Queue = append(o.Queue, TaskState{Job: "77", Index: i, Token: "another:run:1", State: Pending}, TaskState{Job: "78", Index: i, State: Completed})
		}
		got := 0
		for _, a := range Reconcile(o) {
			if s, ok := a.(Submit); ok {
				got += len(s.Indices)
			}
		}
		if got != want {
			t.Errorf("with %d tasks of other jobs in the queue %d are submitted, want %d", others, got, want)
		}
	}
}
