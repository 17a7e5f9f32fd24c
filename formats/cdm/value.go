package cdm

import (
	"encoding/binary"
	"fmt"
	"math"
)

func (t DType) byteOrder() binary.ByteOrder {
	if t.Big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// Encode lays an attribute's scalar value out as one element of t. ok is false when t can't hold the value exactly.
func (t DType) Encode(value any) (raw []byte, ok bool) {
	switch t.Kind {
	case Bytes:
		s, isString := value.(string)
		if !isString || len(s) > t.Size {
			return nil, false
		}
		return append([]byte(s), make([]byte, t.Size-len(s))...), true
	case Bool:
		b, isBool := value.(bool)
		if !isBool {
			n, isInt := integer(value)
			if !isInt || n.neg || n.abs > 1 {
				return nil, false
			}
			b = n.abs == 1
		}
		if b {
			return []byte{1}, true
		}
		return []byte{0}, true
	case Int, Uint:
		n, isInt := integer(value)
		if !isInt {
			f, isFloat := float(value)
			if !isFloat || f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
				return nil, false
			}
			n = number{f < 0, uint64(math.Abs(f))}
		}
		return t.encodeInt(n)
	case Float:
		f, isFloat := float(value)
		if !isFloat {
			n, isInt := integer(value)
			if !isInt || n.abs > 1<<53 {
				return nil, false
			}
			f = float64(n.abs)
			if n.neg {
				f = -f
			}
		}
		return t.encodeFloat(f)
	}
	return nil, false
}

// number is an integer of either sign and 64 bits.
type number struct {
	neg bool
	abs uint64
}

func signed(v int64) number {
	if v < 0 {
		return number{true, uint64(-(v + 1)) + 1}
	}
	return number{false, uint64(v)}
}

func integer(value any) (number, bool) {
	switch v := value.(type) {
	case int8:
		return signed(int64(v)), true
	case int16:
		return signed(int64(v)), true
	case int32:
		return signed(int64(v)), true
	case int64:
		return signed(v), true
	case int:
		return signed(int64(v)), true
	case uint8:
		return number{false, uint64(v)}, true
	case uint16:
		return number{false, uint64(v)}, true
	case uint32:
		return number{false, uint64(v)}, true
	case uint64:
		return number{false, v}, true
	}
	return number{}, false
}

func float(value any) (float64, bool) {
	switch v := value.(type) {
	case float32:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func (t DType) encodeInt(n number) ([]byte, bool) {
	bits := uint(t.Size * 8)
	if t.Size != 1 && t.Size != 2 && t.Size != 4 && t.Size != 8 {
		return nil, false
	}
	u := n.abs
	if n.neg {
		u = -u
	}
	switch {
	case t.Kind == Uint && n.neg && n.abs != 0:
		return nil, false
	case t.Kind == Uint && bits < 64 && n.abs >= 1<<bits:
		return nil, false
	case t.Kind == Int && !n.neg && n.abs >= 1<<(bits-1):
		return nil, false
	case t.Kind == Int && n.neg && n.abs > 1<<(bits-1):
		return nil, false
	}
	return t.putBits(u), true
}

func (t DType) encodeFloat(f float64) ([]byte, bool) {
	switch t.Size {
	case 4:
		if g := float32(f); float64(g) != f && !math.IsNaN(f) {
			return nil, false
		}
		return t.putBits(uint64(math.Float32bits(float32(f)))), true
	case 8:
		return t.putBits(math.Float64bits(f)), true
	}
	return nil, false
}

func (t DType) putBits(u uint64) []byte {
	raw := make([]byte, t.Size)
	switch t.Size {
	case 1:
		raw[0] = byte(u)
	case 2:
		t.byteOrder().PutUint16(raw, uint16(u))
	case 4:
		t.byteOrder().PutUint32(raw, uint32(u))
	case 8:
		t.byteOrder().PutUint64(raw, u)
	}
	return raw
}

// Float64s converts elements to float64; integers beyond 2^53 lose their low bits. It answers an error for types that
// are not numbers.
func (t DType) Float64s(raw []byte) ([]float64, error) {
	if !t.Numeric() || t.Size == 0 || len(raw)%t.Size != 0 {
		return nil, fmt.Errorf("%s is no numeric type", t)
	}
	out := make([]float64, len(raw)/t.Size)
	for i := range out {
		e := raw[i*t.Size:]
		switch {
		case t.Kind == Float && t.Size == 8:
			out[i] = math.Float64frombits(t.byteOrder().Uint64(e))
		case t.Kind == Float && t.Size == 4:
			out[i] = float64(math.Float32frombits(t.byteOrder().Uint32(e)))
		case t.Kind == Float && t.Size == 2:
			out[i] = half(t.byteOrder().Uint16(e))
		case t.Kind == Float:
			return nil, fmt.Errorf("%s is no numeric type", t)
		case t.Kind == Int:
			out[i] = float64(t.int64(e))
		default:
			out[i] = float64(t.uint64(e))
		}
	}
	return out, nil
}

// Int64s converts elements of an integer type to int64. It answers an error for other types and for values beyond int64.
func (t DType) Int64s(raw []byte) ([]int64, error) {
	if t.Kind != Int && t.Kind != Uint && t.Kind != Bool || t.Size == 0 || len(raw)%t.Size != 0 {
		return nil, fmt.Errorf("%s is no integer type", t)
	}
	out := make([]int64, len(raw)/t.Size)
	for i := range out {
		e := raw[i*t.Size:]
		if t.Kind == Int {
			out[i] = t.int64(e)
			continue
		}
		u := t.uint64(e)
		if u > math.MaxInt64 {
			return nil, fmt.Errorf("value %d is beyond int64", u)
		}
		out[i] = int64(u)
	}
	return out, nil
}

func (t DType) uint64(e []byte) uint64 {
	switch t.Size {
	case 1:
		return uint64(e[0])
	case 2:
		return uint64(t.byteOrder().Uint16(e))
	case 4:
		return uint64(t.byteOrder().Uint32(e))
	}
	return t.byteOrder().Uint64(e)
}

func (t DType) int64(e []byte) int64 {
	shift := 64 - 8*uint(t.Size)
	return int64(t.uint64(e)<<shift) >> shift
}

// half converts an IEEE 754 binary16 number.
func half(h uint16) float64 {
	sign, exp, frac := 1.0, int(h>>10&0x1f), float64(h&0x3ff)
	if h>>15 != 0 {
		sign = -1
	}
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, -24)
	case 31:
		if frac != 0 {
			return math.NaN()
		}
		return sign * math.Inf(1)
	}
	return sign * math.Ldexp(1+frac/1024, exp-15)
}
