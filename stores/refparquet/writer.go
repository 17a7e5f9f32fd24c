// Package refparquet writes and reads kerchunk's parquet stores: a folder with .zmetadata and, for
// each array, ARRAY/refs.N.parq, a table of the references of record_size consecutive chunks in C
// order (fsspec's LazyReferenceMapper). A store may be written whole, or in parts that [Combine] joins.
//
// Records are not padded: a record has as many rows as the grid has chunks in it. Kerchunk pads
// the last one to record_size with missing rows; every reader takes both.
// An array whose grid has no chunk (an axis of length 0) has no record.
package refparquet

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Options are how a store is written.
type Options struct {
	RecordSize  int   // chunks a record
	MemoryLimit int64 // bytes that unfinished records may hold before they are put aside on disk; 0 for DefaultMemoryLimit
}

// DefaultMemoryLimit is Options.MemoryLimit when nothing is said.
const DefaultMemoryLimit = 128 << 20

// maxRecordSize keeps a record's rows within an int32, and its memory within reason.
const maxRecordSize = 1 << 24

func (o Options) check() error {
	if o.RecordSize < 1 || o.RecordSize > maxRecordSize {
		return fmt.Errorf("a record size of %d: it must be from 1 to %d", o.RecordSize, maxRecordSize)
	}
	return nil
}

// Writer writes the records of a store, or of a part of one. Rows come in any order; a record is
// written as soon as all its rows are known, so that rows in order need one open record an array.
// What is written depends on the rows alone. A Writer is for one goroutine at a time.
type Writer struct {
	dir       string
	opts      Options
	arrays    []arrayWriter
	encoder   *encoder
	buf       bytes.Buffer
	records   []Record
	held      int64 // bytes of rows in open records
	clock     uint64
	fragments *fragments // of rows put aside; nil while there are none
	spare     []*rows
	err       error // the first failure of the disk, after which nothing more is written
}

type arrayWriter struct {
	path  string
	grid  virtual.Grid
	count int64 // chunks
	made  bool  // the folder
	last  *openRecord
	open  map[int64]*openRecord
	done  map[int64]bool
}

// openRecord is a record that still lacks rows, here or in the store.
type openRecord struct {
	n       int64
	expect  int
	known   int
	seen    []uint64 // a bit a row
	rows    *rows
	aside   []Fragment
	touched uint64
}

// Create makes the folder dir, which may exist and be empty, for the records of arrays.
func Create(dir string, arrays []virtual.Array, opts Options) (*Writer, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	if opts.MemoryLimit <= 0 {
		opts.MemoryLimit = DefaultMemoryLimit
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("create store: %w", err)
	}
	if there, err := os.ReadDir(dir); err != nil {
		return nil, fmt.Errorf("create store: %w", err)
	} else if len(there) > 0 {
		return nil, fmt.Errorf("create store: %s is not empty; remove what an earlier try left there", dir)
	}
	e, err := newEncoder()
	if err != nil {
		return nil, err
	}
	w := &Writer{dir: filepath.Clean(dir), opts: opts, encoder: e, arrays: make([]arrayWriter, len(arrays))}
	for i, a := range arrays {
		if err := zarr.CheckPath(a.Path); err != nil {
			return nil, err
		}
		w.arrays[i] = arrayWriter{path: a.Path, grid: a.Grid, count: a.Grid.Count(), open: map[int64]*openRecord{}, done: map[int64]bool{}}
	}
	return w, nil
}

// rowsOf is how many rows record n has, of a grid of count chunks.
func rowsOf(count, n int64, recordSize int) int {
	return int(min(int64(recordSize), count-n*int64(recordSize)))
}

// recordsOf is how many records an array of count chunks has.
func recordsOf(count int64, recordSize int) int64 {
	return (count + int64(recordSize) - 1) / int64(recordSize)
}

// recordPath is the path of a record below the store's folder.
func recordPath(array string, n int64) string {
	return filepath.Join(filepath.FromSlash(array), recordName(n))
}

func recordName(n int64) string { return "refs." + strconv.FormatInt(n, 10) + ".parq" }

// Put says that chunk index of the array (its place in Create's list) is ref. Inline bytes are kept
// until they are written and must not change.
func (w *Writer) Put(array int, index int64, ref virtual.Reference) error {
	if ref.Inline == nil {
		switch {
		case ref.URL == "":
			return fmt.Errorf("%s: no url and no bytes", w.where(array, index))
		case ref.Offset < 0 || ref.Size < 0:
			return fmt.Errorf("%s: bytes %d+%d of %s", w.where(array, index), ref.Offset, ref.Size, ref.URL)
		case ref.Offset == 0 && ref.Size == 0:
			return fmt.Errorf("%s: an empty range at the start of %s, which readers take for the whole file", w.where(array, index), ref.URL)
		}
	}
	r, n, err := w.claim(array, index)
	if err != nil {
		if d, ok := err.(*duplicate); ok {
			d.second = describe(ref, true)
			err = fmt.Errorf("%s: %w", w.where(array, index), d)
		}
		return err
	}
	before := r.rows.bytes
	r.rows.put(n, ref)
	return w.added(array, r, 24+r.rows.bytes-before)
}

// Missing says that n chunks of the array from index on have no reference: they read as the fill value.
func (w *Writer) Missing(array int, index, n int64) error {
	for i := index; i < index+n; i++ {
		r, k, err := w.claim(array, i)
		if err != nil {
			if d, ok := err.(*duplicate); ok {
				d.second = describe(virtual.Reference{}, false)
				err = fmt.Errorf("%s: %w", w.where(array, i), d)
			}
			return err
		}
		r.rows.add(row{n: k})
		if err := w.added(array, r, 24); err != nil {
			return err
		}
	}
	return nil
}

// where names a chunk for messages.
func (w *Writer) where(array int, index int64) string {
	if array < 0 || array >= len(w.arrays) {
		return fmt.Sprintf("array %d", array)
	}
	a := &w.arrays[array]
	if index < 0 || index >= a.count {
		return fmt.Sprintf("variable %s, chunk %d", a.path, index)
	}
	return fmt.Sprintf("variable %s, chunk %s", a.path, zarr.AppendKey(nil, a.grid, index))
}

// claim marks a row as known and returns its record.
func (w *Writer) claim(array int, index int64) (*openRecord, int32, error) {
	if w.err != nil {
		return nil, 0, w.err
	}
	if array < 0 || array >= len(w.arrays) {
		return nil, 0, fmt.Errorf("there is no array %d: the store has %d", array, len(w.arrays))
	}
	a := &w.arrays[array]
	if index < 0 || index >= a.count {
		return nil, 0, fmt.Errorf("variable %s has no chunk %d: its grid has %d", a.path, index, a.count)
	}
	n, row := index/int64(w.opts.RecordSize), int32(index%int64(w.opts.RecordSize))
	r := a.last
	if r == nil || r.n != n {
		if r = a.open[n]; r == nil {
			if a.done[n] {
				return nil, 0, &duplicate{n: row, first: w.written(a, n, row)}
			}
			expect := rowsOf(a.count, n, w.opts.RecordSize)
			r = &openRecord{n: n, expect: expect, seen: make([]uint64, (expect+63)/64)}
			a.open[n] = r
		}
		a.last = r
	}
	if r.rows == nil {
		if k := len(w.spare); k > 0 {
			r.rows, w.spare = w.spare[k-1], w.spare[:k-1]
		} else {
			r.rows = &rows{sorted: true}
		}
	}
	bit := uint64(1) << (row & 63)
	if r.seen[row>>6]&bit != 0 {
		return nil, 0, &duplicate{n: row, first: w.openRow(r, row)}
	}
	r.seen[row>>6] |= bit
	r.known++
	w.clock++
	r.touched = w.clock
	return r, row, nil
}

// written describes a row of a finished record.
func (w *Writer) written(a *arrayWriter, n int64, k int32) string {
	var r rows
	if err := readRecord(filepath.Join(w.dir, recordPath(a.path, n)), int64(k)+1, &r); err != nil || int(k) >= len(r.list) {
		return "an earlier one"
	}
	return r.describe(r.list[k])
}

// openRow describes a row of an open record.
func (w *Writer) openRow(r *openRecord, k int32) string {
	all := rows{}
	for _, g := range r.aside {
		if err := w.fragments.read(g, &all); err != nil {
			return "an earlier one"
		}
	}
	for _, from := range []*rows{&all, r.rows} {
		for _, x := range from.list {
			if x.n == k {
				return from.describe(x)
			}
		}
	}
	return "an earlier one"
}

// added writes r when it is whole, or puts the oldest records aside when they hold too much.
func (w *Writer) added(array int, r *openRecord, bytes int) error {
	w.held += int64(bytes)
	if r.known == r.expect {
		w.err = w.finishRecord(&w.arrays[array], r)
	} else if w.held > w.opts.MemoryLimit {
		w.err = w.putAside()
	}
	return w.err
}

// release takes r's rows away for use by another record.
func (w *Writer) release(r *openRecord) {
	if r.rows == nil {
		return
	}
	w.held -= int64(24*len(r.rows.list) + r.rows.bytes)
	r.rows.reset()
	if len(w.spare) < 4 {
		w.spare = append(w.spare, r.rows)
	}
	r.rows = nil
}

// finishRecord writes a record all of whose rows are known.
func (w *Writer) finishRecord(a *arrayWriter, r *openRecord) error {
	for _, g := range r.aside {
		before := r.rows.bytes
		if err := w.fragments.read(g, r.rows); err != nil {
			return err
		}
		w.held += int64(24*g.Rows + r.rows.bytes - before)
	}
	if err := w.write(a, r.n, r.rows); err != nil {
		return err
	}
	w.release(r)
	delete(a.open, r.n)
	a.done[r.n] = true
	a.last = nil
	return nil
}

func (w *Writer) write(a *arrayWriter, n int64, r *rows) error {
	if err := w.folder(a); err != nil {
		return err
	}
	rec, err := writeRecord(filepath.Join(w.dir, recordPath(a.path, n)), w.encoder, &w.buf, r, os.O_EXCL)
	if err != nil {
		return fmt.Errorf("variable %s, record %d: %w", a.path, n, err)
	}
	rec.Array, rec.N = a.path, n
	w.records = append(w.records, rec)
	return nil
}

// folder makes the array's folder.
func (w *Writer) folder(a *arrayWriter) error {
	if a.made {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(w.dir, filepath.FromSlash(a.path)), 0o777); err != nil {
		return fmt.Errorf("create store: %w", err)
	}
	a.made = true
	return nil
}

// writeRecord sorts and encodes r and writes it as the file name.
func writeRecord(name string, e *encoder, buf *bytes.Buffer, r *rows, flag int) (Record, error) {
	if err := r.sort(); err != nil {
		return Record{}, err
	}
	buf.Reset()
	if err := e.encode(buf, r); err != nil {
		return Record{}, err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|flag, 0o666)
	if err != nil {
		return Record{}, err
	}
	if _, err := f.Write(buf.Bytes()); err != nil {
		_ = f.Close()
		return Record{}, err
	}
	if err := f.Close(); err != nil {
		return Record{}, err
	}
	return Record{Rows: len(r.list), Missing: r.missing(), Bytes: int64(buf.Len()), Digest: digest(buf.Bytes())}, nil
}

// putAside moves the rows of the records that were untouched longest to the fragment file, until
// half of the limit is free. So each pass over the disk moves that much at least.
func (w *Writer) putAside() error {
	type candidate struct {
		array *arrayWriter
		r     *openRecord
	}
	var list []candidate
	for i := range w.arrays {
		for _, r := range w.arrays[i].open {
			if r.rows != nil && len(r.rows.list) > 0 {
				list = append(list, candidate{&w.arrays[i], r})
			}
		}
	}
	slices.SortFunc(list, func(a, b candidate) int { return cmp.Compare(a.r.touched, b.r.touched) })
	for _, c := range list {
		if w.held <= w.opts.MemoryLimit/2 {
			break
		}
		if err := w.aside(c.array, c.r); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) aside(a *arrayWriter, r *openRecord) error {
	if r.rows == nil || len(r.rows.list) == 0 {
		return nil
	}
	if w.fragments == nil {
		f, err := createFragments(w.dir)
		if err != nil {
			return fmt.Errorf("put records aside: %w", err)
		}
		w.fragments = f
	}
	if err := r.rows.sort(); err != nil {
		return fmt.Errorf("variable %s, record %d: %w", a.path, r.n, err)
	}
	g, err := w.fragments.append(r.rows)
	if err != nil {
		return fmt.Errorf("put records aside: %w", err)
	}
	g.Array, g.N = a.path, r.n
	r.aside = append(r.aside, g)
	w.release(r)
	return nil
}

// Finish ends a store that was written whole. A chunk that was neither put nor missing is an error.
// The files are on disk when it returns; the store is complete but for WriteMetadata.
func (w *Writer) Finish() error {
	defer w.Close()
	if w.err != nil {
		return w.err
	}
	for i := range w.arrays {
		a := &w.arrays[i]
		if want := recordsOf(a.count, w.opts.RecordSize); int64(len(a.done)) != want {
			return fmt.Errorf("%s was never given: %d of %d records are whole", w.where(i, w.firstUnknown(a, want)), len(a.done), want)
		}
	}
	if w.fragments != nil {
		if err := os.Remove(w.fragments.f.Name()); err != nil {
			return fmt.Errorf("finish store: %w", err)
		}
	}
	return w.sync()
}

// firstUnknown is the first chunk of a that nothing is known of.
func (w *Writer) firstUnknown(a *arrayWriter, records int64) int64 {
	for n := range records {
		if a.done[n] {
			continue
		}
		r := a.open[n]
		for k := range rowsOf(a.count, n, w.opts.RecordSize) {
			if r == nil || r.seen[k>>6]&(1<<(k&63)) == 0 {
				return n*int64(w.opts.RecordSize) + int64(k)
			}
		}
	}
	return 0
}

// FinishPart ends a part: records that lack rows are written as fragments. The manifest is the caller's to keep.
func (w *Writer) FinishPart() (Manifest, error) {
	defer w.Close()
	if w.err != nil {
		return Manifest{}, w.err
	}
	m := Manifest{RecordSize: w.opts.RecordSize}
	for i := range w.arrays {
		a := &w.arrays[i]
		for _, r := range a.open {
			if err := w.aside(a, r); err != nil {
				return Manifest{}, err
			}
			m.Fragments = append(m.Fragments, r.aside...)
		}
	}
	slices.SortFunc(w.records, func(a, b Record) int { return cmp.Or(cmp.Compare(a.Array, b.Array), cmp.Compare(a.N, b.N)) })
	slices.SortFunc(m.Fragments, func(a, b Fragment) int {
		return cmp.Or(cmp.Compare(a.Array, b.Array), cmp.Compare(a.N, b.N), cmp.Compare(a.Offset, b.Offset))
	})
	m.Records = w.records
	if w.fragments != nil {
		if err := w.fragments.f.Sync(); err != nil {
			return Manifest{}, fmt.Errorf("finish part: %w", err)
		}
	}
	return m, w.sync()
}

// Close lets go of a writer that is not to be finished. After Finish and FinishPart it does nothing.
func (w *Writer) Close() error {
	if w.err == nil {
		w.err = fmt.Errorf("%s: the writer is closed", w.dir)
	}
	if w.fragments == nil {
		return nil
	}
	f := w.fragments
	w.fragments = nil
	return f.close()
}

// sync brings files and folders to the disk: a part whose manifest is there must survive its node.
func (w *Writer) sync() error {
	var g errgroup.Group
	g.SetLimit(16)
	folders := map[string]bool{w.dir: true}
	for _, r := range w.records {
		name := filepath.Join(w.dir, recordPath(r.Array, r.N))
		for d := filepath.Dir(name); d != w.dir; d = filepath.Dir(d) {
			folders[d] = true
		}
		g.Go(func() error { return syncFile(name) })
	}
	for d := range folders {
		g.Go(func() error { return syncFile(d) })
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("finish store: %w", err)
	}
	return nil
}

func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
