package codecs

import (
	"encoding/binary"
	"fmt"
	"math"
)

// The scale types of HDF5's scale-offset filter.
const (
	scaleFloatDecimal = 0
	scaleInteger      = 2
)

// scaleOffsetHeader is the length of what precedes the packed numbers: the number of bits (4
// bytes), the length of the minimum (1), the minimum (8), and padding.
const scaleOffsetHeader = 21

// scaleOffset is HDF5's filter 6: numbers less their minimum, floating-point ones multiplied by a
// power of ten and rounded, each in the fewest bits that hold them all. The largest number of that
// many bits stands for the fill value.
type scaleOffset struct {
	scale   uint32
	factor  int
	count   int
	float   bool
	size    int
	big     bool
	hasFill bool
	fill    uint64 // its bits
}

func scaleOffsetFromHDF5(params []uint32) (Codec, error) {
	if len(params) < 8 {
		return nil, fmt.Errorf("scaleoffset: %d parameters, 8 are needed", len(params))
	}
	s := scaleOffset{
		scale: params[0], factor: int(int32(params[1])), count: int(params[2]), float: params[3] == 1,
		size: int(params[4]), big: params[6] == 1, hasFill: params[7] == 1,
	}
	switch {
	case params[3] > 1:
		return nil, fmt.Errorf("scaleoffset: datatype class %d is unknown", params[3])
	case s.float && s.size != 4 && s.size != 8, s.size != 1 && s.size != 2 && s.size != 4 && s.size != 8:
		return nil, fmt.Errorf("scaleoffset: numbers of %d bytes are not possible", s.size)
	case s.float && (s.factor > 400 || s.factor < -400):
		return nil, fmt.Errorf("scaleoffset: a scale of 10^%d is not possible", s.factor)
	case !s.float && s.scale != scaleInteger:
		return nil, fmt.Errorf("scaleoffset: scale type %d is not for integers", s.scale)
	}
	if s.hasFill {
		if len(params) < 8+(s.size+3)/4 {
			return nil, fmt.Errorf("scaleoffset: the fill value is cut off")
		}
		s.fill = uint64(params[8])
		if s.size == 8 {
			s.fill |= uint64(params[9]) << 32
		}
	}
	return s, nil
}

func (s scaleOffset) Config() map[string]any { return nil }
func (s scaleOffset) Name() string           { return "scaleoffset" }

func (s scaleOffset) Encode([]byte) ([]byte, error) { return nil, ErrNoEncoder }

func (s scaleOffset) Decode(src []byte, limit int) ([]byte, error) {
	if s.float && s.scale != scaleFloatDecimal {
		return nil, fmt.Errorf("%w: scale type %d of HDF5's scaleoffset", ErrNoDecoder, s.scale)
	}
	if !s.float && s.factor == 8*s.size {
		if len(src) > limit {
			return nil, errTooLarge(limit)
		}
		return src, nil // all bits are kept, so that nothing was done
	}
	if len(src) < scaleOffsetHeader {
		return nil, corrupt("%d bytes can't hold the header of scaleoffset", len(src))
	}
	width := uint(binary.LittleEndian.Uint32(src))
	minLen := min(int(src[4]), 8)
	var minimum uint64
	for i := range minLen {
		minimum |= uint64(src[5+i]) << (8 * i)
	}
	packed := src[scaleOffsetHeader:]
	if s.count > limit/s.size {
		return nil, errTooLarge(limit)
	}
	if width > uint(8*s.size) {
		return nil, corrupt("numbers of %d bits in %d bytes", width, s.size)
	}
	if width > 0 && 8*len(packed)/int(width) < s.count {
		return nil, corrupt("%d bytes can't hold %d numbers of %d bits", len(packed), s.count, width)
	}
	// With no bits at all every number is the minimum: then count, which the limit bounds, is
	// the only measure there is.
	out := make([]byte, s.count*s.size)
	if width == uint(8*s.size) {
		copy(out, packed[:len(out)])
		if s.big {
			reverseEach(out, s.size)
		}
		return out, nil
	}
	r := bitReader{src: packed}
	restore := s.restorer(minimum, uint64(1)<<width-1)
	for i := range s.count {
		s.put(out[i*s.size:], restore(r.read(width)))
	}
	return out, nil
}

// restorer gives the function from a packed number to the bits of the restored one.
func (s scaleOffset) restorer(minimum, fillCode uint64) func(uint64) uint64 {
	restore := func(v uint64) uint64 { return v + minimum }
	// HDF5 computes in the datatype's own precision, and so must this, to the last bit.
	switch {
	case s.float && s.size == 4:
		base, scale := math.Float32frombits(uint32(minimum)), float32(math.Pow10(s.factor))
		restore = func(v uint64) uint64 {
			q := float32(int32(v)) / scale
			return uint64(math.Float32bits(q + base))
		}
	case s.float:
		base, scale := math.Float64frombits(minimum), math.Pow10(s.factor)
		restore = func(v uint64) uint64 {
			q := float64(int64(v)) / scale
			return math.Float64bits(q + base)
		}
	}
	if !s.hasFill {
		return restore
	}
	return func(v uint64) uint64 {
		if v == fillCode {
			return s.fill
		}
		return restore(v)
	}
}

func (s scaleOffset) put(dst []byte, v uint64) {
	for i := range s.size {
		b := i
		if s.big {
			b = s.size - 1 - i
		}
		dst[b] = byte(v >> (8 * i))
	}
}

// reverseEach swaps the byte order of every number of size bytes.
func reverseEach(data []byte, size int) {
	for ; len(data) >= size; data = data[size:] {
		for i, j := 0, size-1; i < j; i, j = i+1, j-1 {
			data[i], data[j] = data[j], data[i]
		}
	}
}
