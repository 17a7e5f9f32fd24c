package hdf5

import (
	"fmt"
	"math/bits"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/codecs"
)

const (
	maxHeapDepth  = 32
	maxHeapBlocks = 64 // decoded direct blocks kept
	maxHeapObject = 64 << 20
)

// fractalHeap is a fractal heap (III.G): objects by their IDs. It is for one reader at a time.
type fractalHeap struct {
	f          *File
	addr       int64
	idLen      int
	filtered   bool
	codecs     []codecs.Codec
	checksums  bool // direct blocks have one
	hugeTree   int64
	width      int
	startSize  uint64
	maxDirect  uint64
	maxBits    int // of an offset in the heap
	root       int64
	rootRows   int    // of the root indirect block; 0: the root is a direct block
	rootSize   uint64 // of a filtered root direct block, as stored
	rootMask   uint32
	lengthSize int // bytes of an object's length in an ID

	blocks map[int64][]byte  // direct blocks, decoded
	huge   map[uint64]hugeAt // indirectly accessed huge objects, once they are needed
}

type hugeAt struct {
	addr         int64
	stored, size uint64
	mask         uint32
}

func (f *File) openHeap(addr int64) (*fractalHeap, error) {
	const what = "fractal heap header"
	fixed := 4 + 1 + 2 + 2 + 1 + 4 + f.lengthSize + f.offsetSize + f.lengthSize + f.offsetSize +
		8*f.lengthSize + 2 + 2*f.lengthSize + 2 + 2 + f.offsetSize + 2 + 4
	b := f.read(addr, fixed, what)
	b.sig("FRHP")
	if v := b.u8(); v != 0 {
		b.failf("version is %d, not 0", v)
	}
	h := &fractalHeap{f: f, addr: addr, idLen: int(b.u16()), blocks: make(map[int64][]byte)}
	filterLen := int(b.u16())
	if b.err != nil {
		return nil, b.err
	}
	if filterLen > 0 {
		h.filtered = true
		pos := b.pos
		b = f.read(addr, fixed+f.lengthSize+4+filterLen, what)
		b.skip(pos)
		if b.err != nil {
			return nil, b.err
		}
	}
	if err := verifyChecksum(b.data, addr, what); err != nil {
		return nil, err
	}
	h.checksums = b.u8()&2 != 0
	maxManaged := uint64(b.u32())
	b.skip(f.lengthSize) // next huge object ID
	h.hugeTree = b.addr()
	b.skip(f.lengthSize + f.offsetSize + 8*f.lengthSize) // free space, and counts of space and objects
	h.width = int(b.u16())
	h.startSize, h.maxDirect = b.length(), b.length()
	h.maxBits = int(b.u16())
	b.skip(2) // starting number of rows
	h.root = b.addr()
	h.rootRows = int(b.u16())
	if h.filtered {
		h.rootSize, h.rootMask = b.length(), b.u32()
		p := buf{f: f, what: "fractal heap filter pipeline", off: addr + int64(b.pos), data: b.bytes(filterLen)}
		filters := p.filters()
		if p.err != nil {
			return nil, p.err
		}
		var err error
		if h.codecs, err = pipeline(filters); err != nil {
			return nil, &cdm.FormatError{Offset: p.off, Struct: p.what, Msg: err.Error()}
		}
	}
	pow2 := func(n uint64) bool { return n != 0 && n&(n-1) == 0 }
	if b.err == nil && (!pow2(uint64(h.width)) || !pow2(h.startSize) || !pow2(h.maxDirect) || h.startSize > h.maxDirect ||
		h.maxDirect > maxHeapObject || h.maxBits > 64 || h.maxBits == 0 || h.idLen == 0) {
		b.failf("table width %d, blocks of %d to %d bytes, offsets of %d bits", h.width, h.startSize, h.maxDirect, h.maxBits)
	}
	if b.err != nil {
		return nil, b.err
	}
	h.lengthSize = bytesFor(min(h.maxDirect, maxManaged))
	return h, nil
}

func (h *fractalHeap) errorf(format string, args ...any) error {
	return &cdm.FormatError{Offset: h.addr, Struct: "fractal heap", Msg: fmt.Sprintf(format, args...)}
}

// object gives the object of that heap ID. Don't change the bytes.
func (h *fractalHeap) object(id []byte) ([]byte, error) {
	if len(id) < h.idLen {
		return nil, h.errorf("an ID of %d bytes where %d are needed", len(id), h.idLen)
	}
	id = id[:h.idLen]
	if id[0]>>6 != 0 {
		return nil, h.errorf("an ID of version %d", id[0]>>6)
	}
	switch id[0] >> 4 & 3 {
	case 0:
		return h.managed(id)
	case 1:
		return h.hugeObject(id)
	case 2:
		return h.tiny(id)
	}
	return nil, h.errorf("an ID of unknown type")
}

// tiny gives an object that is in the ID itself.
func (h *fractalHeap) tiny(id []byte) ([]byte, error) {
	n, data := int(id[0]&0xf)+1, id[1:]
	if h.idLen > 18 && len(data) > 0 {
		n, data = int(id[0]&0xf)<<8+int(id[1])+1, id[2:]
	}
	if n > len(data) {
		return nil, h.errorf("a tiny object of %d bytes in an ID of %d", n, len(id))
	}
	return data[:n:n], nil
}

// managed gives an object in the heap's direct blocks.
func (h *fractalHeap) managed(id []byte) ([]byte, error) {
	b := buf{f: h.f, what: "fractal heap ID", off: h.addr, data: id[1:]}
	off, n := b.uint((h.maxBits+7)/8), b.uint(h.lengthSize)
	if b.err != nil {
		return nil, b.err
	}
	block, at, err := h.block(off)
	if err != nil {
		return nil, err
	}
	if in := off - at; in > uint64(len(block)) || n > uint64(len(block))-in {
		return nil, h.errorf("an object of %d bytes at %d reaches over its block's end", n, off)
	} else {
		return block[in : in+n : in+n], nil
	}
}

// block gives the direct block that holds the offset, and the block's own offset in the heap.
func (h *fractalHeap) block(off uint64) (data []byte, at uint64, err error) {
	if h.root == Undefined {
		return nil, 0, h.errorf("is empty")
	}
	if h.rootRows == 0 {
		data, err = h.direct(h.root, 0, h.startSize, h.rootSize, h.rootMask)
		return data, 0, err
	}
	addr, rows := h.root, h.rootRows
	directRows := bits.Len64(h.maxDirect) - bits.Len64(h.startSize) + 2
	for range maxHeapDepth {
		row, column, size, start := h.locate(off - at)
		if row >= rows {
			return nil, 0, h.errorf("offset %d lies outside of it", off)
		}
		at += start
		entry := row*h.width + column
		b, err := h.indirect(addr, rows, directRows)
		if err != nil {
			return nil, 0, err
		}
		each := h.f.offsetSize
		if h.filtered {
			each += h.f.lengthSize + 4
		}
		if row < directRows {
			b.skip(entry * each)
			child := b.addr()
			var stored uint64
			var mask uint32
			if h.filtered {
				stored, mask = b.length(), b.u32()
			}
			if b.err != nil {
				return nil, 0, b.err
			}
			data, err = h.direct(child, at, size, stored, mask)
			return data, at, err
		}
		b.skip(directRows*h.width*each + (entry-directRows*h.width)*h.f.offsetSize)
		if addr = b.addr(); b.err != nil {
			return nil, 0, b.err
		}
		// An indirect block of that size in the heap begins again with rows of the starting size.
		rows = bits.Len64(size) - bits.Len64(h.startSize*uint64(h.width)) + 1
		if rows <= 0 {
			return nil, 0, h.errorf("an indirect block of %d bytes", size)
		}
	}
	return nil, 0, h.errorf("is deeper than %d blocks", maxHeapDepth)
}

// locate gives row and column of the doubling table where an offset lies, the size of the blocks there and the offset of that block.
func (h *fractalHeap) locate(off uint64) (row, column int, size, start uint64) {
	w := uint64(h.width)
	if off < h.startSize*w {
		c := off / h.startSize
		return 0, int(c), h.startSize, c * h.startSize
	}
	row = bits.Len64(off / (h.startSize * w)) // row r > 0 begins at startSize*width*2^(r-1)
	size = h.startSize << (row - 1)
	begin := size * w
	c := (off - begin) / size
	return row, int(c), size, begin + c*size
}

// indirect gives the entries of an indirect block.
func (h *fractalHeap) indirect(addr int64, rows, directRows int) (buf, error) {
	const what = "fractal heap indirect block"
	if rows > 64 {
		return buf{}, h.errorf("an indirect block of %d rows", rows)
	}
	each := h.f.offsetSize
	if h.filtered {
		each += h.f.lengthSize + 4
	}
	direct := min(rows, directRows) * h.width
	head := 5 + h.f.offsetSize + (h.maxBits+7)/8
	n := head + direct*each + (rows*h.width-direct)*h.f.offsetSize + 4
	b := h.f.read(addr, n, what)
	b.sig("FHIB")
	if b.err != nil {
		return b, b.err
	}
	if err := verifyChecksum(b.data, addr, what); err != nil {
		return b, err
	}
	b.skip(head - 4)
	return b, b.err
}

// direct gives a direct block, decoded: size bytes, its own header included.
func (h *fractalHeap) direct(addr int64, at, size, stored uint64, mask uint32) ([]byte, error) {
	const what = "fractal heap direct block"
	if data, ok := h.blocks[addr]; ok {
		return data, nil
	}
	if size > h.maxDirect {
		return nil, h.errorf("a direct block of %d bytes", size)
	}
	if !h.filtered {
		stored = size
	}
	if stored > uint64(h.f.cache.size) {
		return nil, h.errorf("a direct block of %d bytes", stored)
	}
	data, err := h.f.readAt(addr, int(stored), what)
	if err != nil {
		return nil, err
	}
	if h.filtered {
		if data, err = codecs.Decode(h.codecs, mask, data, int(size)); err != nil {
			return nil, fmt.Errorf("%s at byte %#x: %w", what, addr, err)
		}
	}
	b := buf{f: h.f, what: what, off: addr, data: data}
	b.sig("FHDB")
	if v := b.u8(); v != 0 {
		b.failf("version is %d, not 0", v)
	}
	if owner := b.addr(); b.err == nil && owner != h.addr {
		b.failf("belongs to the heap at byte %#x", owner)
	}
	if o := b.uint((h.maxBits + 7) / 8); b.err == nil && o != at {
		b.failf("is at %d of its heap, not %d", o, at)
	}
	if h.checksums {
		pos := b.pos
		if sum := b.u32(); b.err == nil {
			// The checksum is of the whole block with zeros in its own place.
			zeroed := append([]byte(nil), data...)
			clear(zeroed[pos : pos+4])
			if want := lookup3(zeroed); want != sum {
				b.failf("checksum is %#08x, its bytes give %#08x", sum, want)
			}
		}
	}
	if b.err != nil {
		return nil, b.err
	}
	if len(h.blocks) >= maxHeapBlocks {
		clear(h.blocks)
	}
	h.blocks[addr] = data
	return data, nil
}

// hugeObject gives an object that lies in the file on its own.
func (h *fractalHeap) hugeObject(id []byte) ([]byte, error) {
	b := buf{f: h.f, what: "fractal heap ID", off: h.addr, data: id[1:]}
	var at hugeAt
	switch direct := h.f.offsetSize + h.f.lengthSize; {
	case !h.filtered && len(b.data) >= direct:
		at.addr, at.stored = b.addr(), b.length()
	case h.filtered && len(b.data) >= direct+4+h.f.lengthSize:
		at.addr, at.stored, at.mask, at.size = b.addr(), b.length(), b.u32(), b.length()
	default:
		if h.huge == nil {
			if err := h.readHuge(); err != nil {
				return nil, err
			}
		}
		key := b.uint(min(h.f.lengthSize, len(b.data)))
		var ok bool
		if at, ok = h.huge[key]; !ok {
			b.failf("there is no huge object %d", key)
		}
	}
	if b.err == nil && (at.stored > uint64(h.f.cache.size) || h.filtered && at.size > maxHeapObject) {
		b.failf("a huge object of %d bytes", at.stored)
	}
	if b.err != nil {
		return nil, b.err
	}
	data, err := h.f.readAt(at.addr, int(at.stored), "huge fractal heap object")
	if err != nil || !h.filtered {
		return data, err
	}
	if data, err = codecs.Decode(h.codecs, at.mask, data, int(at.size)); err != nil {
		return nil, fmt.Errorf("huge fractal heap object at byte %#x: %w", at.addr, err)
	}
	return data, nil
}

// readHuge reads the B-tree of the indirectly accessed huge objects.
func (h *fractalHeap) readHuge() error {
	h.huge = make(map[uint64]hugeAt)
	if h.hugeTree == Undefined {
		return nil
	}
	kind := uint8(btreeHuge)
	if h.filtered {
		kind = btreeHugeFiltered
	}
	return h.f.walkMetadataTree(h.hugeTree, kind, func(record []byte) error {
		b := buf{f: h.f, what: "huge object record", off: h.hugeTree, data: record}
		at := hugeAt{addr: b.addr(), stored: b.length()}
		if h.filtered {
			at.mask, at.size = b.u32(), b.length()
		}
		h.huge[b.length()] = at
		return b.err
	})
}
