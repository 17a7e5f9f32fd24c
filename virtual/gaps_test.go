package virtual

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Files that are taken out of a regular axis leave a gap each, wherever they were; the axis as it was has none.
func TestGapsAreNoted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		files, per := rapid.IntRange(12, 40).Draw(t, "files"), rapid.IntRange(1, 4).Draw(t, "steps in a file")
		step := rapid.SampledFrom([]int64{1, 6, 24}).Draw(t, "step")
		falling := rapid.Bool().Draw(t, "falling")
		out := rapid.IntRange(1, files-2).Draw(t, "missing file")
		var headers []*Header
		for f := range files {
			var values []int64
			for i := range per {
				v := int64(f*per+i) * step
				if falling {
					v = -v
				}
				values = append(values, v)
			}
			headers = append(headers, header(fmt.Sprint("f", f), coordinate("time", "hours since 2000-01-01", values...)))
		}
		whole, err := plan(headers, Rules{})
		if err != nil {
			t.Fatal(err)
		}
		if got := gapsOf(whole); len(got) > 0 {
			t.Fatalf("a whole axis has %v", got)
		}
		holed, err := plan(slices.Delete(headers, out, out+1), Rules{})
		if err != nil {
			t.Fatal(err)
		}
		before, after := fmt.Sprintf("(the end of f%d)", out-1), fmt.Sprintf("(the start of f%d)", out+1)
		if falling && per == 1 { // files of one value each say nothing of a direction
			before, after = fmt.Sprintf("(the end of f%d)", out+1), fmt.Sprintf("(the start of f%d)", out-1)
		}
		if got := gapsOf(holed); len(got) != 1 || !strings.Contains(got[0], before) || !strings.Contains(got[0], after) {
			t.Fatalf("f%d is missing: %v", out, got)
		}
	})
}

func gapsOf(p *Plan) []string {
	var out []string
	for _, n := range p.Notes {
		if n.Decision == "gap" {
			out = append(out, n.Evidence)
		}
	}
	return out
}

// Months are no gaps, although some are longer, and neither is what has no rhythm.
func TestNoGaps(t *testing.T) {
	for name, at := range map[string][]int64{"months": {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334}, "irregular": {0, 1, 9, 10, 31, 40, 41, 80}, "two": {0, 50}} {
		var headers []*Header
		for i, v := range at {
			headers = append(headers, header(fmt.Sprint("f", i), coordinate("time", "days since 2001-01-01", v)))
		}
		p, err := plan(headers, Rules{})
		if err != nil {
			t.Fatal(err)
		}
		if got := gapsOf(p); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}
