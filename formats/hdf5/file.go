package hdf5

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// File is an open HDF5 file.
type File struct {
	cache      cache
	base       int64 // base address: where the superblock is
	offsetSize int   // bytes of an address
	lengthSize int   // bytes of a length
	root       int64
	sharedHeap []*sharedIndex // the shared object header message table

	decoded atomic.Int64 // bytes of metadata, see charge

	mu      sync.Mutex
	objects map[int64]*Object
	types   map[string]*Datatype // by their encoding
	heaps   map[int64]*globalCollection
	heapMem int // bytes of the collections in heaps
}

// Open reads the superblock of an HDF5 file of the given size. It looks for it at byte 0, 512, 1024, 2048, ...
// (a user block precedes it). The reader must allow concurrent calls, as io.ReaderAt says.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f := &File{
		cache:   cache{r: r, size: size, blocks: make(map[int64][]byte)},
		objects: make(map[int64]*Object),
		types:   make(map[string]*Datatype),
		heaps:   make(map[int64]*globalCollection),
	}
	if err := f.readSuperblock(); err != nil {
		return nil, err
	}
	return f, nil
}

// Size is the file's size in bytes.
func (f *File) Size() int64 { return f.cache.size }

// Root is the root group.
func (f *File) Root() (*Group, error) {
	o, err := f.Object(f.root)
	if err != nil {
		return nil, fmt.Errorf("root group: %w", err)
	}
	return o.Group()
}

// Reference gives the address that a stored element of kind ObjectReference or ObjectReference2
// points at, for [File.Object]. A null reference gives Undefined.
func (f *File) Reference(elem []byte) (int64, error) {
	b := buf{f: f, what: "object reference", data: elem}
	if len(elem) != f.offsetSize { // VIII.C: the revised encoding has a header of its own
		kind, flags := b.u8(), b.u8()
		if kind == 0 && b.err == nil {
			return Undefined, nil
		}
		if flags&1 != 0 {
			return Undefined, fmt.Errorf("object reference into another file: %w", cdm.ErrUnsupported)
		}
		if n := b.u8(); kind != uint8(ObjectReference2) || int(n) < f.offsetSize {
			b.failf("reference type %d with a token of %d bytes", kind, n)
		}
	}
	raw := leUint(b.bytes(f.offsetSize))
	if raw == 0 || b.err != nil {
		return Undefined, b.err
	}
	addr, ok := f.absolute(raw)
	if !ok {
		b.failf("address %#x lies outside of the file", raw)
	}
	return addr, b.err
}

// absolute makes a stored address absolute; ok is false when no file can have it.
func (f *File) absolute(a uint64) (abs int64, ok bool) {
	if a == ^uint64(0)>>(64-8*f.offsetSize) {
		return Undefined, true
	}
	if a > 1<<62 {
		return Undefined, false
	}
	return int64(a) + f.base, true
}
