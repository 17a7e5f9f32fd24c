package hdf5

import "github.com/cedadev/kerchunk-builder/formats/codecs"

const maxFilters = 32

func (d *Dataset) decodeFilters(b *buf) { d.Filters = b.filters() }

// filters decodes a filter pipeline message (IV.A.2.l).
func (b *buf) filters() []Filter {
	version, n := b.u8(), int(b.u8())
	switch version {
	case 1:
		b.skip(6)
	case 2:
	default:
		b.failf("version is %d, not 1 or 2", version)
	}
	if n > maxFilters {
		b.failf("%d filters", n)
	}
	if b.err != nil || n == 0 {
		return nil
	}
	all := make([]Filter, n)
	for i := range all {
		p := &all[i]
		p.ID = b.u16()
		nameLen := 0
		if version == 1 || p.ID >= 256 {
			nameLen = int(b.u16())
		}
		p.Optional = b.u16()&1 != 0
		values := int(b.u16())
		if version == 1 {
			nameLen = (nameLen + 7) &^ 7
		}
		p.Name = string(untilNul(b.bytes(nameLen)))
		if 4*values > b.left() {
			b.failf("filter %d has %d parameters in %d bytes", p.ID, values, b.left())
			return nil
		}
		p.Params = make([]uint32, values)
		for j := range p.Params {
			p.Params[j] = b.u32()
		}
		if version == 1 && values%2 == 1 {
			b.skip(4)
		}
	}
	return all
}

// pipeline gives the codecs of filters on bytes.
func pipeline(filters []Filter) ([]codecs.Codec, error) {
	out := make([]codecs.Codec, len(filters))
	for i, p := range filters {
		c, err := codecs.FromHDF5(p.ID, p.Name, p.Params, 1)
		if err != nil {
			return nil, err
		}
		out[i] = c
	}
	return out, nil
}
