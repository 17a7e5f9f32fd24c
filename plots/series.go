package plots

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
)

// Line is a one-dimensional array along a coordinate: a time series, a profile, a transect.
type Line struct {
	Values []float64 // NaN is missing and interrupts the line
	Along  Axis

	// Lo and Hi, where a line stands for many values each, are the least and the largest of them: a band behind the line.
	Lo, Hi []float64

	// Upright draws the coordinate upwards (or downwards when Along.Down) and the values to the right, as profiles are drawn.
	Upright bool

	Title, Subtitle string
	Name, Units     string // of the values; Title when Name is empty
}

const fewPoints = 60 // up to here each point is marked besides the line

// Series draws a line as PNG.
func Series(w io.Writer, l Line, o Options) error {
	if len(l.Values) == 0 {
		return fmt.Errorf("series %q has no values", l.Title)
	}
	along, err := l.Along.scaled(len(l.Values))
	if err != nil {
		return err
	}
	if _, err := edges(l.Along.Name, along); err != nil {
		return err
	}
	if l.Lo != nil && (len(l.Lo) != len(l.Values) || len(l.Hi) != len(l.Values)) {
		return fmt.Errorf("series %q has %d values and a band of %d and %d", l.Title, len(l.Values), len(l.Lo), len(l.Hi))
	}
	v0, v1, err := valueRange(append(append(append([]float64(nil), l.Values...), l.Lo...), l.Hi...), o.Range)
	if err != nil {
		return err
	}
	name := l.Name
	if name == "" {
		name = l.Title
	}
	power := powerOfTen(v0, v1)
	a0, a1 := bounds(along)
	if a0 == a1 {
		a0, a1 = a0-0.5, a1+0.5
	}
	pad := 0.015 * (a1 - a0)
	a0, a1 = a0-pad, a1+pad
	alongTicks, alongLabel := l.Along.ticks(a0+pad, a1-pad)
	label := caption(name, l.Units, power)

	p, fonts := newPage(o.pixels()), newFonts()
	q := panel{x0: a0, x1: a1, y0: v0, y1: v1}
	xt, yt := alongTicks(9), niceTicks(v0, v1, 6, power)
	xLabel, yLabel := alongLabel, label
	width, h := p.width, 0.42*p.width
	if l.Upright {
		q = panel{x0: v0, x1: v1, y0: a0, y1: a1, down: l.Along.Down}
		xt, yt = niceTicks(v0, v1, 6, power), alongTicks(8)
		xLabel, yLabel = label, alongLabel
		width, h = 0.7*p.width, 0.62*p.width
	}
	probe := newCanvas(1, 1, fonts)
	left := p.leftRoom(probe, yt, yLabel)
	head := p.heading(probe, width-left-4*p.unit, l.Title, l.Subtitle)
	top := head.room
	q.x, q.y, q.w, q.h = int(left), int(top), int(width-left-4*p.unit), int(h)
	c := newCanvas(int(width), int(top+h+p.footRoom(xt, xLabel)+1.2*p.unit), fonts)

	inside := newCanvas(q.w, q.h, fonts)
	grid(inside, &p, &q, xt, yt)
	place := func(i int, v float64) point {
		if l.Upright {
			return point{q.px(v), q.py(along[i])}
		}
		return point{q.px(along[i]), q.py(v)}
	}
	pts := make([]point, len(along))
	for i := range along {
		pts[i] = place(i, l.Values[i])
	}
	if l.Lo != nil {
		drawBand(inside, place, l.Lo, l.Hi)
	}
	drawLine(inside, &p, pts)
	c.paste(inside.pen.Image(), q.x, q.y)
	p.head(c, left, head)
	p.axes(c, &q, xt, yt, xLabel, yLabel)
	return c.encode(w)
}

// valueRange spans all values with some room.
func valueRange(values []float64, fixed *[2]float64) (lo, hi float64, err error) {
	if fixed != nil {
		if !(fixed[0] < fixed[1]) || math.IsInf(fixed[1]-fixed[0], 0) {
			return 0, 0, fmt.Errorf("a value range must rise; got %g to %g", fixed[0], fixed[1])
		}
		return fixed[0], fixed[1], nil
	}
	lo, hi = bounds(finite(values))
	switch {
	case lo > hi: // nothing but missing values
		return 0, 1, nil
	case lo == hi:
		pad := max(math.Abs(lo)*0.05, 0.5)
		lo, hi = lo-pad, hi+pad
	}
	pad := 0.06 * (hi - lo)
	if math.IsInf(pad, 0) {
		return lo / 2, hi / 2, nil
	}
	return lo - pad, hi + pad, nil
}

func grid(c *canvas, p *page, q *panel, xt, yt []tick) {
	soft := color.RGBA{0xe4, 0xe4, 0xe4, 0xff}
	var lines [][]point
	for _, t := range xt {
		lines = append(lines, []point{{q.px(t.at), 0}, {q.px(t.at), float64(q.h)}})
	}
	for _, t := range yt {
		lines = append(lines, []point{{0, q.py(t.at)}, {float64(q.w), q.py(t.at)}})
	}
	c.strokes(lines, max(0.08*p.unit, 1), soft)
}

// drawBand fills from lo to hi wherever neighbours have both.
func drawBand(c *canvas, place func(i int, v float64) point, lo, hi []float64) {
	pale := color.RGBA{0xb4, 0xcb, 0xe2, 0xff}
	var there, back []point
	flush := func() {
		slices.Reverse(back)
		if len(there) > 1 {
			c.fill(pale, append(there, back...)...)
		}
		there, back = nil, nil
	}
	for i := range lo {
		if sum := lo[i] + hi[i]; math.IsNaN(sum) || math.IsInf(sum, 0) {
			flush()
			continue
		}
		there, back = append(there, place(i, lo[i])), append(back, place(i, hi[i]))
	}
	flush()
}

// drawLine joins neighbouring points that are not missing; a point without neighbours is a dot.
func drawLine(c *canvas, p *page, pts []point) {
	blue := color.RGBA{0x1f, 0x5a, 0x96, 0xff}
	var lines [][]point
	var cur, single []point
	flush := func() {
		if len(cur) == 1 {
			single = append(single, cur[0])
		} else if len(cur) > 1 {
			lines = append(lines, cur)
		}
		cur = nil
	}
	shown := 0
	for _, q := range pts {
		if math.IsNaN(q.x+q.y) || math.IsInf(q.x+q.y, 0) {
			flush()
			continue
		}
		shown++
		cur = append(cur, q)
	}
	flush()
	c.strokes(lines, 0.17*p.unit, blue)
	if len(pts) <= fewPoints {
		for _, l := range lines {
			single = append(single, l...)
		}
	}
	c.dots(single, 0.32*p.unit, blue)
	if shown == 0 {
		s := p.title
		c.text(point{float64(c.w) / 2, float64(c.h) / 2}, 0.5, 0.5, s, "no data")
	}
}
