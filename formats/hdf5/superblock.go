package hdf5

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

const signature = "\x89HDF\r\n\x1a\n"

// readSuperblock finds and reads the superblock (II.A) and its extension (II.C).
func (f *File) readSuperblock() error {
	at, err := f.findSuperblock()
	if err != nil {
		return err
	}
	f.base = at
	head, err := f.peek(at, 16, "superblock")
	if err != nil {
		return err
	}
	b := buf{f: f, what: "superblock", off: at, data: head}
	b.skip(len(signature))
	version := b.u8()
	var s superblock
	switch version {
	case 0, 1:
		s, err = f.superblockV0(b, version)
	case 2, 3:
		s, err = f.superblockV2(b, version)
	default:
		return fmt.Errorf("superblock version %d: %w", version, cdm.ErrUnsupported)
	}
	if err != nil {
		return err
	}
	// A user block may have been added or removed after writing; then the superblock's place
	// counts and not the base address that it states, as for libhdf5.
	if s.driver != Undefined {
		b := f.read(s.driver, 16, "driver information block")
		b.skip(8)
		if name := b.bytes(8); b.err == nil {
			return driverError(name)
		}
		return b.err
	}
	if s.base < 0 || s.end < s.base || s.end-s.base > f.cache.size-at {
		return &cdm.FormatError{Offset: at, Struct: "superblock",
			Msg: fmt.Sprintf("the file is truncated: it should go on for %d bytes from here and has %d", uint64(s.end-s.base), f.cache.size-at)}
	}
	f.root = s.root
	if s.extension != Undefined {
		return f.readExtension(s.extension)
	}
	return nil
}

// superblock is what all versions have in common. Addresses are absolute, except that base and end are as stored.
type superblock struct {
	base, end, root, driver, extension int64
}

func (f *File) findSuperblock() (int64, error) {
	for at := int64(0); at+int64(len(signature)) <= f.cache.size; at = max(512, at*2) {
		b, err := f.readAt(at, len(signature), "signature")
		if err != nil {
			return 0, err
		}
		if bytes.Equal(b, []byte(signature)) {
			return at, nil
		}
	}
	return 0, &cdm.FormatError{Struct: "signature", Msg: "not an HDF5 file"}
}

func (f *File) setSizes(b *buf) {
	o, l := int(b.u8()), int(b.u8())
	for _, n := range []int{o, l} {
		if n != 2 && n != 4 && n != 8 {
			b.failf("sizes of offsets and lengths are %d and %d bytes", o, l)
			o, l = 8, 8
		}
	}
	f.offsetSize, f.lengthSize = o, l
}

// stored takes an address as it is stored.
func (b *buf) stored() int64 { return int64(b.uint(b.f.offsetSize)) }

func (f *File) superblockV0(b buf, version uint8) (s superblock, err error) {
	b.skip(4) // versions of free space, root group, reserved, shared header
	f.setSizes(&b)
	n := 16 + 8 + 4*f.offsetSize + 2*f.offsetSize + 24
	if version == 1 {
		n += 4
	}
	if b.err != nil {
		return s, b.err
	}
	pos := b.pos
	if b = f.read(f.base, n, b.what); b.err != nil {
		return s, b.err
	}
	b.skip(pos + 1 + 2 + 2 + 4) // reserved, group leaf and internal node K, consistency flags
	if version == 1 {
		b.skip(4) // indexed storage internal node K, reserved
	}
	s.base = b.stored()
	b.addr() // free space
	s.end = b.stored()
	s.driver = b.addr()
	b.skip(f.offsetSize) // root group symbol table entry: link name offset
	s.root = b.addr()
	s.extension = Undefined
	return s, b.err
}

func (f *File) superblockV2(b buf, version uint8) (s superblock, err error) {
	f.setSizes(&b)
	flags := b.u8()
	if b.err != nil {
		return s, b.err
	}
	pos := b.pos
	if b = f.read(f.base, pos+4*f.offsetSize+4, b.what); b.err != nil {
		return s, b.err
	}
	if err := verifyChecksum(b.data, f.base, b.what); err != nil {
		return s, err
	}
	if version == 3 && flags&1 != 0 {
		return s, &cdm.FormatError{Offset: f.base, Struct: b.what,
			Msg: "the file is open for writing, or its writer died; if no one writes it, run h5clear --status on a copy"}
	}
	b.skip(pos)
	s.base = b.stored()
	s.extension = b.addr()
	s.end = b.stored()
	s.root = b.addr()
	s.driver = Undefined
	return s, b.err
}

// readExtension reads the messages of the superblock extension that change how the file is read.
func (f *File) readExtension(addr int64) error {
	h, err := f.readHeader(addr)
	if err != nil {
		return fmt.Errorf("superblock extension: %w", err)
	}
	for i := range h.messages {
		m := h.messages[i]
		b := f.buf(m)
		switch m.kind {
		case msgSharedTable:
			if err := f.readSharedTable(b); err != nil {
				return err
			}
		case msgDriverInfo:
			b.skip(1) // version
			if name := b.bytes(8); b.err == nil {
				return driverError(name)
			}
			return b.err
		case msgCacheImage:
			if err := f.readCacheImage(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// driverError refuses a file whose data is spread over several files by a file driver (II.B).
func driverError(name []byte) error {
	s := strings.TrimRight(string(name), "\x00 ")
	switch s {
	case "NCSAfami":
		s = "family"
	case "NCSAmult":
		s = "multi or split"
	}
	return fmt.Errorf("the file is one of several written by the %q file driver: %w; join them with h5repart or h5repack", s, cdm.ErrUnsupported)
}
