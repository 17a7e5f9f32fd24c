package refparquet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
)

// Beyond yields the indexes of an array's references that lie beyond its chunk grid, where no reader looks: rows after the last
// chunk, other than padding, and records after the last one.
func (r *Reader) Beyond(ctx context.Context, array string) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		a, err := r.array(array)
		if err != nil {
			yield(0, err)
			return
		}
		count, size := a.Grid.Count(), int64(r.recordSize)
		entries, err := os.ReadDir(filepath.Join(r.dir, filepath.FromSlash(a.Path)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield(0, fmt.Errorf("variable %s: %w", a.Path, err))
			return
		}
		var records []int64
		for _, e := range entries {
			if n, ok := recordNumber(e.Name()); ok && n >= count/size {
				records = append(records, n)
			}
		}
		slices.Sort(records)
		var rec rows
		for _, n := range records {
			err := ctx.Err()
			if err == nil {
				err = readRecord(filepath.Join(r.dir, recordPath(a.Path, n)), -1, &rec)
			}
			if err != nil {
				yield(0, fmt.Errorf("variable %s: %w", a.Path, err))
				return
			}
			for _, w := range rec.list {
				if index := n*size + int64(w.n); w.link != 0 && index >= count && !yield(index, nil) {
					return
				}
			}
		}
	}
}
