package plots

import (
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"strconv"
)

// Map draws a field as PNG. A field with latitudes and longitudes, or on the plane of a projection, gets a coastline; a curvilinear grid
// round a pole is drawn from above that pole, all others on parallels and meridians.
func Map(w io.Writer, f Field, o Options) error {
	l, err := f.check()
	if err != nil {
		return err
	}
	s, err := scaleOf(&f, o.Range)
	if err != nil {
		return err
	}
	var v view
	switch {
	case l == scattered:
		v, err = viewPlaces(&f)
	case l == curvilinear:
		v, err = viewMesh(&f)
	case l == rectilinear:
		f = f.turned()
		v, err = viewParallels(&f)
	case f.Projection != nil:
		v, err = viewProjected(&f)
	default:
		v, err = viewAxes(&f)
	}
	if err != nil {
		return err
	}
	return drawMap(w, &f, &v, &s, o.pixels())
}

// scaleOf chooses the colours of a field: of its classes, of its only value, or of a range.
func scaleOf(f *Field, fixed *[2]float64) (scale, error) {
	if f.Classes != nil && fixed == nil {
		if s, ok := newClasses(f.Values, f.Classes); ok && !s.empty {
			return s, nil
		}
	}
	if lo, hi := finiteBounds(f.Values); lo == hi && fixed == nil {
		text := caption(strconv.FormatFloat(lo, 'g', 6, 64), "", 0)
		if u := prettyUnits(f.Units); u != "" {
			text += " " + u
		}
		s, ok := newClasses(f.Values, []Class{{Value: lo, Name: text + " everywhere", Color: color.RGBA{0x9d, 0xbf, 0xc9, 0xff}}})
		if ok {
			return s, nil
		}
	}
	return newScale(f.Values, fixed, quantityOf(f.Title+" "+f.Name, f.Units))
}

// view is a field laid out flat, before it has a size in pixels. Positions on its window are in the
// view's own units, y upwards.
type view struct {
	x0, x1, y0, y1 float64 // the window
	aspect         float64 // height of one unit of y over the width of one unit of x; 0 when they have nothing in common
	down           bool    // y runs downwards

	// paint colours the cells of a panel.
	paint func(v *view, img *image.RGBA, s *scale)

	xTicks, yTicks func(n int) []tick
	xLabel, yLabel string

	project   func(lon, lat float64) (x, y float64, ok bool) // for the coastline; nil for none
	wraps     bool                                           // x is a longitude, to be repeated every 360
	graticule func() ([][]point, []mark)                     // lines and labels within the panel; nil for none
	onTop     bool                                           // what is painted leaves room between, and covers the coastline
	detail    float64                                        // degrees from side to side: how finely a coastline is drawn
}

// mark is a label within a panel, in the view's units.
type mark struct {
	at   point
	text string
}

// viewAxes lays a field out on its own two axes.
func viewAxes(f *Field) (view, error) {
	xs, err := f.X.scaled(f.NX)
	if err != nil {
		return view{}, err
	}
	ys, err := f.Y.scaled(f.NY)
	if err != nil {
		return view{}, err
	}
	v, err := viewCells(f, f.X.Name, xs, f.Y.Name, ys)
	if err != nil {
		return view{}, err
	}
	v.down = f.Y.Down
	if f.Square {
		v.aspect = 1
	}
	v.xTicks, v.xLabel = f.X.ticks(v.x0, v.x1)
	v.yTicks, v.yLabel = f.Y.ticks(v.y0, v.y1)
	return v, nil
}

// ticks returns an axis' ticks between lo and hi, and its label.
func (a *Axis) ticks(lo, hi float64) (func(n int) []tick, string) {
	if len(a.Dates) > 0 {
		return func(n int) []tick { return dateTicks(a.Values, a.Dates, n+2) }, ""
	}
	switch a.Angle {
	case Longitude:
		return func(n int) []tick { return degreeTicks(lo, hi, n, lonLabel) }, ""
	case Latitude:
		return func(n int) []tick { return degreeTicks(lo, hi, n, latLabel) }, ""
	}
	if a.logarithmic() {
		return func(n int) []tick {
			ticks := logTicks(math.Pow(10, lo), math.Pow(10, hi), n)
			for i := range ticks {
				ticks[i].at = math.Log10(ticks[i].at)
			}
			return ticks
		}, caption(a.Name, a.Units, 0)
	}
	p := powerOfTen(lo, hi)
	return func(n int) []tick { return niceTicks(lo, hi, n, p) }, caption(a.Name, a.Units, p)
}

const maxLongitude = 1080 // three turns: nobody counts further

// viewParallels lays out a grid of parallels and meridians.
func viewParallels(f *Field) (view, error) {
	v, err := viewCells(f, "longitude", unwrap(f.Lon), "latitude", f.Lat)
	if err != nil {
		return view{}, err
	}
	if v.x0 < -maxLongitude || v.x1 > maxLongitude {
		return view{}, fmt.Errorf("map %q: longitudes %g to %g are no degrees", f.Title, f.Lon[0], f.Lon[len(f.Lon)-1])
	}
	v.y0, v.y1 = max(v.y0, -90), min(v.y1, 90)
	if v.y1 <= v.y0 {
		return view{}, fmt.Errorf("map %q: latitudes %g to %g are not on the earth", f.Title, f.Lat[0], f.Lat[len(f.Lat)-1])
	}
	v.geographic()
	return v, nil
}

// geographic gives a view whose units are degrees its axes and coastline.
func (v *view) geographic() {
	v.aspect = 1
	if v.y1-v.y0 < 60 && v.x1-v.x0 < 120 { // a region: true to scale in its middle
		v.aspect = 1 / max(math.Cos((v.y0+v.y1)/2*math.Pi/180), 0.2)
	}
	x0, x1, y0, y1 := v.x0, v.x1, v.y0, v.y1
	v.xTicks = func(n int) []tick { return degreeTicks(x0, x1, n, lonLabel) }
	v.yTicks = func(n int) []tick { return degreeTicks(y0, y1, n, latLabel) }
	v.project = func(lon, lat float64) (float64, float64, bool) { return lon, lat, true }
	v.wraps = true
	v.detail = x1 - x0
}

// viewCells lays out cells whose boundaries are straight.
func viewCells(f *Field, xName string, xs []float64, yName string, ys []float64) (view, error) {
	xe, err := edges(xName, xs)
	if err != nil {
		return view{}, err
	}
	ye, err := edges(yName, ys)
	if err != nil {
		return view{}, err
	}
	var v view
	v.x0, v.x1 = bounds(xe)
	v.y0, v.y1 = bounds(ye)
	v.paint = func(v *view, img *image.RGBA, s *scale) {
		cols := cellsAt(xe, v.x0, v.x1, img.Rect.Dx(), false)
		rows := cellsAt(ye, v.y0, v.y1, img.Rect.Dy(), !v.down)
		for y, r := range rows {
			for x, c := range cols {
				if r >= 0 && c >= 0 {
					img.SetRGBA(x, y, s.at(f.Values[r*f.NX+c]))
				}
			}
		}
	}
	return v, nil
}
