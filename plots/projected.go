package plots

import (
	"math"
	"slices"
)

// viewProjected lays a field out on the plane of its own projection, where its cells are rectangles, with the coastline and the graticule bent.
func viewProjected(f *Field) (view, error) {
	v, err := viewAxes(f)
	if err != nil {
		return view{}, err
	}
	v.aspect = 1
	v.xLabel, v.yLabel = "", ""
	project := f.Projection.Forward
	v.project = project
	for _, sign := range []float64{1, -1} {
		if x, y, ok := project(0, sign*90); ok && v.holds(x, y) {
			low := sign * 90
			v.sample(40, func(x, y float64) {
				if _, lat, ok := f.Projection.Inverse(x, y); ok {
					low = min(low, sign*lat)
				}
			})
			v.detail = 2 * (90 - low)
			v.xTicks, v.yTicks = nil, nil
			v.graticule = func() ([][]point, []mark) { return polarGraticule(&v, sign, low) }
			return v, nil
		}
	}
	g := newGraticule(&v, f.Projection)
	v.detail = g.span
	v.graticule = func() ([][]point, []mark) { return g.lines(project), nil }
	v.xTicks = func(int) []tick { return g.along(v.x0, v.x1, v.y0, v.y0, true) }
	v.yTicks = func(int) []tick { return g.along(v.x0, v.x0, v.y0, v.y1, false) }
	return v, nil
}

func (v *view) holds(x, y float64) bool { return x >= v.x0 && x <= v.x1 && y >= v.y0 && y <= v.y1 }

// sample visits n+1 by n+1 places of the window, its sides included.
func (v *view) sample(n int, visit func(x, y float64)) {
	for j := range n + 1 {
		for i := range n + 1 {
			visit(v.x0+(v.x1-v.x0)*float64(i)/float64(n), v.y0+(v.y1-v.y0)*float64(j)/float64(n))
		}
	}
}

// graticule is the meridians and parallels of a window without a pole.
type graticule struct {
	inverse          func(x, y float64) (lon, lat float64, ok bool)
	middle, span     float64 // of the longitudes
	south, north     float64
	lonStep, latStep float64
}

func newGraticule(v *view, p Projection) *graticule {
	g := &graticule{inverse: p.Inverse, south: 90, north: -90}
	var lons []float64
	v.sample(40, func(x, y float64) {
		if lon, lat, ok := p.Inverse(x, y); ok {
			lons = append(lons, lon)
			g.south, g.north = min(g.south, lat), max(g.north, lat)
		}
	})
	if len(lons) == 0 {
		return g
	}
	start, span := lonWindow(lons)
	g.middle, g.span = start+span/2, span
	g.lonStep, g.latStep = degreeStep(span, 7), degreeStep(g.north-g.south, 7)
	return g
}

// degreeStep is the least distance of lines that people expect, of which a span holds no more than n.
func degreeStep(span float64, n int) float64 {
	i := slices.IndexFunc(degreeSteps, func(s float64) bool { return s*float64(n) >= span })
	if i < 0 {
		i = len(degreeSteps) - 1
	}
	return degreeSteps[i]
}

// lines are the meridians and parallels as they run on the map. A line is broken where the map is.
func (g *graticule) lines(project func(lon, lat float64) (x, y float64, ok bool)) (out [][]point) {
	trace := func(at func(t float64) (lon, lat float64)) {
		const steps = 200
		var cur []point
		for i := range steps + 1 {
			lon, lat := at(float64(i) / steps)
			x, y, ok := project(lon, lat)
			if !ok {
				out, cur = append(out, cur), nil
				continue
			}
			cur = append(cur, point{x, y})
		}
		out = append(out, cur)
	}
	if g.lonStep == 0 {
		return nil
	}
	west, east := g.middle-g.span/2-g.lonStep, g.middle+g.span/2+g.lonStep
	south, north := max(g.south-g.latStep, -89.9), min(g.north+g.latStep, 89.9)
	for k := math.Ceil(west / g.lonStep); k*g.lonStep <= east; k++ {
		trace(func(t float64) (float64, float64) { return k * g.lonStep, south + t*(north-south) })
	}
	for k := math.Ceil(south / g.latStep); k*g.latStep <= north; k++ {
		trace(func(t float64) (float64, float64) { return west + t*(east-west), k * g.latStep })
	}
	return out
}

// along marks where the meridians, or the parallels, cross a side of the window.
func (g *graticule) along(x0, x1, y0, y1 float64, meridians bool) (out []tick) {
	const steps = 500
	step, label, at := g.latStep, latLabel, func(t float64) float64 { return y0 + t*(y1-y0) }
	if meridians {
		step, label, at = g.lonStep, lonLabel, func(t float64) float64 { return x0 + t*(x1-x0) }
	}
	if step == 0 {
		return nil
	}
	before, known := 0.0, false
	for i := range steps + 1 {
		t := float64(i) / steps
		lon, v, ok := g.inverse(x0+t*(x1-x0), y0+t*(y1-y0))
		if meridians {
			v = g.middle + math.Remainder(lon-g.middle, 360)
		}
		if ok && known && math.Abs(v-before) < 90 {
			for k := math.Ceil(min(before, v) / step); k*step <= max(before, v); k++ {
				if k*step == before {
					continue // counted with the sample before
				}
				out = append(out, tick{at: at(t - (v-k*step)/(v-before)/steps), label: label(k*step, decimals(step))})
			}
		}
		before, known = v, ok
	}
	return out
}

// polarGraticule is the meridians and parallels round a pole (sign 1: the north pole) down to a latitude, with their labels.
func polarGraticule(v *view, sign, low float64) (lines [][]point, marks []mark) {
	step := degreeStep(90-low, 4)
	at := func(lon, lat float64) point {
		x, y, _ := v.project(lon, sign*lat)
		return point{x, y}
	}
	labelled := math.NaN() // the meridian along which parallels are labelled: where most of them lie within the window
	for lon, most := 15.0, 0; lon < 360; lon += 30 {
		n := 0
		for lat := 90 - step; lat > low; lat -= step {
			if p := at(lon, lat); v.holds(p.x, p.y) {
				n++
			}
		}
		if n > most {
			most, labelled = n, lon
		}
	}
	for lat := 90 - step; lat > low; lat -= step {
		var l []point
		for lon := 0.0; lon <= 360; lon += 2 {
			l = append(l, at(lon, lat))
		}
		lines = append(lines, l)
		if p := at(labelled, lat); !math.IsNaN(labelled) && v.holds(p.x, p.y) {
			marks = append(marks, mark{p, latLabel(sign*lat, decimals(step))})
		}
	}
	w, h := v.x1-v.x0, v.y1-v.y0
	inner := view{x0: v.x0 + 0.05*w, x1: v.x1 - 0.05*w, y0: v.y0 + 0.035*h, y1: v.y1 - 0.035*h}
	for lon := 0.0; lon < 360; lon += 30 {
		var l []point
		last := point{math.NaN(), 0}
		for lat := 90 - step/2; lat >= low; lat -= (90 - low) / 200 {
			p := at(lon, lat)
			if !v.holds(p.x, p.y) {
				break
			}
			l = append(l, p)
			if inner.holds(p.x, p.y) {
				last = p
			}
		}
		lines = append(lines, l)
		if !math.IsNaN(last.x) {
			marks = append(marks, mark{last, lonLabel(lon, 0)})
		}
	}
	return lines, marks
}
