package netcdf4

import (
	"math"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/hdf5"
)

// float is a floating-point number that is not one of NumPy's but fits exactly into one: fewer bits of exponent or
// mantissa (bfloat16, the n-bit filter's). It is widened.
func float(t *hdf5.Datatype) (element, error) {
	refused := func() (element, error) {
		return element{}, unsupported("floats of %d bytes with %d bits of exponent and %d of mantissa", t.Size, t.ExponentSize, t.MantissaSize)
	}
	size, wide := t.Size, 0
	switch {
	case t.VAX || t.Normalization != 2 || size > 8 || size < 1 || t.Offset < 0 || t.MantissaSize < 1 || t.ExponentSize < 1,
		t.Sign < 0 || t.Sign >= 8*size || t.MantissaAt < 0 || t.MantissaAt+t.MantissaSize > 8*size || t.ExponentAt < 0 || t.ExponentAt+t.ExponentSize > 8*size,
		t.ExponentBias > 1<<12:
		return refused()
	case t.MantissaSize <= 23 && t.ExponentSize <= 8 && int(t.ExponentBias) <= 127 && 1<<t.ExponentSize-2-int(t.ExponentBias) <= 127:
		wide = 4
	case t.MantissaSize <= 52 && t.ExponentSize <= 11 && int(t.ExponentBias) <= 1023 && 1<<t.ExponentSize-2-int(t.ExponentBias) <= 1023:
		wide = 8
	default:
		return refused()
	}
	e := element{dtype: cdm.DType{Kind: cdm.Float, Size: wide, Big: t.BigEndian}, stored: size}
	big := t.BigEndian
	layout := *t
	to := order(e.dtype)
	e.convert = func(dst, src []byte) {
		var v uint64
		for i := range size {
			b := src[i]
			if !big {
				b = src[size-1-i]
			}
			v = v<<8 | uint64(b)
		}
		f := value(&layout, v)
		if wide == 4 {
			to.PutUint32(dst, math.Float32bits(float32(f)))
		} else {
			to.PutUint64(dst, math.Float64bits(f))
		}
	}
	return e, nil
}

// value is the number that the bits v stand for.
func value(t *hdf5.Datatype, v uint64) float64 {
	exponent := int(v >> t.ExponentAt & (1<<t.ExponentSize - 1))
	mantissa := v >> t.MantissaAt & (1<<t.MantissaSize - 1)
	var f float64
	switch {
	case exponent == 1<<t.ExponentSize-1 && mantissa != 0:
		return math.NaN()
	case exponent == 1<<t.ExponentSize-1:
		f = math.Inf(1)
	case exponent == 0:
		f = math.Ldexp(float64(mantissa), 1-int(t.ExponentBias)-t.MantissaSize)
	default:
		f = math.Ldexp(float64(mantissa|1<<t.MantissaSize), exponent-int(t.ExponentBias)-t.MantissaSize)
	}
	if v>>t.Sign&1 != 0 {
		f = -f
	}
	return f
}
