// Package cf reads the meaning of a dataset's arrays from their metadata, by the Climate and Forecast
// conventions (https://cfconventions.org): which are coordinates, along which axis they run, and which
// of an array's dimensions are longitude, latitude, height and time.
package cf

import (
	"reflect"
	"slices"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Role is what a coordinate measures.
type Role int

// The roles. X and Y are horizontal coordinates that are not longitude and latitude: of a
// projection or of a rotated pole.
const (
	None Role = iota
	Longitude
	Latitude
	Vertical
	Time
	X
	Y
)

// Text is an attribute of a as a string, or "" when it is missing or no string.
func Text(a *virtual.Array, name string) string {
	s, _ := cdm.Lookup(a.Attributes, name).(string)
	return strings.TrimSpace(s)
}

// Numbers is a numeric attribute of a, of one value or several; nil when it is missing or no number.
func Numbers(a *virtual.Array, name string) []float64 {
	v := reflect.ValueOf(cdm.Lookup(a.Attributes, name))
	float := reflect.TypeFor[float64]()
	if v.Kind() != reflect.Slice {
		if v.IsValid() && v.CanConvert(float) && v.Kind() != reflect.String {
			return []float64{v.Convert(float).Float()}
		}
		return nil
	}
	var out []float64
	for i := range v.Len() {
		e := v.Index(i)
		if e.Kind() == reflect.Interface {
			e = e.Elem()
		}
		if !e.IsValid() || !e.CanConvert(float) {
			return nil
		}
		out = append(out, e.Convert(float).Float())
	}
	return out
}

// Name is the array's own name, without its groups.
func Name(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// RoleOf says what a measures if it is a coordinate (CF 4.1 to 4.4 and 5.6).
func RoleOf(a *virtual.Array) Role {
	units, standard := Text(a, "units"), Text(a, "standard_name")
	switch standard {
	case "longitude":
		return Longitude
	case "latitude":
		return Latitude
	case "time":
		return Time
	case "grid_longitude", "projection_x_coordinate":
		return X
	case "grid_latitude", "projection_y_coordinate":
		return Y
	}
	switch units {
	case "degrees_east", "degree_east", "degree_E", "degrees_E", "degreeE", "degreesE":
		return Longitude
	case "degrees_north", "degree_north", "degree_N", "degrees_N", "degreeN", "degreesN":
		return Latitude
	}
	if strings.Contains(units, " since ") && standard == "" && Text(a, "cell_methods") == "" {
		return Time
	}
	if p := strings.ToLower(Text(a, "positive")); p == "up" || p == "down" {
		return Vertical
	}
	switch strings.ToUpper(Text(a, "axis")) {
	case "X":
		return X
	case "Y":
		return Y
	case "Z":
		return Vertical
	case "T":
		return Time
	}
	if isPressure(units) && len(a.Dimensions) == 1 && a.Dimensions[0] == Name(a.Path) {
		return Vertical
	}
	return None
}

// isPressure: a coordinate in units of pressure is vertical by its units alone (CF 4.3.1).
func isPressure(units string) bool {
	return slices.Contains([]string{"Pa", "hPa", "kPa", "mbar", "millibar", "bar", "decibar", "dbar", "atmosphere", "atm"}, units)
}

// Axes says where an array lies: the index of its dimension along each axis (-1 for none) and the paths of the
// arrays that hold its coordinates ("" for none). Lat and Lon have one dimension each, or both have
// the dimensions Y and X.
type Axes struct {
	X, Y, Z, T                int
	Lon, Lat, Vertical, Time  string
	Projected, ProjectedNorth string // coordinates along X and Y that are not longitude and latitude
}

// AxesOf finds the axes of a from the coordinate variables of its dimensions, its attribute "coordinates"
// and, where that is missing, the dataset's two-dimensional latitudes and longitudes.
func AxesOf(ds *virtual.Dataset, a *virtual.Array) Axes {
	x := Axes{X: -1, Y: -1, Z: -1, T: -1}
	for i, d := range a.Dimensions {
		c := find(ds, a.Path, d)
		if c == nil || len(c.Dimensions) != 1 || c.Dimensions[0] != d {
			continue
		}
		switch RoleOf(c) {
		case Longitude:
			x.X, x.Lon = i, c.Path
		case Latitude:
			x.Y, x.Lat = i, c.Path
		case X:
			x.X, x.Projected = i, c.Path
		case Y:
			x.Y, x.ProjectedNorth = i, c.Path
		case Vertical:
			x.Z, x.Vertical = i, c.Path
		case Time:
			x.T, x.Time = i, c.Path
		}
	}
	for _, c := range candidates(ds, a) {
		x.auxiliary(a, c)
	}
	if x.Lat == "" || x.Lon == "" {
		return x
	}
	// Both must lie on the same cells.
	lat, lon := find(ds, "", x.Lat), find(ds, "", x.Lon)
	if lat != nil && lon != nil && len(lat.Dimensions) == 2 && len(lon.Dimensions) == 2 {
		x.Y, x.X = slices.Index(a.Dimensions, lat.Dimensions[0]), slices.Index(a.Dimensions, lat.Dimensions[1])
		if !slices.Equal(lat.Dimensions, lon.Dimensions) {
			x.Lat, x.Lon = "", ""
		}
	}
	return x
}

// auxiliary takes c as a coordinate of a where no other is known and it lies on a's dimensions.
func (x *Axes) auxiliary(a, c *virtual.Array) {
	for _, d := range c.Dimensions {
		if !slices.Contains(a.Dimensions, d) {
			return
		}
	}
	only := -1
	if len(c.Dimensions) == 1 {
		only = slices.Index(a.Dimensions, c.Dimensions[0])
	}
	switch RoleOf(c) {
	case Longitude:
		if x.Lon == "" && len(c.Dimensions) <= 2 {
			x.Lon = c.Path
		}
	case Latitude:
		if x.Lat == "" && len(c.Dimensions) <= 2 {
			x.Lat = c.Path
		}
	case Time:
		if x.Time == "" && only >= 0 {
			x.T, x.Time = only, c.Path
		}
	case Vertical:
		if x.Vertical == "" && only >= 0 {
			x.Z, x.Vertical = only, c.Path
		}
	}
}

// candidates are the arrays that may be auxiliary coordinates of a: those it names first, then those of
// two dimensions that measure longitude or latitude.
func candidates(ds *virtual.Dataset, a *virtual.Array) []*virtual.Array {
	var out []*virtual.Array
	for _, n := range strings.Fields(Text(a, "coordinates")) {
		if c := find(ds, a.Path, n); c != nil {
			out = append(out, c)
		}
	}
	for i := range ds.Arrays {
		c := &ds.Arrays[i]
		if r := RoleOf(c); len(c.Dimensions) == 2 && (r == Longitude || r == Latitude) && group(c.Path) == group(a.Path) {
			out = append(out, c)
		}
	}
	return out
}

func group(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return ""
	}
	return path[:i]
}

// find looks for a named array from the group of an array outwards, as netCDF scopes dimensions.
func find(ds *virtual.Dataset, from, name string) *virtual.Array {
	for g := group(from); ; g = group(g) {
		path := name
		if g != "" {
			path = g + "/" + name
		}
		for i := range ds.Arrays {
			if ds.Arrays[i].Path == path {
				return &ds.Arrays[i]
			}
		}
		if g == "" {
			return nil
		}
	}
}

// IsAuxiliary reports whether a serves other arrays: a coordinate, the bounds of one, a grid mapping, a cell measure.
func IsAuxiliary(ds *virtual.Dataset, a *virtual.Array) bool {
	name := Name(a.Path)
	if slices.Contains(a.Dimensions, name) || Text(a, "grid_mapping_name") != "" || RoleOf(a) != None {
		return true
	}
	if len(a.Dimensions) > 0 {
		last := a.Dimensions[len(a.Dimensions)-1]
		if n := a.Grid.Shape[len(a.Dimensions)-1]; n <= 4 && (last == "bnds" || last == "bounds" || last == "nv" || last == "nbnd" || last == "vertices") {
			return true
		}
	}
	for i := range ds.Arrays {
		b := &ds.Arrays[i]
		for _, at := range []string{"bounds", "climatology", "coordinates", "grid_mapping", "ancillary_variables", "cell_measures", "formula_terms"} {
			for _, w := range strings.Fields(Text(b, at)) {
				if strings.TrimSuffix(w, ":") == name && group(b.Path) == group(a.Path) {
					return true
				}
			}
		}
	}
	return false
}

// IsFlag reports whether the values of a are codes rather than quantities (CF 3.5).
func IsFlag(a *virtual.Array) bool {
	return cdm.Lookup(a.Attributes, "flag_values") != nil || cdm.Lookup(a.Attributes, "flag_masks") != nil ||
		Text(a, "flag_meanings") != "" || strings.HasSuffix(Text(a, "standard_name"), "status_flag") || a.Type.Kind == cdm.Bool
}

// IsFractional reports whether values have a fraction: floats, and integers packed by a scale factor.
func IsFractional(a *virtual.Array) bool {
	return a.Type.Kind == cdm.Float || cdm.Lookup(a.Attributes, "scale_factor") != nil
}
