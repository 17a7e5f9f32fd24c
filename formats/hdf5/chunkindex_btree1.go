package hdf5

import (
	"encoding/binary"
	"fmt"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// maxTreeDepth is deeper than any tree that fits in a file.
const maxTreeDepth = 64

const nameBTree1 = "version 1 B-tree node"

// btree1 walks a version 1 B-tree of raw data chunks (III.A.1, node type 1). Its keys are the
// offsets of the chunks in elements, in C order.
func (w *chunkWalk) btree1(root int64) error {
	t := btree1Walk{chunkWalk: w, rank: len(w.dims)}
	t.key = 8 + 8*(t.rank+1)
	t.entry = t.key + w.file.offsetSize
	t.at = make([]uint64, t.rank)
	return t.node(root, -1)
}

type btree1Walk struct {
	*chunkWalk
	rank  int
	key   int      // bytes of a key
	entry int      // bytes of a key and its child's address
	at    []uint64 // offsets of the chunk before
	index int64    // its Index; -1 before the first
	begun bool
}

// node walks a node and all below it. level is what the parent demands; -1 for the root.
func (t *btree1Walk) node(off int64, level int) error {
	if err := t.visit(off, nameBTree1); err != nil {
		return err
	}
	head := 8 + 2*t.file.offsetSize
	b := t.nodes.buf(off, head, nameBTree1)
	b.sig("TREE")
	kind, lvl, n := b.u8(), int(b.u8()), int(b.u16())
	switch {
	case b.err != nil:
		return b.err
	case kind != 1:
		b.failf("node type %d, not 1 (chunks)", kind)
		return b.err
	case level >= 0 && lvl != level || lvl > maxTreeDepth:
		b.failf("level %d where %d is due", lvl, level)
		return b.err
	case n == 0:
		return nil
	}
	data, err := t.nodes.at(off+int64(head), n*t.entry, nameBTree1)
	if err != nil {
		return err
	}
	if lvl == 0 {
		return t.leaf(data, off+int64(head))
	}
	// The children are read into the same buffer: keep what is needed of this one.
	children := make([]int64, n)
	for i := range children {
		a, ok := t.file.absolute(leUint(data[i*t.entry+t.key : (i+1)*t.entry]))
		if !ok || a == Undefined {
			return &cdm.FormatError{Offset: off, Struct: nameBTree1, Msg: fmt.Sprintf("child %d has no address in the file", i)}
		}
		children[i] = a
	}
	for _, c := range children {
		if err := t.node(c, lvl-1); err != nil {
			return err
		}
	}
	return nil
}

func (t *btree1Walk) leaf(data []byte, off int64) error {
	last := t.rank - 1
	step := t.layout.Chunk[last]
	for len(data) >= t.entry {
		key := data[8:t.key]
		// Chunks mostly follow one another along the last dimension: no division then.
		next := t.begun && binary.LittleEndian.Uint64(key[8*last:]) == t.at[last]+step
		for i := 0; next && i < last; i++ {
			next = binary.LittleEndian.Uint64(key[8*i:]) == t.at[i]
		}
		var inside bool
		if next {
			t.at[last] += step
			t.index++
			inside = t.at[last] < t.dims[last]
			t.begun = inside
		} else if inside = t.seek(key); t.begun {
			for i, at := range t.at {
				if at%t.layout.Chunk[i] != 0 {
					return &cdm.FormatError{Offset: off, Struct: nameBTree1, Msg: fmt.Sprintf("a chunk at offset %d of dimension %d, chunks are %d long", at, i, t.layout.Chunk[i])}
				}
			}
		}
		if inside {
			a, ok := t.file.absolute(leUint(data[t.key:t.entry]))
			if !ok || a == Undefined {
				return &cdm.FormatError{Offset: off, Struct: nameBTree1, Msg: "a chunk has no address in the file"}
			}
			size, mask := binary.LittleEndian.Uint32(data), binary.LittleEndian.Uint32(data[4:])
			if err := t.emit(t.index, a, int64(size), mask); err != nil {
				return err
			}
		}
		data, off = data[t.entry:], off+int64(t.entry)
	}
	return nil
}

// seek takes a chunk's place from its key; false when it is outside of the extent.
func (t *btree1Walk) seek(key []byte) bool {
	t.begun = false
	index := int64(0)
	for i := range t.at {
		at := binary.LittleEndian.Uint64(key[8*i:])
		if at >= t.dims[i] {
			return false
		}
		t.at[i] = at
		index += int64(at/t.layout.Chunk[i]) * t.stride[i]
	}
	t.index, t.begun = index, true
	return true
}
