package verify

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// box is a chunk as it was read through the store.
type box struct {
	start, shape []int64 // in the array; it may reach over the array's edge
	raw          []byte
	text         []string // of an array of strings, instead of raw
}

// newBox takes a decoded chunk; nil is one that is filled.
func newBox(a *virtual.Array, raw []byte, start []int64) (*box, error) {
	b := &box{start: start, shape: a.Grid.Chunks, raw: raw}
	n := elements(b.shape)
	if a.Type.Kind == cdm.Object {
		if raw == nil {
			b.text = slices.Repeat([]string{string(a.Fill)}, int(n))
			return b, nil
		}
		var err error
		if b.text, err = cdm.DecodeStrings(raw); err == nil && int64(len(b.text)) != n {
			err = fmt.Errorf("%d strings in a chunk of %d", len(b.text), n)
		}
		return b, err
	}
	size := int64(a.Type.Size)
	if raw == nil {
		b.raw = make([]byte, n*size)
		if int64(len(a.Fill)) == size {
			b.raw = bytes.Repeat(a.Fill, int(n))
		}
	}
	if int64(len(b.raw)) != n*size {
		return nil, fmt.Errorf("%d bytes in a chunk of %d", len(b.raw), n*size)
	}
	return b, nil
}

// difference is the first element that differs, and how many do.
type difference struct{ want, got string }

// compare holds the part of the box that p is against its values in the source; nil when they are the same.
func compare(a *virtual.Array, b *box, p *Piece, f cdm.File, v *cdm.Variable, want []byte) (*difference, error) {
	var same func(at, in int64) bool       // element by element
	var sameRun func(at, in, n int64) bool // a shortcut for many
	var show func(at, in int64) (want, got string)
	switch {
	case a.Type.Kind == cdm.Object:
		text, err := cdm.DecodeStrings(want)
		if err != nil {
			return nil, err
		}
		if int64(len(text)) != elements(p.Count) {
			return nil, fmt.Errorf("%d strings instead of %d", len(text), elements(p.Count))
		}
		same = func(at, in int64) bool { return text[at] == b.text[in] }
		show = func(at, in int64) (string, string) { return strconv.Quote(text[at]), strconv.Quote(b.text[in]) }
	case p.Time != nil:
		t, err := newTimes(a, b.raw, p.Time, f, v, want)
		if err != nil {
			return nil, err
		}
		same, show = t.same, t.show
	default:
		size := int64(a.Type.Size)
		element := func(raw []byte, i int64) []byte { return raw[i*size : (i+1)*size] }
		same = func(at, in int64) bool { return bytes.Equal(element(want, at), element(b.raw, in)) }
		sameRun = func(at, in, n int64) bool { return bytes.Equal(want[at*size:(at+n)*size], b.raw[in*size:(in+n)*size]) }
		show = func(at, in int64) (string, string) {
			return elementText(a.Type, element(want, at)), elementText(a.Type, element(b.raw, in))
		}
	}
	offset := make([]int64, len(p.Start))
	for d := range offset {
		offset[d] = p.Start[d] - b.start[d]
		if offset[d] < 0 || offset[d]+p.Count[d] > b.shape[d] {
			return nil, fmt.Errorf("a piece from %v on with %v elements, outside of the chunk", p.Start, p.Count)
		}
	}
	var first *difference
	differing := int64(0)
	runs(b.shape, offset, p.Count, func(at, in, n int64) bool {
		if sameRun != nil && sameRun(at, in, n) {
			return true
		}
		for i := range n {
			if same(at+i, in+i) {
				continue
			}
			if differing++; first == nil {
				w, g := show(at+i, in+i)
				first = &difference{fmt.Sprintf("%s at element %v", w, elementAt(p, at+i)), g}
			}
		}
		return true
	})
	if first != nil {
		first.got += fmt.Sprintf(" (%d of %d elements differ)", differing, elements(p.Count))
	}
	return first, nil
}

// elementAt is where element i of a piece is in the array.
func elementAt(p *Piece, i int64) []int64 {
	at := make([]int64, len(p.Count))
	for d := len(at) - 1; d >= 0; d-- {
		at[d] = p.Start[d] + i%p.Count[d]
		i /= p.Count[d]
	}
	return at
}

// elementText is an element's value and, since different bits may look alike, its bytes.
func elementText(t cdm.DType, raw []byte) string {
	if t.Numeric() {
		if n, err := t.Int64s(raw); err == nil && len(n) == 1 {
			return fmt.Sprintf("%d (0x%x)", n[0], raw)
		}
		if x, err := t.Float64s(raw); err == nil && len(x) == 1 {
			return fmt.Sprintf("%v (0x%x)", x[0], raw)
		}
	}
	if t.Kind == cdm.Bytes {
		return strconv.Quote(string(raw))
	}
	return fmt.Sprintf("0x%x", raw)
}
