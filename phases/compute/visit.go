package compute

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/codecs"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// entry is what a file contributes to one array: the reference of a chunk, or the news that a stretch of chunks is unwritten.
type entry struct {
	array     int
	index     int64
	unwritten int64 // when above 0, the number of chunks from index on that have no reference
	ref       virtual.Reference
}

// visitor goes through one source file and yields what it contributes to the arrays that it owns a stretch of.
type visitor struct {
	plan  *virtual.Plan
	file  int
	src   *phases.SourceFile
	link  func(url string) (string, error) // where the store finds what the file calls url
	yield func(entry) error
}

// variable finds the source of an array in the file, and checks that the file is still what configure saw.
func (v *visitor) variable(array int) (*cdm.Variable, error) {
	arr, lay := &v.plan.Dataset.Arrays[array], &v.plan.Layouts[array]
	where := &v.plan.Files[v.file]
	changed := func(format string, a ...any) error {
		return phases.Errorf(phases.Damaged, "run configure again", "%s: variable %s %s", where.URL, arr.Path, fmt.Sprintf(format, a...))
	}
	src := v.src.Root().Variable(arr.Path)
	switch {
	case src == nil:
		return nil, changed("is not there any more")
	case src.Refused != nil:
		return nil, phases.SourceError(where.URL, arr.Path, src.Refused)
	case !src.Type.Equal(arr.Type) && (lay.Units == "" || !src.Type.Numeric()): // times are re-encoded to one type
		return nil, changed("has dtype %s, but had %s when configure ran", src.Type, arr.Type)
	case len(src.Shape) != len(lay.Axes):
		return nil, changed("has %d dimensions, but had %d when configure ran", len(src.Shape), len(lay.Axes))
	}
	for d, ax := range lay.Axes {
		want := arr.Grid.Shape[d]
		if ax >= 0 {
			want = where.Length[ax]
		}
		if src.Shape[d] != want {
			return nil, changed("is %d long along %s, but was %d when configure ran", src.Shape[d], arr.Dimensions[d], want)
		}
	}
	return src, nil
}

// references yields the references of one array, each chunk of the file's stretch exactly once.
func (v *visitor) references(ctx context.Context, array int) error {
	src, err := v.variable(array)
	if err != nil {
		return err
	}
	arr := &v.plan.Dataset.Arrays[array]
	url := v.plan.Files[v.file].URL
	m := newMapping(v.plan, array, v.file, src)
	if m.grid.Count() == 0 {
		return nil
	}
	cut := src.Contiguous && !slices.Equal(src.Chunks, m.grid.Chunks)
	if !cut && !slices.Equal(src.Chunks, m.grid.Chunks) {
		return phases.Errorf(phases.Damaged, "run configure again", "%s: variable %s has chunks %v, but had %v when configure ran", url, arr.Path, src.Chunks, m.grid.Chunks)
	}
	home, err := v.link(url)
	if err != nil {
		return err
	}
	next := int64(0) // the first chunk of the file's grid that has not been accounted for
	for c, err := range v.src.Chunks(ctx, src) {
		if err != nil {
			return phases.SourceError(url, arr.Path, err)
		}
		if cut {
			ref, err := v.reference(c, home)
			if err != nil {
				return err
			}
			if next, err = v.cut(array, m, src, ref); err != nil {
				return err
			}
			continue
		}
		if c.Index < next || c.Index >= m.grid.Count() {
			return phases.Errorf(phases.Damaged, "", "%s: %s: chunk %d is out of order or outside of the array", url, arr.Path, c.Index)
		}
		if err := v.unwritten(array, m, src, next, c.Index-next); err != nil {
			return err
		}
		next = c.Index + 1
		ref, err := v.reference(c, home)
		if err != nil {
			return err
		}
		if err := v.yield(entry{array: array, index: m.index(c.Index), ref: ref}); err != nil {
			return err
		}
	}
	return v.unwritten(array, m, src, next, m.grid.Count()-next)
}

// reference is the reference of a chunk of the file that the store finds at home.
func (v *visitor) reference(c cdm.Chunk, home string) (ref virtual.Reference, err error) {
	if c.Inline != nil {
		return virtual.Reference{Inline: c.Inline}, nil
	}
	if c.URL != "" {
		home, err = v.link(c.URL)
	}
	return virtual.Reference{URL: home, Offset: c.Offset, Size: c.Size}, err
}

// cut yields the pieces of an array that lies in one piece in the file, at whole. It answers how many chunks that was.
func (v *visitor) cut(array int, m *mapping, src *cdm.Variable, whole virtual.Reference) (int64, error) {
	piece := int64(src.Type.Size)
	for _, n := range m.grid.Chunks {
		piece *= n
	}
	n := m.grid.Count()
	if size := max(whole.Size, int64(len(whole.Inline))); size != n*piece {
		return 0, phases.Errorf(phases.Damaged, "", "%s: %s: stored in %d bytes, not in %d", v.plan.Files[v.file].URL, src.Path, size, n*piece)
	}
	for i := range n {
		ref := whole
		if whole.Inline != nil {
			ref.Inline = whole.Inline[i*piece : (i+1)*piece : (i+1)*piece]
		} else {
			ref.Offset, ref.Size = whole.Offset+i*piece, piece
		}
		if err := v.yield(entry{array: array, index: m.index(i), ref: ref}); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// unwritten yields n chunks of the file's grid that are not stored. What readers make of a missing chunk is the array's fill value,
// or zeros where that is null; where the file's own fill is another, the chunk is written out.
func (v *visitor) unwritten(array int, m *mapping, src *cdm.Variable, from, n int64) error {
	if n == 0 {
		return nil
	}
	arr := &v.plan.Dataset.Arrays[array]
	if sameFill(src.Fill, arr.Fill) {
		if m.linear {
			return v.yield(entry{array: array, index: m.index(from), unwritten: n})
		}
		for i := from; i < from+n; i++ {
			if err := v.yield(entry{array: array, index: m.index(i), unwritten: 1}); err != nil {
				return err
			}
		}
		return nil
	}
	chunk, err := filledChunk(arr, src)
	if err == nil && int64(len(chunk))*n > maxFilled {
		err = fmt.Errorf("%d chunks of %d bytes are too many to write out: %w", n, len(chunk), cdm.ErrUnsupported)
	}
	if err != nil {
		return phases.SourceError(v.plan.Files[v.file].URL, arr.Path,
			fmt.Errorf("unwritten chunks read as %x and not as the array's fill value %x: %w", src.Fill, arr.Fill, err))
	}
	for i := from; i < from+n; i++ {
		if err := v.yield(entry{array: array, index: m.index(i), ref: virtual.Reference{Inline: chunk}}); err != nil {
			return err
		}
	}
	return nil
}

// maxFilled bounds what is written out of one variable of one file for chunks that are not stored.
const maxFilled = 64 << 20

// sameFill compares fill values; nil is zeros.
func sameFill(a, b []byte) bool {
	zero := func(v []byte) bool { return len(bytes.Trim(v, "\x00")) == 0 }
	return bytes.Equal(a, b) || zero(a) && zero(b)
}

// filledChunk encodes a chunk of nothing but the source's fill value.
func filledChunk(arr *virtual.Array, src *cdm.Variable) ([]byte, error) {
	n := int64(1)
	for _, c := range arr.Grid.Chunks {
		n *= c
	}
	if bytes := n * int64(max(src.Type.Size, 4+len(src.Fill))); bytes > maxFilled {
		return nil, fmt.Errorf("a chunk of %d bytes: %w", bytes, cdm.ErrUnsupported)
	}
	if src.Type.Kind == cdm.Object {
		raw, err := cdm.EncodeStrings(slices.Repeat([]string{string(src.Fill)}, int(n)))
		if err != nil {
			return nil, err
		}
		return codecs.Encode(arr.Codecs, raw)
	}
	fill := src.Fill
	if len(fill) == 0 {
		fill = make([]byte, src.Type.Size)
	}
	chunk, err := codecs.Encode(arr.Codecs, bytes.Repeat(fill, int(n)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, cdm.ErrUnsupported)
	}
	return chunk, nil
}

// mapping takes chunk indexes of a file's stretch of an array to indexes of the array.
type mapping struct {
	grid   virtual.Grid // of the file's stretch, in the array's chunks
	array  virtual.Grid
	start  []int64 // the stretch's first chunk along each axis
	linear bool    // the stretch is consecutive in the array
	offset int64
	coords []int64
}

func newMapping(p *virtual.Plan, array, file int, src *cdm.Variable) *mapping {
	arr, lay := &p.Dataset.Arrays[array], &p.Layouts[array]
	m := &mapping{grid: virtual.Grid{Shape: src.Shape, Chunks: arr.Grid.Chunks}, array: arr.Grid, linear: true}
	m.start = make([]int64, len(lay.Axes))
	mine, whole := m.grid.Counts(), arr.Grid.Counts()
	for d, ax := range lay.Axes {
		if ax >= 0 {
			m.start[d] = p.Files[file].Start[ax] / arr.Grid.Chunks[d]
		}
		if d > 0 && mine[d] != whole[d] {
			m.linear = false
		}
	}
	if len(lay.Axes) > 0 && m.grid.Count() > 0 {
		m.offset = arr.Grid.Index(m.start)
	}
	return m
}

// index is the array's chunk index of the stretch's chunk i.
func (m *mapping) index(i int64) int64 {
	if m.linear {
		return m.offset + i
	}
	m.coords = m.grid.Coords(i, m.coords)
	for d := range m.coords {
		m.coords[d] += m.start[d]
	}
	return m.array.Index(m.coords)
}
