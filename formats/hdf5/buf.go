package hdf5

import (
	"encoding/binary"
	"fmt"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// buf decodes one structure. Its error is sticky: parse straight down, look at err once. After
// an error every read gives zeros. All numbers are little-endian (II).
type buf struct {
	f    *File
	what string // the structure's name, for errors
	off  int64  // absolute file offset of data[0]
	data []byte // all of the structure, or as much of the file as is known to be there
	pos  int    // of the next read in data
	err  error
}

// read gives n bytes at the absolute offset as a buf; what names the structure.
func (f *File) read(off int64, n int, what string) buf {
	data, err := f.readAt(off, n, what)
	return buf{f: f, what: what, off: off, data: data, err: err}
}

// failf sets the error unless one is set; the offset is that of the next read.
func (b *buf) failf(format string, args ...any) {
	if b.err == nil {
		b.err = &cdm.FormatError{Offset: b.off + int64(b.pos), Struct: b.what, Msg: fmt.Sprintf(format, args...)}
	}
}

// left is the number of bytes not yet read; 0 after an error.
func (b *buf) left() int {
	if b.err != nil {
		return 0
	}
	return len(b.data) - b.pos
}

// bytes takes n bytes. They belong to the block cache: don't change them.
func (b *buf) bytes(n int) []byte {
	if b.err != nil {
		return nil
	}
	if n < 0 || n > len(b.data)-b.pos {
		b.failf("needs %d more bytes and has %d", n, len(b.data)-b.pos)
		return nil
	}
	s := b.data[b.pos : b.pos+n : b.pos+n]
	b.pos += n
	return s
}

func (b *buf) skip(n int) { b.bytes(n) }

func (b *buf) u8() uint8 {
	if s := b.bytes(1); s != nil {
		return s[0]
	}
	return 0
}

func (b *buf) u16() uint16 {
	if s := b.bytes(2); s != nil {
		return binary.LittleEndian.Uint16(s)
	}
	return 0
}

func (b *buf) u32() uint32 {
	if s := b.bytes(4); s != nil {
		return binary.LittleEndian.Uint32(s)
	}
	return 0
}

func (b *buf) u64() uint64 {
	if s := b.bytes(8); s != nil {
		return binary.LittleEndian.Uint64(s)
	}
	return 0
}

// uint takes a number of n bytes, 0 to 8.
func (b *buf) uint(n int) uint64 {
	if n < 0 || n > 8 {
		b.failf("a number of %d bytes", n)
		return 0
	}
	return leUint(b.bytes(n))
}

// leUint is the little-endian number in s, which has at most 8 bytes.
func leUint(s []byte) uint64 {
	switch len(s) {
	case 8:
		return binary.LittleEndian.Uint64(s)
	case 4:
		return uint64(binary.LittleEndian.Uint32(s))
	}
	var v uint64
	for i := len(s) - 1; i >= 0; i-- {
		v = v<<8 | uint64(s[i])
	}
	return v
}

// length takes a number of size-of-lengths bytes.
func (b *buf) length() uint64 { return b.uint(b.f.lengthSize) }

// addr takes an address and makes it absolute. An address beyond what an int64 holds is an error.
func (b *buf) addr() int64 {
	at := b.bytes(b.f.offsetSize)
	if b.err != nil {
		return Undefined
	}
	a, ok := b.f.absolute(leUint(at))
	if !ok {
		b.pos -= len(at)
		b.failf("address %#x lies outside of the file", leUint(at))
		return Undefined
	}
	return a
}

// sig takes a 4-byte signature.
func (b *buf) sig(want string) {
	if s := b.bytes(len(want)); s != nil && string(s) != want {
		b.pos -= len(want)
		b.failf("signature is %q, not %q", s, want)
	}
}

// verifyChecksum checks that the last 4 bytes of data are the lookup3 checksum of what precedes them.
// data is the whole structure, off its absolute offset.
func verifyChecksum(data []byte, off int64, what string) error {
	if len(data) < 4 {
		return &cdm.FormatError{Offset: off, Struct: what, Msg: "too short for a checksum"}
	}
	n := len(data) - 4
	stored, want := binary.LittleEndian.Uint32(data[n:]), lookup3(data[:n])
	if stored != want {
		return &cdm.FormatError{Offset: off, Struct: what, Msg: fmt.Sprintf("checksum is %#08x, its bytes give %#08x", stored, want)}
	}
	return nil
}
