package compute

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/virtual/cftime"
)

func timesVariable(kind cdm.DType, units string, fill any) *cdm.Variable {
	v := &cdm.Variable{Name: "time", Path: "time", Type: kind, Attributes: []cdm.Attribute{{Name: "units", Value: units}}}
	if fill != nil {
		v.Attributes = append(v.Attributes, cdm.Attribute{Name: "_FillValue", Value: fill})
	}
	return v
}

// Re-encoded times mean what they meant, and what was missing is missing.
func TestRetimedMeansTheSame(t *testing.T) {
	kinds := []cdm.DType{{Kind: cdm.Int, Size: 2, Big: true}, {Kind: cdm.Int, Size: 4}, {Kind: cdm.Int, Size: 8}, {Kind: cdm.Float, Size: 4}, {Kind: cdm.Float, Size: 8, Big: true}}
	units := []string{"days since 2000-01-01", "hours since 1999-12-31 12:00", "seconds since 1970-01-01T00:00:00Z", "minutes since 2000-01-01 00:00 +01:30"}
	rapid.Check(t, func(t *rapid.T) {
		src := timesVariable(rapid.SampledFrom(kinds).Draw(t, "type"), rapid.SampledFrom(units).Draw(t, "units"), rapid.SampledFrom([]any{nil, int64(-99), -999.0}).Draw(t, "fill"))
		from, ok := virtual.TimeUnits(&virtual.Variable{Variable: *src}, &virtual.Variable{Variable: *src})
		if !ok {
			t.Fatal(src.Attributes)
		}
		others := []cftime.Units{from}
		for _, u := range units {
			c, err := cftime.Parse(u, "")
			if err != nil {
				t.Fatal(err)
			}
			others = append(others, c)
		}
		to, err := cftime.Common(others...)
		if err != nil {
			t.Fatal(err)
		}
		kind := cdm.DType{Kind: cdm.Int, Size: 8}
		if src.Type.Kind == cdm.Float {
			kind.Kind = cdm.Float
		}
		dst := timesVariable(kind, to.String(), rapid.SampledFrom([]any{int64(-1), int64(-1 << 40)}).Draw(t, "fill of the array"))
		fill, _ := kind.Encode(dst.Attribute("_FillValue"))
		var raw []byte
		for _, value := range rapid.SliceOfN(rapid.Int64Range(-99, 9000), 1, 9).Draw(t, "values") {
			e, _ := src.Type.Encode(value)
			raw = append(raw, e...)
		}
		r, err := newRetiming(nil, src, "", to, &virtual.Array{Path: "time", Type: kind, Fill: fill})
		if err != nil {
			t.Fatal(err)
		}
		out, err := r.apply(raw)
		if err != nil {
			if strings.Contains(err.Error(), "is the fill value") {
				t.Skip(err)
			}
			t.Fatal(err)
		}
		got, _ := virtual.Instants(out, &virtual.Variable{Variable: *dst}, &virtual.Variable{Variable: *dst})
		want, _ := virtual.Instants(raw, &virtual.Variable{Variable: *src}, &virtual.Variable{Variable: *src})
		if !bytes.Equal(got, want) {
			t.Fatalf("%v\n%v", got, want)
		}
	})
}

// A time that would come out as the fill value is refused.
func TestRetimedIntoTheFillValue(t *testing.T) {
	src := timesVariable(cdm.DType{Kind: cdm.Int, Size: 4}, "days since 2000-01-01", nil)
	to, err := cftime.Parse("days since 2000-01-02", "")
	if err != nil {
		t.Fatal(err)
	}
	kind := cdm.DType{Kind: cdm.Int, Size: 8}
	fill, _ := kind.Encode(int64(-1))
	r, err := newRetiming(nil, src, "", to, &virtual.Array{Path: "time", Type: kind, Fill: fill})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := r.apply(make([]byte, 4)); err == nil {
		t.Errorf("%v", out)
	}
}
