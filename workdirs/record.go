package workdirs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
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

// Records are kept one file per attempt, tasks/JOB/INDEX.aATTEMPT.json, until they are compacted into
// tasks/compacted.tsv, one line each.
const compactedFile = "compacted.tsv"

func (r *Run) recordPath(job string, index, attempt int) string {
	return r.path(tasksDir, job, fmt.Sprintf("%d.a%d.json", index, attempt))
}

// WriteRecord writes a record atomically.
func (r *Run) WriteRecord(rec Record) error {
	return WriteFile(r.recordPath(rec.Job, rec.Index, rec.Attempt), func(w io.Writer) error {
		return json.NewEncoder(w).Encode(rec)
	})
}

// Records reads all records of the run, sorted by job, index and attempt.
//
// The loose files are listed before the compacted file is read: what a compaction that runs meanwhile
// takes away from the one has been put into the other.
func (r *Run) Records() ([]Record, error) {
	loose, _, err := r.looseRecords()
	if err != nil {
		return nil, err
	}
	compacted, err := r.compactedRecords()
	if err != nil {
		return nil, err
	}
	return mergeRecords(compacted, loose), nil
}

// mergeRecords sorts the records and keeps one of each attempt: what the task wrote itself wins over
// what was concluded about it.
func mergeRecords(lists ...[]Record) []Record {
	all := lists[0]
	for _, list := range lists[1:] {
		all = append(all, list...)
	}
	// A record is big, and most often the order is right: pointers are sorted, and only when it isn't.
	strictly := true
	for i := 1; i < len(all) && strictly; i++ {
		strictly = compareTasks(&all[i-1], &all[i]) < 0
	}
	if strictly {
		return all
	}
	order := make([]*Record, len(all))
	for i := range all {
		order[i] = &all[i]
	}
	slices.SortStableFunc(order, func(a, b *Record) int { return cmp.Or(compareTasks(a, b), rank(a)-rank(b)) })
	sorted := make([]Record, len(all))
	for i, r := range order {
		sorted[i] = *r
	}
	return slices.CompactFunc(sorted, func(a, b Record) bool {
		return a.Job == b.Job && a.Index == b.Index && a.Attempt == b.Attempt
	})
}

func compareTasks(a, b *Record) int {
	if a.Job != b.Job {
		return strings.Compare(a.Job, b.Job)
	}
	return cmp.Or(a.Index-b.Index, a.Attempt-b.Attempt)
}

// rank puts the word of the task itself before what was concluded about it, and both before what it had done so far.
func rank(r *Record) int {
	switch {
	case r.State == Running:
		return 2
	case r.Source == "task":
		return 0
	}
	return 1
}

// TaskRecords reads the records of one task, oldest attempt first.
func (r *Run) TaskRecords(job string, index int) ([]Record, error) {
	files, err := os.ReadDir(r.path(tasksDir, job))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var loose []Record
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), fmt.Sprintf("%d.a", index)) {
			continue
		}
		var rec Record
		if err := ReadJSON(r.path(tasksDir, job, f.Name()), &rec); errors.Is(err, fs.ErrNotExist) {
			continue // compacted this moment
		} else if err != nil {
			return nil, err
		}
		loose = append(loose, rec)
	}
	compacted, err := r.compactedRecords()
	if err != nil {
		return nil, err
	}
	compacted = slices.DeleteFunc(compacted, func(c Record) bool { return c.Job != job || c.Index != index })
	return mergeRecords(compacted, loose), nil
}

// looseRecords reads the records that are not compacted yet, and names their files.
func (r *Run) looseRecords() ([]Record, []string, error) {
	jobs, err := os.ReadDir(r.path(tasksDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var paths []string
	for _, job := range jobs {
		if !job.IsDir() {
			continue
		}
		files, err := os.ReadDir(r.path(tasksDir, job.Name()))
		if err != nil {
			return nil, nil, err
		}
		for _, f := range files {
			if strings.HasPrefix(f.Name(), ".") || !strings.HasSuffix(f.Name(), ".json") {
				continue // a write in progress
			}
			paths = append(paths, r.path(tasksDir, job.Name(), f.Name()))
		}
	}
	records, err := readRecords(paths)
	return records, paths, err
}

// recordReaders read loose records at the same time: on a shared file system opening one is mostly waiting.
const recordReaders = 16

// readRecords reads record files. One that is gone has been compacted since its folder was listed.
func readRecords(paths []string) ([]Record, error) {
	records, found := make([]Record, len(paths)), make([]bool, len(paths))
	var group errgroup.Group
	size := len(paths)/recordReaders + 1
	for first := 0; first < len(paths); first += size {
		group.Go(func() error {
			for i := first; i < min(first+size, len(paths)); i++ {
				b, err := os.ReadFile(paths[i])
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err != nil {
					return err
				}
				if err := json.Unmarshal(b, &records[i]); err != nil {
					return fmt.Errorf("task record %s: %w", paths[i], err)
				}
				found[i] = true
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	n := 0
	for i := range records {
		if found[i] {
			records[n] = records[i]
			n++
		}
	}
	return records[:n], nil
}

// Compact moves the records that lie in files of their own into one file when there are at least least of them. Only the
// holder of the group's lease may call it.
func (r *Run) Compact(least int) error {
	loose, paths, err := r.looseRecords()
	if err != nil || len(paths) < max(least, 1) {
		return err
	}
	compacted, err := r.compactedRecords()
	if err != nil {
		return err
	}
	all := mergeRecords(compacted, loose)
	err = WriteFile(r.path(tasksDir, compactedFile), func(w io.Writer) error {
		var line []byte
		for i := range all {
			var err error
			if line, err = appendCompact(line[:0], &all[i]); err != nil {
				return err
			}
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range paths {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return SyncDir(filepath.Dir(r.path(tasksDir, compactedFile)))
}
