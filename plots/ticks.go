package plots

import (
	"math"
	"strconv"
	"strings"
)

// tick is a mark on an axis.
type tick struct {
	at    float64
	label string
	under string // a second line, such as the year below a month
}

// niceTicks returns at most n+1 round values within lo..hi (lo < hi), with labels. The values are
// labelled divided by 10^power.
func niceTicks(lo, hi float64, n, power int) []tick {
	step := niceStep((hi-lo)/float64(n), power)
	return stepTicks(lo, hi, step, func(v float64) string {
		s := math.Pow10(power)
		return number(v/s, decimals(step/s))
	})
}

// niceStep is the least of 1, 2, 2.5 and 5 times a power of ten that is not less than raw.
func niceStep(raw float64, power int) float64 {
	p := math.Pow10(int(math.Floor(math.Log10(raw))))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if m*p >= raw*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

func stepTicks(lo, hi, step float64, label func(float64) string) []tick {
	var out []tick
	slack := (hi - lo) * 1e-9
	for i := math.Ceil((lo - slack) / step); i*step <= hi+slack && len(out) < 100; i++ {
		v := i * step
		out = append(out, tick{at: v, label: label(v)})
	}
	return out
}

// logTicks marks powers of ten within lo..hi (0 < lo < hi), with their doubles and fives while there are no more than n.
func logTicks(lo, hi float64, n int) []tick {
	for _, parts := range [][]float64{{1, 2, 3, 5, 7}, {1, 2, 5}, {1, 3}, {1}} {
		var out []tick
		for e := int(math.Floor(math.Log10(lo))); e <= int(math.Ceil(math.Log10(hi))); e++ {
			for _, m := range parts {
				if v := m * math.Pow10(e); v >= lo*(1-1e-9) && v <= hi*(1+1e-9) {
					out = append(out, tick{at: v, label: powerLabel(m, e)})
				}
			}
		}
		if len(out) <= n {
			return out
		}
	}
	var out []tick
	first, last := int(math.Ceil(math.Log10(lo)-1e-9)), int(math.Floor(math.Log10(hi)+1e-9))
	for e, step := first, (last-first)/n+1; e <= last; e += step {
		out = append(out, tick{at: math.Pow10(e), label: powerLabel(1, e)})
	}
	return out
}

// powerLabel writes m times the e-th power of ten: 0.05, 200, 3×10^{−6}.
func powerLabel(m float64, e int) string {
	switch {
	case e >= 0 && e <= 4:
		return number(m*math.Pow10(e), 0)
	case e < 0 && e >= -3:
		return number(m*math.Pow10(e), -e)
	}
	raised := "10^{" + strings.Replace(strconv.Itoa(e), "-", minus, 1) + "}"
	if m == 1 {
		return raised
	}
	return number(m, 0) + "×" + raised
}

// decimals is the number of digits behind the point that multiples of step need.
func decimals(step float64) int {
	for d := range 12 {
		s := step * math.Pow10(d)
		if math.Abs(s-math.Round(s)) < 1e-6*s {
			return d
		}
	}
	return 12
}

// degreeSteps are the distances between meridians or parallels that people expect.
var degreeSteps = []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 20, 30, 45, 60, 90}

func degreeTicks(lo, hi float64, n int, label func(v float64, decimals int) string) []tick {
	for _, s := range degreeSteps {
		if s*float64(n) >= (hi-lo)*(1-1e-9) {
			return stepTicks(lo, hi, s, func(v float64) string { return label(v, decimals(s)) })
		}
	}
	return stepTicks(lo, hi, 90, func(v float64) string { return label(v, 0) })
}

func lonLabel(v float64, d int) string {
	v = math.Remainder(v, 360)
	switch {
	case math.Abs(v) < 1e-9:
		return "0°"
	case math.Abs(math.Abs(v)-180) < 1e-9:
		return "180°"
	case v < 0:
		return number(-v, d) + "°W"
	}
	return number(v, d) + "°E"
}

func latLabel(v float64, d int) string {
	switch {
	case math.Abs(v) < 1e-9:
		return "0°"
	case v < 0:
		return number(-v, d) + "°S"
	}
	return number(v, d) + "°N"
}
