package hdf5

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

const (
	nameExtensibleHeader = "extensible array header"
	nameIndexBlock       = "extensible array index block"
	nameSuperBlock       = "extensible array secondary block"
	nameDataBlock        = "extensible array data block"
	nameDataPage         = "extensible array data block page"
)

// extensibleWalk walks an extensible array (VII.D): the entries of an array that grows along one
// dimension. The first few lie in the index block; then follow data blocks, grouped in super
// blocks of growing size: super block u has 2^(u/2) data blocks of 2^((u+1)/2) times the least
// number of entries. The index block holds the addresses of the first super blocks' data
// blocks; the others have secondary blocks that do.
type extensibleWalk struct {
	arrayWalk
	entry       int
	inIndex     int64 // entries in the index block
	least       int64 // entries in the smallest data block
	direct      int   // super blocks whose data blocks the index block points at
	supers      int
	page        int64 // most entries that aren't cut into pages
	blockOffset int   // bytes of a block's position in the array
	filtered    uint8
	room        int64 // bytes of entries that the file has room for

	// When the array isn't in C order its entries are collected and put in order at the end.
	collect bool
	found   []StoredChunk
}

// extensibleArray walks the array with its header at off.
func (w *chunkWalk) extensibleArray(off int64) error {
	f := w.file
	b := w.nodes.checked(off, 12+6*f.lengthSize+f.offsetSize+4, nameExtensibleHeader)
	b.sig("EAHD")
	version, client, entry, maxBits := b.u8(), b.u8(), int(b.u8()), b.u8()
	inIndex, least, pointers, pageBits := b.u8(), b.u8(), b.u8(), b.u8()
	for range 4 { // numbers and sizes of the blocks
		b.length()
	}
	used := b.length() // entries up to the last one ever set
	b.length()         // realised entries
	index := b.addr()
	switch {
	case b.err != nil:
	case version != 0 || client > 1:
		b.failf("version %d, client %d", version, client)
	case maxBits == 0 || maxBits > 64 || !powerOf2(least) || !powerOf2(pointers) || bits.Len8(least)-1 > int(maxBits) || pageBits > 32:
		b.failf("%d bits, blocks of %d entries, %d pointers, pages of 2^%d entries", maxBits, least, pointers, pageBits)
	case entry == 0:
		b.failf("entries of no length")
	case used > uint64(f.Size())/uint64(entry)*2+1<<16 && used > 1<<40:
		b.failf("%d entries; the file has %d bytes", used, f.Size())
	}
	if b.err != nil || index == Undefined || used == 0 {
		return b.err
	}
	e, err := w.element(entry, client == 1, off, nameExtensibleHeader)
	if err != nil {
		return err
	}
	grid, first, err := w.growingGrid()
	if err != nil {
		return err
	}
	x := extensibleWalk{
		arrayWalk: arrayWalk{chunkWalk: w, element: e, n: int64(used)},
		entry:     entry, inIndex: int64(inIndex), least: int64(least),
		direct: 2 * (bits.Len8(pointers) - 1), supers: 1 + int(maxBits) - (bits.Len8(least) - 1),
		page: 1 << pageBits, blockOffset: (int(maxBits) + 7) / 8, filtered: client, room: f.Size(),
	}
	x.collect = first != 0
	x.same = first == 0 && w.sameGrid()
	x.limit = w.counts[0] * w.stride[0]
	x.odo = w.swizzled(grid, first)
	if err := x.indexBlock(index); err != nil {
		return err
	}
	if !x.collect {
		return nil
	}
	return x.inOrder()
}

func powerOf2(n uint8) bool { return n != 0 && n&(n-1) == 0 }

// growingGrid is the grid that the array's positions count in: the unlimited dimension, first,
// comes before all the others, which keep their order.
func (w *chunkWalk) growingGrid() (grid []int64, first int, err error) {
	first = -1
	for i, n := range w.max {
		if n == 0 {
			if first >= 0 {
				return nil, 0, fmt.Errorf("dimensions %d and %d are unlimited, an extensible array has one: %w", first, i, cdm.ErrFormat)
			}
			first = i
		}
	}
	if first < 0 {
		return nil, 0, fmt.Errorf("no dimension is unlimited, an extensible array has one: %w", cdm.ErrFormat)
	}
	grid = append(grid, 1<<62)
	for i, n := range w.max {
		if i != first {
			grid = append(grid, n)
		}
	}
	return grid, first, nil
}

// swizzled is an odometer over growingGrid.
func (w *chunkWalk) swizzled(grid []int64, first int) *odometer {
	move := func(s []int64) []int64 {
		out := append(make([]int64, 0, len(s)), s[first])
		return append(append(out, s[:first]...), s[first+1:]...)
	}
	return &odometer{grid: grid, counts: move(w.counts), stride: move(w.stride), at: make([]int64, len(grid))}
}

// head checks what every block begins with and gives the rest.
func (x *extensibleWalk) head(b *buf, sig string, withOffset bool) {
	b.sig(sig)
	version, client := b.u8(), b.u8()
	b.skip(x.file.offsetSize) // the header's address
	if withOffset {
		b.skip(x.blockOffset)
	}
	if b.err == nil && (version != 0 || client != x.filtered) {
		b.failf("version %d, client %d; not 0 and %d", version, client, x.filtered)
	}
}

// shape is the number of data blocks in super block u and the entries in each.
func (x *extensibleWalk) shape(u int) (blocks, entries int64) {
	return 1 << (u / 2), x.least << ((u + 1) / 2)
}

func (x *extensibleWalk) indexBlock(off int64) error {
	directBlocks := 0
	for u := range min(x.direct, x.supers) {
		n, _ := x.shape(u)
		directBlocks += int(n)
	}
	secondary := max(x.supers-x.direct, 0)
	size := 6 + x.file.offsetSize + int(x.inIndex)*x.entry + (directBlocks+secondary)*x.file.offsetSize + 4
	b := x.nodes.checked(off, size, nameIndexBlock)
	x.head(&b, "EAIB", false)
	data := b.bytes(int(x.inIndex) * x.entry)
	if b.err != nil {
		return b.err
	}
	// The window moves on with every read below: take the addresses first.
	addrs := make([]int64, directBlocks+secondary)
	for i := range addrs {
		addrs[i] = b.addr()
	}
	if b.err != nil {
		return b.err
	}
	if err := x.take(data, x.inIndex); err != nil {
		return err
	}
	for u := 0; u < x.supers && x.pos < x.n; u++ {
		blocks, entries := x.shape(u)
		if u >= x.direct {
			if err := x.superBlock(addrs[directBlocks+u-x.direct], u); err != nil {
				return err
			}
			continue
		}
		for i := int64(0); i < blocks && x.pos < x.n; i++ {
			if entries > x.page {
				b.failf("a data block of %d entries, which has pages, without a secondary block", entries)
				return b.err
			}
			if err := x.dataBlock(addrs[0], entries, nil, 0); err != nil {
				return err
			}
			addrs = addrs[1:]
			directBlocks--
		}
	}
	return nil
}

// superBlock walks a secondary block and its data blocks.
func (x *extensibleWalk) superBlock(off int64, u int) error {
	blocks, entries := x.shape(u)
	if off == Undefined {
		x.pass(blocks * entries)
		return nil
	}
	if err := x.visit(off, nameSuperBlock); err != nil {
		return err
	}
	bitmap := int64(0) // of one data block's pages
	if entries > x.page {
		bitmap = (entries/x.page + 7) / 8
	}
	size := 6 + int64(x.file.offsetSize+x.blockOffset) + blocks*(bitmap+int64(x.file.offsetSize)) + 4
	if size > x.file.Size() {
		return &cdm.FormatError{Offset: off, Struct: nameSuperBlock, Msg: fmt.Sprintf("%d bytes, the file has %d", size, x.file.Size())}
	}
	b := x.nodes.checked(off, int(size), nameSuperBlock)
	x.head(&b, "EASB", true)
	written := append([]byte(nil), b.bytes(int(blocks*bitmap))...)
	if b.err != nil {
		return b.err
	}
	addrs := make([]int64, blocks)
	for i := range addrs {
		addrs[i] = b.addr()
	}
	if b.err != nil {
		return b.err
	}
	for i, a := range addrs {
		if x.pos >= x.n {
			return nil
		}
		if err := x.dataBlock(a, entries, written, int64(i)); err != nil {
			return err
		}
	}
	return nil
}

// dataBlock walks data block i of a super block; written says which pages of the super block's data blocks
// were, one bit a page, the first highest.
func (x *extensibleWalk) dataBlock(off, entries int64, written []byte, i int64) error {
	if off == Undefined {
		x.pass(entries)
		return nil
	}
	if err := x.visit(off, nameDataBlock); err != nil {
		return err
	}
	head := 6 + x.file.offsetSize + x.blockOffset
	if entries <= x.page {
		if entries > x.file.Size()/int64(x.entry) {
			return &cdm.FormatError{Offset: off, Struct: nameDataBlock, Msg: fmt.Sprintf("%d entries, the file has %d bytes", entries, x.file.Size())}
		}
		b := x.nodes.checked(off, head+int(entries)*x.entry+4, nameDataBlock)
		x.head(&b, "EADB", true)
		data := b.bytes(int(entries) * x.entry)
		if b.err != nil {
			return b.err
		}
		return x.take(data, entries)
	}
	b := x.nodes.checked(off, head+4, nameDataBlock)
	x.head(&b, "EADB", true)
	if b.err != nil {
		return b.err
	}
	pages := entries / x.page
	if x.page > x.file.Size()/int64(x.entry) {
		return &cdm.FormatError{Offset: off, Struct: nameDataBlock, Msg: fmt.Sprintf("pages of %d entries, the file has %d bytes", x.page, x.file.Size())}
	}
	at := off + int64(head) + 4
	for p := int64(0); p < pages && x.pos < x.n; p++ {
		bit := i*pages + p
		if written[bit/8]&(0x80>>(bit%8)) == 0 {
			x.pass(x.page)
		} else {
			if err := x.visit(at, nameDataPage); err != nil {
				return err
			}
			b := x.nodes.checked(at, int(x.page)*x.entry+4, nameDataPage)
			data := b.bytes(int(x.page) * x.entry)
			if b.err != nil {
				return b.err
			}
			if err := x.take(data, x.page); err != nil {
				return err
			}
		}
		at += x.page*int64(x.entry) + 4
	}
	return nil
}

// take follows n entries, those that were ever set.
func (x *extensibleWalk) take(data []byte, n int64) error {
	n = min(n, x.n-x.pos)
	data = data[:n*int64(x.entry)]
	if x.room -= int64(len(data)); x.room < 0 {
		return &cdm.FormatError{Offset: x.layout.Address, Struct: nameExtensibleHeader, Msg: "more entries than the file has room for"}
	}
	if !x.collect {
		return x.entries(data)
	}
	for ; len(data) > 0; data = data[x.entry:] {
		off, size, mask, ok := x.decode(data)
		if ok && x.odo.out == 0 {
			x.found = append(x.found, StoredChunk{x.odo.index, off, size, mask})
		}
		x.odo.step()
		x.pos++
	}
	return nil
}

// pass goes over n entries whose block was never made.
func (x *extensibleWalk) pass(n int64) { x.skip(min(n, x.n-x.pos)) }

// inOrder emits what was collected in ascending order. A table by index is quicker than sorting as long
// as it is not much larger than what was found.
func (x *extensibleWalk) inOrder() error {
	total, ok := int64(0), false
	if n := len(x.found); n > 0 && n < 1<<31 {
		last := int64(0)
		for i := range x.found {
			last = max(last, x.found[i].Index)
		}
		total, ok = last+1, last < 8*int64(n)+1024
	}
	if !ok {
		slices.SortFunc(x.found, func(a, b StoredChunk) int {
			switch {
			case a.Index < b.Index:
				return -1
			case a.Index > b.Index:
				return 1
			}
			return 0
		})
		for i := range x.found {
			c := &x.found[i]
			if err := x.emit(c.Index, c.Offset, c.Size, c.Mask); err != nil {
				return err
			}
		}
		return nil
	}
	table := make([]int32, total) // position in found, from 1
	for i := range x.found {
		table[x.found[i].Index] = int32(i + 1)
	}
	for _, i := range table {
		if i == 0 {
			continue
		}
		c := &x.found[i-1]
		if err := x.emit(c.Index, c.Offset, c.Size, c.Mask); err != nil {
			return err
		}
	}
	return nil
}
