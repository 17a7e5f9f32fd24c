package plots

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
)

var (
	ink   = color.RGBA{0x22, 0x22, 0x22, 0xff}
	faint = color.RGBA{0x5c, 0x5c, 0x5c, 0xff}
	white = color.RGBA{0xff, 0xff, 0xff, 0xff}
)

// point is a place on a canvas in pixels: x to the right, y downwards.
type point struct{ x, y float64 }

// canvas is an image and the pens to draw on it.
type canvas struct {
	pen   *vgimg.Canvas
	w, h  int
	fonts *font.Cache
}

// newCanvas makes a white canvas. At 72 dots an inch, a point of the pen is a pixel.
func newCanvas(w, h int, fonts *font.Cache) *canvas {
	return &canvas{
		pen:   vgimg.NewWith(vgimg.UseWH(vg.Length(w), vg.Length(h)), vgimg.UseDPI(72), vgimg.UseBackgroundColor(white)),
		w:     w,
		h:     h,
		fonts: fonts,
	}
}

func newFonts() *font.Cache { return font.NewCache(liberation.Collection()) }

func (c *canvas) at(p point) vg.Point {
	return vg.Point{X: vg.Length(p.x), Y: vg.Length(float64(c.h) - p.y)}
}

// paste copies an image, pixel by pixel, to (x, y).
func (c *canvas) paste(img image.Image, x, y int) {
	draw.Draw(c.pen.Image(), img.Bounds().Sub(img.Bounds().Min).Add(image.Pt(x, y)), img, img.Bounds().Min, draw.Over)
}

// strokes draws several open lines in one go.
func (c *canvas) strokes(lines [][]point, width float64, col color.Color) {
	var path vg.Path
	for _, l := range lines {
		for i, p := range l {
			if i == 0 {
				path.Move(c.at(p))
			} else {
				path.Line(c.at(p))
			}
		}
	}
	if len(path) == 0 {
		return
	}
	c.pen.SetColor(col)
	c.pen.SetLineWidth(vg.Length(width))
	c.pen.Stroke(path)
}

func (c *canvas) stroke(width float64, col color.Color, pts ...point) {
	c.strokes([][]point{pts}, width, col)
}

func (c *canvas) fill(col color.Color, pts ...point) {
	var path vg.Path
	for i, p := range pts {
		if i == 0 {
			path.Move(c.at(p))
		} else {
			path.Line(c.at(p))
		}
	}
	path.Close()
	c.pen.SetColor(col)
	c.pen.Fill(path)
}

// dots fills a small disc at each point.
func (c *canvas) dots(pts []point, radius float64, col color.Color) {
	c.pen.SetColor(col)
	for _, p := range pts {
		var path vg.Path
		q := c.at(p)
		path.Move(vg.Point{X: q.X + vg.Length(radius), Y: q.Y})
		path.Arc(q, vg.Length(radius), 0, 2*math.Pi)
		path.Close()
		c.pen.Fill(path)
	}
}

// rectangle draws the outline of a rectangle on whole pixels, each side once.
func (c *canvas) rectangle(x, y, w, h, width float64, col color.Color) {
	var path vg.Path
	path.Move(c.at(point{x, y}))
	for _, p := range []point{{x + w, y}, {x + w, y + h}, {x, y + h}} {
		path.Line(c.at(p))
	}
	path.Close()
	c.pen.SetColor(col)
	c.pen.SetLineWidth(vg.Length(width))
	c.pen.Stroke(path)
}

// style is how text looks. Text may hold raised parts as "m s^{-1}".
type style struct {
	size  float64
	bold  bool
	color color.Color
	turn  bool // read from bottom to top
	halo  bool // on a white outline, to be read on any background
}

func (c *canvas) face(s style, raised bool) font.Face {
	f := font.Font{Typeface: "Liberation", Variant: "Sans"}
	if s.bold {
		f.Weight = xfont.WeightBold
	}
	size := s.size
	if raised {
		size *= 0.7
	}
	return c.fonts.Lookup(f, vg.Length(size))
}

// measure is the width of text in pixels.
func (c *canvas) measure(s style, text string) float64 {
	w := 0.0
	for _, r := range runs(text) {
		f := c.face(s, r.raised)
		w += float64(f.Width(r.text))
	}
	return w
}

// text writes one line. ax 0 starts at p, 0.5 centres on it and 1 ends there; ay 0 has p on top of the
// letters, 0.5 in their middle and 1 at their base.
func (c *canvas) text(p point, ax, ay float64, s style, text string) {
	if s.halo {
		h := s
		h.halo, h.color = false, white
		for _, d := range []point{{-1, 0}, {1, 0}, {0, -1}, {0, 1}, {-1, -1}, {1, 1}, {-1, 1}, {1, -1}} {
			r := s.size / 11
			c.text(point{p.x + d.x*r, p.y + d.y*r}, ax, ay, h, text)
		}
	}
	const capital = 0.72 // height of a capital letter, as a part of the size
	dx, dy := -ax*c.measure(s, text), (1-ay)*capital*s.size
	c.pen.SetColor(s.color)
	c.pen.Push()
	defer c.pen.Pop()
	if s.turn {
		c.pen.Translate(c.at(p))
		c.pen.Rotate(math.Pi / 2)
	} else {
		// Whole pixels keep letters of one line on one base.
		c.pen.Translate(c.at(point{math.Round(p.x), math.Round(p.y)}))
	}
	for _, r := range runs(text) {
		f := c.face(s, r.raised)
		y := -dy
		if r.raised {
			y += s.size * 0.36
		}
		c.pen.FillString(f, vg.Point{X: vg.Length(dx), Y: vg.Length(y)}, r.text)
		dx += float64(f.Width(r.text))
	}
}

// fit makes text one line that is no wider than w: first smaller, at last shorter.
func (c *canvas) fit(s style, text string, w float64) (style, string) {
	text = strings.Join(strings.Fields(text), " ")
	if full := c.measure(s, text); full > w {
		s.size = max(s.size*w/full, s.size*0.65)
	}
	r := []rune(text)
	for len(r) > 1 && c.measure(s, text) > w {
		r = r[:len(r)-1]
		text = strings.TrimSpace(string(r)) + "…"
	}
	return s, text
}

// wrap breaks text in two where it would have to be made much smaller to fit on one line: at the space nearest to its middle.
func (c *canvas) wrap(s style, text string, w float64) []string {
	text = strings.Join(strings.Fields(text), " ")
	if c.measure(s, text) <= 1.15*w {
		return []string{text}
	}
	best := -1
	for i := range text {
		if text[i] == ' ' && (best < 0 || max(i, len(text)-i) < max(best, len(text)-best)) {
			best = i
		}
	}
	if best < 0 {
		return []string{text}
	}
	return []string{text[:best], text[best+1:]}
}

// encode writes the canvas as PNG.
func (c *canvas) encode(w io.Writer) error {
	e := png.Encoder{CompressionLevel: png.DefaultCompression}
	if err := e.Encode(w, c.pen.Image()); err != nil {
		return fmt.Errorf("write the picture: %w", err)
	}
	return nil
}

type run struct {
	text   string
	raised bool
}

// runs cuts text at its raised parts, "^{...}".
func runs(text string) []run {
	var out []run
	for text != "" {
		i := strings.Index(text, "^{")
		if i < 0 {
			return append(out, run{text: text})
		}
		j := strings.IndexByte(text[i:], '}')
		if j < 0 {
			return append(out, run{text: text})
		}
		if i > 0 {
			out = append(out, run{text: text[:i]})
		}
		out = append(out, run{text: text[i+2 : i+j], raised: true})
		text = text[i+j+1:]
	}
	return out
}
