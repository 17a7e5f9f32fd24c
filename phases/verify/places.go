package verify

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// places holds every reference of the store against the chunk index of the file that it should lead to: the right file, the right
// bytes, and none for a chunk that is unwritten there. It reads no data but that of chunks which are stored by value. Chunks
// that have no reference are [References]'s, which sees all of an array at once.
type places struct {
	store  Store
	plan   *virtual.Plan
	owned  []map[int]bool // by array of the plan: the files that it is made of
	values *values        // for chunks that can only be told by their values

	checked atomic.Int64
}

func newPlaces(store Store, reader Reader, plan *virtual.Plan, locator Locator, sources Sources) *places {
	p := &places{store: store, plan: plan, values: &values{store: store, reader: reader, locator: locator, sources: sources, all: true}}
	for _, owners := range plan.Owners() {
		owned := make(map[int]bool, len(owners))
		for _, f := range owners {
			owned[f] = true
		}
		p.owned = append(p.owned, owned)
	}
	return p
}

// file checks what the store has of file i, which is open. What the file says wrongly of itself is for the other checks to find.
func (p *places) file(ctx context.Context, i int, f cdm.File) ([]Fault, error) {
	var out []Fault
	shelf := newShelf(p.values.sources)
	shelf.open = []shelved{{p.plan.Files[i].URL, f}} // and it stays the caller's to close
	ds := p.store.Dataset()
	for a := range ds.Arrays {
		arr := &ds.Arrays[a]
		at := p.plan.Dataset.Array(arr.Path)
		if at < 0 || !p.owned[at][i] || p.plan.Layouts[at].Role == virtual.Decoded {
			continue
		}
		w := walk{places: p, array: arr, file: &p.plan.Files[i], shelf: shelf}
		if !w.begin(p.plan.Layouts[at], f.Root().Variable(arr.Path)) {
			continue
		}
		if err := w.all(ctx, f); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if transient(ctx, err) {
				return nil, err
			}
			w.faults = append(w.faults, Fault{Kind: Source, Expected: "a chunk index that can be read", Found: err.Error()})
		}
		for _, fault := range w.faults {
			if fault.File == "" {
				fault.File = w.file.URL
			}
			fault.Variable = arr.Path
			out = append(out, fault)
		}
	}
	return out, nil
}

// walk goes through the chunks of one variable of one file in their order.
type walk struct {
	*places
	array  *virtual.Array
	file   *virtual.File
	shelf  *shelf
	source *cdm.Variable
	grid   virtual.Grid // of the file's part, in the array's chunks
	first  []int64      // the part's first chunk along each axis of the array
	faults []Fault
}

// begin finds where the file's part lies; false when shapes don't allow it, which other checks find, or when there is nothing.
func (w *walk) begin(lay virtual.Layout, v *cdm.Variable) bool {
	if v == nil || v.Refused != nil || len(v.Shape) != len(lay.Axes) || len(v.Shape) != len(w.array.Grid.Shape) {
		return false
	}
	w.source, w.grid, w.first = v, virtual.Grid{Shape: v.Shape, Chunks: w.array.Grid.Chunks}, make([]int64, len(v.Shape))
	for d, axis := range lay.Axes {
		start, length := int64(0), w.array.Grid.Shape[d]
		if axis >= 0 {
			start, length = w.file.Start[axis], w.file.Length[axis]
		}
		if length != v.Shape[d] || start%w.grid.Chunks[d] != 0 {
			return false
		}
		w.first[d] = start / w.grid.Chunks[d]
	}
	return w.grid.Count() > 0
}

// all checks every chunk of the part.
func (w *walk) all(ctx context.Context, f cdm.File) error {
	count := w.grid.Count()
	next := int64(0)
	for c, err := range f.Chunks(ctx, w.source) {
		switch {
		case err != nil:
			return err
		case w.source.Contiguous && !slices.Equal(w.source.Chunks, w.grid.Chunks):
			return w.cut(ctx, c)
		case !slices.Equal(w.source.Chunks, w.grid.Chunks) || c.Index < next || c.Index >= count:
			return fmt.Errorf("chunk %d of chunks of %v, where the store has chunks of %v: %w", c.Index, w.source.Chunks, w.grid.Chunks, cdm.ErrFormat)
		}
		if err := w.unwritten(ctx, next, c.Index); err != nil {
			return err
		}
		if err := w.chunk(ctx, c.Index, &c); err != nil {
			return err
		}
		next = c.Index + 1
	}
	return w.unwritten(ctx, next, count)
}

// cut checks the parts of a variable that lies in one piece in the file: each is a chunk of the array.
func (w *walk) cut(ctx context.Context, whole cdm.Chunk) error {
	size := elements(w.grid.Chunks) * int64(w.source.Type.Size)
	for i := range w.grid.Count() {
		part := whole
		part.Offset, part.Size = whole.Offset+i*size, size
		if whole.Inline != nil {
			if int64(len(whole.Inline)) < (i+1)*size {
				return fmt.Errorf("%d bytes: %w", len(whole.Inline), cdm.ErrFormat)
			}
			part.Inline = whole.Inline[i*size : (i+1)*size]
		}
		if err := w.chunk(ctx, i, &part); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) unwritten(ctx context.Context, from, to int64) error {
	for i := from; i < to; i++ {
		if err := w.chunk(ctx, i, nil); err != nil {
			return err
		}
	}
	return nil
}

// chunk checks one chunk of the part against what the file says of it; nil when it is unwritten.
func (w *walk) chunk(ctx context.Context, i int64, c *cdm.Chunk) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	coords := w.grid.Coords(i, nil)
	for d := range coords {
		coords[d] += w.first[d]
	}
	index := w.array.Grid.Index(coords)
	got, ok, err := w.store.Reference(w.array.Path, index)
	w.checked.Add(1)
	switch {
	case err != nil && damaged(ctx, err):
		return nil // the check of references names it
	case err != nil:
		return err
	case !ok:
		return nil // and so it does this
	case c == nil && got.Inline == nil:
		w.misplaced(coords, "no reference, since the source's chunk is unwritten", rangeText(&got))
	case c == nil || c.Inline != nil || got.Inline != nil:
		faults, err := w.values.chunk(ctx, w.shelf, w.array, index)
		w.faults = append(w.faults, faults...)
		return err
	default:
		want := virtual.Reference{URL: w.file.URL, Offset: c.Offset, Size: c.Size}
		if c.URL != "" {
			want.URL = c.URL
		}
		if got.URL != want.URL || got.Offset != want.Offset || got.Size != want.Size {
			w.misplaced(coords, rangeText(&want), rangeText(&got))
		}
	}
	return nil
}

func (w *walk) misplaced(coords []int64, expected, found string) {
	w.faults = append(w.faults, Fault{Kind: Misplaced, Chunk: slices.Clone(coords), Expected: expected, Found: found})
}
