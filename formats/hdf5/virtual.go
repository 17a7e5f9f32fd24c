package hdf5

import (
	"fmt"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// Mappings gives the mappings of a virtual dataset, in order; later ones win where they overlap.
func (d *Dataset) Mappings() ([]Mapping, error) {
	if d.Layout.Class != Virtual {
		return nil, d.errorf("is not a virtual dataset")
	}
	if d.Layout.heap == Undefined {
		return nil, nil
	}
	data, err := d.f.GlobalHeapObject(d.Layout.heap, d.Layout.heapIndex)
	if err != nil {
		return nil, fmt.Errorf("virtual dataset's mappings: %w", err)
	}
	const what = "virtual dataset's mappings" // III.F
	if err := verifyChecksum(data, d.Layout.heap, what); err != nil {
		return nil, err
	}
	b := buf{f: d.f, what: what, off: d.Layout.heap, data: data[:len(data)-4]}
	version := b.u8()
	if version > 1 {
		return nil, fmt.Errorf("%s of version %d: %w", what, version, cdm.ErrUnsupported)
	}
	n := b.length()
	if n > uint64(b.left()) {
		b.failf("%d mappings in %d bytes", n, b.left())
	}
	all := make([]Mapping, 0, min(n, 1024))
	// shared takes a name, or in version 1 the number of an earlier mapping that has it.
	shared := func(is bool, of func(*Mapping) string) string {
		if !is {
			return b.name(false)
		}
		i := b.length()
		if i >= uint64(len(all)) {
			b.failf("shares a name with mapping %d, which does not precede it", i)
			return ""
		}
		return of(&all[i])
	}
	for i := uint64(0); i < n && b.err == nil; i++ {
		var flags uint8
		if version == 1 {
			flags = b.u8()
		}
		m := Mapping{File: "."}
		if flags&4 == 0 {
			m.File = shared(flags&1 != 0, func(m *Mapping) string { return m.File })
		}
		m.Dataset = shared(flags&2 != 0, func(m *Mapping) string { return m.Dataset })
		m.Source = b.selection()
		m.Virtual = b.selection()
		all = append(all, m)
	}
	return all, b.err
}

// selection decodes a dataspace selection (VIII.A).
func (b *buf) selection() (s Selection) {
	kind, version := b.u32(), b.u32()
	switch kind {
	case 0, 3:
		s.None, s.All = kind == 0, kind == 3
		b.skip(8)
	case 1:
		b.pointSelection(&s, version)
	case 2:
		b.hyperslabSelection(&s, version)
	default:
		b.failf("unknown type of selection %d", kind)
	}
	return s
}

// rank takes the number of dimensions of a selection.
func (b *buf) rank(s *Selection) {
	if s.Rank = int(b.u32()); s.Rank < 1 || s.Rank > maxRank {
		b.failf("a selection of %d dimensions", s.Rank)
		s.Rank = 0
	}
}

// coordinates takes n numbers of size bytes.
func (b *buf) coordinates(n, size int) []uint64 {
	c := make([]uint64, n)
	for i := range c {
		c[i] = b.uint(size)
	}
	return c
}

func (b *buf) pointSelection(s *Selection, version uint32) {
	size := 4
	switch version {
	case 1:
		b.skip(8) // reserved, length
	case 2:
		size = int(b.u8())
	default:
		b.failf("point selection of version %d", version)
	}
	b.rank(s)
	n := b.uint(size)
	if b.err != nil || n > uint64(b.left())/uint64(s.Rank) {
		b.failf("%d points in %d bytes", n, b.left())
		return
	}
	s.Points = make([][]uint64, n)
	for i := range s.Points {
		s.Points[i] = b.coordinates(s.Rank, size)
	}
}

func (b *buf) hyperslabSelection(s *Selection, version uint32) {
	size, regular := 4, false
	switch version {
	case 1:
		b.skip(8) // reserved, length
	case 2:
		size, regular = 8, b.u8()&1 != 0
		b.skip(4) // length
	case 3:
		regular = b.u8()&1 != 0
		size = int(b.u8())
	default:
		b.failf("hyperslab selection of version %d", version)
	}
	b.rank(s)
	if b.err == nil && size != 2 && size != 4 && size != 8 {
		b.failf("numbers of %d bytes", size)
	}
	if b.err != nil {
		return
	}
	if regular {
		h := &Hyperslab{make([]uint64, s.Rank), make([]uint64, s.Rank), make([]uint64, s.Rank), make([]uint64, s.Rank)}
		for i := range s.Rank {
			h.Start[i], h.Stride[i] = b.uint(size), b.uint(size)
			h.Count[i], h.Block[i] = b.limit(size), b.limit(size)
		}
		s.Hyper = h
		return
	}
	n := b.uint(size)
	if n > uint64(b.left())/uint64(2*s.Rank*size) {
		b.failf("%d blocks in %d bytes", n, b.left())
		return
	}
	s.Blocks = make([]Block, n)
	for i := range s.Blocks {
		s.Blocks[i] = Block{Start: b.coordinates(s.Rank, size), End: b.coordinates(s.Rank, size)}
		for j, start := range s.Blocks[i].Start {
			if s.Blocks[i].End[j] < start {
				b.failf("block %d ends at %d before it starts at %d", i, s.Blocks[i].End, s.Blocks[i].Start)
			}
		}
	}
	if n == 1 && b.err == nil {
		s.Hyper, s.Blocks = s.Blocks[0].hyperslab(), nil
	}
}

// hyperslab is the block as a regular hyperslab.
func (k Block) hyperslab() *Hyperslab {
	h := &Hyperslab{Start: k.Start}
	for i, start := range k.Start {
		h.Stride = append(h.Stride, 1)
		h.Count = append(h.Count, 1)
		h.Block = append(h.Block, k.End[i]-start+1)
	}
	return h
}

// limit takes a number of size bytes whose greatest value means Unlimited.
func (b *buf) limit(size int) uint64 {
	v := b.uint(size)
	if v == ^uint64(0)>>(64-8*size) {
		return Unlimited
	}
	return v
}
