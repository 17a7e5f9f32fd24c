package hdf5

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
)

const (
	maxTypeDepth = 32
	maxTypeBytes = 64  // encodings up to this length are remembered
	maxTypes     = 512 // how many
)

// messageDatatype decodes a datatype message, which may be shared. Types met before are not made again.
func (f *File) messageDatatype(m message) (*Datatype, error) {
	b := f.buf(m)
	if m.flags&flagShared != 0 {
		o, id, err := f.sharedAt(&b, msgDatatype)
		if err != nil {
			return nil, err
		}
		if o != nil {
			return o.sharedDatatype()
		}
		if m, err = f.heapMessage(id, msgDatatype); err != nil {
			return nil, err
		}
		b = f.buf(m)
	}
	t := f.datatype(&b)
	return t, b.err
}

// datatype takes one datatype from b, out of the file's store of types when its encoding is known.
func (f *File) datatype(b *buf) *Datatype {
	if b.err != nil {
		return nil
	}
	// The encoding's end is not known before it is decoded, but the same bytes decode to the same type.
	var key []byte
	if n := b.left(); n <= maxTypeBytes {
		key = b.data[b.pos:]
		f.mu.Lock()
		t := f.types[string(key)]
		f.mu.Unlock()
		if t != nil {
			b.pos = len(b.data)
			return t
		}
	}
	t := b.datatype(0)
	if b.err == nil && key != nil {
		f.mu.Lock()
		if len(f.types) < maxTypes {
			f.types[string(key)] = t
		}
		f.mu.Unlock()
	}
	return t
}

// datatype decodes a datatype (IV.A.2.d); depth is that of its nesting.
func (b *buf) datatype(depth int) *Datatype {
	if depth > maxTypeDepth {
		b.failf("types are nested more than %d deep", maxTypeDepth)
		return nil
	}
	start := b.pos
	head := b.u32()
	flags := head >> 8
	size := b.u32()
	t := &Datatype{Class: Class(head & 0xf), Version: uint8(head >> 4 & 0xf), Size: int(size)}
	if b.err == nil && (t.Version < 1 || t.Version > 5) {
		b.pos = start
		b.failf("version is %d, not 1 to 5", t.Version)
	}
	if b.err == nil && (size == 0 || size > math.MaxInt32) {
		b.pos = start + 4
		b.failf("an element of %d bytes", size)
	}
	if b.err != nil {
		return t
	}
	switch t.Class {
	case FixedPoint, Bitfield:
		t.BigEndian, t.Signed = flags&1 != 0, t.Class == FixedPoint && flags&8 != 0
		b.precision(t)
	case FloatingPoint:
		t.BigEndian = flags&1 != 0
		switch {
		case flags&0x41 == 0x41:
			t.VAX, t.BigEndian = true, false
		case flags&0x40 != 0:
			b.failf("unknown byte order")
		}
		t.Normalization, t.Sign = uint8(flags>>4&3), int(flags>>8&0xff)
		b.precision(t)
		t.ExponentAt, t.ExponentSize = int(b.u8()), int(b.u8())
		t.MantissaAt, t.MantissaSize = int(b.u8()), int(b.u8())
		t.ExponentBias = b.u32()
	case Time:
		t.BigEndian, t.Precision = flags&1 != 0, int(b.u16())
	case String:
		b.stringFlags(t, flags)
	case Opaque:
		tag := b.bytes(int(flags & 0xff))
		t.Tag = string(untilNul(tag))
	case Compound:
		b.members(t, int(flags&0xffff), depth)
	case Reference:
		if t.Reference = ReferenceKind(flags & 0xf); t.Reference > AttributeReference {
			b.failf("unknown type of reference %d", t.Reference)
		}
	case Enum:
		b.enumeration(t, int(flags&0xffff), depth)
	case VarLen:
		switch flags & 0xf {
		case 0:
		case 1:
			t.VarString = true
			b.stringFlags(t, flags>>4)
		default:
			b.failf("unknown type of variable-length type %d", flags&0xf)
		}
		t.Base = b.datatype(depth + 1)
	case Array:
		b.array(t, depth)
	case Complex:
		if flags>>1&3 != 0 {
			b.failf("a complex number that is not of rectangular form")
		}
		if t.Base = b.datatype(depth + 1); b.err == nil && 2*t.Base.Size != t.Size {
			b.failf("a complex number of %d bytes with parts of %d", t.Size, t.Base.Size)
		}
	default:
		b.pos = start
		b.failf("unknown class %d", t.Class)
	}
	return t
}

func (b *buf) precision(t *Datatype) {
	t.Offset, t.Precision = int(b.u16()), int(b.u16())
	if b.err == nil && (t.Precision == 0 || t.Offset+t.Precision > 8*t.Size) {
		b.failf("%d bits from bit %d in an element of %d bytes", t.Precision, t.Offset, t.Size)
	}
}

// stringFlags takes padding and character set from the lowest 8 bits of flags.
func (b *buf) stringFlags(t *Datatype, flags uint32) {
	t.Padding, t.UTF8 = Padding(flags&0xf), flags>>4&0xf == 1
	if t.Padding > SpacePadded || flags>>4&0xf > 1 {
		b.failf("unknown padding %d or character set %d", t.Padding, flags>>4&0xf)
	}
}

func untilNul(s []byte) []byte {
	if i := bytes.IndexByte(s, 0); i >= 0 {
		return s[:i]
	}
	return s
}

// name takes a NUL-terminated string, padded to a multiple of 8 bytes when padded says so.
func (b *buf) name(padded bool) string {
	if b.err != nil {
		return ""
	}
	i := bytes.IndexByte(b.data[b.pos:], 0)
	if i < 0 {
		b.failf("a name without an end")
		return ""
	}
	s := string(b.data[b.pos : b.pos+i])
	n := i + 1
	if padded {
		n = (n + 7) &^ 7
	}
	b.skip(n)
	return s
}

func (b *buf) members(t *Datatype, n, depth int) {
	if n == 0 {
		b.failf("a compound type without members")
	}
	t.Members = make([]Member, 0, min(n, b.left()/12))
	offsetBytes := 4
	if t.Version >= 3 {
		offsetBytes = (bits.Len(uint(t.Size)) + 7) / 8
	}
	for i := 0; i < n && b.err == nil; i++ {
		m := Member{Name: b.name(t.Version < 3), Offset: int(b.uint(offsetBytes))}
		var dims []uint64
		if t.Version == 1 { // a member of version 1 may be an array itself
			rank := int(b.u8())
			b.skip(3 + 4 + 4) // reserved, permutation, reserved
			at := b.bytes(16)
			if rank > 4 {
				b.failf("member %q has %d dimensions", m.Name, rank)
			}
			for j := 0; j < rank && b.err == nil; j++ {
				dims = append(dims, leUint(at[4*j:4*j+4]))
			}
		}
		m.Type = b.datatype(depth + 1)
		if dims != nil && b.err == nil {
			a := &Datatype{Class: Array, Version: t.Version, Base: m.Type, Dims: dims}
			a.Size = b.arraySize(a, m.Name)
			m.Type = a
		}
		if b.err == nil && (m.Offset > t.Size || m.Type.Size > t.Size-m.Offset) {
			b.failf("member %q of %d bytes at %d reaches over the end of its %d-byte type", m.Name, m.Type.Size, m.Offset, t.Size)
		}
		t.Members = append(t.Members, m)
	}
}

// arraySize is the bytes of an array type's element; more than an int32 holds is an error.
func (b *buf) arraySize(t *Datatype, name string) int {
	n := uint64(t.Base.Size)
	for _, d := range t.Dims {
		hi, lo := bits.Mul64(n, d)
		if n = lo; hi != 0 || n == 0 || n > math.MaxInt32 {
			b.failf("array %s of %d elements of %d bytes", name, t.Dims, t.Base.Size)
			return 0
		}
	}
	return int(n)
}

func (b *buf) enumeration(t *Datatype, n, depth int) {
	t.Base = b.datatype(depth + 1)
	if b.err == nil && (t.Base.Class != FixedPoint || t.Base.Size != t.Size) {
		b.failf("an enumeration of %d bytes over class %d of %d bytes", t.Size, t.Base.Class, t.Base.Size)
	}
	if b.err != nil {
		return
	}
	if n > b.left() {
		b.failf("%d names in %d bytes", n, b.left())
		return
	}
	t.Values = make([]EnumMember, n)
	for i := range t.Values {
		t.Values[i].Name = b.name(t.Version < 3)
	}
	for i := range t.Values {
		t.Values[i].Value = b.bytes(t.Base.Size)
	}
}

func (b *buf) array(t *Datatype, depth int) {
	rank := int(b.u8())
	if t.Version < 3 {
		b.skip(3)
	}
	if rank == 0 || rank > maxRank {
		b.failf("an array of %d dimensions", rank)
	}
	if b.err != nil {
		return
	}
	t.Dims = make([]uint64, rank)
	for i := range t.Dims {
		t.Dims[i] = uint64(b.u32())
	}
	if t.Version < 3 {
		b.skip(4 * rank) // permutations
	}
	t.Base = b.datatype(depth + 1)
	if b.err == nil {
		if n := b.arraySize(t, fmt.Sprint(t.Dims)); n != t.Size {
			b.failf("an array of %d elements of %d bytes has %d bytes", t.Dims, t.Base.Size, t.Size)
		}
	}
}
