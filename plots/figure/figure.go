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
	"github.com/cedadev/kerchunk-builder/virtual/cftime"
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

// Draw draws one slice of a variable: a map where it has longitudes and latitudes, else a section or a line.
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
	for d := len(f.a.Dimensions) - 1; d >= 0 && len(f.kept) < 2; d-- {
		if free(d) {
			f.kept = append([]int{d}, f.kept...)
		}
	}
	if len(f.kept) == 0 {
		return fmt.Errorf("%w: one single value is left", ErrNothing)
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
	if len(f.kept) == 1 {
		return f.line(w, values, stride, subtitle)
	}
	return f.field(w, values, stride, subtitle)
}

func (f *figure) field(w io.Writer, values []float64, stride []int64, subtitle string) error {
	y, x := f.kept[0], f.kept[1]
	p := plots.Field{
		Values: values, NY: int(steps(f.a.Grid.Shape[y], stride[0])), NX: int(steps(f.a.Grid.Shape[x], stride[1])),
		Title: f.title(), Subtitle: subtitle, Name: cf.Name(f.a.Path), Units: cf.Text(&f.a, "units"),
	}
	if f.axes.Lat != "" && f.axes.Lon != "" && min(f.axes.X, f.axes.Y) == y && max(f.axes.X, f.axes.Y) == x {
		var err error
		if p.Lat, err = f.coordinate(f.axes.Lat, stride); err != nil {
			return err
		}
		if p.Lon, err = f.coordinate(f.axes.Lon, stride); err != nil {
			return err
		}
		if f.axes.X == y {
			transpose(&p)
		}
		return plots.Map(w, p, f.req.Options)
	}
	ys, err := f.axis(y, stride[0])
	if err != nil {
		return err
	}
	xs, err := f.axis(x, stride[1])
	if err != nil {
		return err
	}
	p.Y, p.X = ys, xs
	// Time runs to the right and height upwards, as people draw them.
	if y == f.axes.T || x == f.axes.Z || x == f.axes.Y || y == f.axes.X {
		transpose(&p)
	}
	return plots.Map(w, p, f.req.Options)
}

func (f *figure) line(w io.Writer, values []float64, stride []int64, subtitle string) error {
	d := f.kept[0]
	along, err := f.axis(d, stride[0])
	if err != nil {
		return err
	}
	if stride[0] > 1 {
		subtitle = strings.TrimPrefix(subtitle+fmt.Sprintf(" · one value in %d", stride[0]), " · ")
	}
	return plots.Series(w, plots.Line{
		Values: values, Along: along, Upright: d == f.axes.Z,
		Title: f.title(), Subtitle: subtitle, Name: cf.Name(f.a.Path), Units: cf.Text(&f.a, "units"),
	}, f.req.Options)
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

// subtitle names the dataset and where the other dimensions are cut.
func (f *figure) subtitle() (string, error) {
	var parts []string
	if f.req.Dataset != "" {
		parts = append(parts, f.req.Dataset)
	}
	for d, name := range f.a.Dimensions {
		if slices.Contains(f.kept, d) {
			continue
		}
		s, err := f.where(d, name)
		if err != nil {
			return "", err
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, " · "), nil
}

// where says in words at which place of a dimension the slice lies.
func (f *figure) where(d int, name string) (string, error) {
	c := f.along(d)
	if c == nil {
		return fmt.Sprintf("%s %d", name, f.index[d]), nil
	}
	v, err := f.src.Floats(f.ctx, c.Path, []int64{f.index[d]}, []int64{1})
	if err != nil {
		return "", err
	}
	if u, ok := timeUnits(c); ok {
		if date, ok := dateOf(u, v[0]); ok {
			return date.String(), nil
		}
	}
	s := fmt.Sprintf("%s %.6g", name, v[0])
	if u := cf.Text(c, "units"); u != "" && u != "1" {
		s += " " + u
	}
	return s, nil
}

// along is the one-dimensional numeric coordinate of dimension d, or nil.
func (f *figure) along(d int) *virtual.Array {
	path := ""
	switch d {
	case f.axes.T:
		path = f.axes.Time
	case f.axes.Z:
		path = f.axes.Vertical
	}
	for i := range f.ds.Arrays {
		c := &f.ds.Arrays[i]
		if len(c.Dimensions) != 1 || c.Dimensions[0] != f.a.Dimensions[d] || c.Grid.Shape[0] != f.a.Grid.Shape[d] || !c.Type.Numeric() {
			continue
		}
		if c.Path == path || path == "" && cf.Name(c.Path) == f.a.Dimensions[d] {
			return c
		}
	}
	return nil
}

// axis is what plots needs of dimension d: its coordinate, or a count where it has none that runs one way.
func (f *figure) axis(d int, stride int64) (plots.Axis, error) {
	out := plots.Axis{Name: f.a.Dimensions[d]}
	c := f.along(d)
	if c == nil {
		for i := range steps(f.a.Grid.Shape[d], stride) {
			out.Values = append(out.Values, float64(i*stride))
		}
		return out, nil
	}
	v, err := f.src.Floats(f.ctx, c.Path, nil, nil)
	if err != nil {
		return out, err
	}
	for i := int64(0); i < int64(len(v)); i += stride {
		out.Values = append(out.Values, v[i])
	}
	if !monotonic(out.Values) {
		out.Values = nil
		for i := range steps(f.a.Grid.Shape[d], stride) {
			out.Values = append(out.Values, float64(i*stride))
		}
		out.Name += " (index)"
		return out, nil
	}
	out.Units = cf.Text(c, "units")
	if n := cf.Text(c, "long_name"); n != "" {
		out.Name = n
	}
	out.Down = cf.Text(c, "positive") == "down" || cf.RoleOf(c) == cf.Vertical && strings.HasSuffix(out.Units, "Pa")
	if u, ok := timeUnits(c); ok {
		for _, x := range out.Values {
			date, ok := dateOf(u, x)
			if !ok {
				out.Dates = nil
				break
			}
			out.Dates = append(out.Dates, date)
		}
	}
	return out, nil
}

func monotonic(v []float64) bool {
	for i := 1; i < len(v); i++ {
		if d := v[i] - v[i-1]; !(d > 0 && v[1] > v[0] || d < 0 && v[1] < v[0]) {
			return false
		}
	}
	return len(v) != 1 || !math.IsNaN(v[0])
}

func timeUnits(c *virtual.Array) (cftime.Units, bool) {
	if cf.RoleOf(c) != cf.Time {
		return cftime.Units{}, false
	}
	u, err := cftime.Parse(cf.Text(c, "units"), cf.Text(c, "calendar"))
	return u, err == nil
}

func dateOf(u cftime.Units, v float64) (plots.Date, bool) {
	t, err := u.AtFloat(v)
	if err != nil {
		return plots.Date{}, false
	}
	d := t.Date()
	if d.Year < -999_999 || d.Year > 999_999 {
		return plots.Date{}, false
	}
	return plots.Date{Year: int(d.Year), Month: d.Month, Day: d.Day, Hour: d.Hour, Minute: d.Minute, Second: d.Second}, true
}

// coordinate reads longitudes or latitudes with the field's own stride.
func (f *figure) coordinate(path string, stride []int64) ([]float64, error) {
	i := slices.IndexFunc(f.ds.Arrays, func(a virtual.Array) bool { return a.Path == path })
	c := &f.ds.Arrays[i]
	if !c.Type.Numeric() {
		return nil, fmt.Errorf("coordinate %s is of type %s", path, c.Type)
	}
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
