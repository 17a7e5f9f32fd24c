package hdf5

// decodeLayout decodes a data layout message (IV.A.2.i). Space and Type are known.
func (d *Dataset) decodeLayout(b *buf) {
	l := &d.Layout
	l.Address = Undefined
	switch l.Version = b.u8(); l.Version {
	case 1, 2:
		d.layoutV1(b)
	case 3, 4, 5:
		d.layoutV3(b)
	default:
		b.failf("version is %d, not 1 to 5", l.Version)
	}
}

func (d *Dataset) layoutV1(b *buf) {
	l := &d.Layout
	rank := int(b.u8())
	l.Class = LayoutClass(b.u8())
	b.skip(5)
	if l.Class != Compact {
		l.Address = b.addr()
	}
	switch l.Class {
	case Compact:
		b.skip(4 * rank)
		l.Size = uint64(b.u32())
		l.Data = b.bytes(int(l.Size))
	case Contiguous:
		// The sizes of the dimensions repeat the dataspace's; the data's size follows from it.
	case Chunked:
		d.chunkShape(b, rank, 4)
	default:
		b.failf("unknown class %d", l.Class)
	}
}

func (d *Dataset) layoutV3(b *buf) {
	l := &d.Layout
	switch l.Class = LayoutClass(b.u8()); l.Class {
	case Compact:
		l.Size = uint64(b.u16())
		l.Data = b.bytes(int(l.Size))
	case Contiguous:
		l.Address = b.addr()
		l.Size = b.length()
	case Chunked:
		if l.Version == 3 {
			rank := int(b.u8())
			l.Address = b.addr()
			d.chunkShape(b, rank, 4)
			return
		}
		flags := b.u8()
		l.RawEdges = flags&1 != 0
		rank := int(b.u8())
		d.chunkShape(b, rank, int(b.u8()))
		d.chunkIndex(b, flags&2 != 0)
	case Virtual:
		l.heap = b.addr()
		l.heapIndex = b.u32()
	default:
		b.failf("unknown class %d", l.Class)
	}
}

// chunkShape takes rank sizes of n bytes: the chunk's dimensions and the size of an element.
func (d *Dataset) chunkShape(b *buf, rank, n int) {
	if rank != len(d.Space.Dims)+1 || rank < 2 {
		b.failf("chunks of %d dimensions for a dataset of %d", rank-1, len(d.Space.Dims))
	}
	if n < 1 || n > 8 {
		b.failf("chunk dimensions of %d bytes", n)
	}
	if b.err != nil {
		return
	}
	l := &d.Layout
	l.Chunk = make([]uint64, rank-1)
	for i := range l.Chunk {
		if l.Chunk[i] = b.uint(n); l.Chunk[i] == 0 || l.Chunk[i] > 1<<62 {
			b.failf("chunks of %d elements along dimension %d", l.Chunk[i], i)
		}
	}
	size := b.uint(n)
	if b.err == nil && size != uint64(d.Type.Size) {
		b.failf("chunks of elements of %d bytes for a datatype of %d", size, d.Type.Size)
	}
	l.ElementSize = uint32(size)
}

// chunkIndex takes the kind of the chunk index, its parameters and its address.
func (d *Dataset) chunkIndex(b *buf, filtered bool) {
	l := &d.Layout
	switch l.Index = IndexType(b.u8()); l.Index {
	case SingleChunk:
		if l.Filtered = filtered; filtered {
			l.SingleSize = b.length()
			l.SingleMask = b.u32()
		}
	case Implicit:
	case FixedArray:
		l.PageBits = b.u8()
	case ExtensibleArray:
		l.MaxBits, l.IndexElements, l.MinPointers, l.MinElements, l.PageBits = b.u8(), b.u8(), b.u8(), b.u8(), b.u8()
	case BTree2:
		l.NodeSize = b.u32()
		b.skip(2) // split and merge percents
	default:
		b.failf("unknown chunk index type %d", l.Index)
	}
	l.Address = b.addr()
}
