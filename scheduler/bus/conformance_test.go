package bus_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cedadev/kerchunk-builder/scheduler/bus"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// fixture is a bus under test: the reader's end, and ends for publishers, which may be the same.
type fixture struct {
	reader    bus.Bus
	publisher func() bus.Publisher
	carries   bool
}

func fixtures() map[string]func(*testing.T) fixture {
	return map[string]func(*testing.T) fixture{
		"null": func(*testing.T) fixture {
			return fixture{reader: bus.Null{}, publisher: func() bus.Publisher { return bus.Null{} }}
		},
		"file": func(t *testing.T) fixture {
			run := newRun(t)
			open := func() *bus.File { return bus.NewFile(run, 2*time.Millisecond, nil) }
			return fixture{reader: open(), publisher: func() bus.Publisher { return open() }, carries: true}
		},
		"natty": func(t *testing.T) fixture {
			s := serve(t)
			return fixture{reader: s, publisher: func() bus.Publisher { return s }, carries: true}
		},
		"natty, tasks' ends": func(t *testing.T) fixture {
			s := serve(t)
			find := func() (workdirs.BusAddress, error) { return s.Address(), nil }
			return fixture{reader: s, publisher: func() bus.Publisher { return bus.Join(find) }, carries: true}
		},
	}
}

func newRun(t *testing.T) *workdirs.Run {
	t.Helper()
	w, err := workdirs.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	g, err := w.Group("ocean")
	if err != nil {
		t.Fatal(err)
	}
	run := g.Run("1")
	if err := os.MkdirAll(run.Dir(), 0o777); err != nil {
		t.Fatal(err)
	}
	return run
}

func serve(t *testing.T) *bus.Server {
	t.Helper()
	s, err := bus.Serve(bus.Loopback)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// within is how long a test waits for what should come at once.
const within = 30 * time.Second

func TestConformance(t *testing.T) {
	for name, open := range fixtures() {
		t.Run(name, func(t *testing.T) {
			for name, test := range map[string]func(*testing.T, fixture){
				"EveryEventInOrder": everyEventInOrder, "FromBefore": fromBefore, "StopReading": stopReading, "EndOfContext": endOfContext,
				"EndOfBus": endOfBus, "AfterClose": afterClose, "EndedContext": endedContext,
			} {
				t.Run(name, func(t *testing.T) {
					t.Cleanup(func() { goleak.VerifyNone(t) })
					f := open(t)
					test(t, f)
					if err := f.reader.Close(); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

// everyEventInOrder: of several publishers that publish at once, each one's events come, once each, in its order, with all that they hold.
func everyEventInOrder(t *testing.T, f fixture) {
	const publishers, each = 4, 50
	var group sync.WaitGroup
	for k := range publishers {
		p := f.publisher()
		group.Go(func() {
			for seq := 1; seq <= each; seq++ {
				if err := p.Publish(t.Context(), event(k, seq)); err != nil {
					t.Error(err)
				}
			}
			closeUnless(t, p, f.reader)
		})
	}
	next := map[int]int{}
	total := 0
	read(t, f, publishers*each, func(e bus.Event) {
		next[e.Index]++
		want := event(e.Index, next[e.Index])
		if e.Seq != want.Seq {
			t.Fatalf("index %d: event %d after %d", e.Index, e.Seq, want.Seq-1)
		}
		if e.Job != want.Job || e.Attempt != want.Attempt || e.Step != want.Step || e.Code != want.Code || e.Done != want.Done || e.Total != want.Total || e.Refs != want.Refs || e.Message != want.Message {
			t.Fatalf("got %+v, want %+v", e, want)
		}
		total++
	})
	group.Wait()
	if want := publishers * each; f.carries && total != want {
		t.Errorf("%d events of %d", total, want)
	}
}

// fromBefore: what was published before anybody read is read.
func fromBefore(t *testing.T, f fixture) {
	p := f.publisher()
	if err := p.Publish(t.Context(), event(0, 1)); err != nil {
		t.Fatal(err)
	}
	closeUnless(t, p, f.reader)
	got := 0
	read(t, f, 1, func(bus.Event) { got++ })
	if f.carries && got != 1 {
		t.Error("the event of before is not there")
	}
}

// stopReading: a reader that stops in the middle leaves the bus usable, and the next reader misses nothing that comes later.
func stopReading(t *testing.T, f fixture) {
	p := f.publisher()
	for seq := 1; seq <= 3; seq++ {
		if err := p.Publish(t.Context(), event(0, seq)); err != nil {
			t.Fatal(err)
		}
	}
	read(t, f, 1, func(bus.Event) {})
	if err := p.Publish(t.Context(), event(0, 4)); err != nil {
		t.Fatal(err)
	}
	closeUnless(t, p, f.reader)
	if !f.carries {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for e, err := range f.reader.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Seq == 4 {
			return
		}
	}
	t.Error("event 4 did not come")
}

// endOfContext: reading ends with the reader's context.
func endOfContext(t *testing.T, f fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	drain(t, f.reader, ctx)
}

// endOfBus: reading ends when the bus is closed.
func endOfBus(t *testing.T, f fixture) {
	closed := make(chan error)
	time.AfterFunc(20*time.Millisecond, func() { closed <- f.reader.Close() })
	drain(t, f.reader, t.Context())
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// afterClose: a closed publisher takes nothing more, and closing again is no error.
func afterClose(t *testing.T, f fixture) {
	p := f.publisher()
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Publish(t.Context(), event(0, 1)); f.carries && !errors.Is(err, bus.ErrClosed) {
		t.Errorf("published after the end: %v", err)
	}
}

// endedContext: nothing is published for one whose context has ended.
func endedContext(t *testing.T, f fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := f.publisher()
	if err := p.Publish(ctx, event(0, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	closeUnless(t, p, f.reader)
}

func event(index, seq int) bus.Event {
	return bus.Event{
		Job: "compute", Index: index, Attempt: 2, Seq: seq, Step: "compute", Code: fmt.Sprintf("sst-%d", index),
		Done: int64(seq), Total: 1 << 40, Refs: int64(seq) * 1000, Message: "größe ✓",
	}
}

// read reads n events, unless the bus carries none.
func read(t *testing.T, f fixture, n int, fn func(bus.Event)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for e, err := range f.reader.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		fn(e)
		if n--; n == 0 {
			return
		}
	}
	if f.carries {
		t.Errorf("%d events did not come", n)
	}
}

// drain reads until the sequence ends by itself.
func drain(t *testing.T, b bus.Bus, ctx context.Context) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range b.Events(ctx) {
		}
	}()
	select {
	case <-ended:
	case <-time.After(within):
		t.Fatal("reading does not end")
	}
}

// closeUnless closes a publisher that is not the reader's bus.
func closeUnless(t *testing.T, p bus.Publisher, b bus.Bus) {
	t.Helper()
	if p == bus.Publisher(b) {
		return
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
