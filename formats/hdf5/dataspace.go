package hdf5

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

const maxRank = 32

// dataspace decodes a dataspace message (IV.A.2.b).
func (b *buf) dataspace() (s Dataspace) {
	version, rank, flags := b.u8(), int(b.u8()), b.u8()
	switch version {
	case 1:
		b.skip(5)
	case 2:
		switch b.u8() {
		case 2:
			s.Null = true
		case 0, 1:
		default:
			b.failf("unknown type of dataspace")
		}
	default:
		b.failf("version is %d, not 1 or 2", version)
	}
	if rank > maxRank || s.Null && rank > 0 {
		b.failf("%d dimensions", rank)
	}
	if b.err != nil || rank == 0 {
		return s
	}
	dims := make([]uint64, 2*rank)
	s.Dims, s.MaxDims = dims[:rank:rank], dims[rank:]
	for i := range s.Dims {
		s.Dims[i] = b.length()
	}
	if flags&1 == 0 {
		copy(s.MaxDims, s.Dims)
		return s
	}
	none := ^uint64(0) >> (64 - 8*b.f.lengthSize)
	for i := range s.MaxDims {
		if s.MaxDims[i] = b.length(); s.MaxDims[i] == none {
			s.MaxDims[i] = Unlimited
		}
		if s.Dims[i] > s.MaxDims[i] {
			b.failf("dimension %d has %d elements, more than its maximum of %d", i, s.Dims[i], s.MaxDims[i])
		}
	}
	return s
}

// Elements is the number of elements: 1 for a scalar, 0 for a null dataspace. An error where it
// overflows an int64.
func (s *Dataspace) Elements() (int64, error) {
	if s.Null {
		return 0, nil
	}
	n := uint64(1)
	for _, d := range s.Dims {
		if d == 0 {
			return 0, nil
		}
	}
	for _, d := range s.Dims {
		hi, lo := bits.Mul64(n, d)
		if hi != 0 || lo > math.MaxInt64 {
			return 0, fmt.Errorf("dataspace of %d elements along its dimensions: %w", s.Dims, cdm.ErrFormat)
		}
		n = lo
	}
	return int64(n), nil
}
