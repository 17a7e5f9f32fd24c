package workdirs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// Attempt names one attempt at one task of a run.
type Attempt struct {
	Job     string // key of the job
	Index   int
	Attempt int // counts from 1
}

// Of is the attempt that an event tells of.
func (e *Event) Of() Attempt { return Attempt{Job: e.Job, Index: e.Index, Attempt: e.Attempt} }

// EventFiles lists the attempts that have an event file. It reads one folder per job and no file.
func (r *Run) EventFiles() ([]Attempt, error) {
	jobs, err := os.ReadDir(r.path(eventsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []Attempt
	for _, job := range jobs {
		files, err := os.ReadDir(r.path(eventsDir, job.Name()))
		if err != nil {
			if job.IsDir() && !errors.Is(err, fs.ErrNotExist) {
				return list, err
			}
			continue
		}
		for _, f := range files {
			if index, attempt, ok := parseEventName(f.Name()); ok {
				list = append(list, Attempt{Job: job.Name(), Index: index, Attempt: attempt})
			}
		}
	}
	return list, nil
}

// parseEventName takes INDEX.aATTEMPT.ndjson apart.
func parseEventName(name string) (index, attempt int, ok bool) {
	stem, ok := strings.CutSuffix(name, ".ndjson")
	if !ok {
		return 0, 0, false
	}
	a, b, ok := strings.Cut(stem, ".a")
	if !ok {
		return 0, 0, false
	}
	index, err := strconv.Atoi(a)
	if err != nil {
		return 0, 0, false
	}
	attempt, err = strconv.Atoi(b)
	return index, attempt, err == nil && index >= 0 && attempt >= 1
}

// EventTail reads event files as they grow: each read goes on where the one before it ended. It keeps an offset per file, and no file open.
type EventTail struct {
	run    *Run
	offset map[Attempt]int64
	buf    []byte
}

// TailEvents starts to read the run's event files from their beginnings.
func (r *Run) TailEvents() *EventTail {
	return &EventTail{run: r, offset: map[Attempt]int64{}}
}

// maxEventLine bounds a line of an event file; an event is some hundred bytes.
const maxEventLine = 64 << 10

// Read calls fn for every event that an attempt has appended since the last call, until fn returns false. A line that is not whole yet is left
// for the next call; one that is no event is passed over.
func (t *EventTail) Read(a Attempt, fn func(Event) bool) error {
	f, err := os.Open(t.run.eventPath(a.Job, a.Index, a.Attempt))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if t.buf == nil {
		t.buf = make([]byte, maxEventLine)
	}
	at := t.offset[a]
	defer func() { t.offset[a] = at }()
	for {
		n, err := f.ReadAt(t.buf, at)
		if err != nil && err != io.EOF {
			return fmt.Errorf("%s at byte %d: %w", f.Name(), at, err)
		}
		chunk := t.buf[:n]
		end := bytes.LastIndexByte(chunk, '\n') + 1
		if end == 0 {
			if n < len(t.buf) {
				return nil
			}
			at += int64(n) // longer than any event: its rest will be no event either
			continue
		}
		for line := range bytes.Lines(chunk[:end]) {
			at += int64(len(line))
			var e Event
			if json.Unmarshal(line, &e) != nil || e.Of() != a {
				continue
			}
			if !fn(e) {
				return nil
			}
		}
		if n < len(t.buf) {
			return nil
		}
	}
}
