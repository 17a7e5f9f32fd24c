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
)

// scale gives values their colours.
type scale struct {
	lo, hi       float64 // the values at the ends of the colour map
	below, above bool    // some values lie outside
	holes        bool    // some values are missing
	empty        bool    // all values are missing
	missing      color.RGBA
	colours      [256]color.RGBA
}

// newScale chooses a range that a few wild values don't spoil, and a diverging colour map centred on
// zero where zero is neutral and the values lie to both sides of it.
func newScale(values []float64, fixed *[2]float64, neutralZero bool) (scale, error) {
	var s scale
	finite := make([]float64, 0, len(values))
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			finite = append(finite, v)
		}
	}
	s.holes, s.empty = len(finite) < len(values), len(finite) == 0
	if s.empty {
		finite = []float64{0}
	}
	slices.Sort(finite)
	low, high := finite[0], finite[len(finite)-1]
	if fixed != nil {
		s.lo, s.hi = fixed[0], fixed[1]
		if !(s.lo < s.hi) || math.IsInf(s.hi-s.lo, 0) {
			return s, fmt.Errorf("a colour range must rise; got %g to %g", s.lo, s.hi)
		}
	} else {
		s.lo, s.hi = robustRange(finite)
	}
	diverging := neutralZero && s.lo < 0 && s.hi > 0 && min(-s.lo, s.hi) >= 0.25*max(-s.lo, s.hi)
	if diverging && fixed == nil {
		s.hi = max(-s.lo, s.hi)
		s.lo = -s.hi
	}
	s.below, s.above = low < s.lo, high > s.hi
	var err error
	s.missing = color.RGBA{0xd9, 0xd9, 0xd9, 0xff}
	if diverging && s.lo == -s.hi {
		s.missing = color.RGBA{0xb8, 0xb8, 0xb8, 0xff} // darker, since this map's own middle is a light grey
		s.colours, err = divergingColours()
	} else {
		s.colours, err = sequentialColours()
	}
	return s, err
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
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return s.missing
	}
	i := (v - s.lo) / (s.hi - s.lo) * 256
	return s.colours[int(min(max(i, 0), 255))]
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
