package hdf5

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

const (
	nameBTree2     = "version 2 B-tree header"
	nameBTree2Node = "version 2 B-tree node"
	btree2Overhead = 4 + 1 + 1 + 4 // of a node: signature, version, type, checksum
)

// btree2Walk walks a version 2 B-tree of chunks (III.A.2, record types 10 and 11). Its records are
// ordered by the chunks' scaled coordinates.
type btree2Walk struct {
	*chunkWalk
	kind     uint8
	nodeSize int
	record   int
	length   int // bytes of the stored size; 0 for type 10
	counter  int // bytes of a child's number of records
	levels   []btree2Level
}

// btree2Level is what nodes of one depth have; depth 0 are the leaves.
type btree2Level struct {
	most    int    // records that fit
	below   uint64 // records that fit in the node and all below it
	pointer int    // bytes of a child pointer
	total   int    // bytes of the number of records below a node of this depth
	node    []byte // the node being walked, for depths above 0
}

// btree2 walks the tree with its header at off.
func (w *chunkWalk) btree2(off int64) error {
	f := w.file
	b := w.nodes.checked(off, 22+f.offsetSize+f.lengthSize, nameBTree2)
	b.sig("BTHD")
	version := b.u8()
	t := btree2Walk{chunkWalk: w, kind: b.u8()}
	nodeSize := b.u32()
	t.record = int(b.u16())
	depth := int(b.u16())
	b.skip(2) // split and merge percent
	root := b.addr()
	records := int(b.u16())
	if b.err != nil {
		return b.err
	}
	fixed := f.offsetSize + 8*len(w.dims)
	switch {
	case version != 0:
		b.failf("version %d", version)
	case t.kind == 10 && t.record != fixed, t.kind == 11 && (t.record < fixed+4+1 || t.record > fixed+4+8):
		b.failf("records of %d bytes for %d dimensions", t.record, len(w.dims))
	case t.kind != 10 && t.kind != 11:
		b.failf("record type %d, not 10 or 11 (chunks)", t.kind)
	case int64(nodeSize) > f.Size() || int(nodeSize) < btree2Overhead+t.record:
		b.failf("nodes of %d bytes", nodeSize)
	case depth > maxTreeDepth:
		b.failf("depth %d", depth)
	}
	if b.err != nil {
		return b.err
	}
	if root == Undefined || records == 0 {
		return nil
	}
	if t.kind == 11 {
		t.length = t.record - fixed - 4
	}
	t.nodeSize = int(nodeSize)
	if !t.plan(depth) {
		b.failf("depth %d with nodes of %d bytes", depth, nodeSize)
		return b.err
	}
	return t.node(root, records, depth)
}

// plan works out the capacities and field widths of every depth, as the writer did.
func (t *btree2Walk) plan(depth int) bool {
	most := (t.nodeSize - btree2Overhead) / t.record
	t.levels = make([]btree2Level, depth+1)
	t.levels[0] = btree2Level{most: most, below: uint64(most)}
	t.counter = byteLen(uint64(most))
	for d := 1; d <= depth; d++ {
		under := t.levels[d-1]
		l := btree2Level{pointer: t.file.offsetSize + t.counter + under.total}
		l.most = (t.nodeSize - btree2Overhead - l.pointer) / (t.record + l.pointer)
		if l.most < 1 {
			return false
		}
		hi, lo := bits.Mul64(uint64(l.most)+1, under.below)
		if hi != 0 || lo > 1<<62 {
			return false
		}
		l.below = lo + uint64(l.most)
		l.total = byteLen(l.below)
		t.levels[d] = l
	}
	return true
}

// byteLen is the number of bytes that hold v.
func byteLen(v uint64) int { return (bits.Len64(v) + 7) / 8 }

func (t *btree2Walk) node(off int64, records, depth int) error {
	if err := t.visit(off, nameBTree2Node); err != nil {
		return err
	}
	l := &t.levels[depth]
	sig, used := "BTLF", btree2Overhead-4+records*t.record
	if depth > 0 {
		sig, used = "BTIN", used+(records+1)*l.pointer
	}
	if records > l.most {
		return &cdm.FormatError{Offset: off, Struct: nameBTree2Node, Msg: fmt.Sprintf("%d records, at most %d fit", records, l.most)}
	}
	// The checksum follows what is used, not the node's end.
	b := t.nodes.checked(off, used+4, nameBTree2Node)
	b.sig(sig)
	version, kind := b.u8(), b.u8()
	if b.err == nil && (version != 0 || kind != t.kind) {
		b.failf("version %d, record type %d; not 0 and %d", version, kind, t.kind)
	}
	data := b.bytes(records * t.record)
	if b.err != nil {
		return b.err
	}
	if depth == 0 {
		for i := range records {
			if err := t.chunk(data[i*t.record:(i+1)*t.record], off); err != nil {
				return err
			}
		}
		return nil
	}
	// The children are read into the same buffer: keep this node.
	l.node = append(l.node[:0], b.data...)
	data = l.node[btree2Overhead-4:]
	pointers := data[records*t.record:]
	for i := 0; i <= records; i++ {
		p := pointers[i*l.pointer : (i+1)*l.pointer]
		child, ok := t.file.absolute(leUint(p[:t.file.offsetSize]))
		if !ok || child == Undefined {
			return &cdm.FormatError{Offset: off, Struct: nameBTree2Node, Msg: fmt.Sprintf("child %d has no address in the file", i)}
		}
		n := leUint(p[t.file.offsetSize : t.file.offsetSize+t.counter])
		if n > uint64(t.levels[depth-1].most) {
			return &cdm.FormatError{Offset: off, Struct: nameBTree2Node, Msg: fmt.Sprintf("child %d has %d records, at most %d fit", i, n, t.levels[depth-1].most)}
		}
		if err := t.node(child, int(n), depth-1); err != nil {
			return err
		}
		if i < records {
			if err := t.chunk(data[i*t.record:(i+1)*t.record], off); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *btree2Walk) chunk(rec []byte, off int64) error {
	addr, ok := t.file.absolute(leUint(rec[:t.file.offsetSize]))
	if !ok || addr == Undefined {
		return &cdm.FormatError{Offset: off, Struct: nameBTree2Node, Msg: "a chunk has no address in the file"}
	}
	rec = rec[t.file.offsetSize:]
	size, mask := t.bytes, uint32(0)
	if t.kind == 11 {
		size = int64(leUint(rec[:t.length]) & (1<<63 - 1))
		mask = binary.LittleEndian.Uint32(rec[t.length:])
		rec = rec[t.length+4:]
	}
	index := int64(0)
	for i, n := range t.counts {
		at := binary.LittleEndian.Uint64(rec[8*i:])
		if at >= uint64(n) {
			return nil
		}
		index += int64(at) * t.stride[i]
	}
	return t.emit(index, addr, size, mask)
}
