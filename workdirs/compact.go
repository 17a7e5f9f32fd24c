package workdirs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"sort"
	"sync"
)

// compactedFile holds compacted records, one line each, sorted by job, index and attempt.
const compactedFile = "compacted.tsv"

// Loose counts the records that lie in files of their own.
func (r *Run) Loose() (int, error) {
	names, err := r.looseRecords()
	return len(names), err
}

// Compact moves the records that lie in files of their own into one file when there are at least least of them. Only the
// holder of the group's lease may call it.
func (r *Run) Compact(least int) error {
	names, err := r.looseRecords()
	if err != nil {
		return err
	}
	// A task that goes on changes what it has done so far: that stays until the attempt has ended.
	final := slices.DeleteFunc(slices.Clone(names), func(n recordName) bool { return !n.final() })
	if len(final) < max(least, 1) {
		return nil
	}
	r.known.mu.Lock()
	defer r.known.mu.Unlock()
	loose, err := r.readRecords(final, &r.known)
	if err != nil {
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
	ended := make(map[recordName]bool, len(final))
	for _, n := range final {
		ended[n.as(ownWord)] = true
	}
	gone := slices.DeleteFunc(names, func(n recordName) bool { return !ended[n.as(ownWord)] })
	if err := inPieces(len(gone), func(first, end int) error {
		for _, n := range gone[first:end] {
			if err := os.Remove(r.recordPath(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	r.removeEmptied(gone)
	return SyncDir(r.path(tasksDir))
}

// removeEmptied removes the folders of jobs in which nothing is left, so that nobody has to list them. A folder that a task writes
// into is not empty, and one that comes back is as good.
func (r *Run) removeEmptied(gone []recordName) {
	last := ""
	for _, n := range gone {
		if n.job != last {
			_ = os.Remove(r.path(tasksDir, n.job))
			last = n.job
		}
	}
}

// compactedRecords reads the compacted file when it is another than the one that was read before.
func (r *Run) compactedRecords() ([]Record, error) {
	k := &r.known
	f, info, err := r.openCompacted()
	if f == nil {
		return nil, err
	}
	defer f.Close()
	if k.of != nil && os.SameFile(k.of, info) && k.of.ModTime().Equal(info.ModTime()) && k.of.Size() == info.Size() {
		return k.compacted, nil
	}
	read, err := readCompacted(f, info.Size())
	if err != nil {
		return nil, err // and the next look reads it again: what was read of it is not all
	}
	k.compacted, k.of = read, info
	return read, nil
}

// openCompacted opens the compacted file; nil when there is none.
func (r *Run) openCompacted() (*os.File, os.FileInfo, error) {
	f, err := os.Open(r.path(tasksDir, compactedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat() // by its name it could be out of date on NFS
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// readCompacted reads a compacted file, on all processors.
func readCompacted(f *os.File, size int64) ([]Record, error) {
	b := make([]byte, size)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("task records %s: %w", f.Name(), err)
	}
	pieces := splitLines(b, runtime.GOMAXPROCS(0))
	lists, errs := make([][]Record, len(pieces)), make([]error, len(pieces))
	var wg sync.WaitGroup
	for i, piece := range pieces {
		wg.Go(func() {
			lists[i] = make([]Record, 0, bytes.Count(piece, []byte{'\n'}))
			p := compactParser{known: map[string]string{}}
			for line := range bytes.Lines(piece) {
				rec, err := p.parse(line)
				if err != nil {
					errs[i] = fmt.Errorf("task records %s: %w", f.Name(), err)
					return
				}
				lists[i] = append(lists[i], rec)
			}
		})
	}
	wg.Wait()
	return slices.Concat(lists...), errors.Join(errs...)
}

// splitLines cuts b into at most n pieces of whole lines.
func splitLines(b []byte, n int) [][]byte {
	var pieces [][]byte
	for size := len(b)/n + 1; len(b) > 0; {
		end := min(size, len(b))
		if i := bytes.IndexByte(b[end:], '\n'); i >= 0 {
			end += i + 1
		} else {
			end = len(b)
		}
		pieces, b = append(pieces, b[:end]), b[end:]
	}
	return pieces
}

// compactedTask finds the compacted records of one task without reading those of all others.
func (r *Run) compactedTask(job string, index int) ([]Record, error) {
	f, info, err := r.openCompacted()
	if f == nil {
		return nil, err
	}
	defer f.Close()
	lines := lineReader{f: f, size: info.Size(), parser: compactParser{known: map[string]string{}}}
	// The first byte from which the next line is the task's, or one that follows it.
	start := sort.Search(int(lines.size), func(at int) bool {
		rec, _ := lines.after(int64(at))
		return rec == nil || compareTasks(rec, &Record{Job: job, Index: index}) >= 0
	})
	var list []Record
	for at := int64(start); lines.err == nil; {
		rec, end := lines.after(at)
		if rec == nil || rec.Job != job || rec.Index != index {
			break
		}
		list, at = append(list, *rec), end
	}
	if lines.err != nil {
		return nil, fmt.Errorf("task records %s: %w", f.Name(), lines.err)
	}
	return list, nil
}

// lineReader reads single lines of a compacted file. After an error it reads nothing.
type lineReader struct {
	f      io.ReaderAt
	size   int64
	parser compactParser
	err    error
}

// after returns the record of the first line that begins at or after a byte, and where that line ends; nil when there is none.
func (l *lineReader) after(at int64) (*Record, int64) {
	begin := at
	if at > 0 {
		begin = l.next(at - 1)
	}
	end := l.next(begin)
	if l.err != nil || begin >= l.size {
		return nil, l.size
	}
	line := make([]byte, end-begin)
	if _, err := l.f.ReadAt(line, begin); err != nil {
		l.err = err
		return nil, l.size
	}
	rec, err := l.parser.parse(line)
	if err != nil {
		l.err = err
		return nil, l.size
	}
	return &rec, end
}

// next is where the line that holds a byte ends, and the next one begins.
func (l *lineReader) next(at int64) int64 {
	var buf [4096]byte
	for l.err == nil && at < l.size {
		n, err := l.f.ReadAt(buf[:], at)
		if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
			return at + int64(i) + 1
		}
		if at += int64(n); err != nil && !errors.Is(err, io.EOF) {
			l.err = err
		}
	}
	return l.size
}
