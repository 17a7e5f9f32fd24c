package cdm

import (
	"context"
	"fmt"
	"math"
)

// Read gives the hyperslab of v that begins at start and has count elements along each axis: in C
// order and in v.Type's layout, unwritten elements filled with v.Fill. Object elements come in
// vlen-utf8 framing (see [DecodeStrings]); their v.Fill is the string itself. A nil start is the origin, a nil count all that follows.
func Read(ctx context.Context, f File, v *Variable, start, count []int64) ([]byte, error) {
	if v.Refused != nil {
		return nil, fmt.Errorf("%s: %w", v.Path, v.Refused)
	}
	s := slab{rank: len(v.Shape), shape: v.Shape, chunk: v.Chunks, start: start, count: count}
	elements, err := s.check()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.Path, err)
	}
	if v.Type.Kind == Object {
		out := make([]string, elements)
		if len(v.Fill) > 0 {
			for i := range out {
				out[i] = string(v.Fill)
			}
		}
		err := s.each(ctx, f, v, func(c []byte) error {
			values, err := DecodeStrings(c)
			if err == nil && int64(len(values)) != s.chunkElements() {
				err = fmt.Errorf("%d strings in a chunk of %d: %w", len(values), s.chunkElements(), ErrFormat)
			}
			if err != nil {
				return err
			}
			s.rows(func(dst, src, n int64) { copy(out[dst:dst+n], values[src:src+n]) })
			return nil
		})
		if err != nil {
			return nil, err
		}
		return EncodeStrings(out)
	}
	size := int64(v.Type.Size)
	if size <= 0 || elements > math.MaxInt/size {
		return nil, fmt.Errorf("%s: %d elements of %d bytes can't be held", v.Path, elements, size)
	}
	out := make([]byte, elements*size)
	if len(v.Fill) == int(size) && elements > 0 {
		for n := copy(out, v.Fill); n < len(out); n *= 2 {
			copy(out[n:], out[:n])
		}
	}
	err = s.each(ctx, f, v, func(c []byte) error {
		if int64(len(c)) != s.chunkElements()*size {
			return fmt.Errorf("%d bytes in a chunk of %d: %w", len(c), s.chunkElements()*size, ErrFormat)
		}
		s.rows(func(dst, src, n int64) { copy(out[dst*size:(dst+n)*size], c[src*size:]) })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// slab is a hyperslab and the chunk of it that is being looked at.
type slab struct {
	rank                       int
	shape, chunk, start, count []int64
	at                         []int64 // the chunk's coordinates in the grid
}

func (s *slab) check() (elements int64, err error) {
	if s.start == nil {
		s.start = make([]int64, s.rank)
	}
	if len(s.chunk) != s.rank || len(s.start) != s.rank || s.count != nil && len(s.count) != s.rank {
		return 0, fmt.Errorf("a hyperslab of %d dimensions of %d", len(s.start), s.rank)
	}
	if s.count == nil {
		s.count = make([]int64, s.rank)
		for i := range s.count {
			s.count[i] = s.shape[i] - s.start[i]
		}
	}
	elements = 1
	for i, n := range s.count {
		if s.start[i] < 0 || n < 0 || s.start[i] > s.shape[i]-n || s.chunk[i] < 1 {
			return 0, fmt.Errorf("elements %d to %d of dimension %d, which is %d long", s.start[i], s.start[i]+n, i, s.shape[i])
		}
		if n > 0 && elements > math.MaxInt64/n {
			return 0, fmt.Errorf("a hyperslab of more elements than can be counted")
		}
		elements *= n
	}
	return elements, nil
}

func (s *slab) chunkElements() int64 {
	n := int64(1)
	for _, c := range s.chunk {
		n *= c
	}
	return n
}

// each calls use with every written chunk that the slab touches.
func (s *slab) each(ctx context.Context, f File, v *Variable, use func([]byte) error) error {
	s.at = make([]int64, s.rank)
	for i := range s.at {
		if s.count[i] == 0 {
			return nil
		}
		s.at[i] = s.start[i] / s.chunk[i]
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		index := int64(0)
		for i, a := range s.at {
			index = index*((s.shape[i]+s.chunk[i]-1)/s.chunk[i]) + a
		}
		c, err := f.ReadChunk(ctx, v, index)
		if err == nil && c != nil {
			err = use(c)
		}
		if err != nil {
			return fmt.Errorf("%s chunk %d: %w", v.Path, index, err)
		}
		i := s.rank - 1
		for ; i >= 0; i-- {
			if s.at[i]++; s.at[i]*s.chunk[i] < s.start[i]+s.count[i] {
				break
			}
			s.at[i] = s.start[i] / s.chunk[i]
		}
		if i < 0 {
			return nil
		}
	}
}

// rows calls move for every run of elements that the chunk and the slab share: n elements,
// at src of the chunk and dst of the slab.
func (s *slab) rows(move func(dst, src, n int64)) {
	if s.rank == 0 {
		move(0, 0, 1)
		return
	}
	lo, hi := make([]int64, s.rank), make([]int64, s.rank)
	for i := range lo {
		lo[i] = max(s.start[i], s.at[i]*s.chunk[i])
		hi[i] = min(s.start[i]+s.count[i], (s.at[i]+1)*s.chunk[i])
	}
	last := s.rank - 1
	p := append([]int64(nil), lo...)
	for {
		dst, src := int64(0), int64(0)
		for i := range p {
			dst = dst*s.count[i] + p[i] - s.start[i]
			src = src*s.chunk[i] + p[i] - s.at[i]*s.chunk[i]
		}
		move(dst, src, hi[last]-lo[last])
		i := last - 1
		for ; i >= 0; i-- {
			if p[i]++; p[i] < hi[i] {
				break
			}
			p[i] = lo[i]
		}
		if i < 0 {
			return
		}
	}
}
