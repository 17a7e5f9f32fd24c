package workdirs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// The states of a record and of its items.
const (
	Running = "running" // of a task with several items: what it has done so far
	Done    = "done"    // also when some of several items failed for good: their results say so
	Failed  = "failed"
	Skipped = "skipped" // not tried, since an earlier step of the same dataset failed
)

// Record is what is known of the end of one attempt at one task. The task writes it itself as its last act; of a task
// that died the orchestrator writes what the scheduler told. Each attempt has its own file, since a process of
// an earlier attempt may still be running on a node that the scheduler gave up.
type Record struct {
	Job       string           `json:"job"` // the plan's key of the job
	Index     int              `json:"index"`
	Attempt   int              `json:"attempt"`
	State     string           `json:"state"`
	Class     string           `json:"class,omitempty"` // of the first failed item, or of what ended the task
	Message   string           `json:"message,omitempty"`
	Transient bool             `json:"transient,omitempty"` // trying the same again may succeed
	Host      string           `json:"host,omitempty"`
	Start     time.Time        `json:"start,omitzero"`
	End       time.Time        `json:"end,omitzero"`
	Peak      int64            `json:"peak,omitempty"` // resident bytes
	Source    string           `json:"source"`         // "task", or where the orchestrator has it from
	Redo      []int            `json:"redo,omitempty"` // parts that were found missing, and must be computed again
	Items     []ItemResult     `json:"items,omitempty"`
	Counters  map[string]int64 `json:"counters,omitempty"`
}

// ItemResult is what became of one item of a task.
type ItemResult struct {
	Code      string  `json:"code"`
	Part      int     `json:"part,omitempty"`
	State     string  `json:"state"`
	Class     string  `json:"class,omitempty"`
	Message   string  `json:"message,omitempty"`
	Transient bool    `json:"transient,omitempty"`
	Seconds   float64 `json:"seconds,omitempty"`
}

// Records are kept one file per attempt and kind, until they are compacted into tasks/compacted.tsv:
//
//	tasks/JOB/INDEX.aATTEMPT.json        the task's own last word
//	tasks/JOB/INDEX.aATTEMPT.told.json   what the orchestrator concluded about it
//	tasks/JOB/INDEX.aATTEMPT.doing.json  what the task has done so far
//
// Nobody changes a file of the first two kinds once it is there, and each kind has one writer. So whoever has read one need not
// read it again, and whoever has compacted it may remove it.
type recordKind int

// Of one attempt, the first kind that is there counts.
const (
	ownWord recordKind = iota
	told
	doing
)

func (k recordKind) String() string { return [...]string{"", ".told", ".doing"}[k] }

// recordName names the file of a record.
type recordName struct {
	job            string
	index, attempt int
	kind           recordKind
}

func (n recordName) String() string {
	return fmt.Sprintf("%d.a%d%s.json", n.index, n.attempt, n.kind)
}

// parseRecordName reads what String wrote; false for what is no record, such as a write in progress.
func parseRecordName(job, file string) (recordName, bool) {
	n := recordName{job: job}
	name, ok := strings.CutSuffix(file, ".json")
	if !ok {
		return n, false
	}
	for _, kind := range []recordKind{told, doing} {
		if rest, ok := strings.CutSuffix(name, kind.String()); ok {
			name, n.kind = rest, kind
		}
	}
	index, attempt, ok := strings.Cut(name, ".a")
	var ierr, aerr error
	n.index, ierr = strconv.Atoi(index)
	n.attempt, aerr = strconv.Atoi(attempt)
	return n, ok && ierr == nil && aerr == nil
}

func compareNames(a, b recordName) int {
	if a.job != b.job {
		return strings.Compare(a.job, b.job)
	}
	return cmp.Or(a.index-b.index, a.attempt-b.attempt, int(a.kind-b.kind))
}

// final reports whether the record ends its attempt.
func (n recordName) final() bool { return n.kind != doing }

// as names another file of the same attempt.
func (n recordName) as(kind recordKind) recordName {
	n.kind = kind
	return n
}

func nameOf(rec *Record) recordName {
	n := recordName{rec.Job, rec.Index, rec.Attempt, ownWord}
	switch {
	case rec.State == Running:
		n.kind = doing
	case rec.Source != "task":
		n.kind = told
	}
	return n
}

func (r *Run) recordPath(n recordName) string { return r.path(tasksDir, n.job, n.String()) }

// WriteRecord writes a record atomically.
func (r *Run) WriteRecord(rec Record) error {
	name := nameOf(&rec)
	for try := 0; ; try++ {
		err := WriteFile(r.recordPath(name), func(w io.Writer) error { return json.NewEncoder(w).Encode(rec) })
		if errors.Is(err, fs.ErrNotExist) && try < 10 {
			continue // the job's folder was empty, and compaction removed it this moment
		}
		if err == nil && name.kind == ownWord && len(rec.Items) > 1 {
			_ = os.Remove(r.recordPath(name.as(doing))) // it counts only while there is no better
		}
		return err
	}
}
