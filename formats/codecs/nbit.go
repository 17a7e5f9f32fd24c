package codecs

import "fmt"

// The classes of nbit's parameter tree.
const (
	nbitAtomic   = 1
	nbitArray    = 2
	nbitCompound = 3
	nbitOpaque   = 4 // copied bit by bit
)

// nbitMaxDepth bounds how deep arrays and compounds may nest.
const nbitMaxDepth = 32

// nbit is HDF5's filter 5: of every number only its significant bits, from the most significant
// down, packed without gaps. Decoded numbers have the bits where the datatype says (offset and
// precision), and zeros around them; extending a sign is the datatype's business.
type nbit struct {
	stored bool // the data are not packed at all
	count  int  // elements in a chunk
	elem   nbitType
}

// nbitType is one node of the tree. bits is how many packed bits one value takes.
type nbitType struct {
	class  uint32
	size   int
	bits   int
	big    bool
	prec   int
	offset int
	base   *nbitType    // of an array
	fields []nbitMember // of a compound
}

type nbitMember struct {
	offset int
	nbitType
}

func nbitFromHDF5(params []uint32) (Codec, error) {
	if len(params) < 3 {
		return nil, fmt.Errorf("nbit: %d parameters, 3 are needed", len(params))
	}
	n := nbit{stored: params[1] != 0, count: int(params[2])}
	if n.stored {
		return n, nil
	}
	p := nbitParser{params: params[3:]}
	n.elem = p.parse(0)
	if p.err != nil {
		return nil, fmt.Errorf("nbit: %w", p.err)
	}
	if n.elem.bits == 0 {
		return nil, fmt.Errorf("nbit: elements of no bits")
	}
	return n, nil
}

// nbitParser reads the tree; its error sticks.
type nbitParser struct {
	params []uint32
	err    error
}

func (p *nbitParser) next() int {
	if p.err == nil && len(p.params) == 0 {
		p.err = fmt.Errorf("the parameters end too early")
	}
	if p.err != nil {
		return 0
	}
	v := p.params[0]
	p.params = p.params[1:]
	if v > 1<<30 {
		p.err = fmt.Errorf("parameter %d is not possible", v)
		return 0
	}
	return int(v)
}

func (p *nbitParser) fail(format string, args ...any) nbitType {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
	return nbitType{}
}

func (p *nbitParser) parse(depth int) nbitType {
	if depth > nbitMaxDepth {
		return p.fail("datatypes nest deeper than %d", nbitMaxDepth)
	}
	t := nbitType{class: uint32(p.next()), size: p.next()}
	if p.err != nil {
		return nbitType{}
	}
	if t.size < 1 {
		return p.fail("a datatype of %d bytes", t.size)
	}
	switch t.class {
	case nbitAtomic:
		t.big = p.next() == 1
		t.prec, t.offset = p.next(), p.next()
		if t.prec < 1 || t.prec+t.offset > 8*t.size {
			return p.fail("%d bits at bit %d of %d bytes", t.prec, t.offset, t.size)
		}
		t.bits = t.prec
	case nbitArray:
		base := p.parse(depth + 1)
		if p.err != nil {
			return nbitType{}
		}
		if base.class == nbitOpaque {
			// HDF5 gives the length of the whole array here, not of one element.
			base.size = t.size
			base.bits = 8 * t.size
		}
		if t.size%base.size != 0 {
			return p.fail("an array of %d bytes of elements of %d", t.size, base.size)
		}
		t.base, t.bits = &base, t.size/base.size*base.bits
	case nbitCompound:
		for range p.next() {
			offset := p.next()
			m := nbitMember{offset, p.parse(depth + 1)}
			if p.err != nil {
				return nbitType{}
			}
			if offset+m.size > t.size {
				return p.fail("a member at %d of %d bytes", offset, t.size)
			}
			if t.bits += m.bits; t.bits > 8*t.size {
				return p.fail("members that overlap")
			}
			t.fields = append(t.fields, m)
		}
	case nbitOpaque:
		t.bits = 8 * t.size
	default:
		return p.fail("datatype class %d is unknown", t.class)
	}
	return t
}

func (n nbit) Config() map[string]any { return nil }
func (n nbit) Name() string           { return "nbit" }

func (n nbit) Encode([]byte) ([]byte, error) { return nil, ErrNoEncoder }

func (n nbit) Decode(src []byte, limit int) ([]byte, error) {
	if n.stored {
		if len(src) > limit {
			return nil, errTooLarge(limit)
		}
		return src, nil
	}
	if n.count > limit/n.elem.size {
		return nil, errTooLarge(limit)
	}
	if 8*len(src)/n.elem.bits < n.count {
		return nil, corrupt("%d bytes can't hold %d elements of %d bits", len(src), n.count, n.elem.bits)
	}
	out := make([]byte, n.count*n.elem.size)
	r := bitReader{src: src}
	for i := range n.count {
		n.elem.unpack(out[i*n.elem.size:][:n.elem.size], &r)
	}
	if r.short {
		return nil, corrupt("the packed bits end too early")
	}
	return out, nil
}

func (t *nbitType) unpack(dst []byte, r *bitReader) {
	switch t.class {
	case nbitAtomic:
		t.unpackNumber(dst, r)
	case nbitArray:
		for ; len(dst) >= t.base.size; dst = dst[t.base.size:] {
			t.base.unpack(dst[:t.base.size], r)
		}
	case nbitCompound:
		for i := range t.fields {
			f := &t.fields[i]
			f.unpack(dst[f.offset:][:f.size], r)
		}
	case nbitOpaque:
		for i := range dst[:t.size] {
			dst[i] = byte(r.read(8))
		}
	}
}

// unpackNumber puts the bits of one number in place, byte for byte from its most significant.
func (t *nbitType) unpackNumber(dst []byte, r *bitReader) {
	for top := t.prec + t.offset; top > t.offset; {
		b := (top - 1) / 8 // counted from the least significant byte
		low := max(8*b, t.offset)
		v := byte(r.read(uint(top-low)) << (low - 8*b))
		if t.big {
			b = t.size - 1 - b
		}
		dst[b] = v
		top = low
	}
}
