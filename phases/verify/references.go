package verify

import (
	"context"
	"fmt"
	"iter"
	"math"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// Beyond is a store that may hold references outside of its arrays' chunk grids, which readers never see. It yields their indexes.
type Beyond interface {
	Beyond(ctx context.Context, array string) iter.Seq2[int64, error]
}

// beyond finds such references.
func (r *Result) beyond(ctx context.Context, store Store) error {
	b, ok := store.(Beyond)
	if !ok {
		return nil
	}
	for _, a := range store.Dataset().Arrays {
		for index, err := range b.Beyond(ctx, a.Path) {
			fault := Fault{Kind: Grid, Variable: a.Path, Expected: fmt.Sprintf("%d chunks", a.Grid.Count()), Found: fmt.Sprintf("a reference for chunk %d", index)}
			switch {
			case err != nil && !damaged(ctx, err):
				return fmt.Errorf("references of %s: %w", a.Path, err)
			case err != nil:
				fault.Kind, fault.Found = Unreadable, err.Error()
			}
			r.add(fault)
		}
	}
	return nil
}

// References checks every reference of the store without reading data. It takes one pass over the
// store, a second one when something is suspicious, and more when the files' chunks are so
// scattered that their table would need more than a few hundred megabytes.
func References(ctx context.Context, store Store, locator Locator, sources Sources) (*Result, error) {
	return (&references{store: store, locator: locator, sources: sources, limit: maxExtents}).check(ctx)
}

type references struct {
	store   Store
	locator Locator
	sources Sources
	limit   int64
	result  Result
}

func (r *references) check(ctx context.Context) (*Result, error) {
	r.result = Result{Check: "references", Unit: "chunks"}
	book := newLedger(r.limit, 0, 1)
	shelf := newShelf(r.sources)
	defer shelf.close()
	arrays := r.store.Dataset().Arrays
	for i := range arrays {
		if err := r.account(ctx, &arrays[i], book, shelf); err != nil {
			return nil, err
		}
	}
	sizes, err := r.sizes(ctx, book)
	if err != nil {
		return nil, err
	}
	suspects := map[string]suspicion{}
	for _, url := range book.order {
		if size, ok := sizes[url]; ok && book.files[url].end > size {
			suspects[url] = suspicion{size: size, outside: true}
		}
	}
	if err := r.overlaps(ctx, book, suspects); err != nil {
		return nil, err
	}
	return &r.result, r.examine(ctx, suspects)
}

// account walks one array: its references enter the ledger, and its gaps are held against the sources.
func (r *references) account(ctx context.Context, a *virtual.Array, book *ledger, shelf *shelf) error {
	count := a.Grid.Count()
	next := int64(0) // the first chunk that is not accounted for
	for row, err := range r.store.References(ctx, a.Path) {
		if err != nil && damaged(ctx, err) {
			r.result.add(Fault{Kind: Unreadable, Variable: a.Path, Expected: fmt.Sprintf("references from chunk %d on", next), Found: err.Error()})
			r.result.Checked += next
			return nil
		}
		if err != nil {
			return fmt.Errorf("references of %s: %w", a.Path, err)
		}
		if row.Index < next || row.Index >= count {
			r.result.add(Fault{Kind: Grid, Variable: a.Path, Expected: fmt.Sprintf("a chunk from %d to %d", next, count-1), Found: fmt.Sprintf("chunk %d", row.Index)})
			continue
		}
		if err := r.gap(ctx, a, next, row.Index, shelf); err != nil {
			return err
		}
		next = row.Index + 1
		ref := &row.Reference
		switch {
		case ref.Inline != nil:
		case ref.Offset < 0 || ref.Size < 0:
			r.result.add(Fault{Kind: Outside, File: ref.URL, Variable: a.Path, Chunk: a.Grid.Coords(row.Index, nil),
				Expected: "an offset and a size of at least 0", Found: fmt.Sprintf("offset %d, size %d", ref.Offset, ref.Size)})
		default:
			book.add(ref.URL, ref.Offset, ref.Size)
		}
	}
	r.result.Checked += count
	return r.gap(ctx, a, next, count, shelf)
}

// gap checks that the chunks from first up to end, which have no reference, are unwritten in their sources.
func (r *references) gap(ctx context.Context, a *virtual.Array, first, end int64, shelf *shelf) error {
	for i := first; i < end; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		coords := a.Grid.Coords(i, nil)
		start, count := region(a.Grid, coords)
		fault := Fault{Kind: Missing, Variable: a.Path, Chunk: coords, Found: "no reference"}
		pieces, err := r.locator.Locate(a.Path, start, count)
		if err != nil {
			return fmt.Errorf("%s chunk %s: %w", a.Path, key(coords), err)
		}
		if !covers(pieces, count) {
			fault.Kind, fault.Expected = Unlocated, "a file for each of its elements"
			r.result.add(fault)
			continue
		}
		for _, p := range pieces {
			at, written, err := shelf.written(ctx, &p)
			switch {
			case err != nil && transient(ctx, err):
				return err
			case err != nil:
				fault.Kind, fault.File, fault.Expected, fault.Found = Source, p.URL, "a file that can be read", err.Error()
			case written:
				fault.File, fault.Expected = p.URL, fmt.Sprintf("the source's chunk at elements %v of %s", at, p.Variable)
			default:
				continue
			}
			r.result.add(fault)
			break
		}
	}
	return nil
}

// sizes asks for the size of every file. Files that are not there are faults and have none.
func (r *references) sizes(ctx context.Context, book *ledger) (map[string]int64, error) {
	stats, errs := statAll(ctx, len(book.order), func(i int) string { return book.order[i] }, r.sources)
	out := make(map[string]int64, len(stats))
	for i, url := range book.order {
		switch {
		case errs[i] == nil:
			out[url] = stats[i].Size
		case transient(ctx, errs[i]):
			return nil, fmt.Errorf("%s: %w", url, errs[i])
		default:
			r.result.add(Fault{Kind: Source, File: url, Expected: "a file", Found: errs[i].Error()})
		}
	}
	return out, nil
}

// overlaps adds the files to suspects in which references share bytes.
func (r *references) overlaps(ctx context.Context, book *ledger, suspects map[string]suspicion) error {
	turns := uint64(1)
	if !book.complete() {
		turns = book.turnsNeeded() // the table is too large to keep: the files take turns
	}
	for part := range turns {
		if turns > 1 {
			book = newLedger(math.MaxInt64, part, turns)
			if err := r.each(ctx, func(_ *virtual.Array, _ int64, ref *virtual.Reference) { book.add(ref.URL, ref.Offset, ref.Size) }); err != nil {
				return err
			}
		}
		for _, url := range book.order {
			if f := book.files[url]; f.overlapping() {
				s := suspects[url]
				s.overlap, s.references = true, f.references
				suspects[url] = s
			}
		}
	}
	return nil
}

// each walks all references that are byte ranges.
func (r *references) each(ctx context.Context, use func(a *virtual.Array, index int64, ref *virtual.Reference)) error {
	arrays := r.store.Dataset().Arrays
	for i := range arrays {
		for row, err := range r.store.References(ctx, arrays[i].Path) {
			if err != nil && damaged(ctx, err) {
				break // found before
			}
			if err != nil {
				return fmt.Errorf("references of %s: %w", arrays[i].Path, err)
			}
			if ref := &row.Reference; ref.Inline == nil && ref.Offset >= 0 && ref.Size >= 0 {
				use(&arrays[i], row.Index, ref)
			}
		}
	}
	return ctx.Err()
}
