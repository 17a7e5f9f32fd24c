package cf

import (
	"slices"
	"testing"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
)

func array(path string, dims []string, attrs ...any) virtual.Array {
	a := virtual.Array{Path: path, Type: cdm.DType{Kind: cdm.Float, Size: 4}, Dimensions: dims}
	for range dims {
		a.Grid.Shape, a.Grid.Chunks = append(a.Grid.Shape, 10), append(a.Grid.Chunks, 10)
	}
	for i := 0; i < len(attrs); i += 2 {
		a.Attributes = append(a.Attributes, cdm.Attribute{Name: attrs[i].(string), Value: attrs[i+1]})
	}
	return a
}

func TestRoles(t *testing.T) {
	for _, c := range []struct {
		want  Role
		attrs []any
	}{
		{Longitude, []any{"units", "degrees_east"}},
		{Latitude, []any{"units", "degreesN"}},
		{Latitude, []any{"standard_name", "latitude", "units", "degrees"}},
		{X, []any{"standard_name", "grid_longitude", "units", "degrees"}},
		{Y, []any{"standard_name", "projection_y_coordinate", "units", "m"}},
		{Time, []any{"units", "days since 1850-1-1"}},
		{Time, []any{"axis", "T"}},
		{Vertical, []any{"units", "m", "positive", "down"}},
		{Vertical, []any{"units", "hPa"}},
		{Vertical, []any{"axis", "Z"}},
		{None, []any{"units", "K"}},
		{None, []any{"units", "days"}},
		{None, nil},
	} {
		a := array("c", []string{"c"}, c.attrs...)
		if got := RoleOf(&a); got != c.want {
			t.Errorf("%v: role %d, want %d", c.attrs, got, c.want)
		}
	}
	// A variable in units of pressure is no coordinate.
	p := array("psl", []string{"time", "lat"}, "units", "Pa")
	if RoleOf(&p) != None {
		t.Error("surface pressure is taken for a vertical coordinate")
	}
}

func TestAxes(t *testing.T) {
	regular := virtual.Dataset{Arrays: []virtual.Array{
		array("time", []string{"time"}, "units", "days since 1850-1-1"),
		array("plev", []string{"plev"}, "units", "Pa", "positive", "down"),
		array("lat", []string{"lat"}, "units", "degrees_north"),
		array("lon", []string{"lon"}, "units", "degrees_east"),
		array("ta", []string{"time", "plev", "lat", "lon"}),
	}}
	if got, want := AxesOf(&regular, &regular.Arrays[4]), (Axes{X: 3, Y: 2, Z: 1, T: 0, Lon: "lon", Lat: "lat", Vertical: "plev", Time: "time"}); got != want {
		t.Errorf("regular: %+v", got)
	}
	rotated := virtual.Dataset{Arrays: []virtual.Array{
		array("rlat", []string{"rlat"}, "standard_name", "grid_latitude"),
		array("rlon", []string{"rlon"}, "standard_name", "grid_longitude"),
		array("lat", []string{"rlat", "rlon"}, "units", "degrees_north"),
		array("lon", []string{"rlat", "rlon"}, "units", "degrees_east"),
		array("tas", []string{"rlat", "rlon"}, "coordinates", "lat lon"),
	}}
	if got, want := AxesOf(&rotated, &rotated.Arrays[4]), (Axes{X: 1, Y: 0, Z: -1, T: -1, Lon: "lon", Lat: "lat", Projected: "rlon", ProjectedNorth: "rlat"}); got != want {
		t.Errorf("rotated: %+v", got)
	}
	// The coordinates of a group's arrays are found in the groups outside it.
	grouped := virtual.Dataset{Arrays: []virtual.Array{
		array("lat", []string{"lat"}, "units", "degrees_north"),
		array("g/lon", []string{"lon"}, "units", "degrees_east"),
		array("g/h/v", []string{"lat", "lon"}),
	}}
	if got := AxesOf(&grouped, &grouped.Arrays[2]); got.Lat != "lat" || got.Lon != "g/lon" || got.Y != 0 || got.X != 1 {
		t.Errorf("grouped: %+v", got)
	}
	// A station's time series has places along its only dimension.
	stations := virtual.Dataset{Arrays: []virtual.Array{
		array("lat", []string{"station"}, "units", "degrees_north"),
		array("lon", []string{"station"}, "units", "degrees_east"),
		array("t", []string{"station"}, "coordinates", "lat lon"),
	}}
	if got := AxesOf(&stations, &stations.Arrays[2]); got.Lat != "lat" || got.Lon != "lon" || got.X != -1 || got.Y != -1 {
		t.Errorf("stations: %+v", got)
	}
}

func TestAuxiliary(t *testing.T) {
	ds := virtual.Dataset{Arrays: []virtual.Array{
		array("lat", []string{"lat"}, "units", "degrees_north", "bounds", "lat_edges"),
		array("lat_edges", []string{"lat", "two"}),
		array("area", []string{"lat"}),
		array("crs", nil, "grid_mapping_name", "rotated_latitude_longitude"),
		array("quality", []string{"lat"}, "flag_values", []int8{0, 1}, "flag_meanings", "good bad"),
		array("tas", []string{"lat"}, "cell_measures", "area: area", "ancillary_variables", "quality"),
	}}
	for i, want := range []bool{true, true, true, true, true, false} {
		if got := IsAuxiliary(&ds, &ds.Arrays[i]); got != want {
			t.Errorf("%s: auxiliary is %v", ds.Arrays[i].Path, got)
		}
	}
	if !IsFlag(&ds.Arrays[4]) || IsFlag(&ds.Arrays[5]) {
		t.Error("flags are not told from quantities")
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		value any
		want  []float64
	}{
		{float32(0.5), []float64{0.5}}, {int8(-3), []float64{-3}}, {uint64(7), []float64{7}}, {[]int16{1, 2}, []float64{1, 2}},
		{[]any{1.5, int64(2)}, []float64{1.5, 2}}, {"46.5", nil}, {nil, nil}, {[]string{"1"}, nil}, {true, nil},
	} {
		a := virtual.Array{Attributes: []cdm.Attribute{{Name: "x", Value: c.value}}}
		if got := Numbers(&a, "x"); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v", c.value, got)
		}
	}
}
