package hdf5

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// Types of header messages (IV.A.2).
const (
	msgNil          = 0x00
	msgDataspace    = 0x01
	msgLinkInfo     = 0x02
	msgDatatype     = 0x03
	msgFillOld      = 0x04
	msgFill         = 0x05
	msgLink         = 0x06
	msgExternal     = 0x07
	msgLayout       = 0x08
	msgFilters      = 0x0b
	msgAttribute    = 0x0c
	msgSharedTable  = 0x0f
	msgContinuation = 0x10
	msgSymbolTable  = 0x11
	msgDriverInfo   = 0x14
	msgAttrInfo     = 0x15
	msgCacheImage   = 0x18
	msgLast         = 0x18
	msgBogus        = 0x09
)

// Flags of a header message.
const (
	flagShared     = 0x02
	flagMustKnow   = 0x80
	maxHeaderBytes = 64 << 20
	minHeader      = 16
	maxPrefix      = 6 + 16 + 4 + 8 // of version 2, with the size of its first block
)

// message is one header message, not yet decoded.
type message struct {
	kind  uint16
	flags uint8
	order uint16 // creation order, when the header tracks that of attributes
	off   int64  // absolute offset of data
	data  []byte
}

// header is an object header (IV.A.1).
type header struct {
	addr     int64
	ordered  bool // the creation order of attributes is tracked
	messages []message
}

// find gives the first message of a kind; ok is false when there is none.
func (h *header) find(kind uint16) (m message, ok bool) {
	for i := range h.messages {
		if h.messages[i].kind == kind {
			return h.messages[i], true
		}
	}
	return message{}, false
}

// buf decodes a message.
func (f *File) buf(m message) buf {
	return buf{f: f, what: messageName(m.kind), off: m.off, data: m.data}
}

func messageName(kind uint16) string {
	switch kind {
	case msgDataspace:
		return "dataspace message"
	case msgLinkInfo:
		return "link info message"
	case msgDatatype:
		return "datatype message"
	case msgFillOld, msgFill:
		return "fill value message"
	case msgLink:
		return "link message"
	case msgExternal:
		return "external data files message"
	case msgLayout:
		return "data layout message"
	case msgFilters:
		return "filter pipeline message"
	case msgAttribute:
		return "attribute message"
	case msgSharedTable:
		return "shared message table message"
	case msgContinuation:
		return "object header continuation message"
	case msgSymbolTable:
		return "symbol table message"
	case msgDriverInfo:
		return "driver info message"
	case msgAttrInfo:
		return "attribute info message"
	case msgCacheImage:
		return "metadata cache image message"
	}
	return fmt.Sprintf("header message %#x", kind)
}

// readHeader reads all messages of the object header at the absolute address, through all
// continuation blocks.
func (f *File) readHeader(addr int64) (*header, error) {
	start, err := f.peek(addr, int(max(minHeader, min(maxPrefix, f.cache.size-addr))), "object header")
	if err != nil {
		return nil, err
	}
	r := headerReader{f: f, h: &header{addr: addr}}
	b := buf{f: f, what: "object header", off: addr, data: start}
	if string(start[:4]) == "OHDR" {
		err = r.readV2(b)
	} else {
		err = r.readV1(b)
	}
	if err != nil {
		return nil, err
	}
	if r.h.ordered {
		// Continuation blocks are not filled in order.
		slices.SortStableFunc(r.h.messages, func(x, y message) int {
			if x.kind != msgAttribute || y.kind != msgAttribute {
				return cmp.Compare(x.kind, y.kind)
			}
			return cmp.Compare(x.order, y.order)
		})
	}
	return r.h, nil
}

type headerReader struct {
	f       *File
	h       *header
	v2      bool
	blocks  []span // continuation blocks not yet read
	visited *visits
}

type span struct{ off, size int64 }

func (r *headerReader) readV1(b buf) error {
	if v := b.u8(); v != 1 {
		b.pos--
		b.failf("version is %d, not 1 or 2", v)
	}
	b.skip(1)
	n := int(b.u16())
	b.skip(4) // reference count
	size := int64(b.u32())
	b.skip(4) // alignment
	if b.err != nil {
		return b.err
	}
	r.h.messages = make([]message, 0, min(n, 64))
	if err := r.readMessages(span{b.off + 16, size}, b.data[16:]); err != nil {
		return err
	}
	return r.continued()
}

func (r *headerReader) readV2(b buf) error {
	r.v2 = true
	b.skip(4)
	if v := b.u8(); v != 2 {
		b.pos--
		b.failf("version is %d, not 2", v)
	}
	flags := b.u8()
	if flags&0x20 != 0 {
		b.skip(16) // access, modification, change and birth times
	}
	if flags&0x10 != 0 {
		b.skip(4) // phase change values of attributes
	}
	size := b.uint(1 << (flags & 3))
	prefix := int64(b.pos)
	if b.err != nil {
		return b.err
	}
	if size > uint64(r.f.cache.size) || size > maxHeaderBytes {
		b.failf("its first block has %d bytes", size)
		return b.err
	}
	r.h.ordered = flags&0x04 != 0
	total := prefix + int64(size) + 4
	data := b.data
	if int64(len(data)) < total {
		var err error
		if data, err = r.f.readAt(b.off, int(total), b.what); err != nil {
			return err
		}
	}
	if err := verifyChecksum(data[:total], b.off, b.what); err != nil {
		return err
	}
	r.h.messages = make([]message, 0, 16)
	if err := r.readMessages(span{b.off + prefix, int64(size)}, data[prefix:total-4]); err != nil {
		return err
	}
	return r.continued()
}

// continued reads the continuation blocks, which may bring further ones.
func (r *headerReader) continued() error {
	for len(r.blocks) > 0 {
		s := r.blocks[0]
		r.blocks = r.blocks[1:]
		what := "object header continuation block"
		if r.visited == nil {
			r.visited = r.f.newVisits()
		}
		if err := r.visited.enter(s.off, s.size, what); err != nil {
			return err
		}
		if s.size > maxHeaderBytes {
			return &cdm.FormatError{Offset: s.off, Struct: what, Msg: fmt.Sprintf("has %d bytes", s.size)}
		}
		b := r.f.read(s.off, int(s.size), what)
		if b.err != nil {
			return b.err
		}
		data := b.data
		if r.v2 {
			b.sig("OCHK")
			if b.err != nil {
				return b.err
			}
			if err := verifyChecksum(data, s.off, what); err != nil {
				return err
			}
			if len(data) < 8 {
				b.failf("has %d bytes", len(data))
				return b.err
			}
			s.off += 4
			data = data[4 : len(data)-4]
			s.size = int64(len(data))
		}
		if err := r.readMessages(s, data); err != nil {
			return err
		}
	}
	return nil
}

// readMessages splits one block into messages. data is the block as far as it is at hand.
func (r *headerReader) readMessages(s span, data []byte) error {
	if int64(len(data)) < s.size {
		if s.size > maxHeaderBytes {
			return &cdm.FormatError{Offset: s.off, Struct: "object header", Msg: fmt.Sprintf("its first block has %d bytes", s.size)}
		}
		var err error
		if data, err = r.f.readAt(s.off, int(s.size), "object header"); err != nil {
			return err
		}
	}
	b := buf{f: r.f, what: "object header", off: s.off, data: data[:s.size]}
	if err := r.f.charge(s.size, s.off, b.what); err != nil {
		return err
	}
	prefix := 8
	if r.v2 {
		prefix = 4
		if r.h.ordered {
			prefix = 6
		}
	}
	for b.left() >= prefix { // what is shorter is a gap
		var m message
		var size int
		if r.v2 {
			m.kind, size, m.flags = uint16(b.u8()), int(b.u16()), b.u8()
			if r.h.ordered {
				m.order = b.u16()
			}
		} else {
			m.kind, size, m.flags = b.u16(), int(b.u16()), b.u8()
			b.skip(3)
		}
		m.off = b.off + int64(b.pos)
		if size > b.left() {
			b.failf("message %#x has %d bytes, its block only %d more", m.kind, size, b.left())
		}
		m.data = b.bytes(size)
		if b.err != nil {
			return b.err
		}
		switch {
		case m.kind == msgNil:
			continue
		case m.kind == msgContinuation:
			c := r.f.buf(m)
			off, size := c.addr(), c.length()
			if c.err == nil && (off < 0 || size > uint64(r.f.cache.size)) {
				c.failf("a block of %d bytes at byte %#x", size, off)
			}
			if c.err != nil {
				return c.err
			}
			r.blocks = append(r.blocks, span{off, int64(size)})
			continue
		case (m.kind > msgLast || m.kind == msgBogus) && m.flags&flagMustKnow != 0:
			return fmt.Errorf("object header at byte %#x: its message of unknown type %#x must be understood: %w", r.h.addr, m.kind, cdm.ErrUnsupported)
		}
		r.h.messages = append(r.h.messages, m)
	}
	return b.err
}
