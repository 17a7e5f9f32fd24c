package zarr

import (
	"slices"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// Box is a region of an array: Count elements of each axis from Start on.
type Box struct{ Start, Count []int64 }

// Cells is the shape of what is left of the box when axis is reduced.
func (b Box) Cells(axis int) []int64 { return slices.Delete(slices.Clone(b.Count), axis, axis+1) }

// maxCells is the most cells of a box, as far as chunks allow: those of a global field at a quarter of a degree.
const maxCells = 1 << 21

// Cut cuts an array into boxes of whole chunks, to each of which axis may be reduced by itself: at least n where there are as many
// chunks along axis, and as many more as it takes for each result to stay small. A box is of all the elements along axis under its cells,
// or of a stretch of them. All boxes of the first stretch come first, then those of the second, since files are mostly
// joined along this axis. The boxes depend on the arguments alone.
func Cut(g virtual.Grid, axis, n int) []Box {
	counts := g.Counts()
	pieces := make([]int64, len(counts)) // into which each axis is cut
	cells := int64(1)
	for d := range pieces {
		pieces[d] = 1
		if d != axis {
			cells *= g.Shape[d]
		}
	}
	columns := int64(1)
	for d := range pieces {
		if want := (cells + maxCells - 1) / maxCells; d != axis && want > 1 {
			pieces[d] = min(counts[d], want)
			columns *= pieces[d]
			cells /= pieces[d]
		}
	}
	if n > 1 {
		pieces[axis] = min(counts[axis], (int64(n)+columns-1)/columns)
	}
	order := []int{axis} // the slowest first
	for d := range pieces {
		if d != axis {
			order = append(order, d)
		}
	}
	boxes := []Box{{make([]int64, len(counts)), make([]int64, len(counts))}}
	for _, d := range order {
		next := make([]Box, 0, int64(len(boxes))*pieces[d])
		for _, b := range boxes {
			for i := range pieces[d] {
				from, to := counts[d]*i/pieces[d]*g.Chunks[d], min(counts[d]*(i+1)/pieces[d]*g.Chunks[d], g.Shape[d])
				c := Box{slices.Clone(b.Start), slices.Clone(b.Count)}
				c.Start[d], c.Count[d] = from, to-from
				next = append(next, c)
			}
		}
		boxes = next
	}
	return boxes
}
