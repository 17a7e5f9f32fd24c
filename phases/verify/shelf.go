package verify

import (
	"context"
	"fmt"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// maxOpen is how many files a shelf keeps open.
const maxOpen = 8

// shelf keeps the files open that were used last. It belongs to one goroutine.
type shelf struct {
	sources Sources
	open    []shelved // oldest use first
}

type shelved struct {
	url  string
	file cdm.File
}

func newShelf(s Sources) *shelf { return &shelf{sources: s} }

func (s *shelf) file(ctx context.Context, url string) (cdm.File, error) {
	for i, o := range s.open {
		if o.url == url {
			s.open = append(append(s.open[:i:i], s.open[i+1:]...), o)
			return o.file, nil
		}
	}
	f, err := s.sources.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	if len(s.open) == maxOpen {
		_ = s.open[0].file.Close() // it was only read
		s.open = append(s.open[:0:0], s.open[1:]...)
	}
	s.open = append(s.open, shelved{url, f})
	return f, nil
}

func (s *shelf) close() {
	for _, o := range s.open {
		_ = o.file.Close() // it was only read
	}
	s.open = nil
}

// variable is the file and the variable that a piece lies in.
func (s *shelf) variable(ctx context.Context, p *Piece) (cdm.File, *cdm.Variable, error) {
	f, err := s.file(ctx, p.URL)
	if err != nil {
		return nil, nil, err
	}
	v := f.Root().Variable(p.Variable)
	switch {
	case v == nil:
		return nil, nil, fmt.Errorf("it has no variable %q: %w", p.Variable, cdm.ErrFormat)
	case v.Refused != nil:
		return nil, nil, fmt.Errorf("variable %q: %w", p.Variable, v.Refused)
	case len(v.Shape) != len(p.Count):
		return nil, nil, fmt.Errorf("variable %q has %d dimensions instead of %d: %w", p.Variable, len(v.Shape), len(p.Count), cdm.ErrFormat)
	}
	for d := range p.Count {
		if p.FileStart[d] < 0 || p.Count[d] < 0 || p.FileStart[d] > v.Shape[d]-p.Count[d] {
			return nil, nil, fmt.Errorf("variable %q has %d elements along dimension %d, and no %d from %d on: %w",
				p.Variable, v.Shape[d], d, p.Count[d], p.FileStart[d], cdm.ErrFormat)
		}
	}
	return f, v, nil
}

// written reports whether any chunk of the file is written that the piece touches, and where the
// first such chunk starts.
func (s *shelf) written(ctx context.Context, p *Piece) (at []int64, written bool, err error) {
	f, v, err := s.variable(ctx, p)
	if err != nil || elements(p.Count) == 0 {
		return nil, false, err
	}
	if v.Contiguous { // one chunk, which may be far too large to read only for this
		for _, err := range f.Chunks(ctx, v) {
			return make([]int64, len(v.Shape)), err == nil, err
		}
		return nil, false, nil
	}
	first, chunks, counts := make([]int64, len(v.Shape)), make([]int64, len(v.Shape)), make([]int64, len(v.Shape))
	for d := range chunks {
		first[d] = p.FileStart[d] / v.Chunks[d]
		chunks[d] = (p.FileStart[d]+p.Count[d]-1)/v.Chunks[d] - first[d] + 1
		counts[d] = (v.Shape[d] + v.Chunks[d] - 1) / v.Chunks[d]
	}
	grid := virtual.Grid{Shape: v.Shape, Chunks: v.Chunks}
	runs(counts, first, chunks, func(_, index, n int64) bool {
		for i := index; i < index+n; i++ {
			data, failed := f.ReadChunk(ctx, v, i)
			if err = failed; err != nil {
				return false
			}
			if data != nil {
				written = true
				at, _ = region(grid, grid.Coords(i, nil))
				return false
			}
		}
		return true
	})
	return at, written, err
}
