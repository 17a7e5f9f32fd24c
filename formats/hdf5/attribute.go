package hdf5

import (
	"cmp"
	"fmt"
	"slices"
)

// Attributes gives the object's attributes in creation order where the file tracks it, otherwise
// in the order of storage (dense storage without creation order: by name). Decoded once; don't change them.
func (o *Object) Attributes() ([]Attribute, error) {
	return o.attributes.get(o.readAttributes)
}

func (o *Object) readAttributes() ([]Attribute, error) {
	n := 0
	var info *message
	for i := range o.header.messages {
		switch m := &o.header.messages[i]; m.kind {
		case msgAttribute:
			n++
		case msgAttrInfo:
			info = m
		}
	}
	var out []Attribute
	if n > 0 {
		out = make([]Attribute, 0, n)
	}
	for _, m := range o.header.messages {
		if m.kind != msgAttribute {
			continue
		}
		m, err := o.f.resolve(m)
		if err != nil {
			return nil, err
		}
		a, err := o.f.attribute(m)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	if info != nil {
		dense, err := o.denseAttributes(*info)
		if err != nil {
			return nil, fmt.Errorf("dense attributes: %w", err)
		}
		out = append(out, dense...)
	}
	return out, nil
}

// attribute decodes an attribute message (IV.A.2.m).
func (f *File) attribute(m message) (a Attribute, err error) {
	b := f.buf(m)
	version := b.u8()
	flags := b.u8() // reserved in version 1
	if version == 1 {
		flags = 0
	} else if version != 2 && version != 3 {
		b.failf("version is %d, not 1 to 3", version)
	}
	nameLen, typeLen, spaceLen := int(b.u16()), int(b.u16()), int(b.u16())
	if version == 3 {
		a.UTF8 = b.u8() == 1
	}
	pad := func(n int) int {
		if version == 1 {
			return (n + 7) &^ 7
		}
		return n
	}
	name := b.bytes(pad(nameLen))
	if b.err == nil {
		a.Name = string(untilNul(name[:nameLen]))
	}
	encoded := f.part(&b, msgDatatype, pad(typeLen), flags&1 != 0)
	space := f.part(&b, msgDataspace, pad(spaceLen), flags&2 != 0)
	if b.err != nil {
		return a, b.err
	}
	fail := func(err error) (Attribute, error) { return a, fmt.Errorf("attribute %q: %w", a.Name, err) }
	if a.Type, err = f.messageDatatype(encoded); err != nil {
		return fail(err)
	}
	if a.Space, err = f.messageDataspace(space); err != nil {
		return fail(err)
	}
	n, err := a.Space.Elements()
	if err != nil {
		return fail(err)
	}
	if n > int64(b.left())/int64(a.Type.Size) {
		b.failf("%d elements of %d bytes in %d bytes", n, a.Type.Size, b.left())
		return fail(b.err)
	}
	a.Data = b.bytes(int(n) * a.Type.Size)
	return a, nil
}

// part takes n bytes of b as a message of its own.
func (f *File) part(b *buf, kind uint16, n int, shared bool) message {
	m := message{kind: kind, off: b.off + int64(b.pos), data: b.bytes(n)}
	if shared {
		m.flags = flagShared
	}
	return m
}

// denseAttributes reads the attributes that lie in a fractal heap, by an attribute info message (IV.A.2.v).
func (o *Object) denseAttributes(info message) ([]Attribute, error) {
	b := o.f.buf(info)
	if v := b.u8(); v != 0 {
		b.failf("version is %d, not 0", v)
	}
	flags := b.u8()
	if flags&1 != 0 {
		b.skip(2) // greatest creation order
	}
	heapAddr, names := b.addr(), b.addr()
	if b.err != nil || heapAddr == Undefined || names == Undefined {
		return nil, b.err
	}
	heap, err := o.f.openHeap(heapAddr)
	if err != nil {
		return nil, err
	}
	type dense struct {
		Attribute
		order uint32
	}
	all := make([]dense, 0, 16)
	err = o.f.walkMetadataTree(names, btreeAttributeNames, func(record []byte) error {
		r := buf{f: o.f, what: "attribute name record", off: names, data: record}
		id, shared, order := r.bytes(8), r.u8()&flagShared != 0, r.u32()
		if r.err != nil {
			return r.err
		}
		var m message
		if shared {
			if m, err = o.f.heapMessage(id, msgAttribute); err != nil {
				return err
			}
		} else {
			data, err := heap.object(id)
			if err != nil {
				return err
			}
			if err := o.f.charge(int64(len(data)), heapAddr, "dense attributes"); err != nil {
				return err
			}
			m = message{kind: msgAttribute, off: heapAddr, data: data}
		}
		a, err := o.f.attribute(m)
		if err != nil {
			return err
		}
		all = append(all, dense{a, order})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(x, y dense) int {
		if flags&1 != 0 {
			return cmp.Compare(x.order, y.order)
		}
		return cmp.Compare(x.Name, y.Name)
	})
	out := make([]Attribute, len(all))
	for i := range all {
		out[i] = all[i].Attribute
	}
	return out, nil
}
