package plots

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"
)

// maxCells is the most cells of a curvilinear grid that are drawn one by one; a finer grid is thinned
// first, since it has more cells than the picture has pixels.
const maxCells = 4_000_000

// mesh is a curvilinear grid by the corners of its cells.
type mesh struct {
	ny, nx   int
	values   []float64
	lon, lat []float64 // corners, (ny+1)*(nx+1); NaN where unknown
}

// viewMesh lays out a curvilinear grid: from above the pole if it surrounds one, else on parallels and meridians.
func viewMesh(f *Field) (view, error) {
	m, err := newMesh(f)
	if err != nil {
		return view{}, err
	}
	start, span := lonWindow(m.lon)
	south, north := bounds(finite(m.lat))
	if m.holdsPole(1) {
		north = 90
	}
	if m.holdsPole(-1) {
		south = -90
	}
	if span > 350 && (south > 0 && north > 80 || north < 0 && south < -80) {
		return viewPole(m, north > 0), nil
	}
	middle := start + span/2
	if span > 350 {
		middle = 0
	}
	v := view{y0: max(south, -90), y1: min(north, 90)}
	v.x0, v.x1 = middle-span/2, middle+span/2
	if span > 350 {
		v.x0, v.x1 = -180, 180
	}
	if !(v.x1 > v.x0) || !(v.y1 > v.y0) {
		return view{}, fmt.Errorf("map %q: the cells have no area", f.Title)
	}
	v.geographic()
	v.paint = func(v *view, img *image.RGBA, s *scale) {
		q := panel{w: img.Rect.Dx(), h: img.Rect.Dy(), x0: v.x0, x1: v.x1, y0: v.y0, y1: v.y1}
		m.cells(func(lon, lat [4]float64, value float64) {
			for k := 1; k < 4; k++ {
				lon[k] -= 360 * math.Round((lon[k]-lon[k-1])/360)
			}
			if math.Abs(lon[3]-lon[0]) > 180 {
				// The outline goes once round a pole: each of its sides has the band between it and the pole.
				pole := math.Copysign(90, lat[0]+lat[1]+lat[2]+lat[3])
				for k := range lon {
					a, b := lon[k], lon[(k+1)%4]
					b -= 360 * math.Round((b-a)/360)
					fillTurns(img, &q, [4]float64{a, b, b, a}, [4]float64{lat[k], lat[(k+1)%4], pole, pole}, s.at(value))
				}
				return
			}
			fillTurns(img, &q, lon, lat, s.at(value))
		})
	}
	return v, nil
}

// fillTurns colours a quadrilateral on parallels and meridians, as often as the panel goes round the earth.
func fillTurns(img *image.RGBA, q *panel, lon, lat [4]float64, col color.RGBA) {
	lo, hi := min(lon[0], lon[1], lon[2], lon[3]), max(lon[0], lon[1], lon[2], lon[3])
	for turn := math.Ceil((q.x0-hi)/360) * 360; lo+turn <= q.x1; turn += 360 {
		var quad [4]point
		for k := range quad {
			quad[k] = point{q.px(lon[k] + turn), q.py(lat[k])}
		}
		fillQuad(img, quad, col)
	}
}

// viewPole looks down on a pole: Lambert's azimuthal equal-area projection.
func viewPole(m *mesh, north bool) view {
	v := view{aspect: 1}
	sign := 1.0
	if !north {
		sign = -1
	}
	project := func(lon, lat float64) (float64, float64, bool) {
		r := 2 * math.Sin((90-sign*lat)/2*math.Pi/180)
		return r * math.Sin(lon*math.Pi/180), -sign * r * math.Cos(lon*math.Pi/180), sign*lat > -30
	}
	v.project = project
	var xs, ys []float64
	low := 90.0
	for i := range m.lon {
		if !math.IsNaN(m.lon[i] + m.lat[i]) {
			x, y, _ := project(m.lon[i], m.lat[i])
			xs, ys = append(xs, x), append(ys, y)
			low = min(low, sign*m.lat[i])
		}
	}
	v.x0, v.x1 = bounds(xs)
	v.y0, v.y1 = bounds(ys)
	v.paint = func(v *view, img *image.RGBA, s *scale) {
		q := panel{w: img.Rect.Dx(), h: img.Rect.Dy(), x0: v.x0, x1: v.x1, y0: v.y0, y1: v.y1}
		m.cells(func(lon, lat [4]float64, value float64) {
			var quad [4]point
			for k := range quad {
				x, y, _ := project(lon[k], lat[k])
				quad[k] = point{q.px(x), q.py(y)}
			}
			fillQuad(img, quad, s.at(value))
		})
	}
	v.detail = 2 * (90 - low)
	v.graticule = func() ([][]point, []mark) { return polarGraticule(&v, sign, low) }
	return v
}

// newMesh finds the corners of cells whose centres are known: the middle of the four centres round a
// corner, taken in space, so that neither a pole nor the antimeridian is special. At the rim the
// grid is continued by one row first.
func newMesh(f *Field) (*mesh, error) {
	k := 1
	for f.NY/k*(f.NX/k) > maxCells {
		k++
	}
	ny, nx := (f.NY+k-1)/k, (f.NX+k-1)/k
	if ny < 2 || nx < 2 {
		return nil, errors.New("a curvilinear map needs two rows and two columns at least")
	}
	m := &mesh{ny: ny, nx: nx, values: make([]float64, 0, ny*nx)}
	// Centres as unit vectors, with a rim of one all round.
	w := nx + 2
	centre := make([][3]float64, (ny+2)*w)
	for j := range ny {
		for i := range nx {
			n := j*k*f.NX + i*k
			m.values = append(m.values, f.Values[n])
			centre[(j+1)*w+i+1] = unitVector(f.Lon[n], f.Lat[n])
		}
	}
	for j := 1; j <= ny; j++ {
		centre[j*w] = beyond(centre[j*w+1], centre[j*w+2])
		centre[j*w+nx+1] = beyond(centre[j*w+nx], centre[j*w+nx-1])
	}
	for i := range w {
		centre[i] = beyond(centre[w+i], centre[2*w+i])
		centre[(ny+1)*w+i] = beyond(centre[ny*w+i], centre[(ny-1)*w+i])
	}
	known := false
	for j := range ny + 1 {
		for i := range nx + 1 {
			a, b, c, d := centre[j*w+i], centre[j*w+i+1], centre[(j+1)*w+i], centre[(j+1)*w+i+1]
			var s [3]float64
			for x := range s {
				s[x] = a[x] + b[x] + c[x] + d[x]
			}
			lon, lat := math.Atan2(s[1], s[0])*180/math.Pi, math.Atan2(s[2], math.Hypot(s[0], s[1]))*180/math.Pi
			known = known || !math.IsNaN(lon+lat)
			m.lon, m.lat = append(m.lon, lon), append(m.lat, lat)
		}
	}
	if !known {
		return nil, fmt.Errorf("map %q: no cell has a latitude and a longitude", f.Title)
	}
	return m, nil
}

func unitVector(lon, lat float64) [3]float64 {
	if math.Abs(lat) > 90.5 || math.Abs(lon) > 1e4 {
		return [3]float64{math.NaN(), math.NaN(), math.NaN()}
	}
	sl, cl := math.Sincos(lon * math.Pi / 180)
	sp, cp := math.Sincos(lat * math.Pi / 180)
	return [3]float64{cp * cl, cp * sl, sp}
}

// beyond is the point as far past a as b lies before it.
func beyond(a, b [3]float64) [3]float64 {
	var p [3]float64
	for i := range p {
		p[i] = 2*a[i] - b[i]
	}
	return p
}

// holdsPole reports whether a cell's outline goes round the north (1) or the south pole (-1).
func (m *mesh) holdsPole(sign float64) (yes bool) {
	m.cells(func(lon, lat [4]float64, _ float64) {
		turn := 0.0
		for k := range lon {
			turn += math.Remainder(lon[(k+1)%4]-lon[k], 360)
		}
		yes = yes || math.Abs(turn) > 180 && sign*lat[0] > 0
	})
	return yes
}

// cells yields the corners of each cell, in order round it, and its value.
func (m *mesh) cells(yield func(lon, lat [4]float64, value float64)) {
	w := m.nx + 1
	for j := range m.ny {
		for i := range m.nx {
			a := j*w + i
			k := [4]int{a, a + 1, a + w + 1, a + w}
			var lon, lat [4]float64
			for n, at := range k {
				lon[n], lat[n] = m.lon[at], m.lat[at]
			}
			if math.IsNaN(lon[0] + lon[1] + lon[2] + lon[3] + lat[0] + lat[1] + lat[2] + lat[3]) {
				continue
			}
			yield(lon, lat, m.values[j*m.nx+i])
		}
	}
}

// lonWindow is the shortest arc that holds all longitudes: its western end, within -180..180, and its length.
func lonWindow(lons []float64) (start, span float64) {
	s := finite(lons)
	for i := range s {
		s[i] = math.Mod(math.Mod(s[i], 360)+360, 360)
	}
	slices.Sort(s)
	gap, at := s[0]+360-s[len(s)-1], 0
	for i := 1; i < len(s); i++ {
		if d := s[i] - s[i-1]; d > gap {
			gap, at = d, i
		}
	}
	if gap < 10 {
		return -180, 360
	}
	start, span = s[at], 360-gap
	if start+span/2 >= 180 {
		start -= 360
	}
	return start, span
}

func finite(v []float64) []float64 {
	out := make([]float64, 0, len(v))
	for _, x := range v {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			out = append(out, x)
		}
	}
	return out
}

// fillQuad colours the pixels whose centres lie within a quadrilateral. Neighbours that share a side
// share its pixels without gap or overlap.
func fillQuad(img *image.RGBA, q [4]point, col color.RGBA) {
	y0, y1 := min(q[0].y, q[1].y, q[2].y, q[3].y), max(q[0].y, q[1].y, q[2].y, q[3].y)
	first, last := max(int(math.Ceil(y0-0.5)), 0), min(int(math.Ceil(y1-0.5))-1, img.Rect.Dy()-1)
	for row := first; row <= last; row++ {
		y := float64(row) + 0.5
		var xs [4]float64
		n := 0
		for i := range q {
			a, b := q[i], q[(i+1)%4]
			if a.y > b.y {
				a, b = b, a // the same arithmetic from both sides
			}
			if a.y <= y && y < b.y {
				xs[n] = a.x + (b.x-a.x)*(y-a.y)/(b.y-a.y)
				n++
			}
		}
		slices.Sort(xs[:n])
		for i := 0; i+1 < n; i += 2 {
			from, to := max(int(math.Ceil(xs[i]-0.5)), 0), min(int(math.Ceil(xs[i+1]-0.5)), img.Rect.Dx())
			for x := from; x < to; x++ {
				img.SetRGBA(x, row, col)
			}
		}
	}
}
