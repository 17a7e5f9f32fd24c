package compute

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/virtual/cftime"
)

// retiming re-encodes the times of one variable of a file to the unit, the type and the fill value of an array.
type retiming struct {
	from, to cftime.Units
	source   cdm.DType
	missing  [][]byte // elements of the source that are no times
	target   cdm.DType
	fill     []byte // what they become
}

// newRetiming finds how the file states the times of src: src does it itself, or else the variable named of.
func newRetiming(file cdm.File, src *cdm.Variable, of string, to cftime.Units, arr *virtual.Array) (*retiming, error) {
	r := &retiming{to: to, source: src.Type, missing: virtual.Missing(src), target: arr.Type, fill: arr.Fill}
	v := &virtual.Variable{Variable: *src}
	from, ok := virtual.TimeUnits(v, v)
	if !ok {
		c := file.Root().Variable(of)
		if c == nil {
			return nil, fmt.Errorf("variable %s is not there any more: run configure again", of)
		}
		if from, ok = virtual.TimeUnits(v, &virtual.Variable{Variable: *c}); !ok {
			return nil, fmt.Errorf("units %v are no unit of time any more: run configure again", c.Attribute("units"))
		}
	}
	r.from = from
	if r.missing != nil && r.fill == nil {
		return nil, fmt.Errorf("it has a fill value, and had none when configure ran: run configure again")
	}
	return r, nil
}

// apply re-encodes elements. One that can't be told from the fill value afterwards is an error.
func (r *retiming) apply(raw []byte) ([]byte, error) {
	size := r.source.Size
	out := make([]byte, 0, len(raw)/size*r.target.Size)
	for ; len(raw) > 0; raw = raw[size:] {
		e := raw[:size]
		if slices.ContainsFunc(r.missing, func(m []byte) bool { return bytes.Equal(m, e) }) {
			out = append(out, r.fill...)
			continue
		}
		value, err := r.convert(e)
		if err != nil {
			return nil, err
		}
		t, ok := r.target.Encode(value)
		if !ok {
			return nil, fmt.Errorf("%v %s does not fit into %s as a number of %s", value, r.from, r.target, r.to)
		}
		if r.fill != nil && bytes.Equal(t, r.fill) && value == value {
			return nil, fmt.Errorf("a time of %s becomes %v %s, which is the fill value", r.from, value, r.to)
		}
		out = append(out, t...)
	}
	return out, nil
}

// convert re-encodes one time: an int64 or a float64, as the target's kind is. NaN is a missing time and stays NaN.
func (r *retiming) convert(element []byte) (any, error) {
	if r.target.Kind == cdm.Float {
		x, err := r.source.Float64s(element)
		if err == nil && x[0] == x[0] {
			x, err = cftime.ConvertFloats(x, r.from, r.to)
		}
		if err != nil {
			return nil, err
		}
		return x[0], nil
	}
	n, err := r.source.Int64s(element)
	if err == nil {
		n, err = cftime.ConvertInts(n, r.from, r.to)
	}
	if err != nil {
		return nil, err
	}
	return n[0], nil
}
