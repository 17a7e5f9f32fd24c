package workdirs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// knownRecords is what a process has read of a run's records, so that it reads each file once.
type knownRecords struct {
	mu        sync.Mutex
	loose     []Record
	at        map[recordName]int // where in loose the final ones stand: those never change
	compacted []Record
	of        os.FileInfo // the compacted file that was read
}

// keep remembers loose records.
func (k *knownRecords) keep(loose []Record) {
	k.loose, k.at = loose, make(map[recordName]int, len(loose))
	for i := range loose {
		if n := nameOf(&loose[i]); n.final() {
			k.at[n] = i
		}
	}
}

// find finds a loose record that need not be read again; nil when there is none.
func (k *knownRecords) find(n recordName) *Record {
	if k == nil {
		return nil
	}
	i, ok := k.at[n]
	if !ok {
		return nil
	}
	return &k.loose[i]
}

// Records reads all records of the run, sorted by job, index and attempt. Whoever asks the same Run again waits for what is new
// only. What it returns is not to be changed.
//
// The loose files are listed and read before the compacted file is: what a compaction that runs meanwhile
// takes away from the one has been put into the other.
func (r *Run) Records() ([]Record, error) {
	k := &r.known
	k.mu.Lock()
	defer k.mu.Unlock()
	names, err := r.looseRecords()
	if err != nil {
		return nil, err
	}
	loose, err := r.readRecords(names, k)
	if err != nil {
		return nil, err
	}
	k.keep(loose)
	compacted, err := r.compactedRecords()
	if err != nil {
		return nil, err
	}
	return mergeRecords(compacted, loose), nil
}

// mergeRecords merges sorted records and keeps one of each attempt: what the task wrote itself wins over
// what was concluded about it.
func mergeRecords(a, b []Record) []Record {
	if len(b) == 0 {
		return a // a compacted file holds one of each attempt
	}
	all := make([]Record, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		next := &a
		if len(a) == 0 || len(b) > 0 && compareNames(nameOf(&b[0]), nameOf(&a[0])) < 0 {
			next = &b
		}
		if n := len(all); n == 0 || compareTasks(&all[n-1], &(*next)[0]) != 0 {
			all = append(all, (*next)[0])
		}
		*next = (*next)[1:]
	}
	return all
}

func compareTasks(a, b *Record) int {
	if a.Job != b.Job {
		return strings.Compare(a.Job, b.Job)
	}
	return cmp.Or(a.Index-b.Index, a.Attempt-b.Attempt)
}

// TaskRecords reads the records of one task, oldest attempt first.
func (r *Run) TaskRecords(job string, index int) ([]Record, error) {
	names, err := r.looseOf(job)
	if err != nil {
		return nil, err
	}
	loose, err := r.readRecords(slices.DeleteFunc(names, func(n recordName) bool { return n.index != index }), nil)
	if err != nil {
		return nil, err
	}
	compacted, err := r.compactedTask(job, index)
	if err != nil {
		return nil, err
	}
	return mergeRecords(compacted, loose), nil
}

// How many folders are listed, or records read or removed, at the same time: on a shared file system each is mostly waiting.
const atOnce = 32

// looseRecords names the records that are not compacted yet, in their order.
func (r *Run) looseRecords() ([]recordName, error) {
	jobs, err := os.ReadDir(r.path(tasksDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	lists := make([][]recordName, len(jobs))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, job := range jobs {
		if job.IsDir() {
			group.Go(func() (err error) {
				lists[i], err = r.looseOf(job.Name())
				return err
			})
		}
	}
	err = group.Wait()
	return slices.Concat(lists...), err
}

// looseOf names the records of one job that are not compacted yet, in their order.
func (r *Run) looseOf(job string) ([]recordName, error) {
	files, err := os.ReadDir(r.path(tasksDir, job))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := make([]recordName, 0, len(files))
	for _, f := range files {
		if n, ok := parseRecordName(job, f.Name()); ok {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, compareNames)
	return names, nil
}

// readRecords reads record files as far as they are not known. One that is gone has been compacted since its folder was listed.
func (r *Run) readRecords(names []recordName, known *knownRecords) ([]Record, error) {
	records, found := make([]Record, len(names)), make([]bool, len(names))
	err := inPieces(len(names), func(first, end int) error {
		buf := make([]byte, 0, 4096)
		for i := first; i < end; i++ {
			if rec := known.find(names[i]); rec != nil {
				records[i], found[i] = *rec, true
				continue
			}
			path := r.recordPath(names[i])
			var err error
			if buf, err = readFile(path, buf[:0]); errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			if err := json.Unmarshal(buf, &records[i]); err != nil {
				return fmt.Errorf("task record %s: %w", path, err)
			}
			found[i] = true
		}
		return nil
	})
	n := 0
	for i := range records {
		if found[i] {
			records[n] = records[i]
			n++
		}
	}
	return records[:n], err
}

// readFile appends the content of a small file to buf. It makes half the system calls of [os.ReadFile].
func readFile(path string, buf []byte) ([]byte, error) {
	f, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	for err == unix.EINTR {
		f, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return buf, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer func() { _ = unix.Close(f) }()
	for {
		buf = slices.Grow(buf, 1024)
		n, err := unix.Read(f, buf[len(buf):cap(buf)])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return buf, &fs.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return buf, nil
		default:
			buf = buf[:len(buf)+n]
		}
	}
}

// inPieces calls fn for pieces of 0 to n, several at a time.
func inPieces(n int, fn func(first, end int) error) error {
	var group errgroup.Group
	size := n/atOnce + 1
	for first := 0; first < n; first += size {
		group.Go(func() error { return fn(first, min(first+size, n)) })
	}
	return group.Wait()
}
