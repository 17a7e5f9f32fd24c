package hdf5

import (
	"bytes"
	"fmt"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// localHeap is the data segment of a local heap (III.D): names by their offsets.
type localHeap struct {
	off  int64
	data []byte
}

func (f *File) openLocalHeap(addr int64) (*localHeap, error) {
	b := f.read(addr, 8+2*f.lengthSize+f.offsetSize, "local heap")
	b.sig("HEAP")
	if v := b.u8(); v != 0 {
		b.failf("version is %d, not 0", v)
	}
	b.skip(3)
	size := b.length()
	b.length() // head of the free list
	at := b.addr()
	if b.err == nil && size > uint64(f.cache.size) {
		b.failf("a data segment of %d bytes", size)
	}
	if b.err != nil {
		return nil, b.err
	}
	data, err := f.readAt(at, int(size), "local heap data segment")
	return &localHeap{off: at, data: data}, err
}

// name gives the NUL-terminated string at an offset.
func (h *localHeap) name(off uint64) (string, error) {
	if off < uint64(len(h.data)) {
		if i := bytes.IndexByte(h.data[off:], 0); i >= 0 {
			return string(h.data[off : off+uint64(i)]), nil
		}
	}
	return "", &cdm.FormatError{Offset: h.off, Struct: "local heap data segment",
		Msg: fmt.Sprintf("no string at %d of %d bytes", off, len(h.data))}
}
