package hdf5

import (
	"fmt"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// minNode is the least that a node or a block of any index takes in a file.
const minNode = 16

// How much is read at once: little at first, since in most files the nodes lie scattered among the
// chunks, and more as long as they are found to follow one another.
const (
	firstWindow = 8 << 10
	maxWindow   = 64 << 10
)

// nodeReader reads the nodes of a chunk index into one buffer of its own, so that an index of
// any size costs no garbage and pushes nothing out of the file's cache. What that cache holds
// already is taken from there.
type nodeReader struct {
	f      *File
	window []byte
	off    int64 // of window[0]
}

// at gives n bytes at the absolute offset, good until the next call.
func (r *nodeReader) at(off int64, n int, what string) ([]byte, error) {
	if k := off - r.off; k >= 0 && k <= int64(len(r.window)-n) && n >= 0 {
		return r.window[k : k+int64(n)], nil
	}
	c := &r.f.cache
	if off < 0 || n < 0 || off > c.size || int64(n) > c.size-off {
		return nil, &cdm.FormatError{Offset: off, Struct: what, Msg: fmt.Sprintf("needs %d bytes, the file ends at byte %d", n, c.size)}
	}
	if b := c.held(off, n); b != nil {
		return b, nil
	}
	want := firstWindow
	if end := r.off + int64(len(r.window)); off >= r.off && off <= end {
		want = min(max(2*len(r.window), firstWindow), maxWindow)
	}
	want = int(min(int64(max(n, want)), c.size-off))
	if cap(r.window) < want {
		r.window = make([]byte, want)
	}
	r.window, r.off = r.window[:want], off
	if err := readFull(c.r, r.window, off); err != nil {
		r.window = r.window[:0]
		return nil, fmt.Errorf("%s at byte %#x: %w", what, off, err)
	}
	return r.window[:n], nil
}

// held gives n bytes at off when one block of the cache holds them all, else nil.
func (c *cache) held(off int64, n int) []byte {
	first := off / blockSize
	if n == 0 || first != (off+int64(n)-1)/blockSize {
		return nil
	}
	c.mu.Lock()
	b := c.blocks[first]
	c.mu.Unlock()
	at := int(off % blockSize)
	if len(b) < at+n {
		return nil
	}
	return b[at : at+n]
}

// buf gives n bytes at the absolute offset as a buffer, good until the next read.
func (r *nodeReader) buf(off int64, n int, what string) buf {
	data, err := r.at(off, n, what)
	return buf{f: r.f, what: what, off: off, data: data, err: err}
}

// checked is buf for a structure that ends with its checksum.
func (r *nodeReader) checked(off int64, n int, what string) buf {
	b := r.buf(off, n, what)
	if b.err == nil {
		b.err = verifyChecksum(b.data, off, what)
	}
	return b
}
