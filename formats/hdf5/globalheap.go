package hdf5

import (
	"fmt"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

const maxHeapMemory = 16 << 20 // bytes of global heap collections kept

// globalCollection is a global heap collection (III.E): where each object lies in data.
type globalCollection struct {
	data    []byte
	objects map[uint32]span
}

// GlobalHeapObject gives an object of the global heap collection at the absolute offset. Don't change the bytes.
func (f *File) GlobalHeapObject(addr int64, index uint32) ([]byte, error) {
	f.mu.Lock()
	c := f.heaps[addr]
	f.mu.Unlock()
	if c == nil {
		var err error
		if c, err = f.readCollection(addr); err != nil {
			return nil, err
		}
		f.mu.Lock()
		if f.heapMem += len(c.data); f.heapMem > maxHeapMemory {
			clear(f.heaps)
			f.heapMem = len(c.data)
		}
		f.heaps[addr] = c
		f.mu.Unlock()
	}
	s, ok := c.objects[index]
	if !ok {
		return nil, &cdm.FormatError{Offset: addr, Struct: "global heap collection", Msg: fmt.Sprintf("has no object %d", index)}
	}
	return c.data[s.off : s.off+s.size : s.off+s.size], nil
}

func (f *File) readCollection(addr int64) (*globalCollection, error) {
	const what = "global heap collection"
	b := f.read(addr, 8+f.lengthSize, what)
	b.sig("GCOL")
	if v := b.u8(); v != 1 {
		b.failf("version is %d, not 1", v)
	}
	b.skip(3)
	size := b.length()
	head := b.pos
	if b.err == nil && (size < uint64(head) || size > uint64(f.cache.size)) {
		b.failf("a collection of %d bytes", size)
	}
	if b.err != nil {
		return nil, b.err
	}
	if b = f.read(addr, int(size), what); b.err != nil {
		return nil, b.err
	}
	b.skip(head)
	c := &globalCollection{data: b.data, objects: make(map[uint32]span)}
	for b.left() >= 8+f.lengthSize {
		index := uint32(b.u16())
		b.skip(2 + 4) // reference count, reserved
		n := b.length()
		if index == 0 { // free space, up to the end
			break
		}
		if n > uint64(b.left()) {
			b.failf("object %d has %d bytes", index, n)
			return nil, b.err
		}
		c.objects[index] = span{int64(b.pos), int64(n)}
		b.skip(min(int(n+7)&^7, b.left()))
	}
	return c, b.err
}

// VarLen resolves one stored element of a VarLen type: the bytes of the sequence, n of them
// elements of the base type (for a string: bytes). An element without storage gives nil and 0.
// Don't change the bytes.
func (f *File) VarLen(elem []byte, t *Datatype) (data []byte, n int, err error) {
	b := buf{f: f, what: "variable-length element", data: elem}
	count := b.u32()
	addr := b.addr()
	index := b.u32()
	if b.err != nil {
		return nil, 0, b.err
	}
	if t.Class != VarLen || t.Base == nil {
		b.failf("its datatype is of class %d", t.Class)
		return nil, 0, b.err
	}
	if count == 0 || addr == Undefined || addr == f.base {
		return nil, 0, nil
	}
	data, err = f.GlobalHeapObject(addr, index)
	if err != nil {
		return nil, 0, err
	}
	if want := uint64(count) * uint64(t.Base.Size); want > uint64(len(data)) {
		b.failf("%d elements of %d bytes in a heap object of %d", count, t.Base.Size, len(data))
		return nil, 0, b.err
	} else {
		return data[:want], int(count), nil
	}
}
