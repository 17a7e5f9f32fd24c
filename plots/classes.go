package plots

import (
	"cmp"
	"image/color"
	"math"
	"slices"
	"strconv"
)

// mostClasses is how many classes a legend can show.
const mostClasses = 30

// class is a Class with its colour.
type class struct {
	value  float64
	name   string
	colour color.RGBA
}

// palette keeps classes apart, for the colour-blind too: Paul Tol's "muted" and "light" schemes (https://sronpersonalpages.nl/~pault/), interleaved
// so that neighbours differ in lightness as well.
var palette = [...]color.RGBA{
	{0x33, 0x22, 0x88, 0xff}, {0xdd, 0xcc, 0x77, 0xff}, {0x11, 0x77, 0x33, 0xff}, {0x88, 0xcc, 0xee, 0xff}, {0xcc, 0x66, 0x77, 0xff},
	{0x44, 0xaa, 0x99, 0xff}, {0x88, 0x22, 0x55, 0xff}, {0x99, 0x99, 0x33, 0xff}, {0xaa, 0x44, 0x99, 0xff}, {0xee, 0x88, 0x66, 0xff},
	{0x77, 0xaa, 0xdd, 0xff}, {0xbb, 0xcc, 0x33, 0xff}, {0xff, 0xaa, 0xbb, 0xff}, {0x66, 0x66, 0x66, 0xff},
}

// newClasses is the scale of codes: of the classes that occur, and of the values that are none as classes without a name. It is false when there
// are more than a legend can show.
func newClasses(values []float64, classes []Class) (scale, bool) {
	var s scale
	count := map[float64]bool{}
	missing := 0
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			missing++
			continue
		}
		if !count[v] {
			count[v] = true
			if len(count) > mostClasses {
				return scale{}, false
			}
		}
	}
	s.holes, s.empty = missing > 0, missing == len(values)
	s.missing = color.RGBA{0xe6, 0xe6, 0xe6, 0xff}
	s.classes = []class{}
	viridis, err := sequentialColours()
	if err != nil {
		return scale{}, false
	}
	// A class has the same colour in every picture of the dataset, whichever others occur.
	colour := func(i, n int) color.RGBA {
		if n <= len(palette) {
			return palette[i]
		}
		return viridis[i*255/(n-1)]
	}
	known := map[float64]bool{}
	for i, c := range classes {
		if !count[c.Value] || known[c.Value] {
			continue
		}
		known[c.Value] = true
		k := class{c.Value, c.Name, colour(i, len(classes))}
		if c.Color != nil {
			k.colour = color.RGBAModel.Convert(c.Color).(color.RGBA)
		}
		s.classes = append(s.classes, k)
	}
	for v := range count {
		if !known[v] {
			s.classes = append(s.classes, class{value: v, name: strconv.FormatFloat(v, 'g', 6, 64)})
		}
	}
	slices.SortFunc(s.classes, func(a, b class) int { return cmp.Compare(a.value, b.value) })
	n := len(s.classes)
	for i := range s.classes {
		if s.classes[i].colour.A == 0 {
			s.classes[i].colour = colour(i, max(n, 2))
		}
	}
	return s, true
}

func (s *scale) classAt(v float64) color.RGBA {
	i, ok := slices.BinarySearchFunc(s.classes, v, func(c class, v float64) int { return cmp.Compare(c.value, v) })
	if !ok {
		return s.missing
	}
	return s.classes[i].colour
}

// legendSize is how many columns and rows the classes take in a width, and the width of a column.
func (p *page) legendSize(c *canvas, s *scale, w float64) (columns, rows int, column float64) {
	n := len(s.classes)
	if s.holes {
		n++
	}
	for _, k := range s.classes {
		column = max(column, c.measure(p.tick, k.name))
	}
	column = min(max(column, 5*p.unit)+6*p.unit, w)
	columns = max(min(int(w/column), n), 1)
	return columns, (n + columns - 1) / columns, column
}

// legend names the classes below the panel, in columns from the left.
func (p *page) legend(c *canvas, s *scale, x, y, w float64) {
	entries := s.classes
	if s.holes {
		entries = append(slices.Clone(entries), class{name: "no data", colour: s.missing})
	}
	_, rows, column := p.legendSize(c, s, w)
	for i, k := range entries {
		ex, ey := x+float64(i/rows)*column, y+float64(i%rows)*2.4*p.unit
		c.fill(k.colour, point{ex, ey}, point{ex + 2.6*p.unit, ey}, point{ex + 2.6*p.unit, ey + 1.6*p.unit}, point{ex, ey + 1.6*p.unit})
		c.rectangle(ex, ey, 2.6*p.unit, 1.6*p.unit, max(0.08*p.unit, 1), ink)
		st, t := c.fit(p.tick, k.name, column-4*p.unit)
		c.text(point{ex + 3.4*p.unit, ey + 0.8*p.unit}, 0, 0.5, st, t)
	}
}
