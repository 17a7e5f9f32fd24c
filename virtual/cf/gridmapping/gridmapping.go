// Package gridmapping turns the grid mapping of a dataset (CF conventions, chapter 5.6 and appendix F) into
// formulas between longitude and latitude and the coordinates of the grid.
//
// The formulas are those of Snyder, Map Projections: A Working Manual (USGS Professional Paper 1395), on the
// ellipsoid; for the transverse Mercator, Krüger's series; for the geostationary view, CGMS 03.
package gridmapping

import (
	"errors"
	"fmt"
	"math"
	"path"
	"strings"

	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/virtual/cf"
)

// ErrUnknown is the error for a grid mapping that this package has no formulas for.
var ErrUnknown = errors.New("unknown grid mapping")

// Projection is a grid mapping with its parameters.
type Projection struct {
	Name string // grid_mapping_name

	p                     plane
	unit                  unit
	height                float64 // of a geostationary satellite over the ground, in metres
	falseEast, falseNorth float64
}

// plane is a map from longitude and latitude to a plane and back, all angles in radians, ok false for what is not on the map.
type plane struct {
	forward, inverse func(a, b float64) (c, d float64, ok bool)
}

// unit is what a plane's coordinates are measured in.
type unit int

const (
	metres unit = iota
	angles      // radians inside; degrees of a rotated pole outside
	scan        // radians of a scan angle
)

// For is the projection of an array's grid mapping, which its attribute names: alone, or before the coordinates that it is for and a
// colon (CF 5.6). It is [ErrUnknown] where the array has none.
func For(ds *virtual.Dataset, a *virtual.Array) (*Projection, error) {
	names := strings.Fields(strings.ReplaceAll(cf.Text(a, "grid_mapping"), ":", " "))
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: %w: it names none", a.Path, ErrUnknown)
	}
	for group := path.Dir(a.Path); ; group = path.Dir(group) {
		at := path.Join(group, names[0])
		for i := range ds.Arrays {
			if ds.Arrays[i].Path == at {
				return Of(&ds.Arrays[i])
			}
		}
		if group == "." || group == "/" {
			return nil, fmt.Errorf("%s: %w: there is no variable %q", a.Path, ErrUnknown, names[0])
		}
	}
}

// Of is the projection of a grid mapping variable. It is [ErrUnknown] for one of another kind, and another error when a
// parameter is missing or impossible.
func Of(a *virtual.Array) (*Projection, error) {
	r := reader{a: a}
	p := &Projection{Name: cf.Text(a, "grid_mapping_name")}
	e := r.ellipsoid()
	lon0 := radians(r.first(0, "longitude_of_central_meridian", "straight_vertical_longitude_from_pole", "longitude_of_projection_origin"))
	lat0 := radians(r.first(0, "latitude_of_projection_origin"))
	switch p.Name {
	case "rotated_latitude_longitude":
		p.unit = angles
		p.p = rotated(radians(r.need("grid_north_pole_latitude")), radians(r.need("grid_north_pole_longitude")), radians(r.first(0, "north_pole_grid_longitude")))
	case "polar_stereographic", "stereographic":
		p.p = stereographic(e, lon0, lat0, r.first(1, "scale_factor_at_projection_origin"), r.list("standard_parallel"))
	case "lambert_azimuthal_equal_area":
		p.p = equalArea(e, lon0, lat0)
	case "azimuthal_equidistant":
		p.p = azimuthal(e.a, lon0, lat0, func(c float64) float64 { return c }, func(rho float64) float64 { return rho })
	case "lambert_conformal_conic":
		p.p = conformalConic(e, lon0, lat0, r.parallels())
	case "albers_conical_equal_area":
		p.p = equalAreaConic(e, lon0, lat0, r.parallels())
	case "mercator":
		p.p = mercator(e, lon0, r.scale(e))
	case "lambert_cylindrical_equal_area":
		p.p = equalAreaCylinder(e, lon0, r.scale(e))
	case "transverse_mercator":
		p.p = transverseMercator(e, lon0, lat0, r.first(1, "scale_factor_at_central_meridian"))
	case "sinusoidal":
		p.p = sinusoidal(e.a, lon0)
	case "geostationary":
		p.unit, p.height = scan, r.need("perspective_point_height")
		sweepX := cf.Text(a, "sweep_angle_axis") == "x" || cf.Text(a, "fixed_angle_axis") == "y"
		p.p = geostationary(e, lon0, p.height, sweepX)
	default:
		return nil, fmt.Errorf("%s: %w: %q", a.Path, ErrUnknown, p.Name)
	}
	p.falseEast, p.falseNorth = r.first(0, "false_easting"), r.first(0, "false_northing")
	if r.missing != "" {
		return nil, fmt.Errorf("%s: a grid mapping of kind %s needs %s", a.Path, p.Name, r.missing)
	}
	// The parameters may be any numbers: see that they make a map.
	if x, y, ok := p.Forward(degrees(lon0), degrees(lat0)); p.unit == metres && (!ok || math.IsNaN(x+y) || math.IsInf(x+y, 0)) {
		return nil, fmt.Errorf("%s: the parameters of the grid mapping %s make no map", a.Path, p.Name)
	}
	return p, nil
}

// Scale is how many of the projection's own units one of the given units is, and false when they measure something else.
// The projection's own units are metres, for a rotated pole degrees, and for a geostationary view radians.
func (p *Projection) Scale(units string) (float64, bool) {
	u := strings.ToLower(strings.TrimSpace(units))
	length := map[string]float64{"": 1, "m": 1, "meter": 1, "meters": 1, "metre": 1, "metres": 1, "km": 1e3, "kilometer": 1e3, "kilometers": 1e3, "kilometre": 1e3, "kilometres": 1e3}[u]
	switch p.unit {
	case angles:
		return 1, u == "" || strings.HasPrefix(u, "degree")
	case scan:
		switch u {
		case "rad", "radian", "radians", "1", "":
			return 1, true
		case "microradian", "microradians":
			return 1e-6, true
		}
		return length / p.height, length > 0
	}
	return length, length > 0
}

// Degrees reports whether the projection's own units are degrees.
func (p *Projection) Degrees() bool { return p.unit == angles }

// Forward is the place of a longitude and latitude, in degrees, on the map, in its own units. It is not ok for what the map does not show.
func (p *Projection) Forward(lon, lat float64) (x, y float64, ok bool) {
	x, y, ok = p.p.forward(radians(lon), radians(lat))
	if p.unit == angles {
		return degrees(x), degrees(y), ok
	}
	return x + p.falseEast, y + p.falseNorth, ok
}

// Inverse is the longitude, within -180..180, and latitude of a place on the map.
func (p *Projection) Inverse(x, y float64) (lon, lat float64, ok bool) {
	if p.unit == angles {
		lon, lat, ok = p.p.inverse(radians(x), radians(y))
	} else {
		lon, lat, ok = p.p.inverse(x-p.falseEast, y-p.falseNorth)
	}
	ok = ok && !math.IsNaN(lon+lat)
	return math.Remainder(degrees(lon), 360), degrees(lat), ok
}

func radians(d float64) float64 { return d * math.Pi / 180 }
func degrees(r float64) float64 { return r * 180 / math.Pi }

// reader takes parameters from a grid mapping's attributes.
type reader struct {
	a       *virtual.Array
	missing string
}

func (r *reader) list(name string) []float64 { return cf.Numbers(r.a, name) }

// first is the first of several names that is there.
func (r *reader) first(otherwise float64, names ...string) float64 {
	for _, n := range names {
		if v := r.list(n); len(v) > 0 {
			return v[0]
		}
	}
	return otherwise
}

func (r *reader) need(name string) float64 {
	v := r.first(math.NaN(), name)
	if math.IsNaN(v) && r.missing == "" {
		r.missing = name
	}
	return v
}

// parallels are one or two standard parallels, in radians.
func (r *reader) parallels() [2]float64 {
	v := r.list("standard_parallel")
	if len(v) == 0 {
		v = []float64{r.need("standard_parallel")}
	}
	return [2]float64{radians(v[0]), radians(v[len(v)-1])}
}

// scale is the scale along the equator, which may be given by the parallel where it is true.
func (r *reader) scale(e ellipsoid) float64 {
	if v := r.list("standard_parallel"); len(v) > 0 {
		return e.m(radians(v[0]))
	}
	return r.first(1, "scale_factor_at_projection_origin")
}

// ellipsoid is the figure of the earth: WGS 84 where the grid mapping states none.
func (r *reader) ellipsoid() ellipsoid {
	if v := r.list("earth_radius"); len(v) > 0 {
		return newEllipsoid(v[0], 0)
	}
	a := r.first(6378137, "semi_major_axis")
	if b := r.first(0, "semi_minor_axis"); b > 0 {
		return newEllipsoid(a, (a-b)/a)
	}
	if v := r.first(298.257223563, "inverse_flattening"); v > 1 {
		return newEllipsoid(a, 1/v)
	}
	return newEllipsoid(a, 0)
}
