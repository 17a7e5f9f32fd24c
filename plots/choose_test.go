package plots

import (
	"testing"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
)

func TestChoose(t *testing.T) {
	float, short, text := cdm.DType{Kind: cdm.Float, Size: 4}, cdm.DType{Kind: cdm.Int, Size: 2}, cdm.DType{Kind: cdm.Bytes, Size: 8}
	array := func(path string, typ cdm.DType, dims []string, shape []int64, attrs ...any) virtual.Array {
		a := virtual.Array{Path: path, Type: typ, Dimensions: dims, Grid: virtual.Grid{Shape: shape, Chunks: shape}}
		for i := 0; i < len(attrs); i += 2 {
			a.Attributes = append(a.Attributes, cdm.Attribute{Name: attrs[i].(string), Value: attrs[i+1]})
		}
		return a
	}
	coordinates := []virtual.Array{
		array("time", float, []string{"time"}, []int64{1000}, "units", "days since 1850-1-1", "bounds", "time_bnds"),
		array("time_bnds", float, []string{"time", "bnds"}, []int64{1000, 2}),
		array("lat", float, []string{"lat"}, []int64{90}, "units", "degrees_north"),
		array("lon", float, []string{"lon"}, []int64{180}, "units", "degrees_east"),
		array("crs", short, nil, nil, "grid_mapping_name", "latitude_longitude"),
	}
	map3 := []string{"time", "lat", "lon"}
	for _, c := range []struct {
		name, want string
		arrays     []virtual.Array
	}{
		{"the one that runs in time, not the larger one that doesn't", "tas", []virtual.Array{
			array("orog", float, []string{"lat", "lon", "sub"}, []int64{90, 180, 99999}),
			array("tas", float, map3, []int64{1000, 90, 180}),
		}},
		{"no flags", "sst", []virtual.Array{
			array("mask", short, map3, []int64{1000, 90, 180}, "flag_meanings", "sea land"),
			array("sst", short, map3, []int64{10, 90, 180}, "scale_factor", 0.01),
		}},
		{"packed numbers before counts", "sst", []virtual.Array{
			array("count", short, map3, []int64{1000, 90, 180}),
			array("sst", short, map3, []int64{1000, 90, 180}, "scale_factor", 0.01),
		}},
		{"the largest of equals, the first of the largest", "b", []virtual.Array{
			array("a", float, map3, []int64{10, 90, 180}),
			array("b", float, map3, []int64{1000, 90, 180}),
			array("c", float, map3, []int64{1000, 90, 180}),
		}},
		{"a series where there is no map", "flow", []virtual.Array{
			array("name", text, []string{"time"}, []int64{1000}),
			array("flow", float, []string{"time"}, []int64{1000}),
		}},
		{"none", "", nil},
	} {
		got, ok := Choose(virtual.Dataset{Arrays: append(coordinates[:len(coordinates):len(coordinates)], c.arrays...)})
		if got.Path != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q is chosen, not %q", c.name, got.Path, c.want)
		}
	}
}
