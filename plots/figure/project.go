package figure

import (
	"math"

	"github.com/cedadev/kerchunk-builder/plots"
	"github.com/cedadev/kerchunk-builder/virtual/cf/gridmapping"
)

// project puts a field on the plane of its grid mapping, where the file states one that is known and that agrees with the longitudes and latitudes
// that the file may state besides. Without, a plane measured in one unit is drawn true to scale.
func (f *figure) project(p *plots.Field, y, x int) {
	east, north := f.array(f.axes.Projected), f.array(f.axes.ProjectedNorth)
	if f.axes.X != x || f.axes.Y != y || !f.numeric(f.axes.Projected) || !f.numeric(f.axes.ProjectedNorth) || east.Dimensions[0] != f.a.Dimensions[x] || north.Dimensions[0] != f.a.Dimensions[y] {
		return
	}
	p.Square = p.X.Units == p.Y.Units
	// Without one that is known the plane's own axes tell as much as the file does.
	if m, err := gridmapping.For(&f.ds, &f.a); err == nil {
		sx, okX := m.Scale(p.X.Units)
		sy, okY := m.Scale(p.Y.Units)
		if okX && okY {
			q := *p
			q.X.Values, q.Y.Values = times(p.X.Values, sx), times(p.Y.Values, sy)
			if agrees(m, &q) {
				q.Projection = m
				*p = q
				return
			}
		}
	}
	for _, a := range []*plots.Axis{&p.X, &p.Y} {
		if a.Units == "m" {
			a.Values, a.Units = times(a.Values, 1e-3), "km"
		}
	}
}

func times(v []float64, factor float64) []float64 {
	out := make([]float64, len(v))
	for i := range v {
		out[i] = v[i] * factor
	}
	return out
}

// agrees holds a few cells of a field against its two-dimensional longitudes and latitudes, where it has them: they must lie within a cell of where the
// projection has them.
func agrees(m *gridmapping.Projection, p *plots.Field) bool {
	if len(p.X.Values) != p.NX || len(p.Y.Values) != p.NY || p.NX < 2 || p.NY < 2 {
		return false
	}
	if len(p.Lat) != p.NX*p.NY || len(p.Lon) != len(p.Lat) {
		return true
	}
	dx, dy := math.Abs(p.X.Values[1]-p.X.Values[0]), math.Abs(p.Y.Values[1]-p.Y.Values[0])
	for k := range 5 {
		for l := range 5 {
			j, i := k*(p.NY-1)/4, l*(p.NX-1)/4
			lon, lat := p.Lon[j*p.NX+i], p.Lat[j*p.NX+i]
			if math.IsNaN(lon + lat) {
				continue
			}
			x, y, ok := m.Forward(lon, lat)
			if ok && (math.Abs(x-p.X.Values[i]) > dx || math.Abs(y-p.Y.Values[j]) > dy) {
				return false
			}
		}
	}
	return true
}
