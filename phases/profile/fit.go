package profile

// Learn adjusts figures to what finished computes took.
func (f Figures) Learn(costs []Cost) Figures {
	pick := func(actual func(Cost) float64) []example {
		var out []example
		for _, c := range costs {
			if y := actual(c); y > 0 {
				out = append(out, example{c.Work, y})
			}
		}
		return out
	}
	bytes := func(format string) func(Cost) float64 {
		return func(c Cost) float64 {
			if c.Format != format {
				return 0
			}
			return float64(c.Bytes)
		}
	}
	return Figures{
		Seconds: fit(f.Seconds, pick(func(c Cost) float64 { return c.Seconds })),
		Memory:  fit(f.Memory, pick(func(c Cost) float64 { return float64(c.Memory) })),
		Parquet: fit(f.Parquet, pick(bytes("parquet"))),
		JSON:    fit(f.JSON, pick(bytes("json"))),
	}
}

// example is some work and one figure of what it took, more than zero.
type example struct {
	work   Work
	actual float64
}

// How a line is fitted.
const (
	pull   = 0.001 // towards the figures so far, beside a pull of 1 towards each example
	least  = 0.05  // of a figure so far stays: nothing costs nothing
	rounds = 500
)

// fit is the line next to the examples, in the sense of least squares of relative errors. First the prior as a whole is made
// greater or smaller; then its coefficients move, drawn a little towards that, so that their proportions stay as they were where the
// examples don't tell. The result is never farther from the examples than the prior is.
func fit(prior Line, examples []example) Line {
	if len(examples) == 0 {
		return prior
	}
	var over, square float64
	for _, e := range examples {
		p := prior.expected(e.work) / e.actual
		over += p
		square += p * p
	}
	prior = prior.times(over / square)
	// With each coefficient as a multiple x of the prior's, share[i][k]*x[k] is what coefficient k contributes to example i, and
	// the contributions should add up to 1. Descending along one coordinate after the other never makes it worse.
	share := make([][4]float64, len(examples))
	for i, e := range examples {
		share[i] = [4]float64{prior.Base / e.actual, prior.PerArray * float64(e.work.Arrays) / e.actual,
			prior.PerFile * float64(e.work.Files) / e.actual, prior.PerReference * float64(e.work.References) / e.actual}
	}
	x := [4]float64{1, 1, 1, 1}
	for range rounds {
		for k := range x {
			num, den := pull, pull
			for _, s := range share {
				rest := 1.0
				for j := range x {
					if j != k {
						rest -= s[j] * x[j]
					}
				}
				num += s[k] * rest
				den += s[k] * s[k]
			}
			x[k] = max(least, num/den)
		}
	}
	out := Line{Base: prior.Base * x[0], PerArray: prior.PerArray * x[1], PerFile: prior.PerFile * x[2], PerReference: prior.PerReference * x[3]}
	// It holds as well as it does for the examples; of one alone, which may have been lucky, no better than before.
	out.Within = max(1.1, 1+(prior.Within-1)/float64(len(examples)))
	for _, e := range examples {
		if p := out.expected(e.work); p > 0 {
			out.Within = max(out.Within, p/e.actual, e.actual/p)
		}
	}
	return out
}

func (l Line) times(x float64) Line {
	return Line{Base: l.Base * x, PerArray: l.PerArray * x, PerFile: l.PerFile * x, PerReference: l.PerReference * x, Within: l.Within}
}
