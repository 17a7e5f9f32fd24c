package hdf5

import (
	"math/bits"
)

// Dataset is a dataset. Its Object's methods are its own. Don't change its fields.
type Dataset struct {
	*Object
	Space    Dataspace
	Type     *Datatype
	Layout   Layout
	Filters  []Filter // nil unless Chunked
	Fill     Fill
	External []Segment // set for external raw storage; Layout is then Contiguous at Undefined
}

// Dataset is the object as a dataset; an error if it is none. Decoded once.
func (o *Object) Dataset() (*Dataset, error) {
	if o.kind != DatasetKind {
		return nil, o.errorf("is not a dataset")
	}
	return o.dataset.get(o.readDataset)
}

func (o *Object) readDataset() (*Dataset, error) {
	d := &Dataset{Object: o}
	var layout, fill, filters, external *message
	for i := range o.header.messages {
		m := &o.header.messages[i]
		var err error
		switch m.kind {
		case msgDataspace:
			d.Space, err = o.f.messageDataspace(*m)
		case msgDatatype:
			d.Type, err = o.f.messageDatatype(*m)
		case msgLayout:
			layout = m
		case msgFill:
			fill = m
		case msgFillOld: // only counts when there is no new one
			if fill == nil {
				fill = m
			}
		case msgFilters:
			filters = m
		case msgExternal:
			external = m
		}
		if err != nil {
			return nil, err
		}
	}
	if layout == nil {
		return nil, o.errorf("a dataset without a data layout message")
	}
	for _, part := range []struct {
		m      *message
		decode func(*buf)
	}{
		{fill, d.decodeFill},
		{layout, d.decodeLayout},
		{filters, d.decodeFilters},
		{external, d.decodeExternal},
	} {
		if part.m == nil {
			continue
		}
		old := part.m.kind == msgFillOld
		m, err := o.f.resolve(*part.m)
		if err != nil {
			return nil, err
		}
		b := o.f.buf(m)
		if old {
			d.decodeOldFill(&b)
		} else {
			part.decode(&b)
		}
		if b.err != nil {
			return nil, b.err
		}
	}
	if err := d.checkSize(); err != nil {
		return nil, err
	}
	return d, nil
}

// checkSize holds the size of contiguous or compact data against the extent, and computes what old layouts leave out.
func (d *Dataset) checkSize() error {
	l := &d.Layout
	if l.Class != Contiguous && l.Class != Compact {
		return nil
	}
	n, err := d.Space.Elements()
	if err != nil {
		return err
	}
	hi, size := bits.Mul64(uint64(n), uint64(d.Type.Size))
	if hi != 0 {
		return d.errorf("a dataset of %d elements of %d bytes", n, d.Type.Size)
	}
	switch {
	case l.Class == Contiguous && l.Version < 3:
		l.Size = size
	case l.Size < size && (l.Class == Compact || l.Address != Undefined):
		return d.errorf("a dataset of %d elements of %d bytes has only %d bytes", n, d.Type.Size, l.Size)
	}
	return nil
}

func (f *File) messageDataspace(m message) (Dataspace, error) {
	m, err := f.resolve(m)
	if err != nil {
		return Dataspace{}, err
	}
	b := f.buf(m)
	s := b.dataspace()
	return s, b.err
}

// decodeOldFill decodes the fill value message of old files (IV.A.2.e).
func (d *Dataset) decodeOldFill(b *buf) {
	d.fillValue(b)
}

// decodeFill decodes a fill value message (IV.A.2.f).
func (d *Dataset) decodeFill(b *buf) {
	switch version := b.u8(); version {
	case 1, 2:
		d.Fill.Alloc, d.Fill.Write = b.u8(), b.u8()
		defined := b.u8() != 0
		if version == 2 && !defined {
			d.Fill.Unset = true
			return
		}
		if int32(leUint(b.data[min(b.pos, len(b.data)):min(b.pos+4, len(b.data))])) < 0 {
			d.Fill.Unset = true
			return
		}
		d.fillValue(b)
		d.Fill.Defined = defined
	case 3:
		flags := b.u8()
		d.Fill.Alloc, d.Fill.Write = flags&3, flags>>2&3
		if d.Fill.Unset = flags&0x10 != 0; flags&0x20 != 0 {
			d.fillValue(b)
		}
	default:
		b.failf("version is %d, not 1 to 3", version)
	}
}

// fillValue takes a size and a value of that size; size 0 is the default value.
func (d *Dataset) fillValue(b *buf) {
	size := b.u32()
	if b.err == nil && size > 0 && int64(size) != int64(d.Type.Size) {
		b.failf("a fill value of %d bytes for elements of %d", size, d.Type.Size)
	}
	if size > 0 {
		d.Fill.Value = b.bytes(int(size))
	}
	d.Fill.Defined = true
}

// decodeExternal decodes an external data files message (IV.A.2.h).
func (d *Dataset) decodeExternal(b *buf) {
	if v := b.u8(); v != 1 {
		b.failf("version is %d, not 1", v)
	}
	b.skip(3 + 2) // reserved, allocated slots
	n := int(b.u16())
	at := b.addr()
	if b.err != nil {
		return
	}
	h, err := d.f.openLocalHeap(at)
	if err != nil {
		b.err = err
		return
	}
	none := ^uint64(0) >> (64 - 8*d.f.lengthSize)
	for i := 0; i < n && b.err == nil; i++ {
		name, off, size := b.length(), b.length(), b.length()
		if size == none {
			size = Unlimited
		}
		if off > 1<<62 {
			b.failf("segment %d begins at byte %d of its file", i, off)
		}
		s := Segment{Offset: int64(off), Size: size}
		if b.err == nil {
			s.Name, b.err = h.name(name)
		}
		d.External = append(d.External, s)
	}
	if b.err == nil && d.Layout.Class != Contiguous {
		b.failf("external storage of a dataset of layout class %d", d.Layout.Class)
	}
}
