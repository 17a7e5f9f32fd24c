package catalog

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cedadev/kerchunk-builder/plots"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/virtual/cf"
	"github.com/cedadev/kerchunk-builder/virtual/cf/gridmapping"
	"github.com/cedadev/kerchunk-builder/virtual/cftime"
)

// Coordinates is a store as Describe reads it.
type Coordinates interface {
	Dataset() virtual.Dataset

	// Floats reads a part of an array, in C order, with scale, offset and missing values (as NaN) applied.
	Floats(ctx context.Context, array string, start, count []int64) ([]float64, error)
}

// blockCells bounds how much of a coordinate is held at a time.
const blockCells = 1 << 20

// Describe reads the coordinates of the dataset's main variable and of every dimension.
func Describe(ctx context.Context, c Coordinates) (Cover, error) {
	d := describer{ctx: ctx, from: c, ds: c.Dataset()}
	return d.cover()
}

type describer struct {
	ctx  context.Context
	from Coordinates
	ds   virtual.Dataset
}

func (d *describer) cover() (Cover, error) {
	var out Cover
	main, ok := plots.Choose(d.ds)
	var axes cf.Axes
	if ok {
		axes = cf.AxesOf(&d.ds, &main)
	}
	if axes.Lat != "" && axes.Lon != "" {
		box, err := d.box(axes)
		if err != nil {
			return Cover{}, err
		}
		out.Box = box
	}
	if axes.Projected != "" && axes.ProjectedNorth != "" {
		box, err := d.projectedBox(&main, axes)
		if err != nil {
			return Cover{}, err
		}
		// Longitudes and latitudes that the file states count, but that a grid holds a pole only its projection tells.
		if out.Box == nil || box != nil && (box[1] == -90 || box[3] == 90) {
			out.Box = box
		}
	}
	for _, n := range d.dimensions() {
		dim, err := d.dimension(n)
		if err != nil {
			return Cover{}, err
		}
		out.Dimensions = append(out.Dimensions, dim)
		if dim.Type == "temporal" {
			out.widen(dim)
		}
	}
	if out.Start == "" && axes.Time != "" {
		// The time of a station or a trajectory, along a dimension of another name.
		if t, _ := d.array(axes.Time); t != nil {
			dim, err := d.temporal(t, Dimension{})
			if err != nil {
				return Cover{}, err
			}
			out.widen(dim)
		}
	}
	return out, nil
}

// widen takes the time of a dimension into account. RFC 3339 in UTC sorts as text.
func (c *Cover) widen(d Dimension) {
	if d.Start == "" {
		return
	}
	if c.Start == "" || d.Start < c.Start {
		c.Start = d.Start
	}
	if c.End == "" || d.End > c.End {
		c.End = d.End
	}
}

type named struct {
	name   string
	length int64
	group  string
}

// dimensions are the dimensions of all arrays by their names, in the store's order. A name that stands for
// several lengths in different groups is listed once for each, under its group's path.
func (d *describer) dimensions() []named {
	var out []named
	for _, a := range d.ds.Arrays {
		group := strings.TrimSuffix(strings.TrimSuffix(a.Path, cf.Name(a.Path)), "/")
		for i, n := range a.Dimensions {
			same := func(m named) bool { return m.name == n && m.length == a.Grid.Shape[i] }
			if !slices.ContainsFunc(out, same) {
				out = append(out, named{n, a.Grid.Shape[i], group})
			}
		}
	}
	for i := range out {
		for j := range out {
			if i != j && out[i].name == out[j].name && out[i].group != "" {
				out[i].name = out[i].group + "/" + out[i].name
				break
			}
		}
	}
	return out
}

func (d *describer) array(path string) (*virtual.Array, bool) {
	for i := range d.ds.Arrays {
		if d.ds.Arrays[i].Path == path {
			return &d.ds.Arrays[i], true
		}
	}
	return nil, false
}

// dimension describes one dimension by its coordinate variable, or by its length when it has none.
func (d *describer) dimension(n named) (Dimension, error) {
	dim := Dimension{Name: n.name, Length: n.length, Type: "index", Hi: float64(max(n.length-1, 0))}
	a, ok := d.array(n.name)
	if !ok && n.group != "" {
		a, ok = d.array(n.group + "/" + cf.Name(n.name))
	}
	if !ok || len(a.Dimensions) != 1 || a.Dimensions[0] != cf.Name(n.name) || a.Grid.Shape[0] != n.length || !a.Type.Numeric() || n.length == 0 {
		return dim, nil
	}
	dim.Description = cf.Text(a, "long_name")
	dim.Unit = cf.Text(a, "units")
	role := cf.RoleOf(a)
	if role == cf.Time {
		return d.temporal(a, dim)
	}
	s, err := d.spread(a)
	if err != nil || s.n == 0 {
		return dim, err
	}
	dim.Lo, dim.Hi, dim.Step = s.lo, s.hi, s.step()
	switch role {
	case cf.Longitude:
		dim.Type, dim.Axis, dim.Geographic = "spatial", "x", true
	case cf.Latitude:
		dim.Type, dim.Axis, dim.Geographic = "spatial", "y", true
	case cf.Vertical:
		dim.Type, dim.Axis = "spatial", "z"
	default:
		// A projection's own axes are no "spatial" ones of the extension, whose default reference system
		// is longitude and latitude.
		dim.Type = "coordinate"
	}
	return dim, nil
}

// spread is what is kept of a coordinate's values.
type spread struct {
	n              int64 // values that are not missing
	lo, hi         float64
	first, last    float64
	least, largest float64 // difference of neighbours
	previous       float64
}

func (s *spread) add(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	if s.n == 0 {
		s.lo, s.hi, s.first = v, v, v
		s.least, s.largest = math.Inf(1), math.Inf(-1)
	} else {
		s.least, s.largest = min(s.least, v-s.previous), max(s.largest, v-s.previous)
	}
	s.lo, s.hi = min(s.lo, v), max(s.hi, v)
	s.last, s.previous = v, v
	s.n++
}

// step is the distance of neighbours when it is the same everywhere, as far as float32 can tell.
func (s *spread) step() *float64 {
	if s.n < 2 {
		return nil
	}
	mean := (s.last - s.first) / float64(s.n-1)
	if mean == 0 || s.largest-s.least > 1e-3*math.Abs(mean) {
		return nil
	}
	// The shortest number that float32 coordinates agree with.
	short, err := strconv.ParseFloat(strconv.FormatFloat(math.Abs(mean), 'g', 6, 64), 64)
	if err != nil {
		return nil
	}
	return &short
}

func (d *describer) spread(a *virtual.Array) (spread, error) {
	var s spread
	err := d.each(a, func(v []float64) {
		for _, x := range v {
			s.add(x)
		}
	})
	return s, err
}

// each reads an array of one or two dimensions, or a scalar, in blocks of whole rows.
func (d *describer) each(a *virtual.Array, use func([]float64)) error {
	if len(a.Grid.Shape) == 0 {
		v, err := d.from.Floats(d.ctx, a.Path, nil, nil)
		if err != nil {
			return fmt.Errorf("read %s: %w", a.Path, err)
		}
		use(v)
		return nil
	}
	row := int64(1)
	for _, n := range a.Grid.Shape[1:] {
		row *= n
	}
	if row == 0 {
		return nil
	}
	rows := max(blockCells/row, 1)
	for r := int64(0); r < a.Grid.Shape[0]; r += rows {
		start, count := make([]int64, len(a.Grid.Shape)), slices.Clone(a.Grid.Shape)
		start[0], count[0] = r, min(rows, a.Grid.Shape[0]-r)
		v, err := d.from.Floats(d.ctx, a.Path, start, count)
		if err != nil {
			return fmt.Errorf("read %s: %w", a.Path, err)
		}
		use(v)
	}
	return nil
}

// withBounds is the coordinate's cell bounds where it has them (CF 7.1), or the coordinate itself.
func (d *describer) withBounds(a *virtual.Array) *virtual.Array {
	name := cf.Text(a, "bounds")
	if name == "" {
		name = cf.Text(a, "climatology")
	}
	if name == "" {
		return a
	}
	b, ok := d.array(strings.TrimSuffix(a.Path, cf.Name(a.Path)) + name)
	if !ok || !b.Type.Numeric() || len(b.Grid.Shape) != len(a.Grid.Shape)+1 {
		return a
	}
	return b
}

// temporal describes a time coordinate: first and last instant, of the bounds where there are any.
func (d *describer) temporal(a *virtual.Array, dim Dimension) (Dimension, error) {
	dim.Type, dim.Unit, dim.Lo, dim.Hi = "temporal", "", 0, 0
	calendar := cf.Text(a, "calendar")
	units, err := cftime.Parse(cf.Text(a, "units"), calendar)
	if err != nil {
		// A time that no calendar can place has values, but no dates.
		s, err := d.spread(a)
		dim.Type, dim.Unit, dim.Lo, dim.Hi = "coordinate", cf.Text(a, "units"), s.lo, s.hi
		return dim, err
	}
	own, err := d.spread(a)
	if err != nil || own.n == 0 {
		return dim, err
	}
	s, err := d.spread(d.withBounds(a))
	if err != nil {
		return dim, err
	}
	if s.n == 0 || s.lo > own.lo || s.hi < own.hi {
		s = own
	}
	var text [2]string
	var moved bool
	for i, v := range []float64{s.lo, s.hi} {
		t, err := units.AtFloat(v)
		if err != nil {
			return dim, fmt.Errorf("%s: %w", a.Path, err)
		}
		var m bool
		text[i], m = rfc3339(t.Date())
		moved = moved || m
	}
	dim.Start, dim.End = text[0], text[1]
	if c, err := cftime.ParseCalendar(calendar); err == nil && c != cftime.Standard && c != cftime.ProlepticGregorian {
		dim.Description = strings.TrimSpace(dim.Description + " (" + string(c) + " calendar)")
		if moved {
			dim.Description += "; dates that the common calendar lacks are given as the nearest it has"
		}
	}
	return dim, nil
}

// rfc3339 writes a date in UTC. A day that the Gregorian calendar lacks becomes the month's last, a year
// out of 0..9999 the nearest within; moved says so.
func rfc3339(d cftime.Date) (text string, moved bool) {
	if d.Year < 0 || d.Year > 9999 {
		if d.Year < 0 {
			return "0000-01-01T00:00:00Z", true
		}
		return "9999-12-31T23:59:59Z", true
	}
	leap := d.Year%4 == 0 && (d.Year%100 != 0 || d.Year%400 == 0)
	last := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[d.Month-1]
	if leap && d.Month == 2 {
		last = 29
	}
	day := min(d.Day, last)
	return fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", d.Year, d.Month, day, d.Hour, d.Minute, d.Second), day != d.Day
}

// box is the bounding box of the main variable's longitudes and latitudes; nil when they are all missing.
func (d *describer) box(x cf.Axes) (*[4]float64, error) {
	lat, okLat := d.array(x.Lat)
	lon, okLon := d.array(x.Lon)
	if !okLat || !okLon || len(lat.Grid.Shape) > 2 || len(lon.Grid.Shape) > 2 {
		return nil, nil
	}
	south, err := d.spread(d.withBounds(lat))
	if err != nil {
		return nil, err
	}
	var arc arc
	for _, a := range []*virtual.Array{lon, d.withBounds(lon)} {
		if err := d.each(a, arc.add); err != nil {
			return nil, err
		}
	}
	// Neighbours within the usual distance leave no gap.
	gap := 3.0
	if len(lon.Grid.Shape) == 1 {
		s, err := d.spread(lon)
		if err != nil {
			return nil, err
		}
		gap = 0
		if s.n > 1 {
			gap = 1.5 * max(math.Abs(s.least), math.Abs(s.largest))
		}
		if gap > 180 { // a grid that starts anew at the antimeridian
			gap = 3
		}
	}
	west, east, ok := arc.extent(gap)
	if !ok || south.n == 0 {
		return nil, nil
	}
	return &[4]float64{tidy(west), tidy(max(south.lo, -90)), tidy(east), tidy(min(south.hi, 90))}, nil
}

// mostProjected is how many rows and columns of a projected grid its box is found from.
const mostProjected = 500

// projectedBox is the bounding box of a grid on the plane of a grid mapping that is known: of its cells, evenly taken, and of a pole among them; nil for
// any other grid.
func (d *describer) projectedBox(main *virtual.Array, x cf.Axes) (*[4]float64, error) {
	m, err := gridmapping.For(&d.ds, main)
	if err != nil {
		return nil, nil // the item has no place then, as for a dataset without longitudes and latitudes
	}
	var axis [2][]float64
	for i, path := range []string{x.Projected, x.ProjectedNorth} {
		a, ok := d.array(path)
		if !ok {
			return nil, nil
		}
		scale, ok := m.Scale(cf.Text(a, "units"))
		if !ok {
			return nil, nil
		}
		n, every := int64(0), max(a.Grid.Shape[0]/mostProjected, 1)
		err := d.each(a, func(v []float64) {
			for _, c := range v {
				if n%every == 0 || n == a.Grid.Shape[0]-1 {
					axis[i] = append(axis[i], c*scale)
				}
				n++
			}
		})
		if err != nil {
			return nil, err
		}
	}
	south, north := math.Inf(1), math.Inf(-1)
	var arc arc
	for _, y := range axis[1] {
		for _, x := range axis[0] {
			if lon, lat, ok := m.Inverse(x, y); ok {
				south, north = min(south, lat), max(north, lat)
				arc.add([]float64{lon})
			}
		}
	}
	// Round a pole the grid has all longitudes, and its cells reach the pole itself.
	within := func(v float64, list []float64) bool {
		return len(list) > 0 && v >= slices.Min(list) && v <= slices.Max(list)
	}
	for _, pole := range []float64{-90, 90} {
		if px, py, ok := m.Forward(0, pole); ok && !m.Degrees() && within(px, axis[0]) && within(py, axis[1]) {
			south, north = min(south, pole), max(north, pole)
			arc.add([]float64{-180, 180})
			for v := -180.0; v < 180; v += 0.5 {
				arc.add([]float64{v})
			}
		}
	}
	west, east, ok := arc.extent(3)
	if !ok || south > north {
		return nil, nil
	}
	return &[4]float64{tidy(west), tidy(south), tidy(east), tidy(north)}, nil
}

// tidy rounds degrees to a tenth of a metre or so, so that float32 coordinates look like what they mean.
func tidy(v float64) float64 { return math.Round(v*1e6) / 1e6 }

// arc collects longitudes in any convention and finds the shortest arc that holds them.
type arc struct {
	lo, hi [720]float64 // least and greatest of each half degree from -180; hi is meaningful where used
	used   [720]bool
}

func (a *arc) add(lons []float64) {
	for _, v := range lons {
		if math.IsNaN(v) || math.Abs(v) > 1080 {
			continue
		}
		v = math.Mod(math.Mod(v+180, 360)+360, 360) - 180
		i := min(max(int((v+180)*2), 0), len(a.lo)-1)
		if !a.used[i] {
			a.lo[i], a.hi[i], a.used[i] = v, v, true
		}
		a.lo[i], a.hi[i] = min(a.lo[i], v), max(a.hi[i], v)
	}
}

// extent is the arc that leaves out the widest gap, or the whole circle when no gap is wider than given.
func (a *arc) extent(gap float64) (west, east float64, ok bool) {
	var bins []int
	for i, u := range a.used {
		if u {
			bins = append(bins, i)
		}
	}
	if len(bins) == 0 {
		return 0, 0, false
	}
	widest, at := -1.0, 0
	for k, i := range bins {
		next := bins[(k+1)%len(bins)]
		d := a.lo[next] - a.hi[i]
		if k == len(bins)-1 {
			d += 360
		}
		if d > widest {
			widest, at = d, k
		}
	}
	if widest <= gap {
		return -180, 180, true
	}
	west, east = a.lo[bins[(at+1)%len(bins)]], a.hi[bins[at]]
	if east == -180 && west != -180 { // the arc ends at the antimeridian
		east = 180
	}
	return west, east, true
}
