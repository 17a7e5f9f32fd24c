package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// maxClaims bounds the references that are looked at one by one at a time.
const maxClaims = 4 << 20

// suspicion is why the references to a file are looked at one by one.
type suspicion struct {
	outside    bool
	size       int64 // of the file, when outside
	overlap    bool
	references int64
}

// claim is one reference to a suspected file.
type claim struct {
	extent
	array *virtual.Array
	index int64
}

func (c claim) String() string {
	return fmt.Sprintf("%s chunk %s at bytes %d to %d", c.array.Path, key(c.array.Grid.Coords(c.index, nil)), c.start, c.end)
}

// examine names the references that reach beyond their files or share bytes.
func (r *references) examine(ctx context.Context, suspects map[string]suspicion) error {
	urls := make([]string, 0, len(suspects))
	for url := range suspects {
		urls = append(urls, url)
	}
	slices.Sort(urls)
	for first := true; first || len(urls) > 0; first = false {
		n, total := 0, int64(0) // as many files at a time as memory allows
		for n < len(urls) && (n == 0 || total+suspects[urls[n]].references <= maxClaims) {
			total += suspects[urls[n]].references
			n++
		}
		if n == 0 {
			return nil
		}
		if err := r.examineFiles(ctx, urls[:n], suspects); err != nil {
			return err
		}
		urls = urls[n:]
	}
	return nil
}

func (r *references) examineFiles(ctx context.Context, urls []string, suspects map[string]suspicion) error {
	claims := make(map[string][]claim, len(urls))
	for _, url := range urls {
		claims[url] = nil
	}
	err := r.each(ctx, func(a *virtual.Array, index int64, ref *virtual.Reference) {
		if _, ok := claims[ref.URL]; !ok {
			return
		}
		s := suspects[ref.URL]
		if s.outside && (ref.Offset > s.size || ref.Size > s.size-ref.Offset) {
			r.result.add(Fault{Kind: Outside, File: ref.URL, Variable: a.Path, Chunk: a.Grid.Coords(index, nil),
				Expected: fmt.Sprintf("bytes of a file of %d", s.size), Found: fmt.Sprintf("%d bytes at %d", ref.Size, ref.Offset)})
		}
		if s.overlap && ref.Size > 0 {
			claims[ref.URL] = append(claims[ref.URL], claim{extent{ref.Offset, ref.Offset + ref.Size}, a, index})
		}
	})
	if err != nil {
		return err
	}
	for _, url := range urls {
		if err := r.collisions(ctx, url, claims[url]); err != nil {
			return err
		}
	}
	return nil
}

// collisions finds claims to the same bytes. Two arrays may share whole chunks, as hard links and
// identical variables do; one array may not, and nothing may share a part of a chunk, unless the
// file itself has it so.
func (r *references) collisions(ctx context.Context, url string, claims []claim) error {
	slices.SortFunc(claims, func(a, b claim) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end), cmp.Compare(a.array.Path, b.array.Path), cmp.Compare(a.index, b.index))
	})
	var own *chunkTable // the file's own chunks, once they are asked for
	furthest := 0       // the claim so far that ends last
	for i := 1; i < len(claims); i++ {
		before, c := claims[furthest], claims[i]
		if before.end <= c.end {
			furthest = i
		}
		if c.start >= before.end {
			continue
		}
		f := Fault{Kind: Overlap, File: url, Variable: c.array.Path, Chunk: c.array.Grid.Coords(c.index, nil)}
		if same := claims[i-1]; same.extent == c.extent {
			if same.array != c.array {
				continue
			}
			before, f.Kind = same, Repeated
		}
		if own == nil {
			var err error
			if own, err = readChunkTable(ctx, r.sources, url); err != nil {
				return err
			}
		}
		if own.has(before.extent, c.extent) {
			continue
		}
		f.Expected, f.Found = "bytes of its own", fmt.Sprintf("bytes %d to %d, which are %s", c.start, c.end, before)
		r.result.add(f)
	}
	return nil
}

// chunkTable is where a file's own chunks lie.
type chunkTable struct {
	chunks     []extent
	contiguous []extent // pieces that may be referred to in parts
}

// readChunkTable reads the chunks of all variables of a file. One that can't be read has none.
func readChunkTable(ctx context.Context, sources Sources, url string) (*chunkTable, error) {
	t := &chunkTable{}
	f, err := sources.Open(ctx, url)
	if err != nil {
		if transient(ctx, err) {
			return nil, err
		}
		return t, nil
	}
	defer f.Close()
	for g := range f.Root().Walk() {
		for _, v := range g.Variables {
			if v.Refused != nil {
				continue
			}
			if err := t.read(ctx, f, v); err != nil && transient(ctx, err) {
				return nil, err
			}
		}
	}
	return t, nil
}

func (t *chunkTable) read(ctx context.Context, f cdm.File, v *cdm.Variable) error {
	for c, err := range f.Chunks(ctx, v) {
		switch {
		case err != nil:
			return err
		case c.URL != "" || c.Inline != nil:
		case v.Contiguous:
			t.contiguous = append(t.contiguous, extent{c.Offset, c.Offset + c.Size})
		default:
			t.chunks = append(t.chunks, extent{c.Offset, c.Offset + c.Size})
		}
	}
	return nil
}

// has reports whether a and b are, or lie in, two different chunks of the file.
func (t *chunkTable) has(a, b extent) bool {
	ofA, ofB, both := 0, 0, 0
	count := func(isA, isB bool) {
		switch {
		case isA && isB:
			both++
		case isA:
			ofA++
		case isB:
			ofB++
		}
	}
	for _, c := range t.chunks {
		count(c == a, c == b)
	}
	for _, c := range t.contiguous {
		count(c.start <= a.start && a.end <= c.end, c.start <= b.start && b.end <= c.end)
	}
	return ofA > 0 && ofB > 0 || both > 0 && ofA+ofB > 0 || both > 1
}
