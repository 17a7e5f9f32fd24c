package figure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/plots"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/virtual/cf/gridmapping"
)

// source is a dataset whose values follow from their place, as memory would not hold them.
type source struct {
	ds    virtual.Dataset
	value map[string]func(at []int64) float64
	most  int // the most cells read in one go
}

func (s *source) Dataset() virtual.Dataset { return s.ds }

func (s *source) Floats(_ context.Context, array string, start, count []int64) ([]float64, error) {
	i := slices.IndexFunc(s.ds.Arrays, func(a virtual.Array) bool { return a.Path == array })
	if i < 0 {
		return nil, fmt.Errorf("there is no %s", array)
	}
	shape := s.ds.Arrays[i].Grid.Shape
	if start == nil {
		start, count = make([]int64, len(shape)), shape
	}
	n := int64(1)
	for d := range shape {
		if start[d] < 0 || count[d] < 1 || start[d]+count[d] > shape[d] {
			return nil, fmt.Errorf("%s: %v from %v is outside %v", array, count, start, shape)
		}
		n *= count[d]
	}
	s.most = max(s.most, int(n))
	out := make([]float64, n)
	at := make([]int64, len(shape))
	for k := range out {
		rest := int64(k)
		for d := len(shape) - 1; d >= 0; d-- {
			at[d] = start[d] + rest%count[d]
			rest /= count[d]
		}
		out[k] = s.value[array](at)
	}
	return out, nil
}

func (s *source) add(path string, dims []string, shape, chunks []int64, value func(at []int64) float64, attrs ...any) {
	a := virtual.Array{Path: path, Type: cdm.DType{Kind: cdm.Float, Size: 8}, Dimensions: dims, Grid: virtual.Grid{Shape: shape, Chunks: chunks}}
	for i := 0; i < len(attrs); i += 2 {
		a.Attributes = append(a.Attributes, cdm.Attribute{Name: attrs[i].(string), Value: attrs[i+1]})
	}
	s.ds.Arrays = append(s.ds.Arrays, a)
	s.value[path] = value
}

func cube() *source {
	s := &source{value: map[string]func([]int64) float64{}}
	s.add("time", []string{"time"}, []int64{24}, []int64{24}, func(at []int64) float64 { return float64(at[0])*30 + 15 }, "units", "days since 1990-01-01", "calendar", "360_day")
	s.add("plev", []string{"plev"}, []int64{3}, []int64{3}, func(at []int64) float64 { return []float64{1000, 850, 500}[at[0]] }, "units", "hPa", "positive", "down")
	s.add("lat", []string{"lat"}, []int64{18}, []int64{18}, func(at []int64) float64 { return 85 - 10*float64(at[0]) }, "units", "degrees_north")
	s.add("lon", []string{"lon"}, []int64{36}, []int64{36}, func(at []int64) float64 { return 10 * float64(at[0]) }, "units", "degrees_east")
	s.add("ta", []string{"time", "plev", "lat", "lon"}, []int64{24, 3, 18, 36}, []int64{1, 1, 18, 36}, func(at []int64) float64 {
		if at[0] == 0 {
			return math.NaN() // the first month is missing
		}
		return float64(at[0]*1000 + at[1]*100 + at[2])
	}, "units", "K", "standard_name", "air_temperature")
	return s
}

func TestDraw(t *testing.T) {
	for _, c := range []struct {
		name    string
		request Request
		slice   string
		values  int
	}{
		{"a first look gives way where the first slice is empty", Request{Dataset: "d"}, "map[plev:0 time:12]", 18 * 36},
		{"a chosen slice is drawn though it is empty", Request{Select: map[string]string{"time": "#0"}}, "map[plev:0 time:0]", 18 * 36},
		{"a date and the nearest level", Request{Select: map[string]string{"time": "1990-03", "plev": "900"}}, "map[plev:1 time:2]", 18 * 36},
		{"a section", Request{Select: map[string]string{"lon": "-10", "plev": "#-1"}}, "map[lon:35 plev:2]", 24 * 18},
		{"a series", Request{Select: map[string]string{"lon": "0", "lat": "52", "plev": "500"}}, "map[lat:3 lon:0 plev:2]", 24},
		{"a profile", Request{Select: map[string]string{"lon": "0", "lat": "52", "time": "1991-12-16"}}, "map[lat:3 lon:0 time:23]", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			c.request.Options.Width = 300
			got, err := Draw(t.Context(), &b, cube(), c.request)
			if err != nil {
				t.Fatal(err)
			}
			if got.Variable != "ta" || fmt.Sprint(got.Slice) != c.slice || got.Values != c.values {
				t.Errorf("drawn is %+v", got)
			}
			if _, err := png.Decode(&b); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		request Request
		err     error
		says    string
	}{
		"an unknown variable":  {Request{Variable: "q"}, ErrNothing, `"q"`},
		"an unknown dimension": {Request{Select: map[string]string{"height": "#0"}}, ErrSelection, "time, plev, lat, lon"},
		"an index outside":     {Request{Select: map[string]string{"plev": "#3"}}, ErrSelection, "3 values"},
		"no number":            {Request{Select: map[string]string{"plev": "low"}}, ErrSelection, "no number"},
		"no such date":         {Request{Select: map[string]string{"time": "2001"}}, ErrSelection, "no date begins so"},
		"nothing left":         {Request{Select: map[string]string{"time": "#1", "plev": "#0", "lat": "#0", "lon": "#0"}}, ErrNothing, "single value"},
	} {
		var b bytes.Buffer
		_, err := Draw(t.Context(), &b, cube(), c.request)
		if !errors.Is(err, c.err) || !strings.Contains(fmt.Sprint(err), c.says) || b.Len() > 0 {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

// However a field is chunked and however it is thinned, each value is that of its own place.
func TestThinKeepsPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		side := func(name string) int64 { return rapid.Int64Range(1, 40).Draw(t, name) }
		shape := []int64{3, side("ny"), side("nx")}
		s := &source{value: map[string]func([]int64) float64{}}
		s.add("v", []string{"t", "y", "x"}, shape, []int64{1, side("cy"), side("cx")}, func(at []int64) float64 {
			return float64(at[0]*10000 + at[1]*100 + at[2])
		})
		f := figure{ctx: context.Background(), src: s, ds: s.ds}
		stride := []int64{rapid.Int64Range(1, 7).Draw(t, "sy"), rapid.Int64Range(1, 7).Draw(t, "sx")}
		v, err := f.thin(&s.ds.Arrays[0], []int{1, 2}, []int64{2, 0, 0}, stride)
		if err != nil {
			t.Fatal(err)
		}
		ny, nx := steps(shape[1], stride[0]), steps(shape[2], stride[1])
		if int64(len(v)) != ny*nx {
			t.Fatalf("%d values, not %d x %d", len(v), ny, nx)
		}
		for j := range ny {
			for i := range nx {
				if want := float64(20000 + j*stride[0]*100 + i*stride[1]); v[j*nx+i] != want {
					t.Fatalf("value %d, %d is %g, want %g", j, i, v[j*nx+i], want)
				}
			}
		}
	})
}

// A field far larger than a picture is read in bounded pieces.
func TestLargeFieldsAreReadInTiles(t *testing.T) {
	s := &source{value: map[string]func([]int64) float64{}}
	s.add("v", []string{"y", "x"}, []int64{4100, 4200}, []int64{500, 500}, func(at []int64) float64 { return float64(at[0]) })
	var b bytes.Buffer
	got, err := Draw(t.Context(), &b, s, Request{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Values != 2050*2100 || s.most > tileCells {
		t.Errorf("%d values were drawn, at most %d read at a time", got.Values, s.most)
	}
}

// captured is what Draw would have drawn: figures are held against plain arrays, pictures are plots' own business.
func captured(t *testing.T, s *source, r Request) *figure {
	t.Helper()
	f := &figure{ctx: t.Context(), src: s, ds: s.ds, req: r}
	if err := f.pick(); err != nil {
		t.Fatal(err)
	}
	if err := f.slice(); err != nil {
		t.Fatal(err)
	}
	return f
}

func drawn(t *testing.T, s *source, r Request) {
	t.Helper()
	var b bytes.Buffer
	r.Options.Width = 300
	if _, err := Draw(t.Context(), &b, s, r); err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(&b); err != nil {
		t.Fatal(err)
	}
}

func empty() *source { return &source{value: map[string]func([]int64) float64{}} }

func constant(v ...float64) func([]int64) float64 {
	return func(at []int64) float64 {
		i := int64(0)
		if len(at) > 0 {
			i = at[len(at)-1]
		}
		return v[i%int64(len(v))]
	}
}

// Stations and the cells of an unstructured grid are a map; a trajectory is a line in time though it moves up and down.
func TestPlacesAndTrajectories(t *testing.T) {
	s := empty()
	s.add("lat", []string{"cell"}, []int64{50}, []int64{50}, func(at []int64) float64 { return float64(at[0]) }, "units", "degrees_north")
	s.add("lon", []string{"cell"}, []int64{50}, []int64{50}, func(at []int64) float64 { return 2 * float64(at[0]) }, "units", "degrees_east")
	s.add("time", []string{"time"}, []int64{9}, []int64{9}, func(at []int64) float64 { return float64(at[0]) }, "units", "days since 2000-01-01")
	s.add("ts", []string{"time", "cell"}, []int64{9, 50}, []int64{1, 50}, func(at []int64) float64 { return float64(at[1]) }, "units", "K", "coordinates", "lat lon")
	f := captured(t, s, Request{Variable: "ts"})
	if !f.places || !slices.Equal(f.kept, []int{1}) {
		t.Errorf("an unstructured grid is drawn along %v", f.kept)
	}
	drawn(t, s, Request{Variable: "ts"})
	if f := captured(t, s, Request{Variable: "ts", Select: map[string]string{"cell": "#3"}}); f.places || !slices.Equal(f.kept, []int{0}) {
		t.Errorf("one station is drawn along %v, a map: %v", f.kept, f.places)
	}

	s = empty()
	s.add("time", []string{"obs"}, []int64{9}, []int64{9}, func(at []int64) float64 { return float64(at[0]) }, "units", "seconds since 2000-01-01", "standard_name", "time")
	for name, unit := range map[string]string{"lat": "degrees_north", "lon": "degrees_east"} {
		s.add(name, []string{"obs"}, []int64{9}, []int64{9}, func(at []int64) float64 { return float64(at[0]) }, "units", unit)
	}
	s.add("alt", []string{"obs"}, []int64{9}, []int64{9}, func(at []int64) float64 { return float64(at[0]) }, "units", "m", "positive", "up")
	s.add("o3", []string{"obs"}, []int64{9}, []int64{9}, func(at []int64) float64 { return float64(at[0]) }, "coordinates", "time lat lon alt")
	if f := captured(t, s, Request{Variable: "o3"}); f.places || f.axes.T != 0 {
		t.Errorf("a trajectory is a map: %v, its time is along %d", f.places, f.axes.T)
	}
	drawn(t, s, Request{Variable: "o3"})
}

// What can't be a map or a line as its coordinates have it is drawn nevertheless: a dataset is not wrong for it.
func TestOddCoordinatesAreDrawn(t *testing.T) {
	s := empty()
	s.add("co2", []string{"time"}, []int64{1}, []int64{1}, constant(411))
	drawn(t, s, Request{})

	s = empty()
	s.add("lat", []string{"lat"}, []int64{3}, []int64{3}, constant(10, 30, 20), "units", "degrees_north")
	s.add("lon", []string{"lon"}, []int64{3}, []int64{3}, constant(1, 1, 1), "units", "degrees_east")
	s.add("t", []string{"lat", "lon"}, []int64{3, 3}, []int64{3, 3}, constant(1, 2, 3))
	drawn(t, s, Request{})
	s.value["lat"], s.value["lon"] = constant(math.NaN()), constant(5, 700, 9999)
	drawn(t, s, Request{})
	for i := range 2 {
		s.ds.Arrays[i].Type = cdm.DType{Kind: cdm.Bytes, Size: 1}
	}
	drawn(t, s, Request{Variable: "t"})
}

func projected(units string, attrs ...any) *source {
	s := empty()
	scale := map[string]float64{"m": 1, "km": 1e-3, "rad": 1}[units]
	s.add("y", []string{"y"}, []int64{5}, []int64{5}, func(at []int64) float64 { return float64(at[0]-2) * 1e5 * scale }, "units", units, "standard_name", "projection_y_coordinate")
	s.add("x", []string{"x"}, []int64{7}, []int64{7}, func(at []int64) float64 { return float64(at[0]-3) * 1e5 * scale }, "units", units, "standard_name", "projection_x_coordinate")
	s.add("crs", nil, nil, nil, constant(0), attrs...)
	s.add("ice", []string{"y", "x"}, []int64{5, 7}, []int64{5, 7}, func(at []int64) float64 { return float64(at[0]) }, "units", "m", "grid_mapping", "crs: x y")
	return s
}

func TestGridMappings(t *testing.T) {
	laea := []any{"grid_mapping_name", "lambert_azimuthal_equal_area", "latitude_of_projection_origin", 90.0, "longitude_of_projection_origin", 0.0}
	for _, c := range []struct {
		name string
		s    *source
		want bool
		x1   float64 // the last of the x axis
	}{
		{"metres", projected("m", laea...), true, 3e5},
		{"kilometres", projected("km", laea...), true, 3e5},
		{"a mapping of metres, axes of angles", projected("rad", laea...), false, 3e5},
		{"an unknown mapping", projected("m", "grid_mapping_name", "healpix"), false, 300},
		{"a mapping without parameters", projected("m", "grid_mapping_name", "rotated_latitude_longitude"), false, 300},
	} {
		f := captured(t, c.s, Request{Variable: "ice"})
		p, err := f.axesOf(plots.Field{NY: 5, NX: 7}, 0, 1, []int64{1, 1})
		if err != nil || (p.Projection != nil) != c.want || !p.Square || math.Abs(p.X.Values[6]-c.x1) > 1e-6 {
			t.Errorf("%s: projection %v, square %v, x to %v, %v", c.name, p.Projection, p.Square, p.X.Values, err)
		}
		drawn(t, c.s, Request{Variable: "ice"})
	}

	// Longitudes and latitudes that the file states besides must agree; else they win.
	for _, shift := range []float64{0, 20} {
		s := projected("m", laea...)
		m, err := gridmapping.For(&s.ds, &s.ds.Arrays[3])
		if err != nil {
			t.Fatal(err)
		}
		at := func(at []int64) (float64, float64) {
			lon, lat, _ := m.Inverse(float64(at[1]-3)*1e5, float64(at[0]-2)*1e5)
			return lon, lat - shift
		}
		s.add("lon", []string{"y", "x"}, []int64{5, 7}, []int64{5, 7}, func(i []int64) float64 { lon, _ := at(i); return lon }, "units", "degrees_east")
		s.add("lat", []string{"y", "x"}, []int64{5, 7}, []int64{5, 7}, func(i []int64) float64 { _, lat := at(i); return lat }, "units", "degrees_north")
		f := captured(t, s, Request{Variable: "ice"})
		p := plots.Field{NY: 5, NX: 7}
		if p.Lon, err = f.coordinate("lon", []int64{1, 1}); err != nil {
			t.Fatal(err)
		}
		if p.Lat, err = f.coordinate("lat", []int64{1, 1}); err != nil {
			t.Fatal(err)
		}
		if p, err = f.axesOf(p, 0, 1, []int64{1, 1}); err != nil || (p.Projection != nil) != (shift == 0) {
			t.Errorf("latitudes off by %g: projection %v, %v", shift, p.Projection, err)
		}
		drawn(t, s, Request{Variable: "ice"})
	}
}

// Time runs to the right, height upwards, longitude to the right; latitude upwards but for height.
func TestSections(t *testing.T) {
	s := cube()
	for _, c := range []struct{ upper, lower, want string }{
		{"time", "lat", "lat"}, {"time", "plev", "plev"}, {"time", "lon", "time"}, {"plev", "lat", "plev"}, {"plev", "lon", "plev"}, {"lat", "lon", "lat"},
	} {
		f := captured(t, s, Request{Variable: "ta"})
		y, x := slices.Index(f.a.Dimensions, c.upper), slices.Index(f.a.Dimensions, c.lower)
		got := c.upper
		if f.upright(y) < f.upright(x) {
			got = c.lower
		}
		if got != c.want {
			t.Errorf("of %s and %s, %s is upright", c.upper, c.lower, got)
		}
	}
}

func TestWords(t *testing.T) {
	s := cube()
	s.ds.Groups = []virtual.Group{{Attributes: []cdm.Attribute{{Name: "title", Value: "a model"}}}}
	s.ds.Arrays[0].Attributes = append(s.ds.Arrays[0].Attributes, cdm.Attribute{Name: "bounds", Value: "time_bnds"})
	s.add("time_bnds", []string{"time", "bnds"}, []int64{24, 2}, []int64{24, 2}, func(at []int64) float64 { return 30 * float64(at[0]+at[1]) })
	s.value["plev"] = constant(100000, 85000, 1000)
	s.ds.Arrays[1].Attributes[0].Value = "Pa"
	f := captured(t, s, Request{Variable: "ta", Select: map[string]string{"time": "#13", "plev": "#1"}})
	if got, err := f.subtitle(); err != nil || got != "a model · Feb 1991 · 850 hPa" {
		t.Errorf("the subtitle is %q, %v", got, err)
	}
	a, err := f.axis(1, 1)
	if err != nil || a.Units != "hPa" || !a.Log || !a.Down || !slices.Equal(a.Values, []float64{1000, 850, 10}) {
		t.Errorf("the axis is %+v, %v", a, err)
	}
	f = captured(t, s, Request{Variable: "ta", Dataset: "mine", Select: map[string]string{"lat": "52", "lon": "350.2", "plev": "#0"}})
	if got, err := f.subtitle(); err != nil || got != "mine · 1000 hPa · 55°N · 10°W" {
		t.Errorf("the subtitle is %q, %v", got, err)
	}
}

func TestClasses(t *testing.T) {
	for _, c := range []struct {
		name  string
		kind  cdm.Kind
		attrs []any
		seen  []float64
		want  string
	}{
		{"values and meanings", cdm.Int, []any{"flag_values", []int8{1, 2}, "flag_meanings", "dry_land sea"}, []float64{1}, "1:dry land 2:sea"},
		{"an unsigned byte's values", cdm.Uint, []any{"flag_values", []int8{1, -56}, "flag_meanings", "land sea"}, []float64{1}, "1:land 200:sea"},
		{"bits", cdm.Uint, []any{"flag_masks", []uint8{1, 2, 4}, "flag_meanings", "cloud ice land"}, []float64{0, 1, 6}, "0:none 1:cloud 6:ice + land"},
		{"fields of bits", cdm.Uint, []any{"flag_masks", []uint8{1, 6, 6}, "flag_values", []uint8{1, 2, 4}, "flag_meanings", "cloud low high"}, []float64{2, 5}, "2:low 5:cloud + high"},
		{"a mask that nobody explains", cdm.Int, nil, []float64{1, 0, 1}, "0:0 1:1"},
		{"numbers with a unit", cdm.Int, []any{"units", "K"}, []float64{1, 0, 1}, ""},
		{"fractions", cdm.Float, nil, []float64{1, 0, 1}, ""},
	} {
		s := empty()
		s.add("v", []string{"x"}, []int64{3}, []int64{3}, constant(c.seen...), c.attrs...)
		s.ds.Arrays[0].Type = cdm.DType{Kind: c.kind, Size: 1}
		var got []string
		for _, k := range captured(t, s, Request{Variable: "v"}).classes(c.seen) {
			got = append(got, fmt.Sprintf("%g:%s", k.Value, k.Name))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// A line of more values than can be drawn keeps its peaks.
func TestBandKeepsPeaks(t *testing.T) {
	const n, peak = 100_003, 77_777
	s := empty()
	s.add("v", []string{"x"}, []int64{n}, []int64{1000}, func(at []int64) float64 {
		if at[0] == peak {
			return 1000
		}
		return float64(at[0] % 2)
	})
	f := captured(t, s, Request{})
	l, stride, err := f.band(plots.Line{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if every := stride[0]; every != 51 || len(l.Values) != (n+50)/51 || l.Hi[peak/51] != 1000 || l.Hi[peak/51+1] != 1 || l.Lo[0] != 0 || math.Abs(l.Values[0]-25.0/51) > 1e-9 {
		t.Errorf("every %d, %d steps, peak %g", every, len(l.Values), l.Hi[peak/51])
	}
	drawn(t, s, Request{})
}
