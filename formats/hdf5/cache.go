package hdf5

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// Metadata is read in aligned blocks, since structures are small and lie close together;
// anything longer than a block is read in one go and not kept.
const (
	blockSize  = 16 << 10
	maxBlocks  = 256 // 4 MiB a file
	maxRequest = 1 << 30
)

// cache reads a file in blocks. A block is never changed once it is read, so slices of it stay
// good after its eviction.
type cache struct {
	r    io.ReaderAt
	size int64

	mu     sync.Mutex
	blocks map[int64][]byte
	order  []int64 // first in, first out
	last   []byte  // the block of the last read, and its number
	lastNo int64
}

// replace makes r the file, and forgets what was read before.
func (c *cache) replace(r io.ReaderAt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.r, c.last, c.order = r, nil, nil
	clear(c.blocks)
}

// readAt gives n bytes at the absolute offset. The bytes are shared: don't change them. Nothing
// is allocated for bytes that the file hasn't. what names the structure, for the error.
func (f *File) readAt(off int64, n int, what string) ([]byte, error) {
	c := &f.cache
	if off == Undefined {
		return nil, &cdm.FormatError{Offset: off, Struct: what, Msg: "its address is undefined"}
	}
	if off < 0 || n < 0 || off > c.size || int64(n) > c.size-off {
		return nil, &cdm.FormatError{Offset: off, Struct: what, Msg: fmt.Sprintf("needs %d bytes, the file ends at byte %d", n, c.size)}
	}
	if n == 0 {
		return nil, nil
	}
	if n > maxRequest {
		return nil, &cdm.FormatError{Offset: off, Struct: what, Msg: fmt.Sprintf("%d bytes is more than metadata may have", n)}
	}
	first, last := off/blockSize, (off+int64(n)-1)/blockSize
	c.mu.Lock()
	defer c.mu.Unlock()
	if first == last {
		b, err := c.block(first)
		if err != nil {
			return nil, fmt.Errorf("%s at byte %#x: %w", what, off, err)
		}
		at := int(off % blockSize)
		return b[at : at+n : at+n], nil
	}
	out := make([]byte, n)
	if n > blockSize {
		if err := readFull(c.r, out, off); err != nil {
			return nil, fmt.Errorf("%s at byte %#x: %w", what, off, err)
		}
		return out, nil
	}
	a, err := c.block(first)
	if err == nil {
		var b []byte
		if b, err = c.block(last); err == nil {
			k := copy(out, a[off%blockSize:])
			copy(out[k:], b)
			return out, nil
		}
	}
	return nil, fmt.Errorf("%s at byte %#x: %w", what, off, err)
}

// peek gives at least n bytes at the absolute offset, and more where they are at hand, for
// structures whose length is known only after a look at them.
func (f *File) peek(off int64, n int, what string) ([]byte, error) {
	if rest := blockSize - int(off%blockSize); off >= 0 && n < rest {
		n = max(n, int(min(int64(rest), f.cache.size-off)))
	}
	return f.readAt(off, n, what)
}

// block gives block number no; c.mu is held.
func (c *cache) block(no int64) ([]byte, error) {
	if c.last != nil && c.lastNo == no {
		return c.last, nil
	}
	b, ok := c.blocks[no]
	if !ok {
		b = make([]byte, min(blockSize, c.size-no*blockSize))
		if err := readFull(c.r, b, no*blockSize); err != nil {
			return nil, err
		}
		if len(c.order) >= maxBlocks {
			delete(c.blocks, c.order[0])
			c.order = c.order[1:]
		}
		c.blocks[no] = b
		c.order = append(c.order, no)
	}
	c.last, c.lastNo = b, no
	return b, nil
}

func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
