package verify

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/virtual/cftime"
)

// times compares times that the store states in another unit than the file: as instants when they are
// integers, and as floats next to the exact result when they are floats.
type times struct {
	kind      cdm.DType // in the store
	raw, want []byte    // of the store's box and of the file
	size      int64     // of an element in the file
	from, to  cftime.Units
	file      cdm.DType
	missing   [][]byte // elements of the file that are no times
	fill      []byte   // what they are in the store
}

func newTimes(a *virtual.Array, raw []byte, r *Retiming, f cdm.File, v *cdm.Variable, want []byte) (*times, error) {
	of := v
	if _, ok := virtual.TimeUnits(&virtual.Variable{Variable: *v}, &virtual.Variable{Variable: *v}); !ok {
		if of = f.Root().Variable(r.Of); of == nil {
			return nil, fmt.Errorf("the file has no variable %q, which states the unit of time", r.Of)
		}
	}
	units, _ := of.Attribute("units").(string)
	calendar, _ := of.Attribute("calendar").(string)
	kind := a.Type
	t := &times{kind: kind, file: v.Type, raw: raw, want: want, size: int64(v.Type.Size)}
	var err error
	if t.from, err = cftime.Parse(units, calendar); err != nil {
		return nil, fmt.Errorf("variable %s: %w", of.Path, err)
	}
	// What a reader of the store goes by is its attributes; bounds have none, and take the coordinate's.
	units, calendar = r.Units, r.Calendar
	if stated, ok := cdm.Lookup(a.Attributes, "units").(string); ok {
		units = stated
		calendar, _ = cdm.Lookup(a.Attributes, "calendar").(string)
	}
	if t.to, err = cftime.Parse(units, calendar); err != nil {
		return nil, fmt.Errorf("the store: %w", err)
	}
	if !kind.Numeric() || !v.Type.Numeric() || kind.Kind != cdm.Float && v.Type.Kind == cdm.Float {
		return nil, fmt.Errorf("times of type %s in the file and %s in the store", v.Type, kind)
	}
	t.missing, t.fill = virtual.Missing(v), a.Fill
	return t, nil
}

func (t *times) elements(at, in int64) (want, got []byte) {
	n := int64(t.kind.Size)
	return t.want[at*t.size : (at+1)*t.size], t.raw[in*n : (in+1)*n]
}

func (t *times) same(at, in int64) bool {
	want, got := t.elements(at, in)
	if slices.ContainsFunc(t.missing, func(m []byte) bool { return bytes.Equal(m, want) }) {
		return bytes.Equal(got, t.fill)
	}
	if isNaN(t.file, want) {
		return isNaN(t.kind, got)
	}
	if t.kind.Kind != cdm.Float {
		i, err := instant(t.file, want, t.from)
		j, err2 := instant(t.kind, got, t.to)
		return err == nil && err2 == nil && i.Compare(j) == 0
	}
	x, err := t.file.Float64s(want)
	if err != nil {
		return false
	}
	exact, err := cftime.ConvertFloats(x, t.from, t.to)
	if err != nil {
		return false
	}
	y, err := t.kind.Float64s(got)
	return err == nil && (y[0] == exact[0] || t.kind.Size == 4 && float32(y[0]) == float32(exact[0]))
}

func (t *times) show(at, in int64) (string, string) {
	want, got := t.elements(at, in)
	return timeText(t.file, want, t.from), timeText(t.kind, got, t.to)
}

func timeText(kind cdm.DType, raw []byte, u cftime.Units) string {
	s := elementText(kind, raw) + " " + u.String()
	if i, err := instant(kind, raw, u); err == nil {
		s += ", " + i.String()
	}
	return s
}

func instant(kind cdm.DType, raw []byte, u cftime.Units) (cftime.Instant, error) {
	if n, err := kind.Int64s(raw); err == nil {
		return u.At(n[0])
	}
	x, err := kind.Float64s(raw)
	if err != nil {
		return cftime.Instant{}, err
	}
	return u.AtFloat(x[0])
}
