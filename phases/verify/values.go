package verify

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// All as the number of chunks takes every chunk.
const All = -1

// piecesSampled is how many pieces of a chunk are compared when it is made of more, as a time
// coordinate in one chunk is of thousands of files.
const piecesSampled = 8

// Values reads chunks through the store and compares them with the sources. n is about how many (at
// least the first and the last one of every array), or [All]. The same seed chooses the same chunks.
func Values(ctx context.Context, store Store, reader Reader, locator Locator, sources Sources, n int64, seed uint64) (*Result, error) {
	c := &values{store: store, reader: reader, locator: locator, sources: sources, all: n < 0, seed: seed}
	arrays := store.Dataset().Arrays
	counts := make([]int64, len(arrays))
	for i := range arrays {
		counts[i] = arrays[i].Grid.Count()
	}
	result := &Result{Check: "values", Unit: "chunks"}
	for i, share := range shares(counts, n) {
		if err := c.array(ctx, &arrays[i], share, result); err != nil {
			return nil, err
		}
	}
	return result, nil
}

type values struct {
	store   Store
	reader  Reader
	locator Locator
	sources Sources
	all     bool
	seed    uint64
}

// array compares share chunks of an array, on all processors. Windows of chunks are taken one after
// another, so that faults come in order and memory is bounded.
func (c *values) array(ctx context.Context, a *virtual.Array, share int64, result *Result) error {
	workers := runtime.GOMAXPROCS(0)
	shelves := make([]*shelf, workers)
	for i := range shelves {
		shelves[i] = newShelf(c.sources)
		defer shelves[i].close()
	}
	window := make([]int64, 0, 64*workers)
	flush := func() error {
		faults := make([][]Fault, len(window))
		g, ctx := errgroup.WithContext(ctx)
		each := (len(window) + workers - 1) / workers
		for w, part := 0, 0; part < len(window); w, part = w+1, part+each {
			g.Go(func() error { // neighbours go to the same worker, for they tend to be in the same file
				for i := part; i < min(part+each, len(window)); i++ {
					var err error
					if faults[i], err = c.chunk(ctx, shelves[w], a, window[i]); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		for _, list := range faults {
			for _, f := range list {
				result.add(f)
			}
		}
		result.Checked += int64(len(window))
		window = window[:0]
		return nil
	}
	for index := range strata(a.Grid.Count(), share, randomFor(c.seed, a.Path)) {
		if window = append(window, index); len(window) == cap(window) {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// chunk compares one chunk.
func (c *values) chunk(ctx context.Context, shelf *shelf, a *virtual.Array, index int64) ([]Fault, error) {
	coords := a.Grid.Coords(index, nil)
	start, count := region(a.Grid, coords)
	fault := func(k Kind, file, expected, found string) Fault {
		return Fault{Kind: k, File: file, Variable: a.Path, Chunk: coords, Expected: expected, Found: found}
	}
	pieces, err := c.locator.Locate(a.Path, start, count)
	if err != nil {
		return nil, fmt.Errorf("%s chunk %s: %w", a.Path, key(coords), err)
	}
	if !covers(pieces, count) {
		return []Fault{fault(Unlocated, "", "a file for each of its elements", fmt.Sprintf("%d pieces that don't cover it once", len(pieces)))}, nil
	}
	box, unreadable := c.read(ctx, a, index, start)
	if unreadable != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var faults []Fault
	for _, p := range c.chosen(a, index, pieces) {
		f, v, err := shelf.variable(ctx, &p)
		var want []byte
		if err == nil {
			want, err = cdm.Read(ctx, f, v, p.FileStart, p.Count)
		}
		switch {
		case err != nil && transient(ctx, err):
			return nil, fmt.Errorf("%s: %w", p.URL, err)
		case err != nil:
			faults = append(faults, fault(Source, p.URL, "a file that can be read", err.Error()))
			continue
		case unreadable != nil:
			continue
		case p.Time == nil && !a.Type.Equal(v.Type):
			faults = append(faults, fault(Type, p.URL, v.Type.String(), a.Type.String()))
			continue
		}
		d, err := compare(a, box, &p, f, v, want)
		switch {
		case err != nil:
			faults = append(faults, fault(Value, p.URL, "comparable values", err.Error()))
		case d != nil:
			kind, expected, found := Value, d.want, d.got
			if whole := len(pieces) == 1; whole {
				wrong, err := c.misplaced(ctx, a, index, &p, f, v)
				if err != nil {
					return nil, err
				}
				if wrong != nil {
					kind, expected, found = wrong.Kind, wrong.Expected+" with "+expected, wrong.Found+" with "+found
				}
			}
			faults = append(faults, fault(kind, p.URL, expected, found))
		}
	}
	if unreadable != nil {
		file := ""
		if len(pieces) == 1 {
			file = pieces[0].URL
		}
		faults = append(faults, fault(Unreadable, file, "a chunk that can be read through the store", unreadable.Error()))
	}
	return faults, nil
}

// read reads a chunk through the store.
func (c *values) read(ctx context.Context, a *virtual.Array, index int64, start []int64) (*box, error) {
	raw, err := c.reader.ReadChunk(ctx, a.Path, index)
	if err != nil {
		return nil, err
	}
	return newBox(a, raw, start)
}

// chosen is the pieces of a chunk to compare: all, or in a sample a few when there are many.
func (c *values) chosen(a *virtual.Array, index int64, pieces []Piece) []Piece {
	if c.all || len(pieces) <= piecesSampled {
		return pieces
	}
	var out []Piece
	for i := range strata(int64(len(pieces)), piecesSampled, randomFor(c.seed+uint64(index), a.Path)) {
		out = append(out, pieces[i])
	}
	return out
}

// misplaced says how the reference of a chunk differs from where the source has the chunk, nil when
// it doesn't, or when the two can't be set against each other.
func (c *values) misplaced(ctx context.Context, a *virtual.Array, index int64, p *Piece, f cdm.File, v *cdm.Variable) (*Fault, error) {
	ref, ok, err := c.store.Reference(a.Path, index)
	if err != nil || ref.Inline != nil {
		return nil, err
	}
	want, err := sourceReference(ctx, p, a.Grid.Chunks, f, v)
	if err != nil || want == nil {
		return nil, err
	}
	if !ok {
		return &Fault{Kind: Missing, Expected: rangeText(want), Found: "no reference"}, nil
	}
	if ref.URL == want.URL && ref.Offset == want.Offset && ref.Size == want.Size {
		return nil, nil
	}
	return &Fault{Kind: Misplaced, Expected: rangeText(want), Found: rangeText(&ref)}, nil
}

// sourceReference is the byte range that holds a piece in its file; nil when there is none that is known.
func sourceReference(ctx context.Context, p *Piece, chunks []int64, f cdm.File, v *cdm.Variable) (*virtual.Reference, error) {
	grid := virtual.Grid{Shape: v.Shape, Chunks: v.Chunks}
	at := make([]int64, len(p.FileStart))
	if !v.Contiguous {
		if !slices.Equal(chunks, v.Chunks) {
			return nil, nil
		}
		for d := range at {
			if p.FileStart[d]%v.Chunks[d] != 0 {
				return nil, nil
			}
			at[d] = p.FileStart[d] / v.Chunks[d]
		}
	}
	index := grid.Index(at)
	for chunk, err := range f.Chunks(ctx, v) {
		switch {
		case err != nil && transient(ctx, err):
			return nil, err
		case err != nil, chunk.Index > index:
			return nil, nil
		case chunk.Index < index:
			continue
		case chunk.Inline != nil:
			return nil, nil
		}
		ref := &virtual.Reference{URL: p.URL, Offset: chunk.Offset, Size: chunk.Size}
		if chunk.URL != "" {
			ref.URL = chunk.URL
		}
		if v.Contiguous {
			first := int64(0)
			for d := range v.Shape {
				first = first*v.Shape[d] + p.FileStart[d]
			}
			ref.Offset += first * int64(v.Type.Size)
			ref.Size = elements(p.Count) * int64(v.Type.Size)
		}
		return ref, nil
	}
	return nil, nil
}

func rangeText(r *virtual.Reference) string {
	return fmt.Sprintf("%d bytes at %d of %s", r.Size, r.Offset, r.URL)
}
