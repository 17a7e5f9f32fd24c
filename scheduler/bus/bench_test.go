package bus_test

import (
	"context"
	"testing"

	"github.com/cedadev/kerchunk-builder/scheduler/bus"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// BenchmarkRoundTrip is the time from a task's Publish to the watcher, one event at a time.
func BenchmarkRoundTrip(b *testing.B) {
	s, p, events := benchmark(b)
	defer s.Close()
	defer p.Close()
	for seq := range b.N {
		if err := p.Publish(b.Context(), event(0, seq+1)); err != nil {
			b.Fatal(err)
		}
		<-events
	}
}

// BenchmarkStream is the time for each of many events, from a task's Publish to the watcher.
func BenchmarkStream(b *testing.B) {
	s, p, events := benchmark(b)
	defer s.Close()
	defer p.Close()
	go func() {
		for seq := range b.N {
			for p.Publish(b.Context(), event(0, seq+1)) != nil && b.Context().Err() == nil {
			}
		}
	}()
	for range b.N {
		<-events
	}
}

func benchmark(b *testing.B) (*bus.Server, bus.Publisher, <-chan bus.Event) {
	s, err := bus.Serve(bus.Loopback)
	if err != nil {
		b.Fatal(err)
	}
	p := bus.Join(func() (workdirs.BusAddress, error) { return s.Address(), nil })
	events := make(chan bus.Event, 1)
	go func() {
		for e := range s.Events(context.Background()) {
			events <- e
		}
	}()
	if err := p.Publish(b.Context(), event(0, 1)); err != nil { // connects
		b.Fatal(err)
	}
	<-events
	b.ReportAllocs()
	b.ResetTimer()
	return s, p, events
}

// BenchmarkServe is what a watcher pays for the server, start and stop.
func BenchmarkServe(b *testing.B) {
	for range b.N {
		s, err := bus.Serve(bus.Loopback)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUnwatched is what a task pays for an event when nobody watches.
func BenchmarkUnwatched(b *testing.B) {
	p := bus.Join(func() (workdirs.BusAddress, error) { return workdirs.BusAddress{}, context.Canceled })
	defer p.Close()
	b.ReportAllocs()
	for seq := range b.N {
		_ = p.Publish(b.Context(), event(0, seq+1))
	}
}
