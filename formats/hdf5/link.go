package hdf5

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// linkTable is the links of one group.
type linkTable struct {
	links  []Link
	byName map[string]int
}

// readLinks reads the links of a group in whichever ways it stores them: symbol table, link messages, fractal heap.
func (g *Group) readLinks() (*linkTable, error) {
	var links []Link
	ordered := false
	for i := range g.header.messages {
		m := g.header.messages[i]
		var err error
		switch m.kind {
		case msgSymbolTable:
			var more []Link
			more, err = g.f.symbolTable(g.f.buf(m))
			links = append(links, more...)
		case msgLink:
			if m, err = g.f.resolve(m); err != nil {
				break
			}
			b := g.f.buf(m)
			l := b.link()
			links, err = append(links, l), b.err
		case msgLinkInfo:
			var more []Link
			more, ordered, err = g.f.denseLinks(g.f.buf(m))
			links = append(links, more...)
		}
		if err != nil {
			return nil, fmt.Errorf("links of the group at byte %#x: %w", g.Address(), err)
		}
	}
	slices.SortStableFunc(links, func(x, y Link) int {
		if ordered {
			return cmp.Compare(x.Order, y.Order)
		}
		return cmp.Compare(x.Name, y.Name)
	})
	t := &linkTable{links: links, byName: make(map[string]int, len(links))}
	for i := range links {
		if _, twice := t.byName[links[i].Name]; twice {
			return nil, g.errorf("two links of one name %q", links[i].Name)
		}
		t.byName[links[i].Name] = i
	}
	return t, nil
}

// link decodes a link message (IV.A.2.g).
func (b *buf) link() (l Link) {
	if v := b.u8(); v != 1 {
		b.failf("version is %d, not 1", v)
	}
	flags := b.u8()
	kind := uint8(0)
	if flags&8 != 0 {
		kind = b.u8()
	}
	l.Order = -1
	if flags&4 != 0 {
		l.Order = int64(b.u64())
	}
	if flags&16 != 0 {
		b.skip(1) // character set of the name
	}
	n := b.uint(1 << (flags & 3))
	if n == 0 || n > uint64(b.left()) {
		b.failf("a name of %d bytes", n)
		return l
	}
	l.Name = string(b.bytes(int(n)))
	if kind == 0 {
		l.Kind, l.Address = HardLink, b.addr()
		if l.Address == Undefined {
			b.failf("link %q points nowhere", l.Name)
		}
		return l
	}
	value := b.bytes(int(b.u16()))
	switch kind {
	case 1:
		l.Kind, l.Target = SoftLink, string(untilNul(value))
	case 64:
		l.Kind = ExternalLink
		if len(value) < 1 || value[0] != 0 {
			b.failf("link %q: unknown version or flags of an external link", l.Name)
			return l
		}
		file, path, ok := bytes.Cut(value[1:], []byte{0})
		if !ok {
			b.failf("link %q: an external link without an object", l.Name)
		}
		l.File, l.Target = string(file), string(untilNul(path))
	default:
		l.Kind = UserLink
	}
	return l
}

// denseLinks decodes a link info message (IV.A.2.c) and reads the links in its fractal heap.
// ordered says whether the group tracks the creation order of its links.
func (f *File) denseLinks(b buf) (links []Link, ordered bool, err error) {
	if v := b.u8(); v != 0 {
		b.failf("version is %d, not 0", v)
	}
	flags := b.u8()
	if ordered = flags&1 != 0; ordered {
		b.skip(8) // greatest creation order
	}
	heapAddr, names := b.addr(), b.addr()
	if b.err != nil || heapAddr == Undefined || names == Undefined {
		return nil, ordered, b.err
	}
	heap, err := f.openHeap(heapAddr)
	if err != nil {
		return nil, ordered, err
	}
	err = f.walkMetadataTree(names, btreeLinkNames, func(record []byte) error {
		if len(record) < 4+7 {
			b.failf("link name records of %d bytes", len(record))
			return b.err
		}
		data, err := heap.object(record[4:11]) // after the name's hash
		if err != nil {
			return err
		}
		if err := f.charge(int64(len(data)), heapAddr, "dense links"); err != nil {
			return err
		}
		m := buf{f: f, what: "link message", off: heapAddr, data: data}
		l := m.link()
		links = append(links, l)
		return m.err
	})
	return links, ordered, err
}
