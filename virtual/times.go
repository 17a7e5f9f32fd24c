package virtual

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual/cftime"
)

// TimeUnits parses the CF time unit of v from the attributes of of, which for bounds is their coordinate.
func TimeUnits(v, of *Variable) (cftime.Units, bool) {
	units, ok := of.Attribute("units").(string)
	if !ok || !v.Type.Numeric() {
		return cftime.Units{}, false
	}
	calendar, _ := of.Attribute("calendar").(string)
	u, err := cftime.Parse(units, calendar)
	if err != nil {
		return cftime.Units{}, false
	}
	return u, true
}

// TimeOf returns the variable whose attributes state the unit of time of v: v itself, or the coordinate whose bounds v is
// (CF conventions 7.1: bounds need no units of their own). Nil when v is no time.
func (h *Header) TimeOf(v *Variable) *Variable {
	if _, ok := TimeUnits(v, v); ok {
		return v
	}
	if v.Attribute("units") != nil {
		return nil
	}
	for _, c := range h.Variables {
		if c.group() == v.group() && (c.Attribute("bounds") == v.Name || c.Attribute("climatology") == v.Name) {
			if _, ok := TimeUnits(v, c); ok {
				return c
			}
		}
	}
	return nil
}

// missingAttributes state which elements are missing (CF conventions 2.5.1).
var missingAttributes = []string{"_FillValue", "missing_value"}

// Missing lists the elements, in v's own layout, that stand for a missing value.
func Missing(v *cdm.Variable) [][]byte {
	var out [][]byte
	for _, name := range missingAttributes {
		for _, value := range elements(v.Attribute(name)) {
			if raw, ok := v.Type.Encode(value); ok {
				out = append(out, raw)
			}
		}
	}
	return out
}

// elements are the values of an attribute, which may be one or a list.
func elements(value any) []any {
	list := reflect.ValueOf(value)
	if !list.IsValid() || list.Kind() != reflect.Slice {
		return []any{value}
	}
	out := make([]any, list.Len())
	for i := range out {
		out[i] = list.Index(i).Interface()
	}
	return out
}

// Instants is what times mean, whatever their unit and the type of their numbers are: for every element its instant. of states
// the unit. False when that can't be told.
func Instants(raw []byte, v, of *Variable) ([]byte, bool) {
	units, ok := TimeUnits(v, of)
	if !ok || packed(v) || packed(of) {
		return nil, false
	}
	missing := Missing(&v.Variable)
	out := append([]byte(units.Calendar()), 0)
	for ; len(raw) > 0; raw = raw[v.Type.Size:] {
		e := raw[:v.Type.Size]
		if slices.ContainsFunc(missing, func(m []byte) bool { return string(m) == string(e) }) {
			out = append(out, 0)
			continue
		}
		at, err := instant(e, v.Type, units)
		if err != nil {
			out = append(append(out, 1), e...)
			continue
		}
		d := at.Date()
		for _, n := range []int64{d.Year, int64(d.Month), int64(d.Day), int64(d.Hour), int64(d.Minute), int64(d.Second), int64(d.Nanosecond)} {
			out = binary.AppendVarint(out, n)
		}
	}
	return out, true
}

func instant(element []byte, kind cdm.DType, units cftime.Units) (cftime.Instant, error) {
	if n, err := kind.Int64s(element); err == nil {
		return units.At(n[0])
	}
	x, err := kind.Float64s(element)
	if err != nil {
		return cftime.Instant{}, err
	}
	return units.AtFloat(x[0])
}

// timing is how one file states the times of a variable.
type timing struct {
	file  *Header
	v, of *Variable // of states the unit
	units cftime.Units
}

// timings are how the files that hold a variable state its times; nil when it is no time in one of them.
func (j *Joiner) timings(path string) []timing {
	var out []timing
	for _, h := range j.headers {
		v := h.Variable(path)
		if v == nil {
			continue
		}
		of := h.TimeOf(v)
		if of == nil {
			return nil
		}
		units, _ := TimeUnits(v, of)
		out = append(out, timing{h, v, of, units})
	}
	return out
}

// retimed reports whether the files state the times of a variable in different units, in numbers of different types, or with
// different values for those that are missing. Bounds go with their coordinate.
func (j *Joiner) retimed(path string) bool {
	list := j.timings(path)
	for _, t := range list {
		first := list[0]
		if !t.units.Same(first.units) || !t.v.Type.Equal(first.v.Type) || !reflect.DeepEqual(Missing(&t.v.Variable), Missing(&first.v.Variable)) ||
			t.of != t.v && j.retimed(t.of.Path) {
			return true
		}
	}
	return false
}

// retime finds the one unit, type and fill value that the times of all files are re-encoded to.
func (j *Joiner) retime(arr *Array, layout *Layout) bool {
	list := j.timings(arr.Path)
	var units []cftime.Units
	add := func(t timing) {
		if !slices.ContainsFunc(units, t.units.Same) {
			units = append(units, t.units)
		}
	}
	wide := cdm.DType{Kind: cdm.Int, Size: 8} // another reference makes other numbers, which may not fit into the files' type
	stated := false
	for _, t := range list {
		if packed(t.v) || packed(t.of) {
			j.drifts = append(j.drifts, Drift{File: t.file.URL, Variable: arr.Path, What: "packing", Got: "by scale_factor or add_offset",
				Want: "times that are stated in different ways can't be re-encoded then"})
			return false
		}
		if t.v.Type.Kind == cdm.Float {
			wide.Kind = cdm.Float
		}
		if t.of == t.v {
			stated = true
		} else { // a reader takes the coordinate's unit
			for _, c := range j.timings(t.of.Path) {
				add(c)
			}
		}
		if layout.TimeOf == "" || t.of != t.v {
			layout.TimeOf = t.of.Path
		}
	}
	for _, t := range list {
		add(t)
	}
	target, err := cftime.Common(units...)
	if err != nil {
		j.drifts = append(j.drifts, Drift{File: list[0].file.URL, Variable: arr.Path, What: "units of time", Got: units[0].String(), Want: err.Error()})
		return false
	}
	arr.Type = wide
	if !j.refill(arr, list) {
		return false
	}
	layout.Units, layout.Calendar = target.String(), string(target.Calendar())
	if stated {
		setAttribute(&arr.Attributes, "units", layout.Units)
		if cdm.Lookup(arr.Attributes, "calendar") != nil || target.Calendar() != cftime.Standard {
			setAttribute(&arr.Attributes, "calendar", layout.Calendar)
		}
	}
	evidence := fmt.Sprintf("%d different units of time", len(units))
	if len(units) == 1 {
		evidence = "one unit of time, but different types or fill values"
	}
	j.note(arr.Path, "re-encoded to "+layout.Units, evidence, "evidence")
	return true
}

// refill gives re-encoded times the first of the files' fill values. All that is missing in a file becomes that.
func (j *Joiner) refill(arr *Array, list []timing) bool {
	arr.Fill = nil
	for _, t := range list {
		missing := Missing(&t.v.Variable)
		if missing == nil || arr.Fill != nil {
			continue
		}
		var value any
		if n, err := t.v.Type.Int64s(missing[0]); err == nil {
			value = n[0]
		} else if x, err := t.v.Type.Float64s(missing[0]); err == nil {
			value = x[0]
		}
		var ok bool
		if arr.Fill, ok = arr.Type.Encode(value); !ok {
			j.drifts = append(j.drifts, Drift{File: t.file.URL, Variable: arr.Path, What: "fill value", Got: show(value),
				Want: fmt.Sprintf("it doesn't fit into %s, which the times of all files are re-encoded to", arr.Type)})
			return false
		}
	}
	for _, name := range missingAttributes {
		raw, ok := arr.Type.Encode(cdm.Lookup(arr.Attributes, name))
		if name == "_FillValue" || !ok || string(raw) != string(arr.Fill) {
			removeAttribute(&arr.Attributes, name)
		}
	}
	return true
}
