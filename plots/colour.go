package plots

import (
	"encoding/hex"
	"fmt"
	"image/color"
	"math"
	"slices"

	_ "embed"

	"gonum.org/v1/plot/palette/moreland"
)

// viridis is matplotlib's colour map of that name, 256 steps of RGB in hexadecimal; it is in the public
// domain (CC0, https://bids.github.io/colormap/).
//
//go:embed viridis.hex
var viridis string

const (
	lowPercentile  = 0.02
	highPercentile = 0.98

	sampleSize = 1 << 20 // values that percentiles are taken of, evenly spread, where there are more

	// Values are drawn by their logarithms when the 98th percentile is this many times the median; and then over
	// so many powers of ten at most.
	skewed     = 15
	mostDecade = 4
)

// scale gives values their colours.
type scale struct {
	lo, hi       float64 // the values at the ends of the colour map
	below, above bool    // some values lie outside
	log          bool    // colours go by the logarithm
	holes        bool    // some values are missing
	empty        bool    // all values are missing
	missing      color.RGBA
	colours      [256]color.RGBA

	classes []class // of codes; nil for quantities
}

// newScale chooses a range that a few wild values don't spoil: with a diverging colour map centred on zero where zero is
// neutral and the values lie to both sides of it, and by logarithms where most of the values would be dark otherwise.
func newScale(values []float64, fixed *[2]float64, q quantity) (scale, error) {
	var s scale
	low, high, missing := math.Inf(1), math.Inf(-1), 0
	sample := make([]float64, 0, min(len(values), sampleSize))
	every := len(values)/sampleSize + 1
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			missing++
			continue
		}
		low, high = min(low, v), max(high, v)
		if i%every == 0 {
			sample = append(sample, v)
		}
	}
	s.holes, s.empty = missing > 0, missing == len(values)
	if s.empty {
		low, high = 0, 0
	}
	sample = append(sample, low, high)
	slices.Sort(sample)
	diverging := false
	switch {
	case fixed != nil:
		s.lo, s.hi = fixed[0], fixed[1]
		if !(s.lo < s.hi) || math.IsInf(s.hi-s.lo, 0) {
			return s, fmt.Errorf("a colour range must rise; got %g to %g", s.lo, s.hi)
		}
		diverging = q.neutralZero && s.lo == -s.hi
	case low == high:
		s.lo, s.hi = robustRange(sample)
	default:
		s.lo, s.hi = robustRange(sample)
		if s.log = q.magnitudes && s.powers(sample); !s.log && q.neutralZero && low < 0 && high > 0 {
			diverging = q.difference || s.lo < 0 && s.hi > 0 && min(-s.lo, s.hi) >= 0.25*max(-s.lo, s.hi)
		}
		if diverging {
			s.hi = max(-s.lo, s.hi)
			s.lo = -s.hi
		}
	}
	s.below, s.above = low < s.lo, high > s.hi
	var err error
	s.missing = color.RGBA{0xd9, 0xd9, 0xd9, 0xff}
	if diverging {
		s.missing = color.RGBA{0xb8, 0xb8, 0xb8, 0xff} // darker, since this map's own middle is a light grey
		s.colours, err = divergingColours()
	} else {
		s.colours, err = sequentialColours()
	}
	return s, err
}

// powers takes a range over whole and half powers of ten, where sorted values are none below zero, and so uneven that most would have one
// colour otherwise.
func (s *scale) powers(sorted []float64) bool {
	if sorted[0] < 0 {
		return false
	}
	first, _ := slices.BinarySearch(sorted, math.SmallestNonzeroFloat64)
	positive := sorted[first:]
	if len(positive) < 10 {
		return false
	}
	hi := percentile(positive, 0.99)
	if hi < skewed*percentile(positive, 0.5) {
		return false
	}
	lo := max(percentile(positive, lowPercentile), hi/math.Pow10(mostDecade))
	step := func(v float64, round func(float64) float64) float64 { return math.Pow(10, round(2*math.Log10(v))/2) }
	s.lo, s.hi = step(lo, math.Floor), step(hi, math.Ceil)
	return s.lo > 0 && s.hi > s.lo && !math.IsInf(s.hi, 0)
}

// robustRange is the 2nd to the 98th percentile of sorted values, or all of them when that adds little.
func robustRange(sorted []float64) (lo, hi float64) {
	low, high := sorted[0], sorted[len(sorted)-1]
	lo, hi = percentile(sorted, lowPercentile), percentile(sorted, highPercentile)
	if high/2-low/2 <= 1.25*(hi/2-lo/2) || lo == hi {
		lo, hi = low, high
	}
	if lo == hi {
		pad := max(math.Abs(lo)*0.05, 0.5)
		if math.Abs(lo) > math.MaxFloat64/4 {
			pad = 0
		}
		lo, hi = lo-pad, hi+pad
	}
	if !(lo < hi) || math.IsInf(hi-lo, 0) {
		lo, hi = -math.MaxFloat64/4, math.MaxFloat64/4
	}
	return lo, hi
}

// percentile interpolates between the neighbouring values.
func percentile(sorted []float64, p float64) float64 {
	x := p * float64(len(sorted)-1)
	i := int(x)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	t := x - float64(i)
	return sorted[i]*(1-t) + sorted[i+1]*t
}

// at is the colour of a value; missing values have a colour that no value has.
func (s *scale) at(v float64) color.RGBA {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return s.missing
	case s.classes != nil:
		return s.classAt(v)
	}
	return s.colours[int(min(max(s.part(v)*256, 0), 255))]
}

// part is how far along the colour map a value lies: 0 to 1, or outside.
func (s *scale) part(v float64) float64 {
	if s.log {
		if v <= 0 {
			return -1
		}
		return math.Log(v/s.lo) / math.Log(s.hi/s.lo)
	}
	return (v - s.lo) / (s.hi - s.lo)
}

// ticks marks round values.
func (s *scale) ticks(power int) []tick {
	if s.log {
		return logTicks(s.lo, s.hi, 7)
	}
	return niceTicks(s.lo, s.hi, 7, power)
}

func sequentialColours() (c [256]color.RGBA, err error) {
	for i := range c {
		b, err := hex.DecodeString(viridis[6*i : 6*i+6])
		if err != nil {
			return c, fmt.Errorf("embedded colour map: %w", err)
		}
		c[i] = color.RGBA{b[0], b[1], b[2], 0xff}
	}
	return c, nil
}

// divergingColours is Moreland's smooth blue to red, which is perceptually uniform on both sides.
func divergingColours() (c [256]color.RGBA, err error) {
	m := moreland.SmoothBlueRed()
	m.SetMin(0)
	m.SetMax(255)
	m.SetConvergePoint(127.5)
	for i := range c {
		v, err := m.At(float64(i))
		if err != nil {
			return c, fmt.Errorf("diverging colour map: %w", err)
		}
		r, g, b, _ := v.RGBA()
		c[i] = color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 0xff}
	}
	return c, nil
}
