package verify

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// unlinked is a store whose links have been rewritten, with its references as they were before: to the files that the plan is of.
type unlinked struct {
	zarr.Store
	links []configure.Links // in the order in which they were rewritten
}

// withoutLinks answers s with the rewriting of its links, which its attributes tell, undone.
func withoutLinks(s zarr.Store) zarr.Store {
	links := compute.Rewritten(s.Dataset())
	if len(links) == 0 {
		return s
	}
	return unlinked{s, links}
}

func (u unlinked) source(ref virtual.Reference) virtual.Reference {
	for _, l := range slices.Backward(u.links) {
		if rest, ok := strings.CutPrefix(ref.URL, l.To); ok && ref.Inline == nil {
			ref.URL = l.From + rest
		}
	}
	return ref
}

func (u unlinked) Reference(array string, index int64) (virtual.Reference, bool, error) {
	ref, ok, err := u.Store.Reference(array, index)
	return u.source(ref), ok, err
}

func (u unlinked) References(ctx context.Context, array string) iter.Seq2[zarr.Row, error] {
	return func(yield func(zarr.Row, error) bool) {
		for row, err := range u.Store.References(ctx, array) {
			row.Reference = u.source(row.Reference)
			if !yield(row, err) {
				return
			}
		}
	}
}
