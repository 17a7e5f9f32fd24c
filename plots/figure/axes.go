package figure

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/plots"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/virtual/cf"
	"github.com/cedadev/kerchunk-builder/virtual/cftime"
)

// longTitle is how many letters of a dataset's own title leave room for the date behind it.
const longTitle = 70

// subtitle names the dataset and where the other dimensions are cut.
func (f *figure) subtitle() (string, error) {
	var parts []string
	name := f.req.Dataset
	if name == "" && len(f.ds.Groups) > 0 {
		if name, _ = cdm.Lookup(f.ds.Groups[0].Attributes, "title").(string); utf8.RuneCountInString(name) > longTitle {
			name = ""
		}
	}
	if name = strings.TrimSpace(name); name != "" {
		parts = append(parts, name)
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
		if p := f.period(c, u, f.index[d]); p != "" {
			return p, nil
		}
		if date, ok := dateOf(u, v[0]); ok {
			return date.String(), nil
		}
	}
	if angle := angleOf(c); angle != plots.NoAngle {
		return angle.Text(v[0]), nil
	}
	a := plots.Axis{Units: cf.Text(c, "units"), Values: v}
	inHectopascals(&a)
	s := fmt.Sprintf("%.6g", a.Values[0])
	if u := plots.Units(a.Units); u != "" {
		s += " " + u
		if cf.RoleOf(c) == cf.Vertical {
			return s, nil // 850 hPa and 2 m say what they are
		}
	}
	return name + " " + s, nil
}

// period is the time that a cell of the time coordinate c stands for, by its bounds (CF 7.1); "" when it has none or it has no short name.
func (f *figure) period(c *virtual.Array, u cftime.Units, i int64) string {
	name := cf.Text(c, "bounds")
	b := f.array(strings.TrimSuffix(c.Path, cf.Name(c.Path)) + name)
	if name == "" || b == nil || len(b.Grid.Shape) != 2 || b.Grid.Shape[0] != c.Grid.Shape[0] || b.Grid.Shape[1] != 2 || !b.Type.Numeric() {
		return ""
	}
	v, err := f.src.Floats(f.ctx, b.Path, []int64{i, 0}, []int64{1, 2})
	if err != nil {
		return "" // the date says nearly as much
	}
	from, okFrom := dateOf(u, v[0])
	to, okTo := dateOf(u, v[1])
	if !okFrom || !okTo {
		return ""
	}
	return plots.Period(from, to)
}

// angleOf says whether a coordinate is a longitude or a latitude.
func angleOf(c *virtual.Array) plots.Angle {
	switch cf.RoleOf(c) {
	case cf.Longitude:
		return plots.Longitude
	case cf.Latitude:
		return plots.Latitude
	}
	return plots.NoAngle
}

// inHectopascals turns an axis of pressures in pascals into what people name the levels of the atmosphere by.
func inHectopascals(a *plots.Axis) {
	if a.Units != "Pa" {
		return
	}
	a.Units = "hPa"
	for i := range a.Values {
		a.Values[i] /= 100
	}
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
	out.Units, out.Angle = cf.Text(c, "units"), angleOf(c)
	if n := cf.Text(c, "long_name"); n != "" {
		out.Name = n
	} else if n := cf.Text(c, "standard_name"); n != "" {
		out.Name = strings.ReplaceAll(n, "_", " ")
	}
	pressure := strings.HasSuffix(out.Units, "Pa") || strings.HasSuffix(out.Units, "bar")
	out.Down = strings.EqualFold(cf.Text(c, "positive"), "down") || cf.RoleOf(c) == cf.Vertical && pressure
	if out.Down && pressure {
		lo, hi := slices.Min(out.Values), slices.Max(out.Values)
		out.Log = !strings.HasPrefix(out.Units, "d") && lo > 0 && hi >= 20*lo // not in the sea, whose pressure grows evenly
	}
	inHectopascals(&out)
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
