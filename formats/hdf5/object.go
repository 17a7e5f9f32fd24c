package hdf5

import (
	"fmt"
	"sync"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// Object is one object: a group, a dataset or a committed datatype.
type Object struct {
	f      *File
	header *header
	kind   Kind

	attributes once[[]Attribute]
	links      once[*linkTable]
	dataset    once[*Dataset]
	datatype   once[*Datatype] // of the datatype message
}

// once is a value that is made when it is first asked for.
type once[T any] struct {
	do    sync.Once
	value T
	err   error
}

func (o *once[T]) get(make func() (T, error)) (T, error) {
	o.do.Do(func() { o.value, o.err = make() })
	return o.value, o.err
}

// Object opens the object whose header is at the absolute offset. The same address gives the same *Object.
func (f *File) Object(addr int64) (*Object, error) {
	f.mu.Lock()
	o := f.objects[addr]
	f.mu.Unlock()
	if o != nil {
		return o, nil
	}
	h, err := f.readHeader(addr)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if first := f.objects[addr]; first != nil {
		return first, nil
	}
	o = &Object{f: f, header: h, kind: kindOf(h)}
	f.objects[addr] = o
	return o, nil
}

// kindOf tells the kind of an object by the messages that it must have.
func kindOf(h *header) Kind {
	var has [msgLast + 1]bool
	for i := range h.messages {
		if k := h.messages[i].kind; k <= msgLast {
			has[k] = true
		}
	}
	switch {
	case has[msgSymbolTable] || has[msgLinkInfo]:
		return GroupKind
	case has[msgDatatype] && has[msgDataspace]:
		return DatasetKind
	case has[msgDatatype]:
		return DatatypeKind
	}
	return 0
}

// Kind is the object's kind; 0 when it is none of the known.
func (o *Object) Kind() Kind { return o.kind }

// Address is the absolute offset of the object header: the object's identity.
func (o *Object) Address() int64 { return o.header.addr }

// Group is the object as a group; an error if it is none.
func (o *Object) Group() (*Group, error) {
	if o.kind != GroupKind {
		return nil, o.errorf("is not a group")
	}
	return &Group{o}, nil
}

// Datatype is the object as a committed datatype; an error if it is none.
func (o *Object) Datatype() (*Datatype, error) {
	if o.kind != DatatypeKind {
		return nil, o.errorf("is not a committed datatype")
	}
	return o.sharedDatatype()
}

// sharedDatatype is the object's datatype message, which others may point at. Decoded once.
func (o *Object) sharedDatatype() (*Datatype, error) {
	return o.datatype.get(func() (*Datatype, error) {
		m, ok := o.header.find(msgDatatype)
		if !ok || m.flags&flagShared != 0 {
			return nil, o.errorf("has no datatype message of its own")
		}
		b := o.f.buf(m)
		t := o.f.datatype(&b)
		return t, b.err
	})
}

func (o *Object) errorf(format string, args ...any) error {
	return &cdm.FormatError{Offset: o.header.addr, Struct: "object header", Msg: fmt.Sprintf(format, args...)}
}
