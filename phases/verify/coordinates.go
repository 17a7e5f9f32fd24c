package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Arrays whose values are compared with every file's, in bytes: coordinates and what is stored by value up to maxCoordinate, whatever
// else is the same in all files up to maxShared; all of them together up to maxCoordinates. Of larger ones
// the check of values takes its sample.
const (
	maxCoordinate  = 64 << 20
	maxShared      = 64 << 10
	maxCoordinates = 256 << 20
)

// coordinates reads the store's coordinates.
func (m *metadata) coordinates(ctx context.Context, reader Reader, result *Result) error {
	m.boxes = make([]*box, len(m.ds.Arrays))
	total := int64(0)
	for i := range m.ds.Arrays {
		a := &m.ds.Arrays[i]
		bytes := elements(a.Grid.Shape) * int64(max(a.Type.Size, 16))
		limit := int64(maxShared)
		coordinate := len(a.Dimensions) == 1 && a.Dimensions[0] == a.Path[1+lastSlash(a.Path):]
		if coordinate || m.plan.Layouts[m.plan.Dataset.Array(a.Path)].Role == virtual.Decoded {
			limit = maxCoordinate
		} else if m.plan.Layouts[m.plan.Dataset.Array(a.Path)].Role != virtual.Identical {
			continue
		}
		if bytes > limit || total+bytes > maxCoordinates {
			continue
		}
		b, err := whole(ctx, reader, a)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			result.add(Fault{Kind: Unreadable, Variable: a.Path, Expected: "values that can be read through the store", Found: err.Error()})
			continue
		}
		m.boxes[i], total = b, total+bytes
	}
	return nil
}

func lastSlash(path string) int {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return i
		}
	}
	return -1
}

// whole reads an array through the store, chunk by chunk.
func whole(ctx context.Context, reader Reader, a *virtual.Array) (*box, error) {
	origin := make([]int64, len(a.Grid.Shape))
	out := &box{start: origin, shape: a.Grid.Shape}
	n, size := elements(out.shape), int64(a.Type.Size)
	if a.Type.Kind == cdm.Object {
		out.text = make([]string, n)
	} else {
		out.raw = make([]byte, n*size)
	}
	for i := range a.Grid.Count() {
		raw, err := reader.ReadChunk(ctx, a.Path, i)
		if err != nil {
			return nil, err
		}
		start, count := region(a.Grid, a.Grid.Coords(i, nil))
		b, err := newBox(a, raw, start)
		if err != nil {
			return nil, fmt.Errorf("chunk %s: %w", key(a.Grid.Coords(i, nil)), err)
		}
		from := make([]int64, 0, elements(count)/max(1, lastOf(count)))
		runs(b.shape, origin, count, func(_, in, _ int64) bool { from = append(from, in); return true })
		runs(out.shape, start, count, func(_, to, n int64) bool {
			if b.text != nil {
				copy(out.text[to:to+n], b.text[from[0]:])
			} else {
				copy(out.raw[to*size:(to+n)*size], b.raw[from[0]*size:])
			}
			from = from[1:]
			return true
		})
	}
	return out, nil
}

func lastOf(s []int64) int64 {
	if len(s) == 0 {
		return 1
	}
	return s[len(s)-1]
}

// values compares a file's part of a coordinate with the store's.
func (m *metadata) values(ctx context.Context, f cdm.File, a, p int, pf *virtual.File) ([]Fault, error) {
	arr, lay := &m.ds.Arrays[a], &m.plan.Layouts[p]
	piece := Piece{URL: pf.URL, Variable: arr.Path, FileStart: make([]int64, len(lay.Axes)), Start: make([]int64, len(lay.Axes)), Count: slices.Clone(arr.Grid.Shape)}
	for d, axis := range lay.Axes {
		if axis >= 0 {
			piece.Start[d], piece.Count[d] = pf.Start[axis], pf.Length[axis]
		}
	}
	if lay.Units != "" {
		piece.Time = &Retiming{Units: lay.Units, Calendar: lay.Calendar, Of: lay.TimeOf}
	}
	v := f.Root().Variable(arr.Path)
	want, err := cdm.Read(ctx, f, v, piece.FileStart, piece.Count)
	if err != nil {
		return nil, err
	}
	d, err := compare(arr, m.boxes[a], &piece, f, v, want)
	switch {
	case err != nil:
		return []Fault{{Kind: Value, Variable: arr.Path, Expected: "comparable values", Found: err.Error()}}, nil
	case d != nil:
		return []Fault{{Kind: Value, Variable: arr.Path, Expected: d.want, Found: d.got}}, nil
	}
	return nil, nil
}
