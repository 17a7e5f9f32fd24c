package hdf5

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math/bits"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// StoredChunk is one chunk that was written.
type StoredChunk struct {
	Index  int64  // C-order position in the chunk grid
	Offset int64  // absolute
	Size   int64  // stored bytes
	Mask   uint32 // bit i set: stage i of the pipeline was skipped
}

// Chunks yields the written chunks of a chunked dataset in ascending order of Index, each once.
// Chunks that lie wholly outside of the dataspace's extent are left out. After an error nothing
// more is yielded.
//
// shape is the extent whose chunk grid Index counts in; nil is the dataset's own. It may only be
// larger: netCDF sees an array along an unlimited dimension as long as the longest.
//
// A chunk over the extent's edge that the layout says is stored unfiltered has all bits of Mask set.
func (d *Dataset) Chunks(ctx context.Context, shape []int64) iter.Seq2[StoredChunk, error] {
	return func(yield func(StoredChunk, error) bool) {
		w, err := newChunkWalk(ctx, d, shape, yield)
		if err == nil && w != nil {
			err = w.run()
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(StoredChunk{}, err)
		}
	}
}

// errStopped unwinds a walk whose consumer wants no more.
var errStopped = errors.New("stopped")

// chunkWalk is one pass over a chunk index.
type chunkWalk struct {
	ctx    context.Context
	file   *File
	layout *Layout
	yield  func(StoredChunk, error) bool
	nodes  nodeReader

	dims   []uint64 // the dataset's own extent
	counts []int64  // chunks along each dimension of that extent
	max    []int64  // chunks along each dimension at its largest; 0 where unlimited
	stride []int64  // of Index in the grid asked for
	bytes  int64    // of an unfiltered chunk

	rawEdges bool // unfiltered edge chunks, and there are filters
	last     int64
	budget   int64 // nodes and blocks that the file has room for
}

// newChunkWalk prepares a walk; it is nil when the extent has no chunks at all.
func newChunkWalk(ctx context.Context, d *Dataset, shape []int64, yield func(StoredChunk, error) bool) (*chunkWalk, error) {
	l := &d.Layout
	rank := len(d.Space.Dims)
	if l.ElementSize == 0 {
		return nil, fmt.Errorf("elements of no size: %w", cdm.ErrFormat)
	}
	if l.Class != Chunked {
		return nil, errors.New("the dataset is not chunked")
	}
	if len(l.Chunk) != rank || rank == 0 || len(d.Space.MaxDims) != rank || shape != nil && len(shape) != rank {
		return nil, fmt.Errorf("chunks of %d dimensions for a dataspace of %d: %w", len(l.Chunk), rank, cdm.ErrFormat)
	}
	w := &chunkWalk{
		ctx: ctx, file: d.Object.f, layout: l, yield: yield, dims: d.Space.Dims,
		rawEdges: l.RawEdges && len(d.Filters) > 0, last: -1,
	}
	w.nodes = nodeReader{f: w.file}
	w.budget = w.file.Size()/minNode + 1
	numbers := make([]int64, 3*rank)
	w.counts, w.max, w.stride = numbers[:rank:rank], numbers[rank:2*rank:2*rank], numbers[2*rank:]
	size, total := uint64(l.ElementSize), uint64(1)
	for i := rank - 1; i >= 0; i-- {
		c, n := l.Chunk[i], d.Space.Dims[i]
		if c == 0 {
			return nil, fmt.Errorf("a chunk of no length: %w", cdm.ErrFormat)
		}
		if n == 0 {
			return nil, nil
		}
		w.counts[i] = int64((n-1)/c) + 1
		if m := d.Space.MaxDims[i]; m != Unlimited {
			if m < n {
				return nil, fmt.Errorf("dimension %d is %d long and at most %d: %w", i, n, m, cdm.ErrFormat)
			}
			w.max[i] = int64((m-1)/c) + 1
		}
		if shape != nil {
			if shape[i] < 0 || uint64(shape[i]) < n {
				return nil, fmt.Errorf("dimension %d is %d long, not %d", i, n, shape[i])
			}
			n = uint64(shape[i])
		}
		w.stride[i] = int64(total)
		var over, over2 uint64
		over, total = bits.Mul64(total, (n-1)/c+1)
		over2, size = bits.Mul64(size, c)
		if over|over2 != 0 || total >= 1<<62 || size >= 1<<62 {
			return nil, fmt.Errorf("more chunks, or larger ones, than can be counted: %w", cdm.ErrFormat)
		}
	}
	w.bytes = int64(size)
	return w, nil
}

// run walks the index that the layout names. An undefined address is an index not yet made.
func (w *chunkWalk) run() error {
	if w.layout.Address == Undefined {
		return nil
	}
	switch w.layout.Index {
	case BTree1:
		return w.btree1(w.layout.Address)
	case SingleChunk:
		return w.single()
	case Implicit:
		return w.implicit()
	case FixedArray:
		return w.fixedArray(w.layout.Address)
	case ExtensibleArray:
		return w.extensibleArray(w.layout.Address)
	case BTree2:
		return w.btree2(w.layout.Address)
	}
	return fmt.Errorf("chunk index type %d is not known: %w", w.layout.Index, cdm.ErrUnsupported)
}

// emit hands on one chunk, checked. The caller knows that it lies inside of the extent.
func (w *chunkWalk) emit(index, off, size int64, mask uint32) error {
	if index <= w.last {
		return &cdm.FormatError{Offset: off, Struct: "chunk index", Msg: fmt.Sprintf("chunk %d follows chunk %d", index, w.last)}
	}
	if off < 0 || size < 0 || off > w.nodes.f.cache.size-size {
		return &cdm.FormatError{Offset: off, Struct: "chunk", Msg: fmt.Sprintf("chunk %d has %d bytes, the file ends at byte %d", index, size, w.nodes.f.cache.size)}
	}
	if w.rawEdges && w.overEdge(index) {
		mask = ^uint32(0)
	}
	w.last = index
	if !w.yield(StoredChunk{Index: index, Offset: off, Size: size, Mask: mask}, nil) {
		return errStopped
	}
	return nil
}

// overEdge says whether a chunk reaches over the edge of the dataset's extent.
func (w *chunkWalk) overEdge(index int64) bool {
	for i, s := range w.stride {
		at := uint64(index / s)
		index %= s
		if (at+1)*w.layout.Chunk[i] > w.dims[i] {
			return true
		}
	}
	return false
}

// visit counts a node or block against what the file has room for, so that nodes that are
// reached again and again can't keep a walk going, and looks whether the walk was cancelled.
func (w *chunkWalk) visit(off int64, what string) error {
	if w.budget--; w.budget < 0 {
		return &cdm.FormatError{Offset: off, Struct: what, Msg: "more nodes than the file has room for"}
	}
	return w.ctx.Err()
}

// element is an entry of a fixed or extensible array: an address, and for filtered chunks the
// stored size and the mask (VII.B, VII.C).
type element struct {
	size     int // bytes of an entry
	addr     int // bytes of the address
	length   int // bytes of the stored size; 0 when unfiltered
	base     int64
	none     uint64 // the undefined address
	unstored int64  // bytes of an unfiltered chunk
}

func (w *chunkWalk) element(size int, filtered bool, off int64, what string) (element, error) {
	e := element{size: size, addr: w.file.offsetSize, base: w.file.base, unstored: w.bytes}
	e.none = ^uint64(0) >> (64 - 8*e.addr)
	want := e.addr
	if filtered {
		e.length = size - e.addr - 4
		want = size
	}
	if size != want || filtered && (e.length < 1 || e.length > 8) {
		return e, &cdm.FormatError{Offset: off, Struct: what, Msg: fmt.Sprintf("entries of %d bytes", size)}
	}
	return e, nil
}

// decode takes one entry. An unwritten chunk has ok false.
func (e *element) decode(p []byte) (off, size int64, mask uint32, ok bool) {
	var a uint64
	if e.addr == 8 {
		a = binary.LittleEndian.Uint64(p)
	} else {
		a = leUint(p[:e.addr])
	}
	if a == e.none {
		return 0, 0, 0, false
	}
	off, size = int64(a&(1<<62-1))+e.base, e.unstored
	if e.length > 0 {
		size = int64(leUint(p[e.addr:e.addr+e.length]) & (1<<63 - 1))
		mask = binary.LittleEndian.Uint32(p[e.addr+e.length:])
	}
	return off, size, mask, true
}

// odometer steps through a grid in C order and keeps the position's Index in the grid asked for.
type odometer struct {
	grid   []int64 // stepped through
	counts []int64 // of the extent: positions beyond are outside
	stride []int64
	at     []int64
	index  int64
	out    int // how many coordinates are outside of the extent
}

func (w *chunkWalk) odometer(grid []int64) *odometer {
	return &odometer{grid: grid, counts: w.counts, stride: w.stride, at: make([]int64, len(grid))}
}

func (o *odometer) step() {
	for i := len(o.at) - 1; i >= 0; i-- {
		o.at[i]++
		o.index += o.stride[i]
		if o.at[i] == o.counts[i] {
			o.out++
		}
		if o.at[i] < o.grid[i] || i == 0 {
			return
		}
		if o.at[i] >= o.counts[i] {
			o.out--
		}
		o.index -= o.at[i] * o.stride[i]
		o.at[i] = 0
	}
}

// seek goes to a position counted in C order of the grid stepped through.
func (o *odometer) seek(pos int64) {
	o.index, o.out = 0, 0
	for i := len(o.at) - 1; i >= 0; i-- {
		o.at[i] = pos
		if i > 0 {
			o.at[i] = pos % o.grid[i]
			pos /= o.grid[i]
		}
		o.index += o.at[i] * o.stride[i]
		if o.at[i] >= o.counts[i] {
			o.out++
		}
	}
}

// sameGrid says whether positions in the grid of the largest extent are Index already.
func (w *chunkWalk) sameGrid() bool {
	want := int64(1)
	for i := len(w.max) - 1; i >= 0; i-- {
		if w.stride[i] != want || i > 0 && w.max[i] != w.counts[i] {
			return false
		}
		want *= w.max[i]
	}
	return true
}

// product multiplies; ok is false on overflow.
func product(n []int64) (p int64, ok bool) {
	p = 1
	for _, v := range n {
		hi, lo := bits.Mul64(uint64(p), uint64(v))
		if hi != 0 || lo >= 1<<62 {
			return 0, false
		}
		p = int64(lo)
	}
	return p, true
}
