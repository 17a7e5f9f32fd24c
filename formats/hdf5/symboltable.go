package hdf5

import (
	"fmt"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// symbolTable reads the links of an old group, by its symbol table message (IV.A.2.r).
func (f *File) symbolTable(b buf) ([]Link, error) {
	tree, heapAddr := b.addr(), b.addr()
	if b.err != nil {
		return nil, b.err
	}
	heap, err := f.openLocalHeap(heapAddr)
	if err != nil {
		return nil, err
	}
	s := symbolReader{f: f, heap: heap, visited: f.newVisits()}
	if err := s.node(tree, -1); err != nil {
		return nil, err
	}
	return s.links, nil
}

type symbolReader struct {
	f       *File
	heap    *localHeap
	visited *visits
	links   []Link
}

// node reads a node of a group's version 1 B-tree (III.A.1). level is what the parent expects, -1 for the root.
func (s *symbolReader) node(addr int64, level int) error {
	const what = "group B-tree node"
	b := s.f.read(addr, 8+2*s.f.offsetSize, what)
	b.sig("TREE")
	if kind := b.u8(); kind != 0 {
		b.failf("node type is %d, not 0", kind)
	}
	got, n := int(b.u8()), int(b.u16())
	if level >= 0 && got != level {
		b.failf("level is %d, not %d", got, level)
	}
	if b.err != nil {
		return b.err
	}
	head, each := 8+2*s.f.offsetSize, s.f.lengthSize+s.f.offsetSize
	size := head + n*each + s.f.lengthSize
	if err := s.visited.enter(addr, int64(size), what); err != nil {
		return err
	}
	if b = s.f.read(addr, size, what); b.err != nil {
		return b.err
	}
	b.skip(head)
	for range n {
		b.skip(s.f.lengthSize) // key: the child's least name
		child := b.addr()
		if b.err != nil {
			return b.err
		}
		var err error
		if got > 0 {
			err = s.node(child, got-1)
		} else {
			err = s.symbols(child)
		}
		if err != nil {
			return err
		}
	}
	return b.err
}

// symbols reads a symbol table node (III.B) with its entries (III.C).
func (s *symbolReader) symbols(addr int64) error {
	const what = "symbol table node"
	b := s.f.read(addr, 8, what)
	b.sig("SNOD")
	if v := b.u8(); v != 1 {
		b.failf("version is %d, not 1", v)
	}
	b.skip(1)
	n := int(b.u16())
	if b.err != nil {
		return b.err
	}
	size := 8 + n*(2*s.f.offsetSize+24)
	if err := s.visited.enter(addr, int64(size), what); err != nil {
		return err
	}
	b = s.f.read(addr, size, what)
	b.skip(8)
	for range n {
		name := b.uint(s.f.offsetSize)
		l := Link{Order: -1, Address: b.addr()}
		cached := b.u32()
		b.skip(4)
		scratch := b.bytes(16)
		if b.err != nil {
			return b.err
		}
		var err error
		if l.Name, err = s.heap.name(name); err != nil {
			return err
		}
		if l.Name == "" {
			return &cdm.FormatError{Offset: addr, Struct: what, Msg: "an entry without a name"}
		}
		if cached == 2 {
			l.Kind, l.Address = SoftLink, 0
			if l.Target, err = s.heap.name(leUint(scratch[:4])); err != nil {
				return fmt.Errorf("soft link %q: %w", l.Name, err)
			}
		} else if l.Address == Undefined {
			return &cdm.FormatError{Offset: addr, Struct: what, Msg: fmt.Sprintf("link %q points nowhere", l.Name)}
		}
		s.links = append(s.links, l)
	}
	return nil
}
