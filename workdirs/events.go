package workdirs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// Event is one line of a task's progress. Events are for people to watch: nothing is decided by them.
type Event struct {
	Job     string    `json:"job"`
	Index   int       `json:"index"`
	Attempt int       `json:"attempt"`
	Seq     int       `json:"seq"` // counts from 1 within the attempt
	Time    time.Time `json:"time"`
	Host    string    `json:"host,omitempty"`
	Step    string    `json:"step,omitempty"` // of the phase
	Code    string    `json:"code,omitempty"` // the item that is being worked on; none: the event is about the task
	Done    int64     `json:"done"`           // files of the item, or items of the task
	Total   int64     `json:"total,omitempty"`
	Refs    int64     `json:"references,omitempty"` // found so far in the item
	Message string    `json:"message,omitempty"`
}

// EventWriter appends the events of one attempt at one task to a file of its own, one write a line. It may be used by several
// goroutines.
type EventWriter struct {
	mu   sync.Mutex
	f    *os.File
	base Event
}

// OpenEvents opens the event file of an attempt. Where a scheduler started the attempt before, the numbers go on.
func (r *Run) OpenEvents(job string, index, attempt int) (*EventWriter, error) {
	if err := os.MkdirAll(r.path(eventsDir, job), 0o777); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(r.eventPath(job, index, attempt), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	last, _, err := r.LastEvent(job, index, attempt)
	if err != nil {
		f.Close()
		return nil, err
	}
	host, _ := os.Hostname()
	return &EventWriter{f: f, base: Event{Job: job, Index: index, Attempt: attempt, Seq: last.Seq, Host: host}}, nil
}

// Append writes an event, whose task, host, time and number the writer fills in, and returns it as written.
func (w *EventWriter) Append(e Event) (Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.base.Seq++
	e.Job, e.Index, e.Attempt, e.Seq, e.Host = w.base.Job, w.base.Index, w.base.Attempt, w.base.Seq, w.base.Host
	e.Time = time.Now().UTC()
	b, err := json.Marshal(e)
	if err != nil {
		return e, err
	}
	_, err = w.f.Write(append(b, '\n'))
	return e, err
}

// Close closes the file.
func (w *EventWriter) Close() error { return w.f.Close() }

func (r *Run) eventPath(job string, index, attempt int) string {
	return r.path(eventsDir, job, fmt.Sprintf("%d.a%d.ndjson", index, attempt))
}

// LastEvent reads the newest event of an attempt, and whether there is one. It reads the end of the file only.
func (r *Run) LastEvent(job string, index, attempt int) (Event, bool, error) {
	f, err := os.Open(r.eventPath(job, index, attempt))
	if errors.Is(err, fs.ErrNotExist) {
		return Event{}, false, nil
	}
	if err != nil {
		return Event{}, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return Event{}, false, err
	}
	const tail = 8 << 10 // a few lines; an event is some hundred bytes
	b := make([]byte, min(info.Size(), tail))
	n, err := f.ReadAt(b, info.Size()-int64(len(b)))
	if err != nil && n < len(b) {
		return Event{}, false, err
	}
	whole := strings.LastIndexByte(string(b), '\n')
	if whole < 0 {
		return Event{}, false, nil
	}
	lines := strings.Split(string(b[:whole]), "\n")
	var e Event
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &e); err != nil {
		return Event{}, false, nil // a line longer than the tail
	}
	return e, true, nil
}
