package verify

import (
	"context"
	"iter"

	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// unlinked is a store whose links have been rewritten, with its references as they were before: to the files that the plan is of.
type unlinked struct {
	zarr.Store
	steps []compute.Step
}

// withoutLinks answers s with the rewriting of its links, which its attributes tell, undone.
func withoutLinks(s zarr.Store) zarr.Store {
	if _, done := s.(unlinked); done {
		return s
	}
	steps, err := compute.Steps(s.Dataset())
	if err != nil || compute.Rewritings(steps) == nil { // what can't be understood is a fault that the check of edits finds
		return s
	}
	return unlinked{s, steps}
}

func (u unlinked) source(ref virtual.Reference) virtual.Reference {
	if ref.Inline == nil {
		ref.URL = compute.Source(u.steps, ref.URL)
	}
	return ref
}

func (u unlinked) Reference(array string, index int64) (virtual.Reference, bool, error) {
	ref, ok, err := u.Store.Reference(array, index)
	return u.source(ref), ok, err
}

func (u unlinked) References(ctx context.Context, array string) iter.Seq2[zarr.Row, error] {
	return func(yield func(zarr.Row, error) bool) {
		var last, home string // chunks of one file come one after another
		for row, err := range u.Store.References(ctx, array) {
			if ref := &row.Reference; ref.Inline == nil {
				if ref.URL != last {
					last, home = ref.URL, u.source(*ref).URL
				}
				ref.URL = home
			}
			if !yield(row, err) {
				return
			}
		}
	}
}
