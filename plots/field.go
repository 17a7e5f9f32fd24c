package plots

import (
	"fmt"
	"image/color"
	"math"
	"sort"
)

// Field is a two-dimensional array with its place on the earth, or on any two axes.
type Field struct {
	Values []float64 // NY rows of NX values; NaN is missing
	NY, NX int

	// Lat and Lon, in degrees, place the cells' centres: NY and NX of them for a grid of parallels and
	// meridians, NY*NX each for a curvilinear or rotated grid; with one row they are places in no order.
	// Without them X and Y are the axes.
	Lat, Lon []float64
	X, Y     Axis

	Projection Projection // of X and Y; nil when they are no map's
	Square     bool       // a unit of X is as long as a unit of Y

	// Classes are what the values stand for when they are codes: each has a colour of its own, and a name in the legend.
	Classes []Class

	Title    string // what: "Near-surface air temperature"
	Subtitle string // which: dataset, date, level
	Name     string // of the values, beside the colour bar; Title when empty
	Units    string // UDUNITS
}

// Class is a value that is a code.
type Class struct {
	Value float64
	Name  string
	Color color.Color // nil for one of our choice
}

// layout is how a field's cells lie.
type layout int

const (
	plain layout = iota
	rectilinear
	curvilinear
	scattered
)

// check reports which layout f has, or what is wrong with it.
func (f *Field) check() (layout, error) {
	if f.NY < 1 || f.NX < 1 || len(f.Values)/f.NY != f.NX || len(f.Values)%f.NY != 0 {
		return 0, fmt.Errorf("map %q: %d values can't fill %d x %d cells", f.Title, len(f.Values), f.NY, f.NX)
	}
	switch {
	case len(f.Lat) == 0 && len(f.Lon) == 0:
		return plain, nil
	case len(f.Lat) == f.NY && len(f.Lon) == f.NX:
		return rectilinear, nil
	case len(f.Lat) == len(f.Values) && len(f.Lon) == len(f.Values):
		if f.NY == 1 {
			return scattered, nil
		}
		return curvilinear, nil
	}
	return 0, fmt.Errorf("map %q: %d latitudes and %d longitudes for %d x %d cells", f.Title, len(f.Lat), len(f.Lon), f.NY, f.NX)
}

// values are the positions of n cells along a.
func (a *Axis) positions(n int) ([]float64, error) {
	if a.Values == nil {
		v := make([]float64, n)
		for i := range v {
			v[i] = float64(i)
		}
		return v, nil
	}
	if len(a.Values) != n {
		return nil, fmt.Errorf("axis %q has %d values for %d cells", a.Name, len(a.Values), n)
	}
	if a.Dates != nil && len(a.Dates) != n {
		return nil, fmt.Errorf("axis %q has %d dates for %d values", a.Name, len(a.Dates), n)
	}
	return a.Values, nil
}

// scaled are the positions as they are drawn: their logarithms on a logarithmic axis.
func (a *Axis) scaled(n int) ([]float64, error) {
	v, err := a.positions(n)
	if err != nil || !a.logarithmic() {
		return v, err
	}
	out := make([]float64, n)
	for i := range v {
		out[i] = math.Log10(v[i])
	}
	return out, nil
}

// logarithmic reports whether the axis can be drawn as it asks.
func (a *Axis) logarithmic() bool {
	lo, _ := bounds(a.Values)
	return a.Log && len(a.Values) > 1 && lo > 0
}

// edges returns the n+1 boundaries of cells given by their centres: half way between neighbours. They
// run as the centres do. It is an error when the centres don't rise or fall all the way.
func edges(name string, v []float64) ([]float64, error) {
	n := len(v)
	e := make([]float64, n+1)
	if n == 1 {
		e[0], e[1] = v[0]-0.5, v[0]+0.5
	}
	for i := 1; i < n; i++ {
		if !(v[i]-v[i-1] > 0) && v[1] > v[0] || !(v[i]-v[i-1] < 0) && !(v[1] > v[0]) {
			return nil, fmt.Errorf("axis %q neither rises nor falls all the way: %g follows %g at index %d", name, v[i], v[i-1], i)
		}
		e[i] = v[i-1]/2 + v[i]/2
	}
	if n > 1 {
		e[0], e[n] = v[0]-(e[1]-v[0]), v[n-1]+(v[n-1]-e[n-1])
	}
	if d := math.Abs(e[n] - e[0]); !(d > 0) || math.IsInf(d, 0) {
		return nil, fmt.Errorf("axis %q runs from %g to %g: not finite, or too short to draw", name, v[0], v[n-1])
	}
	return e, nil
}

// turned moves the columns of a grid of meridians so that its longitudes run one way: a region across Greenwich may be stored as
// 0..20 and 340..359, one across the antimeridian as -180..-170 and 170..179. The widest gap between neighbours goes to the ends.
func (f *Field) turned() Field {
	n, at, widest := len(f.Lon), 0, 0.0
	for i := range f.Lon {
		next := f.Lon[(i+1)%n]
		d := math.Mod(math.Mod(next-f.Lon[i], 360)+360, 360)
		if n > 2 && f.Lon[0] > f.Lon[1] {
			d = math.Mod(360-d, 360)
		}
		if d > widest {
			widest, at = d, (i+1)%n
		}
	}
	if at == 0 || widest < 10 && widest < 3*math.Abs(f.Lon[1]-f.Lon[0]) {
		return *f
	}
	g := *f
	g.Lon = append(append([]float64(nil), f.Lon[at:]...), f.Lon[:at]...)
	g.Values = make([]float64, 0, len(f.Values))
	for j := range f.NY {
		row := f.Values[j*f.NX : (j+1)*f.NX]
		g.Values = append(append(g.Values, row[at:]...), row[:at]...)
	}
	return g
}

// unwrap makes longitudes run on over the antimeridian or Greenwich: 179, -179 becomes 179, 181.
func unwrap(lon []float64) []float64 {
	out := append([]float64(nil), lon...)
	for i := 1; i < len(out); i++ {
		if d := out[i] - out[i-1]; math.Abs(d) > 180 && math.Abs(d) < 1e4 {
			out[i] -= 360 * math.Round(d/360)
		}
	}
	return out
}

// cellsAt says which cell lies under each of n pixels that divide lo..hi evenly; -1 for none. With
// down, pixels count from hi to lo.
func cellsAt(edge []float64, lo, hi float64, n int, down bool) []int {
	rising := edge[len(edge)-1] > edge[0]
	cells := len(edge) - 1
	out := make([]int, n)
	for p := range out {
		v := lo + (hi-lo)*(float64(p)+0.5)/float64(n)
		if down {
			v = hi - (hi-lo)*(float64(p)+0.5)/float64(n)
		}
		var i int
		if rising {
			i = sort.Search(len(edge), func(k int) bool { return edge[k] > v }) - 1
		} else {
			i = sort.Search(len(edge), func(k int) bool { return edge[k] <= v }) - 1
		}
		if i < 0 || i >= cells {
			i = -1
		}
		out[p] = i
	}
	return out
}

// finiteBounds are the bounds of the values that are not missing; lo > hi when all are.
func finiteBounds(v []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, x := range v {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			lo, hi = min(lo, x), max(hi, x)
		}
	}
	return lo, hi
}

func bounds(v []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, x := range v {
		lo, hi = min(lo, x), max(hi, x)
	}
	return lo, hi
}
