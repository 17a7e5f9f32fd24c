package compute

import (
	"context"
	"fmt"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/virtual/cftime"
)

// maxDecoded bounds one array that is stored by value: coordinates are small, and a reader gets them whole.
const maxDecoded = 1 << 30

// decoded collects the arrays that are stored by value. Files fill disjoint stretches of it, several at once.
type decoded struct {
	plan   *virtual.Plan
	raw    map[int][]byte   // by array, in its type's layout
	text   map[int][]string // of arrays of strings
	target map[int]cftime.Units
}

func newDecoded(p *virtual.Plan) (*decoded, error) {
	d := &decoded{plan: p, raw: map[int][]byte{}, text: map[int][]string{}, target: map[int]cftime.Units{}}
	for a, lay := range p.Layouts {
		if lay.Role != virtual.Decoded {
			continue
		}
		arr := &p.Dataset.Arrays[a]
		n := int64(1)
		for _, s := range arr.Grid.Shape {
			n *= s
		}
		if n*int64(max(arr.Type.Size, 16)) > maxDecoded {
			return nil, phases.Errorf(phases.Unsupported, "", "%s: %d elements are too many to be stored by value", arr.Path, n)
		}
		if arr.Type.Kind == cdm.Object {
			d.text[a] = make([]string, n)
		} else {
			d.raw[a] = make([]byte, n*int64(arr.Type.Size))
		}
		if lay.Units != "" {
			u, err := cftime.Parse(lay.Units, lay.Calendar)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", arr.Path, err)
			}
			d.target[a] = u
		}
	}
	return d, nil
}

// add reads a file's stretch of an array.
func (d *decoded) add(ctx context.Context, v *visitor, array int) error {
	src, err := v.variable(array)
	if err != nil {
		return err
	}
	file := &d.plan.Files[v.file]
	raw, err := cdm.Read(ctx, v.src, src, nil, nil)
	if err != nil {
		return phases.SourceError(file.URL, src.Path, err)
	}
	arr, lay := &d.plan.Dataset.Arrays[array], &d.plan.Layouts[array]
	if to, ok := d.target[array]; ok {
		r, err := newRetiming(v.src, src, lay.TimeOf, to, arr)
		if err == nil {
			raw, err = r.apply(raw)
		}
		if err != nil {
			return phases.Errorf(phases.Drift, "take the file out of the dataset's list", "%s: %s: %w", file.URL, src.Path, err)
		}
	}
	start := make([]int64, len(lay.Axes))
	for i, ax := range lay.Axes {
		if ax >= 0 {
			start[i] = file.Start[ax]
		}
	}
	if texts, ok := d.text[array]; ok {
		values, err := cdm.DecodeStrings(raw)
		if err != nil {
			return phases.SourceError(file.URL, src.Path, err)
		}
		rows(arr.Grid.Shape, start, src.Shape, func(dst, from, n int64) { copy(texts[dst:dst+n], values[from:from+n]) })
		return nil
	}
	out, size := d.raw[array], int64(arr.Type.Size)
	rows(arr.Grid.Shape, start, src.Shape, func(dst, from, n int64) { copy(out[dst*size:(dst+n)*size], raw[from*size:]) })
	return nil
}

// reference is the array as its one chunk.
func (d *decoded) reference(array int) (virtual.Reference, error) {
	if texts, ok := d.text[array]; ok {
		raw, err := cdm.EncodeStrings(texts)
		return virtual.Reference{Inline: raw}, err
	}
	return virtual.Reference{Inline: d.raw[array]}, nil
}

// rows calls move for every run of a box of the given extent that begins at start in an array of the given shape: n
// elements, at from of the box and dst of the array.
func rows(shape, start, extent []int64, move func(dst, from, n int64)) {
	last := len(shape) - 1
	if last < 0 {
		move(0, 0, 1)
		return
	}
	for _, n := range extent {
		if n == 0 {
			return
		}
	}
	at := make([]int64, len(shape))
	for from := int64(0); ; from += extent[last] {
		dst := int64(0)
		for i := range at {
			dst = dst*shape[i] + start[i] + at[i]
		}
		move(dst, from, extent[last])
		i := last - 1
		for ; i >= 0; i-- {
			if at[i]++; at[i] < extent[i] {
				break
			}
			at[i] = 0
		}
		if i < 0 {
			return
		}
	}
}
