package virtual

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

func attribute(name string, value any) cdm.Attribute { return cdm.Attribute{Name: name, Value: value} }

func layoutAt(t *testing.T, p *Plan, path string) (Array, Layout) {
	t.Helper()
	i := p.Dataset.Array(path)
	if i < 0 {
		t.Fatalf("there is no %s", path)
	}
	return p.Dataset.Arrays[i], p.Layouts[i]
}

// Bounds that state no unit are read in their coordinate's: both are re-encoded to one, although a file whose time is in a third unit
// has no bounds; and bounds that state it themselves in some files only state it in the store.
func TestBoundsFollowTheirCoordinate(t *testing.T) {
	file := func(url, units, variable string, bounds ...cdm.Attribute) *Header {
		time := coordinate("time", units, 0)
		time.Attributes = append(time.Attributes, attribute("bounds", "time_bnds"))
		h := header(url, time, data(variable, "time", []int64{1}, []int64{1}))
		if bounds != nil {
			h.Variables = append(h.Variables, data("time_bnds", "time nv", []int64{1, 2}, []int64{1, 2}, bounds...))
		}
		return h
	}
	none := []cdm.Attribute{attribute("comment", "")}
	headers := []*Header{file("a", "days since 2000-01-01", "x", none...), file("b", "days since 2000-01-02", "x", none...),
		file("c", "seconds since 2000-01-02 00:00:00", "y", nil...), file("d", "days since 2000-01-01 00:00", "y", nil...)}
	p, err := plan(headers, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	_, time := layoutAt(t, p, "time")
	bounds, lay := layoutAt(t, p, "time_bnds")
	if time.Units != "seconds since 2000-01-01" || lay.Units != time.Units || lay.TimeOf != "time" || cdm.Lookup(bounds.Attributes, "units") != nil {
		t.Errorf("time in %q, bounds in %q, by %s, with %v", time.Units, lay.Units, lay.TimeOf, bounds.Attributes)
	}
	own := []cdm.Attribute{attribute("units", "hours since 2000-01-02")}
	if p, err = plan([]*Header{headers[0], file("b", "days since 2000-01-02", "x", own...)}, Rules{}); err != nil {
		t.Fatal(err)
	}
	if bounds, lay = layoutAt(t, p, "time_bnds"); lay.Units != "hours since 2000-01-01" || cdm.Lookup(bounds.Attributes, "units") != lay.Units || lay.TimeOf != "time" {
		t.Errorf("bounds in %q, by %s, with %v", lay.Units, lay.TimeOf, bounds.Attributes)
	}
}

// The fill values of times may differ, and their types: the store has the first.
func TestFillValuesOfTimes(t *testing.T) {
	file := func(url string, at int64, attrs ...cdm.Attribute) *Header {
		v := coordinate("time", "days since 2000-01-01", at)
		v.Attributes = append(v.Attributes, attrs...)
		return header(url, v)
	}
	for _, c := range []struct {
		name        string
		a, b        []cdm.Attribute
		fill        int64
		missing     any
		reencoded   bool
		withoutFill bool
	}{
		{name: "differing", a: []cdm.Attribute{attribute("_FillValue", int64(-1))}, b: []cdm.Attribute{attribute("_FillValue", int64(-9))}, fill: -1, reencoded: true},
		{name: "in one file", b: []cdm.Attribute{attribute("_FillValue", int64(-9))}, fill: -9, reencoded: true},
		{name: "by missing_value", a: []cdm.Attribute{attribute("missing_value", -7.0)}, b: []cdm.Attribute{attribute("missing_value", float32(-8))}, fill: -7, missing: -7.0, reencoded: true},
		{name: "both", a: []cdm.Attribute{attribute("_FillValue", int64(-1)), attribute("missing_value", []int16{-2, -3})}, fill: -1, reencoded: true},
		{name: "of another type", a: []cdm.Attribute{attribute("missing_value", -7.0)}, b: []cdm.Attribute{attribute("missing_value", int16(-7))}, missing: -7.0, withoutFill: true},
	} {
		p, err := plan([]*Header{file("a", 1, c.a...), file("b", 2, c.b...)}, Rules{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		arr, lay := layoutAt(t, p, "time")
		if fill := binary.LittleEndian.AppendUint64(nil, uint64(c.fill)); (lay.Units != "") != c.reencoded || !bytes.Equal(arr.Fill, fill) && !c.withoutFill {
			t.Errorf("%s: in %q, fill value %v", c.name, lay.Units, arr.Fill)
		}
		if got := cdm.Lookup(arr.Attributes, "missing_value"); got != c.missing {
			t.Errorf("%s: missing_value %v", c.name, got)
		}
	}
}

// A scalar time is another where its unit is another, and the same where only the words for it differ.
func TestScalarTimes(t *testing.T) {
	file := func(url, units, content string, at int64) *Header {
		issued := scalar("issued", 0, attribute("units", units))
		issued.Content = content
		return header(url, coordinate("time", "days since 2000-01-01", at), data("x", "time", []int64{1}, []int64{1}), issued)
	}
	p, err := plan([]*Header{file("a", "days since 2000-01-01", "first", 1), file("b", "days since 2000-01-02", "second", 2)}, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if arr, lay := layoutAt(t, p, "issued"); !slices.Equal(arr.Dimensions, []string{"time"}) || lay.Units != "days since 2000-01-01" {
		t.Errorf("differing: %v in %q", arr.Dimensions, lay.Units)
	}
	p, err = plan([]*Header{file("a", "days since 2000-01-01", "same", 1), file("b", "hours since 1999-12-31", "same", 2)}, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if arr, lay := layoutAt(t, p, "issued"); len(arr.Dimensions) != 0 || lay.Role != Decoded || lay.Units != "hours since 1999-12-31" {
		t.Errorf("same: %v, %s in %q", arr.Dimensions, lay.Role, lay.Units)
	}
}

// What times mean depends on neither their unit nor their type, and a missing one is none.
func TestInstants(t *testing.T) {
	of := func(units, calendar string, kind cdm.DType, values ...any) []byte {
		v := data("t", "", nil, nil, attribute("units", units), attribute("calendar", calendar), attribute("_FillValue", values[0]))
		v.Type = kind
		var raw []byte
		for _, value := range values {
			e, ok := kind.Encode(value)
			if !ok {
				t.Fatalf("%v is no %s", value, kind)
			}
			raw = append(raw, e...)
		}
		out, ok := Instants(raw, v, v)
		if !ok {
			t.Fatalf("%s: no times", units)
		}
		return out
	}
	double := cdm.DType{Kind: cdm.Float, Size: 8, Big: true}
	want := of("days since 2000-01-01", "noleap", i8, int64(-1), int64(59), int64(60))
	if got := of("hours since 2000-02-28 00:00", "365_day", double, 1e20, 24.0, 48.0); !bytes.Equal(got, want) {
		t.Errorf("%v\n%v", got, want)
	}
	for _, other := range [][]byte{of("days since 2000-01-01", "standard", i8, int64(-1), int64(59), int64(60)), of("days since 2000-01-01", "noleap", i8, int64(60), int64(59), int64(60))} {
		if bytes.Equal(other, want) {
			t.Errorf("%v", other)
		}
	}
}

// An axis that falls in some files and rises in others has one order, whatever the order of the list.
func TestDirectionsThatDiffer(t *testing.T) {
	headers := []*Header{header("a", coordinate("time", "", 2, 1)), header("b", coordinate("time", "", 3, 4)), header("c", coordinate("time", "", 5, 6))}
	for range 6 {
		headers = []*Header{headers[1], headers[2], headers[0]}
		if headers[0].URL == "a" {
			headers[1], headers[2] = headers[2], headers[1]
		}
		p, err := plan(headers, Rules{})
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		for _, f := range p.Files {
			order = append(order, f.URL)
		}
		if got := strings.Join(order, " "); got != "a b c" {
			t.Error(got)
		}
		if !slices.ContainsFunc(p.Notes, func(n Note) bool { return n.Evidence == "against the direction of the axis in a" }) {
			t.Errorf("%v", p.Notes)
		}
	}
}

// Of scalars that differ it is the time that becomes a dimension, and not the one that comes first.
func TestTimeBecomesTheDimension(t *testing.T) {
	file := func(url string, n int64) *Header {
		return header(url, scalar("orbit", 100+n), scalar("made", n, attribute("units", "days since 2001-01-01")),
			scalar("time", n, attribute("units", "days since 2000-01-01"), attribute("standard_name", "time")), data("x", "y", []int64{2}, []int64{2}))
	}
	p, err := plan([]*Header{file("a", 1), file("b", 0)}, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"x": "[time y] [2 2]", "orbit": "[time] [2]", "made": "[time] [2]"} {
		if got := shapeOf(t, p, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// A dimension without a coordinate along which each file has times of its own is the one to join along.
func TestTimesAlongADimensionWithoutCoordinate(t *testing.T) {
	file := func(url, content string) *Header {
		when := data("when", "t", []int64{1}, []int64{1}, attribute("units", "days since 2000-01-01"))
		when.Content = content
		return header(url, when, data("x", "t y", []int64{1, 2}, []int64{1, 2}))
	}
	fixed := header("fixed", data("mask", "y", []int64{2}, []int64{2}))
	p, err := plan([]*Header{file("a", "1"), file("b", "2"), fixed, file("c", "3")}, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if got := shapeOf(t, p, "x"); got != "[t y] [3 2]" {
		t.Error(got)
	}
}

// Bounds of one name in two groups have each its own coordinate.
func TestBoundsInGroups(t *testing.T) {
	in := func(group, units string) []*Variable {
		c := coordinate("time", units, 0)
		c.Attributes = append(c.Attributes, attribute("bounds", "time_bnds"))
		b := data("time_bnds", "time nv", []int64{1, 2}, []int64{1, 2})
		for _, v := range []*Variable{c, b} {
			v.Path = group + "/" + v.Name
		}
		return []*Variable{c, b}
	}
	h := header("a", slices.Concat(in("g", "days since 2000-01-01"), in("h", "hours since 1970-01-01"))...)
	for _, group := range []string{"g", "h"} {
		if of := h.TimeOf(h.Variable(group + "/time_bnds")); of == nil || of.Path != group+"/time" {
			t.Errorf("%s: %v", group, of)
		}
	}
}
