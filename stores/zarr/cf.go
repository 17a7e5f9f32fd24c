package zarr

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// CF decodes elements by the CF conventions as xarray does: fill_value, _FillValue and missing_value
// are NaN, the others scale_factor * x + add_offset (CF 2.5.1 and 8.1), _Unsigned as netCDF-Java has it.
type CF struct {
	typ           cdm.DType
	scale, offset float64
	packed        bool
	missing       []float64
}

// NewCF is the decoding that an array's type and attributes ask for. Only numbers can be decoded.
func NewCF(a virtual.Array) (CF, error) {
	c := CF{typ: a.Type, scale: 1}
	if !a.Type.Numeric() {
		return c, fmt.Errorf("variable %s is of type %s and has no numbers", a.Path, a.Type)
	}
	switch u := cdm.Lookup(a.Attributes, "_Unsigned"); {
	case a.Type.Kind == cdm.Int && (u == "true" || u == true):
		c.typ.Kind = cdm.Uint
	case a.Type.Kind == cdm.Uint && (u == "false" || u == false):
		c.typ.Kind = cdm.Int
	}
	if a.Fill != nil {
		var one [1]float64
		c.raw(one[:], a.Fill)
		c.missing = append(c.missing, one[0])
	}
	for _, name := range []string{"_FillValue", "missing_value"} {
		for _, v := range floats(cdm.Lookup(a.Attributes, name)) {
			// The attribute has the stored type, signed, whatever _Unsigned says.
			if c.typ.Kind == cdm.Uint && a.Type.Kind == cdm.Int && v < 0 {
				v += math.Ldexp(1, 8*a.Type.Size)
			}
			c.missing = append(c.missing, v)
		}
	}
	if s := floats(cdm.Lookup(a.Attributes, "scale_factor")); len(s) == 1 {
		c.scale, c.packed = s[0], true
	}
	if o := floats(cdm.Lookup(a.Attributes, "add_offset")); len(o) == 1 {
		c.offset, c.packed = o[0], true
	}
	return c, nil
}

// Decode writes the elements of src to dst, which must be long enough, and returns what it wrote.
func (c CF) Decode(dst []float64, src []byte) []float64 {
	dst = dst[:len(src)/c.typ.Size]
	c.raw(dst, src)
	for _, m := range c.missing {
		if math.IsNaN(m) {
			continue
		}
		for i, v := range dst {
			if v == m {
				dst[i] = math.NaN()
			}
		}
	}
	if c.packed {
		for i := range dst {
			dst[i] = dst[i]*c.scale + c.offset
		}
	}
	return dst
}

// raw converts elements as they are.
func (c CF) raw(dst []float64, src []byte) {
	t, o := c.typ, order(c.typ)
	switch {
	// The types of most data, without a call for each element.
	case t.Kind == cdm.Float && t.Size == 4 && !t.Big:
		for i := range dst {
			dst[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:])))
		}
	case t.Kind == cdm.Float && t.Size == 4:
		for i := range dst {
			dst[i] = float64(math.Float32frombits(binary.BigEndian.Uint32(src[4*i:])))
		}
	case t.Kind == cdm.Int && t.Size == 2 && !t.Big:
		for i := range dst {
			dst[i] = float64(int16(binary.LittleEndian.Uint16(src[2*i:])))
		}
	case t.Kind == cdm.Float && t.Size == 8:
		for i := range dst {
			dst[i] = math.Float64frombits(o.Uint64(src[8*i:]))
		}
	case t.Kind == cdm.Float:
		for i := range dst {
			dst[i] = half(o.Uint16(src[2*i:]))
		}
	case t.Kind == cdm.Int && t.Size == 2:
		for i := range dst {
			dst[i] = float64(int16(o.Uint16(src[2*i:])))
		}
	case t.Kind == cdm.Uint && t.Size == 8:
		for i := range dst {
			dst[i] = float64(o.Uint64(src[8*i:]))
		}
	case t.Kind == cdm.Bool:
		for i := range dst {
			dst[i] = float64(src[i])
		}
	default:
		for i := range dst {
			dst[i] = float64(integer(t, src[i*t.Size:]))
		}
	}
}

// floats are an attribute's numbers.
func floats(v any) []float64 {
	switch v := v.(type) {
	case int8:
		return []float64{float64(v)}
	case int16:
		return []float64{float64(v)}
	case int32:
		return []float64{float64(v)}
	case int64:
		return []float64{float64(v)}
	case uint8:
		return []float64{float64(v)}
	case uint16:
		return []float64{float64(v)}
	case uint32:
		return []float64{float64(v)}
	case uint64:
		return []float64{float64(v)}
	case float32:
		return []float64{float64(v)}
	case float64:
		return []float64{v}
	case []int8:
		return each(v)
	case []int16:
		return each(v)
	case []int32:
		return each(v)
	case []int64:
		return each(v)
	case []uint8:
		return each(v)
	case []uint16:
		return each(v)
	case []uint32:
		return each(v)
	case []uint64:
		return each(v)
	case []float32:
		return each(v)
	case []float64:
		return v
	}
	return nil
}

func each[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32](l []T) []float64 {
	out := make([]float64, len(l))
	for i, v := range l {
		out[i] = float64(v)
	}
	return out
}
