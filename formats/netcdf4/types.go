package netcdf4

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/hdf5"
)

// element is how a stored element appears.
type element struct {
	dtype  cdm.DType
	stored int     // bytes as stored
	axes   []int64 // further axes, of an array type; dtype is then that of its elements

	// convert writes one element, dtype.Size times the product of axes bytes, from one as stored; nil where both are the same.
	convert func(dst, src []byte)
}

// count is the number of values in an element.
func (e *element) count() int64 {
	n := int64(1)
	for _, a := range e.axes {
		n *= a
	}
	return n
}

// unsupported is a refusal.
func unsupported(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, cdm.ErrUnsupported)...)
}

// maxTypeDepth bounds the nesting of compounds and arrays.
const maxTypeDepth = 32

// elementOf is how elements of a type appear; an error when they can't.
func elementOf(t *hdf5.Datatype) (element, error) { return elementAt(t, 0) }

func elementAt(t *hdf5.Datatype, depth int) (element, error) {
	if depth > maxTypeDepth {
		return element{}, unsupported("types nested %d deep", depth)
	}
	if t.Size <= 0 {
		return element{}, unsupported("elements of no size")
	}
	same := func(kind cdm.Kind) (element, error) {
		big := t.BigEndian && t.Size > 1 && (kind == cdm.Int || kind == cdm.Uint || kind == cdm.Float)
		return element{dtype: cdm.DType{Kind: kind, Size: t.Size, Big: big}, stored: t.Size}, nil
	}
	switch t.Class {
	case hdf5.FixedPoint:
		return integer(t, t.Signed)
	case hdf5.Bitfield:
		return integer(t, false)
	case hdf5.FloatingPoint:
		if !ieee(t) {
			return float(t)
		}
		return same(cdm.Float)
	case hdf5.Complex:
		if t.Base == nil || t.Base.Class != hdf5.FloatingPoint || !ieee(t.Base) || t.Base.Size < 4 {
			return element{}, unsupported("complex numbers that are not of two 4- or 8-byte floats")
		}
		return element{dtype: cdm.DType{Kind: cdm.Complex, Size: t.Size, Big: t.Base.BigEndian}, stored: t.Size}, nil
	case hdf5.String:
		return same(cdm.Bytes)
	case hdf5.Opaque:
		return same(cdm.Void)
	case hdf5.Enum:
		if t.Base == nil {
			return element{}, unsupported("an enumeration without a base")
		}
		if isBool(t) {
			return same(cdm.Bool)
		}
		return elementAt(t.Base, depth+1)
	case hdf5.VarLen:
		if t.VarString {
			return element{dtype: cdm.DType{Kind: cdm.Object}, stored: t.Size}, nil
		}
		return element{}, unsupported("sequences of variable length")
	case hdf5.Compound:
		return compound(t, depth)
	case hdf5.Array:
		return array(t, depth)
	case hdf5.Reference:
		return element{}, unsupported("references to other objects")
	case hdf5.Time:
		return element{}, unsupported("HDF5's time type")
	}
	return element{}, unsupported("datatype class %d", t.Class)
}

// isBool is h5py's way to store booleans.
func isBool(t *hdf5.Datatype) bool {
	if t.Size != 1 || len(t.Values) != 2 || t.Base.Class != hdf5.FixedPoint {
		return false
	}
	seen := 0
	for _, v := range t.Values {
		switch {
		case len(v.Value) != 1:
		case v.Name == "FALSE" && v.Value[0] == 0:
			seen |= 1
		case v.Name == "TRUE" && v.Value[0] == 1:
			seen |= 2
		}
	}
	return seen == 3
}

// ieee says whether a float is one of IEEE 754's that NumPy has.
func ieee(t *hdf5.Datatype) bool {
	var exponent, mantissa int
	switch t.Size {
	case 2:
		exponent, mantissa = 5, 10
	case 4:
		exponent, mantissa = 8, 23
	case 8:
		exponent, mantissa = 11, 52
	default:
		return false
	}
	return !t.VAX && t.Offset == 0 && t.Precision == 8*t.Size && t.MantissaAt == 0 && t.MantissaSize == mantissa &&
		t.ExponentAt == mantissa && t.ExponentSize == exponent && t.Sign == 8*t.Size-1 &&
		t.ExponentBias == 1<<(exponent-1)-1 && t.Normalization == 2
}

// integer is an integer, or one of fewer bits than its bytes have, which is widened.
func integer(t *hdf5.Datatype, signed bool) (element, error) {
	kind := cdm.Uint
	if signed {
		kind = cdm.Int
	}
	size := t.Size
	if size > 8 || t.Offset < 0 || t.Precision < 1 || t.Offset+t.Precision > 8*size {
		return element{}, unsupported("integers of %d bits at bit %d of %d bytes", t.Precision, t.Offset, size)
	}
	e := element{dtype: cdm.DType{Kind: kind, Size: size, Big: t.BigEndian && size > 1}, stored: size}
	if t.Offset == 0 && t.Precision == 8*size && bits.OnesCount(uint(size)) == 1 {
		return e, nil
	}
	e.dtype.Size = 1 << bits.Len(uint(size-1))
	e.dtype.Big = t.BigEndian && e.dtype.Size > 1
	big, at, precision, wide := t.BigEndian, t.Offset, t.Precision, e.dtype.Size
	e.convert = func(dst, src []byte) {
		var v uint64
		for i := range size {
			b := src[i]
			if !big {
				b = src[size-1-i]
			}
			v = v<<8 | uint64(b)
		}
		v = v >> at << (64 - precision)
		if signed {
			v = uint64(int64(v) >> (64 - precision))
		} else {
			v >>= 64 - precision
		}
		for i := range wide {
			if big {
				dst[wide-1-i] = byte(v)
			} else {
				dst[i] = byte(v)
			}
			v >>= 8
		}
	}
	return e, nil
}

// array is an array type: its elements along further axes.
func array(t *hdf5.Datatype, depth int) (element, error) {
	if t.Base == nil || len(t.Dims) == 0 {
		return element{}, unsupported("an array type of no dimensions")
	}
	e, err := elementAt(t.Base, depth+1)
	if err != nil {
		return e, err
	}
	if e.dtype.Kind == cdm.Object {
		return e, unsupported("arrays of variable-length strings")
	}
	n := int64(1)
	axes := make([]int64, len(t.Dims))
	for i, d := range t.Dims {
		if d == 0 || d > uint64(t.Size) || n*int64(d) > int64(t.Size) {
			return e, unsupported("an array type of shape %v in %d bytes", t.Dims, t.Size)
		}
		axes[i] = int64(d)
		n *= int64(d)
	}
	if n*int64(e.stored) != int64(t.Size) {
		return e, unsupported("an array type of %d elements of %d bytes in %d bytes", n, e.stored, t.Size)
	}
	out := element{dtype: e.dtype, stored: t.Size, axes: append(axes, e.axes...)}
	if inner := e.convert; inner != nil {
		from, to := e.stored, e.dtype.Size*int(e.count())
		out.convert = func(dst, src []byte) {
			for i := range int(n) {
				inner(dst[i*to:(i+1)*to], src[i*from:(i+1)*from])
			}
		}
	}
	return out, nil
}

// compound is a complex number or a record. A record with holes, or with members that are converted, is packed.
func compound(t *hdf5.Datatype, depth int) (element, error) {
	if e, ok := complexPair(t); ok {
		return e, nil
	}
	if len(t.Members) == 0 {
		return element{}, unsupported("a compound without members")
	}
	out := element{dtype: cdm.DType{Kind: cdm.Void}, stored: t.Size}
	type piece struct {
		from, to, stored, size int
		convert                func(dst, src []byte)
	}
	var pieces []piece
	packed := true
	for _, m := range t.Members {
		e, err := elementAt(m.Type, depth+1)
		if err != nil {
			return out, fmt.Errorf("member %q: %w", m.Name, err)
		}
		if e.dtype.Kind == cdm.Object {
			return out, unsupported("member %q: a variable-length string within a compound", m.Name)
		}
		if len(e.axes) > 0 {
			return out, unsupported("member %q: an array within a compound, which zarr-python 3 can't open", m.Name)
		}
		if m.Offset < 0 || m.Offset > t.Size-e.stored {
			return out, unsupported("member %q at byte %d of %d", m.Name, m.Offset, t.Size)
		}
		size := e.dtype.Size * int(e.count())
		pieces = append(pieces, piece{m.Offset, out.dtype.Size, e.stored, size, e.convert})
		packed = packed && m.Offset == out.dtype.Size && e.convert == nil
		out.dtype.Fields = append(out.dtype.Fields, cdm.Field{Name: m.Name, Type: e.dtype, Shape: e.axes})
		out.dtype.Size += size
	}
	if packed && out.dtype.Size == t.Size {
		return out, nil
	}
	out.convert = func(dst, src []byte) {
		for _, p := range pieces {
			d, s := dst[p.to:p.to+p.size], src[p.from:p.from+p.stored]
			if p.convert != nil {
				p.convert(d, s)
			} else {
				copy(d, s)
			}
		}
	}
	return out, nil
}

// complexPair is h5py's and PyTables' way to store complex numbers.
func complexPair(t *hdf5.Datatype) (element, bool) {
	if len(t.Members) != 2 {
		return element{}, false
	}
	r, i := t.Members[0], t.Members[1]
	if r.Name != "r" || i.Name != "i" || r.Type.Class != hdf5.FloatingPoint || i.Type.Class != hdf5.FloatingPoint ||
		!ieee(r.Type) || !ieee(i.Type) || r.Type.Size != i.Type.Size || r.Type.BigEndian != i.Type.BigEndian ||
		r.Type.Size < 4 || r.Offset != 0 || i.Offset != r.Type.Size || t.Size != 2*r.Type.Size {
		return element{}, false
	}
	return element{dtype: cdm.DType{Kind: cdm.Complex, Size: t.Size, Big: r.Type.BigEndian}, stored: t.Size}, true
}

// order is the byte order of a type's numbers.
func order(t cdm.DType) binary.ByteOrder {
	if t.Big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}
