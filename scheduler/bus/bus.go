// Package bus carries the progress of running tasks to whoever watches the run: live over NATS where a watcher serves it, and
// always over the event files of the workdir. Nothing is decided by what it carries, and without it all works the same.
//
// A task appends each event to its own file first, and then publishes it, best effort, to the server whose address and token the run's folder
// holds. A watcher (`kerb submit --wait`, `kerb status --watch`) runs that server inside itself, reads it and the files, and passes over what
// comes twice.
package bus

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"unicode"
	"unicode/utf8"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Event is one message of progress; (job, index, attempt, seq) is its identity.
type Event = workdirs.Event

// Publisher is a task's end of a bus. It may be used by several goroutines.
type Publisher interface {
	// Publish hands an event over. It does not wait for a reader, nor long for anything else: an error says that the event
	// will not arrive this way.
	Publish(ctx context.Context, e Event) error
	// Close delivers what was handed over, as far as that takes no time worth noticing. Publish fails from then on.
	Close() error
}

// Bus is a bus with both of its ends.
type Bus interface {
	Publisher
	// Events yields what is published, from before the call too, each publisher's in its order; an event may come twice. It goes on after an error
	// that it yields, and ends when ctx or the bus does. One reader at a time.
	Events(ctx context.Context) iter.Seq2[Event, error]
}

// ErrClosed says that a bus was closed before.
var ErrClosed = errors.New("bus is closed")

// Null carries nothing.
type Null struct{}

// Publish drops the event.
func (Null) Publish(ctx context.Context, _ Event) error { return ctx.Err() }

// Events yields nothing and ends at once.
func (Null) Events(context.Context) iter.Seq2[Event, error] { return func(func(Event, error) bool) {} }

// Close does nothing.
func (Null) Close() error { return nil }

// MaxEvent bounds an event as JSON. Our own are some hundred bytes.
const MaxEvent = 16 << 10

const maxText = 1 << 10

// check reports why e can't be an event that a task has written. What it lets through may be shown on a terminal.
func check(e *Event) error {
	switch {
	case e.Job == "" || e.Index < 0 || e.Attempt < 1:
		return fmt.Errorf("event of no task: %q index %d attempt %d", e.Job, e.Index, e.Attempt)
	case e.Seq < 1:
		return fmt.Errorf("event of %s[%d]: number %d", e.Job, e.Index, e.Seq)
	case e.Done < 0 || e.Total < 0 || e.Refs < 0:
		return fmt.Errorf("event of %s[%d]: counts less than nothing", e.Job, e.Index)
	}
	for _, s := range [...]string{e.Job, e.Host, e.Step, e.Code, e.Message} {
		if len(s) > maxText || !printable(s) {
			return fmt.Errorf("event of index %d: text that is too long or can't be shown", e.Index)
		}
	}
	return nil
}

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
