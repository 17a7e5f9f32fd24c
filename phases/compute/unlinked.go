package compute

import (
	"context"
	"iter"

	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Unlinked answers s with the rewritings of its links taken back: its references lead to the source files that the plan is of, which
// can be read here when the places for readers can't. A store whose edits can't be understood stays as it is.
func Unlinked(s zarr.Store) zarr.Store {
	if _, done := s.(unlinked); done {
		return s
	}
	steps, err := Steps(s.Dataset())
	if err != nil || Rewritings(steps) == nil {
		return s
	}
	return unlinked{s, steps}
}

type unlinked struct {
	zarr.Store
	steps []Step
}

func (u unlinked) Reference(array string, index int64) (virtual.Reference, bool, error) {
	ref, ok, err := u.Store.Reference(array, index)
	if ref.Inline == nil {
		ref.URL = Source(u.steps, ref.URL)
	}
	return ref, ok, err
}

func (u unlinked) References(ctx context.Context, array string) iter.Seq2[zarr.Row, error] {
	return func(yield func(zarr.Row, error) bool) {
		var last, source string // chunks of one file come one after another
		for row, err := range u.Store.References(ctx, array) {
			if ref := &row.Reference; ref.Inline == nil {
				if ref.URL != last {
					last, source = ref.URL, Source(u.steps, ref.URL)
				}
				ref.URL = source
			}
			if !yield(row, err) {
				return
			}
		}
	}
}
