package figure

import (
	"github.com/cedadev/kerchunk-builder/virtual"
)

const (
	maxSide   = 3000    // cells along a side of a field, more than a picture has pixels
	maxLine   = 20_000  // values of a line
	tileCells = 8 << 20 // cells that are read at a time
)

// steps is how many of n elements remain when every stride-th is taken.
func steps(n, stride int64) int64 { return (n + stride - 1) / stride }

// read reads the kept dimensions of a at the given index of the others, and thins what is larger than a
// picture: every stride-th element of each kept dimension.
func (f *figure) read(a *virtual.Array, kept []int, index []int64) (values []float64, stride []int64, err error) {
	limit := int64(maxSide)
	if len(kept) == 1 {
		limit = maxLine
	}
	for _, d := range kept {
		stride = append(stride, steps(a.Grid.Shape[d], limit))
	}
	values, err = f.thin(a, kept, index, stride)
	return values, stride, err
}

// thin reads in tiles of whole chunks, so that a chunk is decoded once and memory stays bounded however
// large the array is.
func (f *figure) thin(a *virtual.Array, kept []int, index, stride []int64) ([]float64, error) {
	// A line is a field of one row.
	shape, chunk, every := [2]int64{1, 1}, [2]int64{1, 1}, [2]int64{1, 1}
	for k, d := range kept {
		at := k + 2 - len(kept)
		shape[at], chunk[at], every[at] = a.Grid.Shape[d], a.Grid.Chunks[d], stride[k]
	}
	tile := tileOf(shape, chunk)
	nx := steps(shape[1], every[1])
	out := make([]float64, steps(shape[0], every[0])*nx)
	for y := int64(0); y < shape[0]; y += tile[0] {
		for x := int64(0); x < shape[1]; x += tile[1] {
			from, size := [2]int64{y, x}, [2]int64{min(tile[0], shape[0]-y), min(tile[1], shape[1]-x)}
			start, count := make([]int64, len(a.Grid.Shape)), make([]int64, len(a.Grid.Shape))
			for d := range start {
				start[d], count[d] = index[d], 1
			}
			for k, d := range kept {
				at := k + 2 - len(kept)
				start[d], count[d] = from[at], size[at]
			}
			v, err := f.src.Floats(f.ctx, a.Path, start, count)
			if err != nil {
				return nil, err
			}
			for j := steps(y, every[0]) * every[0]; j < y+size[0]; j += every[0] {
				for i := steps(x, every[1]) * every[1]; i < x+size[1]; i += every[1] {
					out[j/every[0]*nx+i/every[1]] = v[(j-y)*size[1]+i-x]
				}
			}
		}
	}
	return out, nil
}

// tileOf is a number of whole chunks on each side: as wide as fits, then as high as fits. A single chunk
// may be larger than a tile should be; it is decoded whole anyway.
func tileOf(shape, chunk [2]int64) [2]int64 {
	t := [2]int64{min(chunk[0], shape[0]), min(chunk[1], shape[1])}
	if wide := tileCells / (t[0] * chunk[1]); wide > 1 {
		t[1] = min(wide*chunk[1], shape[1])
	}
	if high := tileCells / (chunk[0] * t[1]); high > 1 && t[1] == shape[1] {
		t[0] = min(high*chunk[0], shape[0])
	}
	return t
}
