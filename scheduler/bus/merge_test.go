package bus_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"github.com/cedadev/kerchunk-builder/scheduler/bus"
)

// script is a bus that yields what it is made of.
type script struct {
	bus.Null
	events []bus.Event
	err    error
}

func (s script) Events(context.Context) iter.Seq2[bus.Event, error] {
	return func(yield func(bus.Event, error) bool) {
		if s.err != nil && !yield(bus.Event{}, s.err) {
			return
		}
		for _, e := range s.events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// TestMergeIsTheUnion: whatever each source leaves out, repeats or turns round (within bounds), what any has comes once.
func TestMergeIsTheUnion(t *testing.T) {
	defer goleak.VerifyNone(t)
	for round := range 50 {
		r := rand.New(rand.NewPCG(uint64(round), 1))
		want := map[[2]int]bool{}
		var sources []bus.Bus
		for range 1 + r.IntN(3) {
			var s script
			for index := range 3 {
				for seq := 1; seq <= 200; seq++ {
					for range r.IntN(3) {
						s.events = append(s.events, event(index, seq))
						want[[2]int{index, seq}] = true
					}
				}
			}
			r.Shuffle(len(s.events), func(i, j int) { s.events[i], s.events[j] = s.events[j], s.events[i] })
			sources = append(sources, s)
		}
		for e, err := range bus.Merge(t.Context(), sources...) {
			if err != nil {
				t.Fatal(err)
			}
			key := [2]int{e.Index, e.Seq}
			if !want[key] {
				t.Fatalf("round %d: %v came twice", round, key)
			}
			delete(want, key)
		}
		if len(want) > 0 {
			t.Fatalf("round %d: %d events did not come", round, len(want))
		}
	}
}

func TestMergePassesErrorsOn(t *testing.T) {
	defer goleak.VerifyNone(t)
	broken := errors.New("broken")
	failed, got := 0, 0
	for _, err := range bus.Merge(t.Context(), script{err: broken}, script{events: []bus.Event{event(0, 1)}}) {
		if errors.Is(err, broken) {
			failed++
		} else {
			got++
		}
	}
	if failed != 1 || got != 1 {
		t.Errorf("%d errors and %d events", failed, got)
	}
}

// TestMergeWithHugeGaps: numbers that no task would send take bounded memory, and what comes after them still comes.
func TestMergeWithHugeGaps(t *testing.T) {
	var s script
	for i := range 10_000 {
		s.events = append(s.events, event(0, 1_000_000_000-7*i), event(0, 2_000_000_000+7*i))
	}
	last := event(0, 1<<40)
	s.events = append(s.events, last)
	came := false
	for e := range bus.Merge(t.Context(), s) {
		came = came || e.Seq == last.Seq
	}
	if !came {
		t.Error("the last event did not come")
	}
}
