package hdf5

import (
	"fmt"
	"sync"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// sharedIndex is one index of the shared object header message table (III.I).
type sharedIndex struct {
	kinds uint16 // bit n: messages of type n
	heap  int64  // fractal heap of the messages

	mu   sync.Mutex // a heap is for one reader at a time
	open *fractalHeap
}

// object gives the message of that heap ID. The heap stays open, since every object of the file asks for some.
func (s *sharedIndex) object(f *File, id []byte) (data []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		h, err := f.openHeap(s.heap)
		if err != nil {
			return nil, err
		}
		s.open = h
	}
	return s.open.object(id)
}

// readSharedTable reads the table that a shared message table message points at.
func (f *File) readSharedTable(b buf) error {
	b.skip(1) // version
	at := b.addr()
	n := int(b.u8())
	if b.err != nil || at == Undefined {
		return b.err
	}
	const fixed = 2 + 2 + 4 + 3*2
	t := f.read(at, 4+n*(fixed+2*f.offsetSize)+4, "shared message table")
	t.sig("SMTB")
	if t.err != nil {
		return t.err
	}
	if err := verifyChecksum(t.data, at, t.what); err != nil {
		return err
	}
	for range n {
		t.skip(2) // version, index type
		s := &sharedIndex{kinds: t.u16()}
		t.skip(4 + 3*2) // least message size, cutoffs, number of messages
		t.addr()        // index
		s.heap = t.addr()
		f.sharedHeap = append(f.sharedHeap, s)
	}
	return t.err
}

// resolve gives the message itself when m only says where it is shared (IV.A.2, Shared Messages).
func (f *File) resolve(m message) (message, error) {
	if m.flags&flagShared == 0 {
		return m, nil
	}
	b := f.buf(m)
	return f.sharedMessage(&b, m.kind)
}

// sharedMessage takes a shared message's location from b and gives the message.
func (f *File) sharedMessage(b *buf, kind uint16) (message, error) {
	o, id, err := f.sharedAt(b, kind)
	if err != nil {
		return message{}, err
	}
	if o == nil {
		return f.heapMessage(id, kind)
	}
	m, ok := o.header.find(kind)
	if !ok || m.flags&flagShared != 0 {
		return message{}, o.errorf("has no %s of its own", messageName(kind))
	}
	return m, nil
}

// sharedAt takes a shared message's location: the object that has it, or its ID in the heap of shared messages.
func (f *File) sharedAt(b *buf, kind uint16) (o *Object, id []byte, err error) {
	version, where := b.u8(), b.u8()
	switch {
	case version == 3 && where == 1:
		id = b.bytes(8)
		return nil, id, b.err
	case version == 1:
		b.skip(6 + f.offsetSize) // reserved; the link name of a symbol table entry
	case version != 2 && version != 3:
		b.pos -= 2
		b.failf("shared message of version %d", version)
	}
	addr := b.addr()
	if b.err != nil {
		return nil, nil, b.err
	}
	if o, err = f.Object(addr); err != nil {
		return nil, nil, fmt.Errorf("shared %s: %w", messageName(kind), err)
	}
	return o, nil, nil
}

// heapMessage gives a message of the shared message table by its fractal heap ID.
func (f *File) heapMessage(id []byte, kind uint16) (message, error) {
	for _, s := range f.sharedHeap {
		if s.kinds&(1<<kind) == 0 || s.heap == Undefined {
			continue
		}
		data, err := s.object(f, id)
		if err != nil {
			return message{}, err
		}
		return message{kind: kind, off: s.heap, data: data}, nil
	}
	return message{}, &cdm.FormatError{Struct: messageName(kind), Msg: "is shared in a table that the file hasn't"}
}
