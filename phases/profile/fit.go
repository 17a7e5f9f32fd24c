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
		Reading: f.Reading,
	}
}

// example is some work and one figure of what it took, more than zero.
type example struct {
	work   Work
	actual float64
}

// How a line is fitted.
const (
	pull   = 0.03 // towards the figures so far, beside a pull of 1 towards each example
	least  = 0.05 // of a figure so far stays: nothing costs nothing
	rounds = 500
)

// fit is the line next to the examples, in the sense of least squares of relative errors. First the prior is moved as a whole;
// then its coefficients move one by one, drawn towards that, so that what the examples don't tell stays. The result is never farther from the examples than the prior is.
func fit(prior Line, examples []example) Line {
	if len(examples) == 0 {
		return prior
	}
	prior = prior.moved(examples)
	// With each coefficient as a multiple x of the prior's, share[i][k]*x[k] is what coefficient k contributes to example i, and
	// the contributions should add up to 1. Descending along one coordinate after the other never makes it worse.
	share := make([][4]float64, len(examples))
	for i, e := range examples {
		for k, v := range prior.parts(e.work) {
			share[i][k] = v / e.actual
		}
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
	// It holds as well as it does for the examples; of one alone, which may have been lucky, no better than before;
	// and larger work than any of them may differ.
	out.Within = max(1.5, 1+(prior.Within-1)/float64(len(examples)))
	for _, e := range examples {
		if p := out.expected(e.work); p > 0 {
			out.Within = max(out.Within, p/e.actual, e.actual/p)
		}
	}
	return out
}

// moved is the line after one step towards the examples, the step of least squares, in which each coefficient changes by the
// share that it has in what is predicted: what hardly counts in the examples hardly changes.
func (l Line) moved(examples []example) Line {
	var share [4]float64
	for _, e := range examples {
		for k, v := range l.parts(e.work) {
			share[k] += v / l.expected(e.work) / float64(len(examples))
		}
	}
	var along, square float64
	for _, e := range examples {
		step := 0.0
		for k, v := range l.parts(e.work) {
			step += share[k] * v / e.actual
		}
		along += step * (1 - l.expected(e.work)/e.actual)
		square += step * step
	}
	t := max(least-1, along/square)
	return Line{Base: l.Base * (1 + t*share[0]), PerArray: l.PerArray * (1 + t*share[1]), PerFile: l.PerFile * (1 + t*share[2]),
		PerReference: l.PerReference * (1 + t*share[3]), Within: l.Within}
}

// parts are what each coefficient contributes.
func (l Line) parts(w Work) [4]float64 {
	return [4]float64{l.Base, l.PerArray * float64(w.Arrays), l.PerFile * float64(w.Files), l.PerReference * float64(w.References)}
}
