// Package figure draws a variable of a dataset: it finds what a person would look at first, reads one
// slice with its coordinates, and hands plain arrays to package plots.
package figure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cedadev/kerchunk-builder/plots"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/virtual/cf"
)

// Source is a dataset whose numbers can be read.
type Source interface {
	Dataset() virtual.Dataset

	// Floats reads a part of an array, in C order, with scale, offset and missing values (as NaN) applied;
	// the whole array when start and count are nil.
	Floats(ctx context.Context, array string, start, count []int64) ([]float64, error)
}

// Request says what to draw. The zero value asks for a first look.
type Request struct {
	Variable string            // path; empty for the one that [plots.Choose] picks
	Select   map[string]string // by dimension: "#3", "#-1", a coordinate's value, or the beginning of a date
	Dataset  string            // a name for the subtitle
	Options  plots.Options
}

// Errors that callers tell apart.
var (
	ErrNothing   = errors.New("no variable can be drawn")
	ErrSelection = errors.New("bad selection")
)

// Drawn says what a picture shows.
type Drawn struct {
	Variable string
	Slice    map[string]int64 // the index taken on each dimension that the picture has not
	Missing  int              // values of the picture that are missing
	Values   int              // and how many it has
}

// Draw draws one slice of a variable: a map where it has longitudes and latitudes or a projection, else a section or a line. Coordinates that no map can
// be made of, such as longitudes in no order, give way to counted rows and columns.
func Draw(ctx context.Context, w io.Writer, src Source, r Request) (Drawn, error) {
	f := figure{ctx: ctx, src: src, ds: src.Dataset(), req: r}
	if err := f.pick(); err != nil {
		return Drawn{}, err
	}
	if err := f.slice(); err != nil {
		return Drawn{}, fmt.Errorf("variable %s: %w", f.a.Path, err)
	}
	if err := f.draw(w); err != nil {
		return Drawn{}, fmt.Errorf("variable %s: %w", f.a.Path, err)
	}
	out := Drawn{Variable: f.a.Path, Slice: map[string]int64{}, Missing: f.missing, Values: f.values}
	for d, name := range f.a.Dimensions {
		if !slices.Contains(f.kept, d) {
			out.Slice[name] = f.index[d]
		}
	}
	return out, nil
}

type figure struct {
	ctx context.Context
	src Source
	ds  virtual.Dataset
	req Request

	a     virtual.Array
	axes  cf.Axes
	kept  []int   // the dimensions drawn, in the array's order: two or one
	index []int64 // on each other dimension

	places bool // the one dimension drawn counts places on the earth

	missing, values int
}

// pick finds the variable.
func (f *figure) pick() error {
	if f.req.Variable == "" {
		a, ok := plots.Choose(f.ds)
		if !ok {
			return fmt.Errorf("%w: the dataset has coordinates only", ErrNothing)
		}
		f.a = a
	} else {
		i := slices.IndexFunc(f.ds.Arrays, func(a virtual.Array) bool { return a.Path == f.req.Variable })
		if i < 0 {
			return fmt.Errorf("%w: there is no variable %q", ErrNothing, f.req.Variable)
		}
		f.a = f.ds.Arrays[i]
	}
	if !f.a.Type.Numeric() {
		return fmt.Errorf("%w: %s is of type %s", ErrNothing, f.a.Path, f.a.Type)
	}
	if f.a.Grid.Count() == 0 {
		return fmt.Errorf("%w: %s has no values", ErrNothing, f.a.Path)
	}
	f.axes = cf.AxesOf(&f.ds, &f.a)
	return nil
}

// slice decides which dimensions are drawn and where the others are cut.
func (f *figure) slice() error {
	f.index = make([]int64, len(f.a.Dimensions))
	fixed := make([]bool, len(f.a.Dimensions))
	for name, want := range f.req.Select {
		d := slices.Index(f.a.Dimensions, name)
		if d < 0 {
			return fmt.Errorf("%w: it has no dimension %q, only %s", ErrSelection, name, strings.Join(f.a.Dimensions, ", "))
		}
		i, err := f.find(d, want)
		if err != nil {
			return err
		}
		f.index[d], fixed[d] = i, true
	}
	free := func(d int) bool { return d >= 0 && !fixed[d] && f.a.Grid.Shape[d] > 1 }
	if free(f.axes.X) && free(f.axes.Y) && f.axes.X != f.axes.Y {
		f.kept = []int{min(f.axes.X, f.axes.Y), max(f.axes.X, f.axes.Y)}
		return nil
	}
	if d := f.placesAlong(); free(d) && d != f.axes.T {
		f.kept, f.places = []int{d}, true
		return nil
	}
	for d := len(f.a.Dimensions) - 1; d >= 0 && len(f.kept) < 2; d-- {
		if free(d) {
			f.kept = append([]int{d}, f.kept...)
		}
	}
	// What has one value only is a series of one.
	for d := range f.a.Dimensions {
		if len(f.kept) == 0 && !fixed[d] {
			f.kept = []int{d}
		}
	}
	if len(f.kept) == 0 {
		return fmt.Errorf("%w: one single value is left", ErrNothing)
	}
	return nil
}

// placesAlong is the dimension that counts places, stations or the cells of an unstructured grid, whose longitudes and latitudes both lie along it;
// -1 for none.
func (f *figure) placesAlong() int {
	lon, lat := f.array(f.axes.Lon), f.array(f.axes.Lat)
	if !f.numeric(f.axes.Lon) || !f.numeric(f.axes.Lat) || len(lon.Dimensions) != 1 || !slices.Equal(lon.Dimensions, lat.Dimensions) {
		return -1
	}
	return slices.Index(f.a.Dimensions, lon.Dimensions[0])
}

// numeric reports whether there is an array of that path, of numbers.
func (f *figure) numeric(path string) bool {
	a := f.array(path)
	return a != nil && a.Type.Numeric()
}

// array is the array of a path, or nil.
func (f *figure) array(path string) *virtual.Array {
	for i := range f.ds.Arrays {
		if f.ds.Arrays[i].Path == path {
			return &f.ds.Arrays[i]
		}
	}
	return nil
}

// draw reads the slice and draws it. A slice that nobody chose and that has no values gives way to one
// further on in time.
func (f *figure) draw(w io.Writer) error {
	tries := []int64{0}
	t := f.axes.T
	if t >= 0 && !slices.Contains(f.kept, t) && f.req.Select[f.a.Dimensions[t]] == "" {
		n := f.a.Grid.Shape[t]
		tries = []int64{0, n / 2, n - 1}
	}
	var values []float64
	var stride []int64
	for i, at := range tries {
		if len(tries) > 1 {
			f.index[t] = at
		}
		var err error
		if values, stride, err = f.read(&f.a, f.kept, f.index); err != nil {
			return err
		}
		f.values, f.missing = len(values), 0
		for _, v := range values {
			if math.IsNaN(v) {
				f.missing++
			}
		}
		if f.missing < f.values || i == len(tries)-1 {
			break
		}
	}
	subtitle, err := f.subtitle()
	if err != nil {
		return err
	}
	switch {
	case len(f.kept) == 2:
		return f.field(w, values, stride, subtitle)
	case f.places:
		return f.scatter(w, values, stride, subtitle)
	}
	return f.line(w, values, stride, subtitle)
}

func (f *figure) field(w io.Writer, values []float64, stride []int64, subtitle string) error {
	y, x := f.kept[0], f.kept[1]
	units := f.shown(values)
	p := plots.Field{
		Values: values, NY: int(steps(f.a.Grid.Shape[y], stride[0])), NX: int(steps(f.a.Grid.Shape[x], stride[1])),
		Title: f.title(), Subtitle: subtitle, Name: cf.Name(f.a.Path), Units: units, Classes: f.classes(values),
	}
	onEarth := f.numeric(f.axes.Lat) && f.numeric(f.axes.Lon) && min(f.axes.X, f.axes.Y) == y && max(f.axes.X, f.axes.Y) == x
	m := p
	var err error
	if onEarth {
		if m.Lat, err = f.coordinate(f.axes.Lat, stride); err != nil {
			return err
		}
		if m.Lon, err = f.coordinate(f.axes.Lon, stride); err != nil {
			return err
		}
	}
	if m, err = f.axesOf(m, y, x, stride); err != nil {
		return err
	}
	if m.Projection != nil {
		m.Lat, m.Lon = nil, nil
	}
	if f.upright(y) < f.upright(x) {
		transpose(&m)
	}
	drawn := plots.Map(w, m, f.req.Options)
	if drawn == nil {
		return nil
	}
	for k, d := range f.kept { // count the cells where no map can be made
		a := plots.Axis{Name: f.a.Dimensions[d] + " (index)"}
		for i := range steps(f.a.Grid.Shape[d], stride[k]) {
			a.Values = append(a.Values, float64(i*stride[k]))
		}
		if k == 0 {
			p.Y = a
		} else {
			p.X = a
		}
	}
	if plots.Map(w, p, f.req.Options) != nil {
		return drawn
	}
	return nil
}

// axesOf gives a field the axes along its two dimensions: of a projection where they are its plane's.
func (f *figure) axesOf(p plots.Field, y, x int, stride []int64) (plots.Field, error) {
	var err error
	if p.Y, err = f.axis(y, stride[0]); err != nil {
		return p, err
	}
	if p.X, err = f.axis(x, stride[1]); err != nil {
		return p, err
	}
	f.project(&p, y, x)
	return p, nil
}

// upright ranks the dimensions for the vertical side of a section: height and depth before latitude, and time and longitude last, as people draw them.
func (f *figure) upright(d int) int {
	switch d {
	case f.axes.Z:
		return 4
	case f.axes.Y:
		return 3
	case f.axes.T:
		return 1
	case f.axes.X:
		return 0
	}
	return 2
}

func (f *figure) line(w io.Writer, values []float64, stride []int64, subtitle string) error {
	d := f.kept[0]
	l := plots.Line{Values: values, Upright: d == f.axes.Z && d != f.axes.T, Title: f.title(), Name: cf.Name(f.a.Path)}
	var err error
	if stride[0] > 1 {
		if l, stride, err = f.band(l, d); err != nil {
			return err
		}
		subtitle = strings.TrimPrefix(subtitle+fmt.Sprintf(" · mean and range of every %d values", stride[0]), " · ")
	}
	l.Subtitle = subtitle
	if l.Along, err = f.axis(d, stride[0]); err != nil {
		return err
	}
	l.Units = f.shown(l.Values, l.Lo, l.Hi)
	return plots.Series(w, l, f.req.Options)
}

// scatter draws values at places in no order.
func (f *figure) scatter(w io.Writer, values []float64, stride []int64, subtitle string) error {
	p := plots.Field{
		Values: values, NY: 1, NX: len(values), Title: f.title(), Subtitle: subtitle, Name: cf.Name(f.a.Path), Units: f.shown(values), Classes: f.classes(values),
	}
	var err error
	if p.Lat, err = f.coordinate(f.axes.Lat, stride); err != nil {
		return err
	}
	if p.Lon, err = f.coordinate(f.axes.Lon, stride); err != nil {
		return err
	}
	if drawn := plots.Map(w, p, f.req.Options); drawn != nil {
		if f.line(w, values, stride, subtitle) != nil {
			return drawn
		}
	}
	return nil
}

// shown are the units that values are shown in. Pressures of the atmosphere, in pascals, are turned into hectopascals.
func (f *figure) shown(values ...[]float64) string {
	units := cf.Text(&f.a, "units")
	if units != "Pa" || f.req.Options.Range != nil {
		return units
	}
	most := 0.0
	for _, list := range values {
		for _, v := range list {
			if v < 1e6 {
				most = max(most, math.Abs(v))
			}
		}
	}
	if most < 2e4 {
		return units
	}
	for _, list := range values {
		for i := range list {
			list[i] /= 100
		}
	}
	return "hPa"
}

// transpose turns a field's values and axes round. Two-dimensional coordinates need no turning: they
// have their rows along Y, as the field has them then.
func transpose(p *plots.Field) {
	out := make([]float64, len(p.Values))
	for j := range p.NY {
		for i := range p.NX {
			out[i*p.NY+j] = p.Values[j*p.NX+i]
		}
	}
	p.Values = out
	p.NY, p.NX = p.NX, p.NY
	p.Y, p.X = p.X, p.Y
}

// title is the long name, or the standard name in words, or the name.
func (f *figure) title() string {
	t := cf.Text(&f.a, "long_name")
	if t == "" {
		t = strings.ReplaceAll(cf.Text(&f.a, "standard_name"), "_", " ")
	}
	if t == "" {
		return cf.Name(f.a.Path)
	}
	first, size := utf8.DecodeRuneInString(t)
	return string(unicode.ToUpper(first)) + t[size:]
}

// coordinate reads longitudes or latitudes with the field's own stride.
func (f *figure) coordinate(path string, stride []int64) ([]float64, error) {
	c := f.array(path)
	all, own := make([]int, len(c.Dimensions)), make([]int64, len(c.Dimensions))
	for i, name := range c.Dimensions { // which may stand the other way round than the field's
		all[i], own[i] = i, 1
		for k, d := range f.kept {
			if f.a.Dimensions[d] == name {
				own[i] = stride[k]
			}
		}
	}
	return f.thin(c, all, make([]int64, len(all)), own)
}
