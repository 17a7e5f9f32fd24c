package zarr

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// Boxes hold every chunk once, whole; there are as many as were asked for where the chunks along the axis allow; and no box that could be
// cut has more cells than it should.
func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rank := rapid.IntRange(1, 4).Draw(t, "rank")
		g := virtual.Grid{}
		for range rank {
			g.Chunks = append(g.Chunks, rapid.SampledFrom([]int64{1, 3, 40, 700}).Draw(t, "chunk"))
			g.Shape = append(g.Shape, rapid.SampledFrom([]int64{1, 5, 100, 721, 1440}).Draw(t, "length"))
			if g.Count() > 2_000 {
				g.Chunks[len(g.Chunks)-1] = g.Shape[len(g.Shape)-1]
			}
		}
		axis := rapid.IntRange(0, rank-1).Draw(t, "axis")
		n := rapid.IntRange(0, 9).Draw(t, "n")
		boxes := Cut(g, axis, n)
		seen := map[int64]int{}
		last := int64(0)
		for _, b := range boxes {
			cells := product(b.Count) / b.Count[axis]
			for index, r := range chunksOf(g, b.Start, b.Count) {
				seen[index]++
				if whole := chunkOf(g, index); product(whole.shape) != r.size() {
					t.Fatalf("chunk %d is cut by the box %v", index, b)
				}
			}
			divisible := false
			for d := range b.Count {
				divisible = divisible || d != axis && b.Count[d] > g.Chunks[d]
			}
			if cells > 2*maxCells && divisible {
				t.Fatalf("%v: the box %v has %d cells", g, b, cells)
			}
			if b.Start[axis] < last {
				t.Fatal("a box comes after one further along the axis")
			}
			last = b.Start[axis]
		}
		for index := range g.Count() {
			if seen[index] != 1 {
				t.Fatalf("chunk %d is in %d boxes", index, seen[index])
			}
		}
		if int64(len(boxes)) < min(int64(n), g.Counts()[axis]) {
			t.Fatalf("%d boxes of %d wanted", len(boxes), n)
		}
	})
}

// chunkOf is where a chunk lies, as far as it is in the array.
func chunkOf(g virtual.Grid, index int64) region {
	start, shape := g.Coords(index, nil), make([]int64, len(g.Shape))
	for d := range start {
		start[d] *= g.Chunks[d]
		shape[d] = min(g.Chunks[d], g.Shape[d]-start[d])
	}
	return region{start, shape}
}
