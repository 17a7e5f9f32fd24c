package bus

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

// File is the bus that is always there: the event files of a run.
type File struct {
	run      *workdirs.Run
	attempts func() ([]workdirs.Attempt, error)
	every    time.Duration

	closed chan struct{}
	mu     sync.Mutex
	writer map[workdirs.Attempt]*workdirs.EventWriter // nil: closed
}

// NewFile opens the event files of a run. A reader looks every so often for what the attempts that attempts lists have
// appended; nil lists all that have a file, which takes a read of each.
func NewFile(run *workdirs.Run, every time.Duration, attempts func() ([]workdirs.Attempt, error)) *File {
	if attempts == nil {
		attempts = run.EventFiles
	}
	return &File{run: run, attempts: attempts, every: every, closed: make(chan struct{}), writer: map[workdirs.Attempt]*workdirs.EventWriter{}}
}

// Publish appends the event to the file of its attempt, and gives it that file's next number, its host and time.
func (f *File) Publish(ctx context.Context, e Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writer == nil {
		return ErrClosed
	}
	w := f.writer[e.Of()]
	if w == nil {
		var err error
		if w, err = f.run.OpenEvents(e.Job, e.Index, e.Attempt); err != nil {
			return err
		}
		f.writer[e.Of()] = w
	}
	_, err := w.Append(e)
	return err
}

// Events tails the files, each from its beginning. What is no event is passed over.
func (f *File) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		tail := f.run.TailEvents()
		tick := time.NewTicker(f.every)
		defer tick.Stop()
		for {
			list, err := f.attempts()
			if err != nil && !yield(Event{}, err) {
				return
			}
			for _, a := range list {
				if ctx.Err() != nil {
					return
				}
				stopped := false
				err := tail.Read(a, func(e Event) bool {
					stopped = check(&e) == nil && !yield(e, nil)
					return !stopped
				})
				if stopped || err != nil && !yield(Event{}, err) {
					return
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-f.closed:
				return
			case <-tick.C:
			}
		}
	}
}

// Close closes the files that were written.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writer == nil {
		return nil
	}
	close(f.closed)
	var errs []error
	for _, w := range f.writer {
		errs = append(errs, w.Close())
	}
	f.writer = nil
	return errors.Join(errs...)
}
