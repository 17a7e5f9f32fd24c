package refparquet

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// cacheLimit is about how many bytes of records a Reader keeps. The last one always stays.
const cacheLimit = 64 << 20

// Reader is a parquet store opened for reading, by whomever it was written. It implements [zarr.Store].
// A record file that isn't there stands for missing chunks, as fsspec has it.
type Reader struct {
	dir        string
	recordSize int
	dataset    virtual.Dataset
	arrays     map[string]*virtual.Array

	mu    sync.Mutex
	cache map[recordKey]*list.Element
	order *list.List // of *cached, the last used first
	held  int
}

type recordKey struct {
	array string
	n     int64
}

type cached struct {
	key  recordKey
	rows *rows
}

var _ zarr.Store = (*Reader)(nil)

// Open opens the store in folder dir.
func Open(dir string) (*Reader, error) {
	m, recordSize, err := readMetadata(dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	ds, err := m.Dataset()
	if err != nil {
		return nil, fmt.Errorf("open store: %s: %w", dir, err)
	}
	r := &Reader{dir: dir, recordSize: recordSize, dataset: ds, arrays: map[string]*virtual.Array{}, cache: map[recordKey]*list.Element{}, order: list.New()}
	for i := range ds.Arrays {
		r.arrays[ds.Arrays[i].Path] = &ds.Arrays[i]
	}
	return r, nil
}

// Dataset describes the store.
func (r *Reader) Dataset() virtual.Dataset { return r.dataset }

// RecordSize is how many chunks a record has.
func (r *Reader) RecordSize() int { return r.recordSize }

// Close does nothing: no file stays open.
func (r *Reader) Close() error { return nil }

func (r *Reader) array(path string) (*virtual.Array, error) {
	a := r.arrays[path]
	if a == nil {
		return nil, fmt.Errorf("%s has no variable %q", r.dir, path)
	}
	return a, nil
}

// read reads record n of a into dst.
func (r *Reader) read(a *virtual.Array, n int64, dst *rows) error {
	name := filepath.Join(r.dir, recordPath(a.Path, n))
	err := readRecord(name, int64(rowsOf(a.Grid.Count(), n, r.recordSize)), dst)
	if errors.Is(err, fs.ErrNotExist) {
		dst.reset()
		return nil
	}
	if err != nil {
		return fmt.Errorf("variable %s: %w", a.Path, err)
	}
	return nil
}

// Reference is the reference of one chunk; false when it is missing.
func (r *Reader) Reference(array string, index int64) (virtual.Reference, bool, error) {
	a, err := r.array(array)
	if err != nil {
		return virtual.Reference{}, false, err
	}
	if index < 0 || index >= a.Grid.Count() {
		return virtual.Reference{}, false, fmt.Errorf("variable %s has no chunk %d", array, index)
	}
	key := recordKey{array, index / int64(r.recordSize)}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.cache[key]
	if e == nil {
		rec := &rows{}
		if err := r.read(a, key.n, rec); err != nil {
			return virtual.Reference{}, false, err
		}
		e = r.order.PushFront(&cached{key, rec})
		r.cache[key] = e
		r.held += rec.memory()
		for r.held > cacheLimit && r.order.Len() > 1 {
			old := r.order.Remove(r.order.Back()).(*cached)
			delete(r.cache, old.key)
			r.held -= old.rows.memory()
		}
	} else {
		r.order.MoveToFront(e)
	}
	rec := e.Value.(*cached).rows
	k := index % int64(r.recordSize)
	if k >= int64(len(rec.list)) {
		return virtual.Reference{}, false, nil
	}
	ref, ok := rec.reference(rec.list[k])
	return ref, ok, nil
}

// records lists the records of a that are there, in order. A grid may claim more than can be counted.
func (r *Reader) records(a *virtual.Array) ([]int64, error) {
	entries, err := os.ReadDir(filepath.Join(r.dir, filepath.FromSlash(a.Path)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("variable %s: %w", a.Path, err)
	}
	var records []int64
	for _, e := range entries {
		if n, ok := recordNumber(e.Name()); ok && n < recordsOf(a.Grid.Count(), r.recordSize) {
			records = append(records, n)
		}
	}
	slices.Sort(records)
	return records, nil
}

// recordNumber is N of the name refs.N.parq.
func recordNumber(name string) (int64, bool) {
	s, ok := strings.CutPrefix(name, "refs.")
	s, ok2 := strings.CutSuffix(s, ".parq")
	n, err := strconv.ParseInt(s, 10, 64)
	return n, ok && ok2 && err == nil && n >= 0
}

// References yields an array's references in ascending order of index, with one record in memory.
func (r *Reader) References(ctx context.Context, array string) iter.Seq2[zarr.Row, error] {
	return func(yield func(zarr.Row, error) bool) {
		a, err := r.array(array)
		if err != nil {
			yield(zarr.Row{}, err)
			return
		}
		records, err := r.records(a)
		if err != nil {
			yield(zarr.Row{}, err)
			return
		}
		var rec rows
		for _, n := range records {
			err := ctx.Err()
			if err == nil {
				err = r.read(a, n, &rec)
			}
			if err != nil {
				yield(zarr.Row{}, err)
				return
			}
			for _, w := range rec.list {
				ref, ok := rec.reference(w)
				if !ok {
					continue
				}
				if !yield(zarr.Row{Index: n*int64(r.recordSize) + int64(w.n), Reference: ref}, nil) {
					return
				}
			}
		}
	}
}
