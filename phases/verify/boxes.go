package verify

import (
	"strconv"
	"strings"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// region is the box of an array that a chunk stands for: the chunk without what reaches over the edge.
func region(g virtual.Grid, coords []int64) (start, count []int64) {
	start, count = make([]int64, len(coords)), make([]int64, len(coords))
	for d, c := range coords {
		start[d] = c * g.Chunks[d]
		count[d] = min(g.Chunks[d], g.Shape[d]-start[d])
	}
	return start, count
}

// elements is the number of elements of a box.
func elements(count []int64) int64 {
	n := int64(1)
	for _, c := range count {
		n *= c
	}
	return n
}

// covers reports whether the pieces have as many elements as the box.
func covers(pieces []Piece, count []int64) bool {
	n := int64(0)
	for _, p := range pieces {
		n += elements(p.Count)
	}
	return n == elements(count)
}

// key is a chunk's key as Zarr writes it, "0.3.1"; a scalar's is "0".
func key(coords []int64) string {
	if len(coords) == 0 {
		return "0"
	}
	var b strings.Builder
	for i, c := range coords {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strconv.FormatInt(c, 10))
	}
	return b.String()
}

// runs calls use for every run of elements along the last axis of a box with count elements: n
// elements at position at of the box, which are at position in of a larger box of shape outer in
// which it begins at offset. It stops when use answers false.
func runs(outer, offset, count []int64, use func(at, in, n int64) bool) {
	last := len(count) - 1
	if last < 0 {
		use(0, 0, 1)
		return
	}
	if elements(count) == 0 {
		return
	}
	p := make([]int64, len(count))
	for at := int64(0); ; at += count[last] {
		in := int64(0)
		for d := range p {
			in = in*outer[d] + offset[d] + p[d]
		}
		if !use(at, in, count[last]) {
			return
		}
		d := last - 1
		for ; d >= 0; d-- {
			if p[d]++; p[d] < count[d] {
				break
			}
			p[d] = 0
		}
		if d < 0 {
			return
		}
	}
}
