package gridmapping

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
)

func mapping(attrs ...any) *virtual.Array {
	a := &virtual.Array{Path: "crs"}
	for i := 0; i < len(attrs); i += 2 {
		a.Attributes = append(a.Attributes, cdm.Attribute{Name: attrs[i].(string), Value: attrs[i+1]})
	}
	return a
}

// known are places whose coordinates PROJ gave (gdaltransform of GDAL's package), with PROJ's words for the grid mapping.
func known() []struct {
	proj   string
	crs    *virtual.Array
	places [][4]float64 // longitude, latitude, x, y
} {
	name := "grid_mapping_name"
	wgs84 := []any{"semi_major_axis", 6378137.0, "inverse_flattening", 298.257223563}
	with := func(common []any, attrs ...any) *virtual.Array { return mapping(append(attrs, common...)...) }
	return []struct {
		proj   string
		crs    *virtual.Array
		places [][4]float64
	}{
		{"+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +a=6378273 +b=6356889.449",
			mapping(name, "polar_stereographic", "latitude_of_projection_origin", 90.0, "standard_parallel", 70.0, "straight_vertical_longitude_from_pole", -45.0, "semi_major_axis", 6378273.0, "semi_minor_axis", 6356889.449),
			[][4]float64{{-45, 70, 0, -2187973.81902501}, {10.5, 85.25, 424300.229149148, -291613.468224511}, {-170, 60, -2722231.07341262, 1906126.71835223}}},
		{"+proj=stere +lat_0=-90 +lat_ts=-71 +lon_0=0 +datum=WGS84",
			with(wgs84, name, "polar_stereographic", "latitude_of_projection_origin", -90.0, "standard_parallel", float32(-71), "straight_vertical_longitude_from_pole", 0.0),
			[][4]float64{{0, -70, 0, 2194494.24760917}, {100, -80.5, 1018757.87030293, -179634.499343501}, {-170, -60, -578792.649817633, -3282496.2322391}}},
		{"+proj=stere +lat_0=52 +lon_0=5 +k=0.9999 +datum=WGS84",
			with(nil, name, "stereographic", "latitude_of_projection_origin", 52.0, "longitude_of_projection_origin", 5.0, "scale_factor_at_projection_origin", 0.9999),
			[][4]float64{{4, 51, -70190.5372428519, -110768.213682393}, {20, 60, 836263.474488019, 983601.345476105}}},
		{"+proj=laea +lat_0=90 +lon_0=0 +datum=WGS84",
			with(wgs84, name, "lambert_azimuthal_equal_area", "latitude_of_projection_origin", int32(90), "longitude_of_projection_origin", int32(0)),
			[][4]float64{{-45, 70, -1570958.55011328, -1570958.55011328}, {10.5, 85.25, 96654.4825407554, -521500.920523575}, {-170, 60, -574744.133441084, 3259535.95491635}}},
		{"+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80",
			mapping(name, "lambert_azimuthal_equal_area", "latitude_of_projection_origin", 52.0, "longitude_of_projection_origin", 10.0, "false_easting", 4321000.0, "false_northing", 3210000.0, "semi_major_axis", 6378137.0, "inverse_flattening", 298.257222101),
			[][4]float64{{5, 50, 3962799.45095507, 2999718.85315956}, {-20, 65, 2948183.07052265, 4956848.02041668}}},
		{"+proj=lcc +lat_1=46 +lat_2=49 +lat_0=46.5 +lon_0=2 +R=6371229",
			mapping(name, "lambert_conformal_conic", "standard_parallel", []float64{46, 49}, "longitude_of_central_meridian", 2.0, "latitude_of_projection_origin", 46.5, "earth_radius", 6371229.0),
			[][4]float64{{2, 46.5, 0, 0}, {-5, 55, -449756.943074996, 967622.928810062}, {20, 30, 1792942.21074644, -1654312.98670013}}},
		{"+proj=lcc +lat_1=25 +lat_0=25 +lon_0=265 +datum=WGS84",
			with(wgs84, name, "lambert_conformal_conic", "standard_parallel", 25.0, "longitude_of_central_meridian", 265.0, "latitude_of_projection_origin", 25.0),
			[][4]float64{{-120, 30, -2407752.10749102, 777395.918494967}, {-70, 50, 1982704.75664674, 3056213.94284054}}},
		{"+proj=aea +lat_1=29.5 +lat_2=45.5 +lat_0=23 +lon_0=-96 +datum=WGS84",
			with(wgs84, name, "albers_conical_equal_area", "standard_parallel", []float64{29.5, 45.5}, "longitude_of_central_meridian", -96.0, "latitude_of_projection_origin", 23.0),
			[][4]float64{{-120, 30, -2288676.1220743, 1059915.4842068}, {-70, 50, 1872707.91463787, 3255601.26449079}}},
		{"+proj=tmerc +lat_0=49 +lon_0=-2 +k=0.9996012717 +x_0=400000 +y_0=-100000 +ellps=airy",
			mapping(name, "transverse_mercator", "longitude_of_central_meridian", -2.0, "latitude_of_projection_origin", 49.0, "scale_factor_at_central_meridian", 0.9996012717, "false_easting", 400000.0, "false_northing", -100000.0, "semi_major_axis", 6377563.396, "semi_minor_axis", 6356256.909),
			[][4]float64{{-2, 49, 400000, -100000}, {1.5, 52, 640217.726083662, 239338.566729436}, {-7.5, 60, 93488.6030906248, 1136602.41442417}}},
		{"+proj=merc +lon_0=0 +lat_ts=20 +datum=WGS84",
			with(wgs84, name, "mercator", "longitude_of_projection_origin", 0.0, "standard_parallel", 20.0),
			[][4]float64{{10, 50, 1046470.86309862, 6029102.87293929}, {-100, -30, -10464708.6309862, -3273469.35537755}}},
		{"+proj=cea +lon_0=0 +lat_ts=30 +datum=WGS84",
			with(wgs84, name, "lambert_cylindrical_equal_area", "longitude_of_central_meridian", 0.0, "standard_parallel", 30.0),
			[][4]float64{{10, 50, 964862.802508965, 5614050.1030608}, {-100, -30, -9648628.02508965, -3658789.32485501}}},
		{"+proj=sinu +lon_0=0 +R=6371007.181",
			mapping(name, "sinusoidal", "longitude_of_projection_origin", 0.0, "earth_radius", 6371007.181),
			[][4]float64{{10, 50, 714748.016690428, 5559752.59883262}, {-100, -30, -9629773.9786912, -3335851.55929957}}},
		{"+proj=aeqd +lat_0=40 +lon_0=-75 +R=6371000",
			mapping(name, "azimuthal_equidistant", "latitude_of_projection_origin", 40.0, "longitude_of_projection_origin", -75.0, "earth_radius", 6371000.0),
			[][4]float64{{-80, 45, -393404.251412342, 567398.405302117}, {0, 0, 8609197.97407627, -1482800.22765273}}},
		{"+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18 +R=6371229",
			mapping(name, "rotated_latitude_longitude", "grid_north_pole_latitude", 39.25, "grid_north_pole_longitude", -162.0),
			[][4]float64{{10, 50, -5.13264479951619, -0.472428087827297}, {-10, 40, -21.2308727966338, -6.72397447778852}, {30, 65, 5.21133224591836, 14.6731705478673}}},
	}
}

func TestAgainstPROJ(t *testing.T) {
	for _, k := range known() {
		p, err := Of(k.crs)
		if err != nil {
			t.Errorf("%s: %v", k.proj, err)
			continue
		}
		slack := 0.01 // metres
		if p.Degrees() {
			slack = 1e-9
		}
		for _, w := range k.places {
			x, y, ok := p.Forward(w[0], w[1])
			if !ok || math.Abs(x-w[2]) > slack || math.Abs(y-w[3]) > slack {
				t.Errorf("%s: %g, %g is at %.4f, %.4f (%v), want %.4f, %.4f", k.proj, w[0], w[1], x, y, ok, w[2], w[3])
			}
			lon, lat, ok := p.Inverse(w[2], w[3])
			if !ok || math.Abs(math.Remainder(lon-w[0], 360)) > 1e-6 || math.Abs(lat-w[1]) > 1e-6 {
				t.Errorf("%s: %.4f, %.4f is %g, %g (%v), want %g, %g", k.proj, w[2], w[3], lon, lat, ok, w[0], w[1])
			}
		}
	}
}

// PROJ gives a geostationary view in metres: the scan angle times the satellite's height. GDAL's example for GOES is the first.
func TestGeostationary(t *testing.T) {
	for _, k := range []struct {
		crs    *virtual.Array
		height float64
		places [][4]float64
	}{
		{mapping("grid_mapping_name", "geostationary", "perspective_point_height", 35786023.0, "longitude_of_projection_origin", -75.0, "sweep_angle_axis", "x", "semi_major_axis", 6378137.0, "semi_minor_axis", 6356752.31414),
			35786023, [][4]float64{{-84.690932, 33.846162, -860725.418175766, 3411839.40891256}, {-40, -30, 2997370.87168274, -3007461.23251692}}},
		{mapping("grid_mapping_name", "geostationary", "perspective_point_height", 35785831.0, "longitude_of_projection_origin", 0.0, "sweep_angle_axis", "y", "semi_major_axis", 6378169.0, "semi_minor_axis", 6356583.8),
			35785831, [][4]float64{{10, 50, 669609.624479368, 4539725.61492924}, {-40, -30, -3342985.32743988, -2971190.33855146}}},
	} {
		p, err := Of(k.crs)
		if err != nil {
			t.Fatal(err)
		}
		scale, ok := p.Scale("m")
		if radians, _ := p.Scale("rad"); !ok || radians != 1 {
			t.Fatalf("metres scale by %g (%v), radians by %g", scale, ok, radians)
		}
		for _, w := range k.places {
			x, y, ok := p.Forward(w[0], w[1])
			if !ok || math.Abs(x/scale-w[2]) > 0.01 || math.Abs(y/scale-w[3]) > 0.01 {
				t.Errorf("%g, %g is at %.4f, %.4f (%v), want %.4f, %.4f", w[0], w[1], x/scale, y/scale, ok, w[2], w[3])
			}
			lon, lat, ok := p.Inverse(x, y)
			if !ok || math.Abs(lon-w[0]) > 1e-6 || math.Abs(lat-w[1]) > 1e-6 {
				t.Errorf("back it is %g, %g (%v), want %g, %g", lon, lat, ok, w[0], w[1])
			}
		}
		if _, _, ok := p.Forward(math.Remainder(k.places[0][0]+180, 360), 0); ok {
			t.Error("the far side of the earth is seen")
		}
		if _, _, ok := p.Inverse(0.16, 0.16); ok {
			t.Error("a place is found beside the earth")
		}
	}
}

// Wherever a map shows a place, it finds it again.
func TestThereAndBack(t *testing.T) {
	all := known()
	rapid.Check(t, func(t *rapid.T) {
		k := all[rapid.IntRange(0, len(all)-1).Draw(t, "mapping")]
		p, err := Of(k.crs)
		if err != nil {
			t.Fatal(err)
		}
		lon, lat := rapid.Float64Range(-179, 179).Draw(t, "lon"), rapid.Float64Range(-89, 89).Draw(t, "lat")
		x, y, ok := p.Forward(lon, lat)
		if !ok || strings.Contains(k.proj, "tmerc") && math.Abs(lon+2) > 30 {
			return
		}
		lon2, lat2, ok := p.Inverse(x, y)
		if !ok || math.Abs(math.Remainder(lon2-lon, 360))*math.Cos(lat*math.Pi/180) > 1e-5 || math.Abs(lat2-lat) > 1e-5 {
			t.Fatalf("%s: %g, %g comes back as %g, %g (%v)", k.proj, lon, lat, lon2, lat2, ok)
		}
	})
}

func TestFor(t *testing.T) {
	crs := func(path string, lat float64) virtual.Array {
		a := *mapping("grid_mapping_name", "lambert_azimuthal_equal_area", "latitude_of_projection_origin", lat)
		a.Path = path
		return a
	}
	data := func(path, names string) *virtual.Array {
		a := mapping("grid_mapping", names)
		a.Path = path
		return a
	}
	ds := &virtual.Dataset{Arrays: []virtual.Array{crs("crs", 90), crs("g/own", -90)}}
	for _, c := range []struct {
		a    *virtual.Array
		want float64 // the latitude of its middle; 0 for none
	}{
		{data("ice", "crs"), 90}, {data("ice", "crs: x y"), 90}, {data("g/h/ice", "own"), -90}, {data("g/ice", "crs"), 90}, {data("ice", "own"), 0}, {data("ice", ""), 0},
	} {
		p, err := For(ds, c.a)
		if c.want == 0 {
			if !errors.Is(err, ErrUnknown) {
				t.Errorf("%s: %v", c.a.Path, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.a.Path, err)
		} else if _, lat, _ := p.Inverse(0, 0); math.Abs(lat-c.want) > 1e-9 {
			t.Errorf("%s: the middle is at %g", c.a.Path, lat)
		}
	}
}

func TestRefusals(t *testing.T) {
	if _, err := Of(mapping("grid_mapping_name", "healpix")); !errors.Is(err, ErrUnknown) {
		t.Errorf("healpix: %v", err)
	}
	if _, err := Of(mapping("grid_mapping_name", "rotated_latitude_longitude", "grid_north_pole_latitude", 39.0)); err == nil || !strings.Contains(err.Error(), "grid_north_pole_longitude") {
		t.Errorf("a pole without longitude: %v", err)
	}
	if _, err := Of(mapping("grid_mapping_name", "lambert_conformal_conic", "standard_parallel", 0.0)); err == nil {
		t.Error("a cone without an apex is taken")
	}
}

// Whatever the parameters, nothing panics or runs on.
func TestAnyParameters(t *testing.T) {
	number := rapid.OneOf(rapid.Float64(), rapid.Float64Range(-400, 400), rapid.Just(math.NaN()), rapid.Just(0.0))
	names := []string{"polar_stereographic", "stereographic", "lambert_azimuthal_equal_area", "lambert_conformal_conic", "albers_conical_equal_area", "mercator",
		"lambert_cylindrical_equal_area", "transverse_mercator", "sinusoidal", "geostationary", "rotated_latitude_longitude", "azimuthal_equidistant"}
	rapid.Check(t, func(t *rapid.T) {
		attrs := []any{"grid_mapping_name", rapid.SampledFrom(names).Draw(t, "name")}
		for _, n := range []string{"standard_parallel", "latitude_of_projection_origin", "longitude_of_projection_origin", "semi_major_axis", "inverse_flattening", "perspective_point_height", "grid_north_pole_latitude", "grid_north_pole_longitude"} {
			if rapid.Bool().Draw(t, n) {
				attrs = append(attrs, n, number.Draw(t, "value"))
			}
		}
		p, err := Of(mapping(attrs...))
		if err != nil {
			return
		}
		p.Forward(number.Draw(t, "lon"), number.Draw(t, "lat"))
		p.Inverse(number.Draw(t, "x"), number.Draw(t, "y"))
	})
}
