package netcdf4

import (
	"errors"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/hdf5"
)

// hidden are the attributes by which the netCDF-4 library and the dimension scales keep their books.
func hidden(name string) bool {
	switch name {
	case "REFERENCE_LIST", "CLASS", "DIMENSION_LIST", "NAME", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict", "_NCProperties":
		return true
	}
	return false
}

// attributes decodes what is not hidden. Values that can't be held are noted.
func (t *tree) attributes(c *container, attrs []hdf5.Attribute, path string) []cdm.Attribute {
	out := make([]cdm.Attribute, 0, len(attrs))
	for i := range attrs {
		a := &attrs[i]
		if hidden(a.Name) {
			continue
		}
		v, err := attributeValue(c.h5, a)
		if err != nil {
			t.file.note(path, a.Name, err)
			continue
		}
		out = append(out, cdm.Attribute{Name: valid(a.Name), Value: v})
	}
	return out
}

// attributeValue is an attribute's value as cdm.Attribute has it.
func attributeValue(h *hdf5.File, a *hdf5.Attribute) (any, error) {
	t := a.Type
	if t.Class == hdf5.String || t.Class == hdf5.VarLen && t.VarString {
		if a.Space.Null {
			return "", nil // what the netCDF library writes for an empty text
		}
		s, err := stringValues(h, t, a.Data)
		if err != nil {
			return nil, err
		}
		if len(s) == 1 {
			return s[0], nil
		}
		return s, nil
	}
	e, err := elementOf(t)
	switch {
	case err != nil:
		return nil, err
	case e.dtype.Kind == cdm.Complex, e.dtype.Kind == cdm.Void, e.dtype.Kind == cdm.Bytes:
		return nil, unsupported("an attribute of type %s", e.dtype)
	case a.Space.Null:
		return nil, nil
	}
	data, err := convertElements(&e, a.Data)
	if err != nil {
		return nil, err
	}
	return numbers(e.dtype, data)
}

// convertElements turns elements as stored into elements as they appear.
func convertElements(e *element, data []byte) ([]byte, error) {
	if len(data)%e.stored != 0 {
		return nil, errors.New("its bytes are no whole number of elements")
	}
	if e.convert == nil {
		return data, nil
	}
	n, size := len(data)/e.stored, e.dtype.Size*int(e.count())
	out := make([]byte, n*size)
	for i := range n {
		e.convert(out[i*size:(i+1)*size], data[i*e.stored:(i+1)*e.stored])
	}
	return out, nil
}

// numbers decodes numbers: a scalar for one, a slice otherwise.
func numbers(t cdm.DType, data []byte) (any, error) {
	o := order(t)
	switch {
	case t.Kind == cdm.Bool:
		return decode(data, 1, func(b []byte) bool { return b[0] != 0 }), nil
	case t.Kind == cdm.Int && t.Size == 1:
		return decode(data, 1, func(b []byte) int8 { return int8(b[0]) }), nil
	case t.Kind == cdm.Int && t.Size == 2:
		return decode(data, 2, func(b []byte) int16 { return int16(o.Uint16(b)) }), nil
	case t.Kind == cdm.Int && t.Size == 4:
		return decode(data, 4, func(b []byte) int32 { return int32(o.Uint32(b)) }), nil
	case t.Kind == cdm.Int && t.Size == 8:
		return decode(data, 8, func(b []byte) int64 { return int64(o.Uint64(b)) }), nil
	case t.Kind == cdm.Uint && t.Size == 1:
		return decode(data, 1, func(b []byte) uint8 { return b[0] }), nil
	case t.Kind == cdm.Uint && t.Size == 2:
		return decode(data, 2, func(b []byte) uint16 { return o.Uint16(b) }), nil
	case t.Kind == cdm.Uint && t.Size == 4:
		return decode(data, 4, func(b []byte) uint32 { return o.Uint32(b) }), nil
	case t.Kind == cdm.Uint && t.Size == 8:
		return decode(data, 8, func(b []byte) uint64 { return o.Uint64(b) }), nil
	case t.Kind == cdm.Float && t.Size == 2:
		return decode(data, 2, func(b []byte) float32 { return half(o.Uint16(b)) }), nil
	case t.Kind == cdm.Float && t.Size == 4:
		return decode(data, 4, func(b []byte) float32 { return math.Float32frombits(o.Uint32(b)) }), nil
	case t.Kind == cdm.Float && t.Size == 8:
		return decode(data, 8, func(b []byte) float64 { return math.Float64frombits(o.Uint64(b)) }), nil
	}
	return nil, unsupported("an attribute of type %s", t)
}

func decode[T any](data []byte, size int, one func([]byte) T) any {
	if len(data) == size {
		return one(data)
	}
	out := make([]T, len(data)/size)
	for i := range out {
		out[i] = one(data[i*size : (i+1)*size])
	}
	return out
}

// half widens a 2-byte float.
func half(h uint16) float32 {
	sign, exponent, mantissa := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exponent {
	case 0: // zero or subnormal
		f := float32(mantissa) / (1 << 24)
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 31:
		return math.Float32frombits(sign | 255<<23 | mantissa<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | mantissa<<13)
}

// stringValues decodes the strings in data, of fixed or variable length.
func stringValues(h *hdf5.File, t *hdf5.Datatype, data []byte) ([]string, error) {
	if t.Size <= 0 {
		return nil, unsupported("strings of no size")
	}
	out := make([]string, len(data)/t.Size)
	for i := range out {
		field := data[i*t.Size : (i+1)*t.Size]
		if t.Class == hdf5.String {
			out[i] = fixedString(field, t.Padding)
			continue
		}
		s, err := varString(h, t, field)
		if err != nil {
			return nil, err
		}
		out[i] = s
	}
	return out, nil
}

func fixedString(field []byte, p hdf5.Padding) string {
	s := string(field)
	switch p {
	case hdf5.NullTerminated:
		s, _, _ = strings.Cut(s, "\x00")
	default:
		// The netCDF library keeps the spaces of a space-padded string.
		s = strings.TrimRight(s, "\x00")
	}
	return valid(s)
}

// varString is a string of variable length. As in C it ends at a NUL.
func varString(h *hdf5.File, t *hdf5.Datatype, field []byte) (string, error) {
	data, _, err := h.VarLen(field, t)
	if err != nil {
		return "", err
	}
	s, _, _ := strings.Cut(string(data), "\x00")
	return valid(s), nil
}

// valid replaces what is not UTF-8, as netCDF4-python does: JSON can't hold it.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}
