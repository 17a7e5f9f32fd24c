package plots

import (
	"image"
	"image/color"
	"io"
	"math"

	"github.com/cedadev/kerchunk-builder/plots/coastline"
)

// page holds the sizes that follow from the width of a picture.
type page struct {
	width              float64
	unit               float64 // a hundredth of the width
	title, sub         style
	label, tick, small style
}

func newPage(width float64) page {
	u := width / 100
	return page{
		width: width,
		unit:  u,
		title: style{size: 2.3 * u, bold: true, color: ink},
		sub:   style{size: 1.7 * u, color: faint},
		label: style{size: 1.6 * u, color: ink},
		tick:  style{size: 1.45 * u, color: ink},
		small: style{size: 1.35 * u, color: ink, halo: true},
	}
}

// heading is the title, on one line or two, and what stands below it.
type heading struct {
	title    []string
	subtitle string
	w        float64
	room     float64 // the height that it takes
}

func (p *page) heading(c *canvas, w float64, title, subtitle string) heading {
	h := heading{subtitle: subtitle, w: w, room: 1.5 * p.unit}
	if title != "" {
		h.title = c.wrap(p.title, title, w)
		h.room += (3.4 + 3*float64(len(h.title)-1)) * p.unit
	}
	if subtitle != "" {
		h.room += 2.7 * p.unit
	}
	return h
}

func (p *page) head(c *canvas, x float64, h heading) {
	y := 2.0 * p.unit
	for _, line := range h.title {
		s, t := c.fit(p.title, line, h.w)
		c.text(point{x, y}, 0, 0, s, t)
		y += 3.1 * p.unit
	}
	if h.subtitle != "" {
		s, t := c.fit(p.sub, h.subtitle, h.w)
		c.text(point{x, y}, 0, 0, s, t)
	}
}

// panel is the rectangle of a page that data are drawn in, in whole pixels, and what its sides stand for.
type panel struct {
	x, y, w, h     int
	x0, x1, y0, y1 float64
	down           bool
}

func (q *panel) px(v float64) float64 { return (v - q.x0) / (q.x1 - q.x0) * float64(q.w) }

func (q *panel) py(v float64) float64 {
	t := (v - q.y0) / (q.y1 - q.y0)
	if !q.down {
		t = 1 - t
	}
	return t * float64(q.h)
}

// axes draws the frame, ticks and labels round a panel.
func (p *page) axes(c *canvas, q *panel, xTicks, yTicks []tick, xLabel, yLabel string) {
	left, top, right, bottom := float64(q.x), float64(q.y), float64(q.x+q.w), float64(q.y+q.h)
	mark, line := 0.55*p.unit, max(0.1*p.unit, 1)
	y := bottom + mark + 0.6*p.unit
	under := false
	edge := math.Inf(-1)
	for _, t := range xTicks {
		x := left + q.px(t.at)
		c.stroke(line, ink, point{x, bottom}, point{x, bottom + mark})
		// A label that would touch its neighbour is left out; its mark stays.
		half := c.measure(p.tick, t.label) / 2
		if x-half < edge+0.4*p.unit {
			continue
		}
		edge = x + half
		c.text(point{x, y}, 0.5, 0, p.tick, t.label)
		if t.under != "" {
			c.text(point{x, y + 2*p.unit}, 0.5, 0, p.tick, t.under)
			under = true
		}
	}
	if under {
		y += 2 * p.unit
	}
	if xLabel != "" {
		s, t := c.fit(p.label, xLabel, float64(q.w))
		c.text(point{(left + right) / 2, y + 2.4*p.unit}, 0.5, 0, s, t)
	}
	for _, t := range yTicks {
		y := top + q.py(t.at)
		c.stroke(line, ink, point{left - mark, y}, point{left, y})
		c.text(point{left - mark - 0.5*p.unit, y}, 1, 0.5, p.tick, t.label+joined(t.under))
	}
	if yLabel != "" {
		s := p.label
		s.turn = true
		s, t := c.fit(s, yLabel, float64(q.h))
		c.text(point{left - mark - p.tickWidth(c, yTicks) - 2.8*p.unit, (top + bottom) / 2}, 0.5, 0, s, t)
	}
	c.rectangle(left, top, float64(q.w), float64(q.h), line, ink)
}

func joined(under string) string {
	if under == "" {
		return ""
	}
	return " " + under
}

func (p *page) tickWidth(c *canvas, ticks []tick) float64 {
	w := 0.0
	for _, t := range ticks {
		w = max(w, c.measure(p.tick, t.label+joined(t.under)))
	}
	return w
}

// leftRoom and footRoom are what axes needs beside and below a panel.
func (p *page) leftRoom(c *canvas, yTicks []tick, yLabel string) float64 {
	w := 2.6*p.unit + p.tickWidth(c, yTicks)
	if yLabel != "" {
		w += 2.6 * p.unit
	}
	return w
}

func (p *page) footRoom(xTicks []tick, xLabel string) float64 {
	h := 2.6 * p.unit
	for _, t := range xTicks {
		if t.under != "" {
			h += 2 * p.unit
			break
		}
	}
	if xLabel != "" {
		h += 2.6 * p.unit
	}
	return h
}

// drawMap puts a view on a page: title, panel, axes, colour bar.
func drawMap(out io.Writer, f *Field, v *view, s *scale, width float64) error {
	p, fonts := newPage(width), newFonts()
	var xt, yt []tick
	if v.xTicks != nil {
		xt, yt = v.xTicks(8), v.yTicks(7)
	}
	probe := newCanvas(1, 1, fonts)
	left, right := p.leftRoom(probe, yt, v.yLabel), 4*p.unit
	if v.xTicks == nil {
		left = 4 * p.unit
	}
	w := width - left - right
	h := 0.5 * w
	if v.aspect > 0 {
		h = w * v.aspect * (v.y1 - v.y0) / (v.x1 - v.x0)
	}
	if tallest := 0.75 * width; h > tallest {
		w, h = max(w*tallest/h, 0.15*width), tallest
	}
	h = max(h, 0.16*width)
	x := left + (width-left-right-w)/2
	head := p.heading(probe, width-x-right, f.Title, f.Subtitle)
	top := head.room
	bar := top + h + p.footRoom(xt, v.xLabel) + 1.6*p.unit
	height := bar + 8.2*p.unit
	switch {
	case s.empty:
		height = bar
	case s.classes != nil:
		_, rows, _ := p.legendSize(probe, s, width-left-right)
		height = bar + (1+2.4*float64(rows))*p.unit
	}

	q := panel{x: int(x), y: int(top), w: int(w), h: int(h), x0: v.x0, x1: v.x1, y0: v.y0, y1: v.y1, down: v.down}
	c := newCanvas(int(width), int(height), fonts)
	inside, err := drawPanel(&p, &q, v, s, fonts)
	if err != nil {
		return err
	}
	c.paste(inside, q.x, q.y)
	p.head(c, x, head)
	p.axes(c, &q, xt, yt, v.xLabel, v.yLabel)
	switch {
	case s.empty:
	case s.classes != nil:
		p.legend(c, s, left, bar, width-left-right)
	default:
		name := f.Name
		if name == "" {
			name = f.Title
		}
		p.colourBar(c, s, width/2, bar, min(0.62*width, max(w, 0.45*width)), name, f.Units)
	}
	return c.encode(out)
}

// drawPanel draws cells, coastline and graticule on a canvas of their own, which cuts off what lies outside.
func drawPanel(p *page, q *panel, v *view, s *scale, fonts fontCache) (image.Image, error) {
	cells := image.NewRGBA(image.Rect(0, 0, q.w, q.h))
	v.paint(v, cells, s)
	c := newCanvas(q.w, q.h, fonts)
	if !v.onTop {
		c.paste(cells, 0, 0)
	}
	if v.project != nil {
		coast, err := coastline.Lines()
		if err != nil {
			return nil, err
		}
		lines := coastLines(coast, q, v)
		// Dark on a pale rim, to be seen on either end of a colour map; stronger where there is less of it.
		strong := min(max(math.Log2(240/max(v.detail, 1)), 0), 2) / 2
		c.strokes(lines, (0.2+0.2*strong)*p.unit, color.NRGBA{0xff, 0xff, 0xff, uint8(0x58 + 0x50*strong)})
		c.strokes(lines, (0.08+0.06*strong)*p.unit, color.NRGBA{0x10, 0x10, 0x10, 0xe6})
	}
	if v.onTop {
		c.paste(cells, 0, 0)
	}
	if v.graticule != nil {
		lines, marks := v.graticule()
		for _, l := range lines {
			for i := range l {
				l[i] = point{q.px(l[i].x), q.py(l[i].y)}
			}
		}
		c.strokes(lines, 0.08*p.unit, color.NRGBA{0x80, 0x80, 0x80, 0xb0})
		for _, m := range marks {
			c.text(point{q.px(m.at.x), q.py(m.at.y)}, 0.5, 0.5, p.small, m.text)
		}
	}
	if s.empty {
		st := p.title
		st.halo = true
		c.text(point{float64(q.w) / 2, float64(q.h) / 2}, 0.5, 0.5, st, "no data")
	}
	return c.pen.Image(), nil
}

// coastLines projects the coast onto a panel, as often as the panel goes round the earth.
func coastLines(coast [][]coastline.Point, q *panel, v *view) [][]point {
	var out [][]point
	turns := []float64{0}
	if v.wraps {
		turns = nil
		for t := math.Floor((v.x0 - 180) / 360); t <= math.Ceil((v.x1+180)/360); t++ {
			turns = append(turns, 360*t)
		}
	}
	const (
		speck = 3.5 // pixels: a smaller island would be a blot
		near  = 0.7 // pixels: a nearer point would only thicken the line
	)
	tear := 0.5 * math.Hypot(float64(q.w), float64(q.h)) // a longer step crosses the seam of a map
	for _, turn := range turns {
		for _, line := range coast {
			var cur []point
			flush := func() {
				x0, x1, y0, y1 := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
				for _, p := range cur {
					x0, x1, y0, y1 = min(x0, p.x), max(x1, p.x), min(y0, p.y), max(y1, p.y)
				}
				seen := x1 >= 0 && x0 <= float64(q.w) && y1 >= 0 && y0 <= float64(q.h)
				if seen && max(x1-x0, y1-y0) >= speck {
					out = append(out, cur)
				}
				cur = nil
			}
			for _, p := range line {
				x, y, ok := v.project(p.Lon+turn, p.Lat)
				if !ok {
					flush()
					continue
				}
				at := point{q.px(x), q.py(y)}
				if n := len(cur); n > 0 {
					d := math.Hypot(at.x-cur[n-1].x, at.y-cur[n-1].y)
					if d < near {
						continue
					}
					if d > tear {
						flush()
					}
				}
				cur = append(cur, at)
			}
			flush()
		}
	}
	return out
}
