package bus

import (
	"sync"
	"time"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Progress is how far a running task has come.
type Progress struct {
	Attempt    int
	Seq        int       // of the newest event
	Time       time.Time // of the newest event
	Host       string
	Step       string
	Items      int64 // done, of TotalItems
	TotalItems int64
	Code       string  // the item that is being worked on
	Files      int64   // done of that item
	TotalFiles int64   // 0: not known
	References int64   // 0: not known
	Rate       float64 // files a second since the item's first event; 0: not known yet
	Message    string
	Began      time.Time // the attempt's first event that came
	Ended      bool      // the attempt has said its last word
	since      time.Time // the item's first event
	first      int64     // files at that time
}

// Board holds the newest progress of every task of a run. It may be used by several goroutines.
type Board struct {
	mu    sync.Mutex
	tasks map[boardKey]Progress
}

type boardKey struct {
	job   string
	index int
}

// NewBoard makes an empty board.
func NewBoard() *Board { return &Board{tasks: map[boardKey]Progress{}} }

// Add notes an event. One that is older than what is known changes nothing.
func (b *Board) Add(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := boardKey{e.Job, e.Index}
	p, known := b.tasks[key]
	switch {
	case !known && len(b.tasks) >= maxAttempts, e.Attempt < p.Attempt, e.Attempt == p.Attempt && e.Seq <= p.Seq:
		return
	case e.Attempt > p.Attempt:
		p = Progress{Attempt: e.Attempt, Began: e.Time}
	}
	p.Ended = e.Code == "" && (e.Message == workdirs.Done || e.Message == workdirs.Failed)
	p.Seq, p.Time, p.Host, p.Message = e.Seq, e.Time, e.Host, e.Message
	if e.Step != "" {
		p.Step = e.Step
	}
	if e.Code == "" {
		p.Items, p.TotalItems = e.Done, max(e.Total, p.TotalItems)
	} else {
		if e.Code != p.Code || e.Done < p.first {
			p.Code, p.Rate, p.since, p.first = e.Code, 0, e.Time, e.Done
			p.TotalFiles, p.References = 0, 0
		}
		p.Files, p.TotalFiles, p.References = e.Done, max(e.Total, p.TotalFiles), max(e.Refs, p.References)
		if d := e.Time.Sub(p.since).Seconds(); d > 0 {
			p.Rate = float64(p.Files-p.first) / d
		}
	}
	b.tasks[key] = p
}

// Task is the progress of a task's attempt, and whether any is known.
func (b *Board) Task(job string, index, attempt int) (Progress, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.tasks[boardKey{job, index}]
	return p, ok && p.Attempt == attempt
}
