package refparquet

import (
	"fmt"
	"path/filepath"
)

// Adopt takes over record n of the array (its place in Create's list) from another store, as it is: the file gets a second name. The
// record must have the same rows in both, and the store has to be written whole ([Writer.Finish]). That all rows are known is taken for granted, for the other store is finished.
func (w *Writer) Adopt(array int, n int64, from *Reader) error {
	if w.err != nil {
		return w.err
	}
	if array < 0 || array >= len(w.arrays) {
		return fmt.Errorf("there is no array %d: the store has %d", array, len(w.arrays))
	}
	a := &w.arrays[array]
	theirs, err := from.array(a.path)
	if err != nil {
		return err
	}
	switch {
	case from.recordSize != w.opts.RecordSize:
		return fmt.Errorf("variable %s: records of %d chunks can't be taken over into a store with records of %d", a.path, from.recordSize, w.opts.RecordSize)
	case n < 0 || n >= recordsOf(a.count, w.opts.RecordSize) || rowsOf(theirs.Grid.Count(), n, w.opts.RecordSize) != rowsOf(a.count, n, w.opts.RecordSize):
		return fmt.Errorf("variable %s: record %d is not the same in both stores", a.path, n)
	case a.done[n] || a.open[n] != nil:
		return fmt.Errorf("variable %s: record %d has rows already", a.path, n)
	}
	to := filepath.Join(w.dir, recordPath(a.path, n))
	if err := w.folder(a); err != nil {
		return err
	}
	old := filepath.Join(from.dir, recordPath(a.path, n))
	if err := linkFile(old, to); err != nil {
		w.err = fmt.Errorf("variable %s, record %d: %w", a.path, n, err)
		return w.err
	}
	a.done[n] = true
	w.records = append(w.records, Record{Array: a.path, N: n})
	return nil
}
