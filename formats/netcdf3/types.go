package netcdf3

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// ncType is an external data type; from ubyte on they exist in CDF-5 only.
type ncType int32

const (
	ncByte ncType = iota + 1
	ncChar
	ncShort
	ncInt
	ncFloat
	ncDouble
	ncUbyte
	ncUshort
	ncUint
	ncInt64
	ncUint64
)

func (t ncType) valid(v version) bool {
	return t >= ncByte && t <= ncDouble || v == cdf5 && t >= ncUbyte && t <= ncUint64
}

// size is the bytes of one element.
func (t ncType) size() int64 { return int64(t.dtype().Size) }

func (t ncType) dtype() cdm.DType {
	switch t {
	case ncByte:
		return cdm.DType{Kind: cdm.Int, Size: 1}
	case ncShort:
		return cdm.DType{Kind: cdm.Int, Size: 2, Big: true}
	case ncInt:
		return cdm.DType{Kind: cdm.Int, Size: 4, Big: true}
	case ncFloat:
		return cdm.DType{Kind: cdm.Float, Size: 4, Big: true}
	case ncDouble:
		return cdm.DType{Kind: cdm.Float, Size: 8, Big: true}
	case ncUbyte:
		return cdm.DType{Kind: cdm.Uint, Size: 1}
	case ncUshort:
		return cdm.DType{Kind: cdm.Uint, Size: 2, Big: true}
	case ncUint:
		return cdm.DType{Kind: cdm.Uint, Size: 4, Big: true}
	case ncInt64:
		return cdm.DType{Kind: cdm.Int, Size: 8, Big: true}
	case ncUint64:
		return cdm.DType{Kind: cdm.Uint, Size: 8, Big: true}
	}
	return cdm.DType{Kind: cdm.Bytes, Size: 1} // char
}

// defaultFill is the type's default fill value (netcdf.h, NC_FILL_*), big-endian.
func (t ncType) defaultFill() []byte {
	be := binary.BigEndian
	switch t {
	case ncByte:
		return []byte{0x81} // -127
	case ncShort:
		return be.AppendUint16(nil, 0x8001) // -32767
	case ncInt:
		return be.AppendUint32(nil, 0x80000001) // -2147483647
	case ncFloat:
		return be.AppendUint32(nil, 0x7CF00000) // 9.9692099683868690e+36
	case ncDouble:
		return be.AppendUint64(nil, 0x479E000000000000) // 9.9692099683868690e+36
	case ncUbyte:
		return []byte{0xFF}
	case ncUshort:
		return be.AppendUint16(nil, 0xFFFF)
	case ncUint:
		return be.AppendUint32(nil, 0xFFFFFFFF)
	case ncInt64:
		return be.AppendUint64(nil, 0x8000000000000002) // -9223372036854775806
	case ncUint64:
		return be.AppendUint64(nil, 0xFFFFFFFFFFFFFFFE) // 18446744073709551614
	}
	return []byte{0}
}

// value decodes the big-endian elements of an attribute. Text loses its NULs, as netCDF4-python reads
// it; its other bytes are kept, whatever their encoding. No elements is an empty attribute: nil, or "".
func (t ncType) value(raw []byte) any {
	be := binary.BigEndian
	switch t {
	case ncByte:
		return elements(raw, 1, func(b []byte) int8 { return int8(b[0]) })
	case ncShort:
		return elements(raw, 2, func(b []byte) int16 { return int16(be.Uint16(b)) })
	case ncInt:
		return elements(raw, 4, func(b []byte) int32 { return int32(be.Uint32(b)) })
	case ncFloat:
		return elements(raw, 4, func(b []byte) float32 { return math.Float32frombits(be.Uint32(b)) })
	case ncDouble:
		return elements(raw, 8, func(b []byte) float64 { return math.Float64frombits(be.Uint64(b)) })
	case ncUbyte:
		return elements(raw, 1, func(b []byte) uint8 { return b[0] })
	case ncUshort:
		return elements(raw, 2, be.Uint16)
	case ncUint:
		return elements(raw, 4, be.Uint32)
	case ncInt64:
		return elements(raw, 8, func(b []byte) int64 { return int64(be.Uint64(b)) })
	case ncUint64:
		return elements(raw, 8, be.Uint64)
	}
	return string(bytes.ReplaceAll(raw, []byte{0}, nil))
}

func elements[T any](raw []byte, size int, decode func([]byte) T) any {
	switch n := len(raw) / size; n {
	case 0:
		return nil
	case 1:
		return decode(raw)
	default:
		out := make([]T, n)
		for i := range out {
			out[i] = decode(raw[i*size:])
		}
		return out
	}
}
