package configure

import (
	"fmt"
	"testing"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// One task combines, unless there are very many variables or records; there are never more tasks than variables.
func TestCombinesFor(t *testing.T) {
	for _, c := range []struct {
		name              string
		variables, chunks int64
		parts             int
		recordSize        int64
		least, most       int
	}{
		{"ten million references", 4, 2_500_000, 16, 100_000, 1, 1},
		{"a thousand variables of daily files", 1000, 20_000, 30, 100_000, 1, 1},
		{"a hundred million references of one variable", 1, 100_000_000, 333, 100_000, 1, 1},
		{"many large variables", 400, 50_000_000, 500, 100_000, 10, 100},
		{"many records", 2000, 1_000_000, 16, 1000, 10, 100},
		{"few variables of very many records", 3, 1_000_000_000, 16, 1000, 3, 3},
		{"anything", 1_000, 1 << 50, 500, 100_000, 100, 100},
		{"nothing", 0, 0, 2, 100_000, 1, 1},
	} {
		p := &virtual.Plan{}
		for i := range c.variables {
			p.Dataset.Arrays = append(p.Dataset.Arrays, virtual.Array{Path: fmt.Sprint("v", i), Grid: virtual.Grid{Shape: []int64{c.chunks}, Chunks: []int64{1}}})
			p.Layouts = append(p.Layouts, virtual.Layout{Role: virtual.Concatenated})
		}
		if n := combinesFor(p, c.parts, c.recordSize); n < c.least || n > c.most {
			t.Errorf("%s: %d tasks, want %d to %d", c.name, n, c.least, c.most)
		}
	}
}
