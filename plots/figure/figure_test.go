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
	"github.com/cedadev/kerchunk-builder/virtual"
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
