package virtual

import (
	"fmt"
	"math"
	"slices"
)

// gaps are the places where something seems to be missing on an axis that is regular otherwise: each is the stretch before and the one
// after it. An axis with many is irregular, and has none.
func (a *axis) gaps() [][2]*segment {
	const wide = 1.9 // in usual steps: with one missing it is 2, between months at most 31/28
	var filled []*segment
	longest := 0.0
	for _, s := range a.segments {
		if s.length > 0 {
			filled = append(filled, s)
			longest = max(longest, s.step)
		}
	}
	if !a.ordered || len(filled) < 2 {
		return nil
	}
	jump := func(i int) float64 {
		if a.down {
			return filled[i].low - filled[i+1].high
		}
		return filled[i+1].low - filled[i].high
	}
	jumps := make([]float64, len(filled)-1)
	for i := range jumps {
		jumps[i] = jump(i)
	}
	usual := longest
	if len(jumps) >= 3 {
		slices.Sort(jumps)
		usual = max(usual, jumps[len(jumps)/2])
	}
	if usual <= 0 || math.IsInf(usual, 0) {
		return nil
	}
	var out [][2]*segment
	for i := range jumps {
		if jump(i) > wide*usual {
			out = append(out, [2]*segment{filled[i], filled[i+1]})
		}
	}
	if len(out) > max(1, len(jumps)/4) {
		return nil
	}
	return out
}

// noteGaps names the files on both sides of every gap.
func (j *Joiner) noteGaps(a *axis) {
	for _, g := range a.gaps() {
		from, to := g[0].high, g[1].low
		if a.down {
			from, to = g[0].low, g[1].high
		}
		j.note(a.path, "gap", fmt.Sprintf("nothing between %s (the end of %s) and %s (the start of %s)", a.show(from), g[0].file, a.show(to), g[1].file), "evidence")
	}
}
