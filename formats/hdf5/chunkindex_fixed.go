package hdf5

import (
	"fmt"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// single is the index of a dataset that is one chunk (VII.A): the layout message has it all.
func (w *chunkWalk) single() error {
	size, mask := w.bytes, uint32(0)
	if w.layout.Filtered {
		if w.layout.SingleSize > uint64(w.file.Size()) {
			return &cdm.FormatError{Offset: w.layout.Address, Struct: "single chunk", Msg: fmt.Sprintf("%d bytes, the file ends at byte %d", w.layout.SingleSize, w.file.Size())}
		}
		size, mask = int64(w.layout.SingleSize), w.layout.SingleMask
	}
	return w.emit(0, w.layout.Address, size, mask)
}

// largestGrid is the chunk grid of the largest extent; it must be limited.
func (w *chunkWalk) largestGrid() (int64, error) {
	for i, n := range w.max {
		if n == 0 {
			return 0, fmt.Errorf("dimension %d is unlimited, its chunk index is not: %w", i, cdm.ErrFormat)
		}
	}
	n, ok := product(w.max)
	if !ok {
		return 0, fmt.Errorf("more chunks than can be counted: %w", cdm.ErrFormat)
	}
	return n, nil
}

// implicit is the index of chunks that follow one another (VII.B): all of them, in C order
// of the largest extent's grid.
func (w *chunkWalk) implicit() error {
	n, err := w.largestGrid()
	if err != nil {
		return err
	}
	if w.bytes > 0 && n > w.file.Size()/w.bytes {
		return &cdm.FormatError{Offset: w.layout.Address, Struct: "implicit chunk index", Msg: fmt.Sprintf("%d chunks of %d bytes, the file ends at byte %d", n, w.bytes, w.file.Size())}
	}
	o := w.odometer(w.max)
	for i := range n {
		if o.out == 0 {
			if err := w.emit(o.index, w.layout.Address+i*w.bytes, w.bytes, 0); err != nil {
				return err
			}
		}
		o.step()
	}
	return nil
}

const (
	nameFixedHeader = "fixed array header"
	nameFixedBlock  = "fixed array data block"
	nameFixedPage   = "fixed array data block page"
)

// fixedArray walks a fixed array (VII.C): one entry for each chunk of the largest extent's grid, in
// C order, in one block that may be cut into pages.
func (w *chunkWalk) fixedArray(off int64) error {
	f := w.file
	b := w.nodes.checked(off, 8+f.lengthSize+f.offsetSize+4, nameFixedHeader)
	b.sig("FAHD")
	version, client, entry, pageBits := b.u8(), b.u8(), int(b.u8()), b.u8()
	entries := b.length()
	block := b.addr()
	if b.err == nil && (version != 0 || client > 1) {
		b.failf("version %d, client %d", version, client)
	}
	if b.err == nil && pageBits > 32 {
		b.failf("pages of 2^%d entries", pageBits)
	}
	if b.err != nil || block == Undefined {
		return b.err
	}
	e, err := w.element(entry, client == 1, off, nameFixedHeader)
	if err != nil {
		return err
	}
	n, err := w.largestGrid()
	if err != nil {
		return err
	}
	if entries > uint64(f.Size())/uint64(entry) || int64(entries) < n {
		b.failf("%d entries of %d bytes for %d chunks; the file has %d bytes", entries, entry, n, f.Size())
		return b.err
	}
	a := arrayWalk{chunkWalk: w, element: e, same: w.sameGrid(), limit: w.counts[0] * w.stride[0], odo: w.odometer(w.max), n: n}

	head := 4 + 1 + 1 + f.offsetSize
	page := int64(1) << pageBits
	if int64(entries) <= page {
		b := w.nodes.checked(block, head+int(entries)*entry+4, nameFixedBlock)
		b.sig("FADB")
		b.skip(head - 4)
		data := b.bytes(int(n) * entry)
		if b.err != nil {
			return b.err
		}
		return a.entries(data)
	}
	pages := (int64(entries) + page - 1) / page
	bitmap := int((pages + 7) / 8)
	b = w.nodes.checked(block, head+bitmap+4, nameFixedBlock)
	b.sig("FADB")
	b.skip(head - 4)
	written := append([]byte(nil), b.bytes(bitmap)...)
	if b.err != nil {
		return b.err
	}
	at := block + int64(head+bitmap+4)
	for i := int64(0); i < pages && i*page < n; i++ {
		here := min(page, int64(entries)-i*page)
		if written[i/8]&(0x80>>(i%8)) != 0 {
			if err := w.visit(at, nameFixedPage); err != nil {
				return err
			}
			b := w.nodes.checked(at, int(here)*entry+4, nameFixedPage)
			data := b.bytes(int(min(here, n-i*page)) * entry)
			if b.err != nil {
				return b.err
			}
			if err := a.entries(data); err != nil {
				return err
			}
		} else {
			a.skip(min(here, n-i*page))
		}
		at += page*int64(entry) + 4
	}
	return nil
}

// arrayWalk follows the entries of an array in C order of a grid.
type arrayWalk struct {
	*chunkWalk
	element
	same  bool  // a position in the array is the Index
	limit int64 // with same: positions from here on are outside of the extent
	odo   *odometer
	pos   int64 // of the next entry in the array
	n     int64 // positions
}

func (a *arrayWalk) entries(data []byte) error {
	for ; len(data) >= a.element.size; data = data[a.element.size:] {
		off, size, mask, ok := a.decode(data)
		index, inside := a.pos, true
		if !a.same {
			index, inside = a.odo.index, a.odo.out == 0
			a.odo.step()
		} else if a.pos >= a.limit {
			return nil // beyond the extent: nothing more is inside
		}
		a.pos++
		if ok && inside {
			if err := a.emit(index, off, size, mask); err != nil {
				return err
			}
		}
	}
	return nil
}

// skip passes over entries that were never written.
func (a *arrayWalk) skip(n int64) {
	a.pos += n
	if !a.same {
		a.odo.seek(a.pos)
	}
}
