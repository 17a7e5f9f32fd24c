package bus

import (
	"context"
	"iter"
	"sync"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Merge reads several buses as one, and passes over what has come already, from whichever of them. It ends when all of them have.
func Merge(ctx context.Context, buses ...Bus) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		type item struct {
			event Event
			err   error
		}
		ctx, cancel := context.WithCancel(ctx)
		items := make(chan item)
		var readers sync.WaitGroup
		for _, b := range buses {
			readers.Go(func() {
				for e, err := range b.Events(ctx) {
					select {
					case items <- item{e, err}:
					case <-ctx.Done():
						return
					}
				}
			})
		}
		go func() { readers.Wait(); close(items) }()
		defer readers.Wait()
		defer cancel()

		seen := seen{}
		for i := range items {
			if i.err == nil && !seen.first(&i.event) {
				continue
			}
			if !yield(i.event, i.err) {
				return
			}
		}
	}
}

// seen knows which events have come. Two sources of one task may run ahead of each other, and one may leave events out, so for
// each attempt there is a number up to which all have come, and a few beyond it.
type seen map[workdirs.Attempt]*numbers

type numbers struct {
	upTo   int
	beyond map[int]bool
}

// maxBeyond bounds what is kept of an attempt; maxAttempts the attempts. Beyond them an event may be shown twice or be passed over: never more
// memory for one who sends nonsense.
const (
	maxBeyond   = 1024
	maxAttempts = 1 << 18
)

// first reports whether e has not come before, and notes that it has.
func (s seen) first(e *Event) bool {
	n := s[e.Of()]
	if n == nil {
		if len(s) >= maxAttempts {
			return true
		}
		n = &numbers{}
		s[e.Of()] = n
	}
	switch {
	case e.Seq <= n.upTo || n.beyond[e.Seq]:
		return false
	case e.Seq != n.upTo+1:
		if n.beyond == nil {
			n.beyond = map[int]bool{}
		}
		if n.beyond[e.Seq] = true; len(n.beyond) <= maxBeyond {
			return true
		}
		lowest := e.Seq // what lies before it is given up
		for seq := range n.beyond {
			lowest = min(lowest, seq)
		}
		n.upTo = lowest - 1
	default:
		n.upTo = e.Seq
	}
	for n.beyond[n.upTo+1] {
		n.upTo++
		delete(n.beyond, n.upTo)
	}
	return true
}
