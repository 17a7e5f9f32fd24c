package figure

import (
	"math"

	"github.com/cedadev/kerchunk-builder/plots"
)

// bandSteps is how many steps a line has that stands for more values than can be drawn.
const bandSteps = 2000

// band reads the whole of dimension d, a piece at a time, and draws the line through the means of as many values as one step stands for, with the
// least and the largest of them: no peak is lost.
func (f *figure) band(l plots.Line, d int) (plots.Line, []int64, error) {
	n := f.a.Grid.Shape[d]
	every := steps(n, bandSteps)
	l.Values, l.Lo, l.Hi = nil, nil, nil
	piece := max(tileCells/every, 1) * every
	for from := int64(0); from < n; from += piece {
		start, count := make([]int64, len(f.a.Grid.Shape)), make([]int64, len(f.a.Grid.Shape))
		for i := range start {
			start[i], count[i] = f.index[i], 1
		}
		start[d], count[d] = from, min(piece, n-from)
		v, err := f.src.Floats(f.ctx, f.a.Path, start, count)
		if err != nil {
			return l, nil, err
		}
		for len(v) > 0 {
			step := v[:min(every, int64(len(v)))]
			v = v[len(step):]
			sum, known, lo, hi := 0.0, 0, math.Inf(1), math.Inf(-1)
			for _, x := range step {
				if !math.IsNaN(x) && !math.IsInf(x, 0) {
					sum, known, lo, hi = sum+x, known+1, min(lo, x), max(hi, x)
				}
			}
			if known == 0 {
				lo, hi = math.NaN(), math.NaN()
			}
			l.Values, l.Lo, l.Hi = append(l.Values, sum/float64(known)), append(l.Lo, lo), append(l.Hi, hi)
		}
	}
	return l, []int64{every}, nil
}
