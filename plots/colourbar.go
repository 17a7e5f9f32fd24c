package plots

import (
	"image"
	"math"

	"gonum.org/v1/plot/font"
)

type fontCache = *font.Cache

// colourBar draws the scale centred on x with its top at y: pointed ends where values lie beyond it, and
// a swatch for missing values where there are any.
func (p *page) colourBar(c *canvas, s *scale, x, y, w float64, name, units string) {
	h := 1.9 * p.unit
	tip := 1.5 * h
	left, right := math.Round(x-w/2), math.Round(x+w/2)
	y = math.Round(y)

	bar := image.NewRGBA(image.Rect(0, 0, int(right-left), int(h)))
	for i := range bar.Rect.Dx() {
		col := s.colours[i*256/bar.Rect.Dx()]
		for j := range bar.Rect.Dy() {
			bar.SetRGBA(i, j, col)
		}
	}
	c.paste(bar, int(left), int(y))
	h = float64(bar.Rect.Dy())
	outline := []point{{left, y}}
	if s.above {
		c.fill(s.colours[255], point{right, y}, point{right + tip, y + h/2}, point{right, y + h})
		outline = append(outline, point{right, y}, point{right + tip, y + h/2}, point{right, y + h})
	} else {
		outline = append(outline, point{right, y}, point{right, y + h})
	}
	outline = append(outline, point{left, y + h})
	if s.below {
		c.fill(s.colours[0], point{left, y}, point{left - tip, y + h/2}, point{left, y + h})
		outline = append(outline, point{left - tip, y + h/2})
	}
	outline = append(outline, point{left, y}, point{right, y})
	line := max(0.1*p.unit, 1)
	c.stroke(line, ink, outline...)

	power := powerOfTen(s.lo, s.hi)
	if s.log {
		power = 0
	}
	for _, t := range s.ticks(power) {
		tx := left + s.part(t.at)*(right-left)
		c.stroke(line, ink, point{tx, y + h}, point{tx, y + h + 0.5*p.unit})
		c.text(point{tx, y + h + p.unit}, 0.5, 0, p.tick, t.label)
	}
	st, t := c.fit(p.label, caption(name, units, power), 0.9*p.width)
	c.text(point{x, y + h + 3.2*p.unit}, 0.5, 0, st, t)

	if s.holes {
		sx := right + tip + 2.5*p.unit
		c.fill(s.missing, point{sx, y}, point{sx + 1.5*h, y}, point{sx + 1.5*h, y + h}, point{sx, y + h})
		c.rectangle(sx, y, 1.5*h, h, line, ink)
		c.text(point{sx + 0.75*h, y + h + p.unit}, 0.5, 0, p.tick, "no data")
	}
}
