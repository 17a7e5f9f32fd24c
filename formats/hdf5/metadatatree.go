package hdf5

import (
	"math/bits"
)

// Types of version 2 B-trees (III.A.2), as far as they index metadata.
const (
	btreeHuge           = 1 // huge fractal heap objects, not filtered
	btreeHugeFiltered   = 2
	btreeLinkNames      = 5
	btreeAttributeNames = 8
)

// metadataTree is a version 2 B-tree: its header and what follows from it.
type metadataTree struct {
	f          *File
	kind       uint8
	nodeSize   int
	recordSize int
	levels     []metadataLevel // by depth above the leaves
	visited    *visits
}

// metadataLevel is how nodes of one depth are laid out. Node pointers hold counts in no more bytes than
// the greatest possible count needs.
type metadataLevel struct {
	maxRecords uint64 // in one node
	cumulative uint64 // in one node and all below it
	totalBytes int    // size of a total in a pointer to such a node; 0 for leaves
}

const metadataNodeOverhead = 10 // signature, version, type, checksum

// walkMetadataTree calls visit for each record of the tree at addr, in order. The record is the caller's only during the call.
func (f *File) walkMetadataTree(addr int64, kind uint8, visit func(record []byte) error) error {
	const what = "v2 B-tree header"
	b := f.read(addr, 4+2+4+2+2+2+f.offsetSize+2+f.lengthSize+4, what)
	b.sig("BTHD")
	if b.err != nil {
		return b.err
	}
	if err := verifyChecksum(b.data, addr, what); err != nil {
		return err
	}
	if v := b.u8(); v != 0 {
		b.failf("version is %d, not 0", v)
	}
	t := &metadataTree{f: f, kind: b.u8(), visited: f.newVisits()}
	if t.kind != kind {
		b.failf("type is %d, not %d", t.kind, kind)
	}
	t.nodeSize, t.recordSize = int(b.u32()), int(b.u16())
	depth := int(b.u16())
	b.skip(2) // split and merge percents
	root := b.addr()
	n := int(b.u16())
	if b.err == nil && (t.recordSize == 0 || t.nodeSize < metadataNodeOverhead+t.recordSize) {
		b.failf("nodes of %d bytes for records of %d", t.nodeSize, t.recordSize)
	}
	if b.err != nil || root == Undefined {
		return b.err
	}
	t.levels = append(t.levels, metadataLevel{})
	leaf := uint64(t.nodeSize-metadataNodeOverhead) / uint64(t.recordSize)
	t.levels[0] = metadataLevel{maxRecords: leaf, cumulative: leaf}
	for d := 1; d <= depth; d++ {
		below := t.levels[d-1]
		pointer := f.offsetSize + t.countBytes() + below.totalBytes
		room := t.nodeSize - metadataNodeOverhead - pointer
		if room < 0 {
			b.failf("nodes of %d bytes are too small for a depth of %d", t.nodeSize, depth)
			return b.err
		}
		most := uint64(room) / uint64(t.recordSize+pointer)
		hi, cum := bits.Mul64(most+1, below.cumulative)
		if most == 0 || hi != 0 || cum > 1<<62 {
			b.failf("a depth of %d", depth)
			return b.err
		}
		cum += most
		t.levels = append(t.levels, metadataLevel{most, cum, bytesFor(cum)})
	}
	return t.node(root, n, depth, visit)
}

// bytesFor is how many bytes hold numbers up to n.
func bytesFor(n uint64) int { return (max(bits.Len64(n), 1)-1)/8 + 1 }

// countBytes is the size of a record count in a node pointer.
func (t *metadataTree) countBytes() int { return bytesFor(t.levels[0].maxRecords) }

func (t *metadataTree) node(addr int64, n, depth int, visit func([]byte) error) error {
	what, sig := "v2 B-tree leaf node", "BTLF"
	level := t.levels[depth]
	size := metadataNodeOverhead + n*t.recordSize
	if depth > 0 {
		what, sig = "v2 B-tree internal node", "BTIN"
		size += (n + 1) * (t.f.offsetSize + t.countBytes() + t.levels[depth-1].totalBytes)
	}
	if err := t.visited.enter(addr, int64(size), what); err != nil {
		return err
	}
	b := t.f.read(addr, size, what)
	b.sig(sig)
	if uint64(n) > level.maxRecords {
		b.failf("%d records where %d fit", n, level.maxRecords)
	}
	if b.err != nil {
		return b.err
	}
	if err := verifyChecksum(b.data, addr, what); err != nil {
		return err
	}
	if v := b.u8(); v != 0 {
		b.failf("version is %d, not 0", v)
	}
	if k := b.u8(); k != t.kind {
		b.failf("type is %d, not %d", k, t.kind)
	}
	records := b.bytes(n * t.recordSize)
	if b.err != nil {
		return b.err
	}
	for i := 0; ; i++ {
		if depth > 0 {
			child, count := b.addr(), int(b.uint(t.countBytes()))
			b.skip(t.levels[depth-1].totalBytes)
			if b.err != nil {
				return b.err
			}
			if err := t.node(child, count, depth-1, visit); err != nil {
				return err
			}
		}
		if i == n {
			return b.err
		}
		if err := visit(records[i*t.recordSize : (i+1)*t.recordSize]); err != nil {
			return err
		}
	}
}
