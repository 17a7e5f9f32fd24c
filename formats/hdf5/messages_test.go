package hdf5

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// le puts numbers after one another: bytes, uint16, uint32 and uint64 little-endian, and strings as they are.
func le(parts ...any) []byte {
	var out []byte
	for _, p := range parts {
		switch v := p.(type) {
		case int:
			out = append(out, byte(v))
		case uint16:
			out = binary.LittleEndian.AppendUint16(out, v)
		case uint32:
			out = binary.LittleEndian.AppendUint32(out, v)
		case uint64:
			out = binary.LittleEndian.AppendUint64(out, v)
		case string:
			out = append(out, v...)
		case []byte:
			out = append(out, v...)
		}
	}
	return out
}

// memory is a file of these bytes with 8-byte addresses and no superblock.
func memory(data []byte) *File {
	return &File{
		cache:      cache{r: bytes.NewReader(data), size: int64(len(data)), blocks: make(map[int64][]byte)},
		offsetSize: 8, lengthSize: 8,
		objects: make(map[int64]*Object), types: make(map[string]*Datatype), heaps: make(map[int64]*globalCollection),
	}
}

func (f *File) bufOf(data []byte) *buf { return &buf{f: f, what: "test", data: data} }

// The values are those of the algorithm's author: lookup3.c, driver5, with an initial value of 0.
func TestLookup3(t *testing.T) {
	for s, want := range map[string]uint32{"": 0xdeadbeef, "Four score and seven years ago": 0x17770551} {
		if got := lookup3([]byte(s)); got != want {
			t.Errorf("lookup3(%q) = %#x, want %#x", s, got, want)
		}
	}
}

// Layout messages of versions 1 and 2 (IV.A.2.i), which only files of before 1.6.3 have.
func TestOldLayouts(t *testing.T) {
	f := memory(nil)
	for _, c := range []struct {
		name    string
		message []byte
		want    Layout
	}{
		{"contiguous", le(1, 2, 1, 0, 0, 0, 0, 0, uint64(0x800), uint32(4), uint32(6)), Layout{Version: 1, Class: Contiguous, Address: 0x800}},
		{"chunked", le(2, 3, 2, 0, 0, 0, 0, 0, uint64(0x900), uint32(2), uint32(3), uint32(8)),
			Layout{Version: 2, Class: Chunked, Address: 0x900, Chunk: []uint64{2, 3}, ElementSize: 8}},
		{"compact", le(2, 2, 0, 0, 0, 0, 0, 0, uint32(4), uint32(6), uint32(3), "abc"),
			Layout{Version: 2, Class: Compact, Address: Undefined, Size: 3, Data: []byte("abc")}},
	} {
		d := Dataset{Object: &Object{f: f}, Type: &Datatype{Size: 8}, Space: Dataspace{Dims: []uint64{4, 6}, MaxDims: []uint64{4, 6}}}
		b := f.bufOf(c.message)
		d.decodeLayout(b)
		l := d.Layout
		if b.err != nil || l.Class != c.want.Class || l.Version != c.want.Version || l.Address != c.want.Address || l.Size != c.want.Size ||
			!slices.Equal(l.Chunk, c.want.Chunk) || l.ElementSize != c.want.ElementSize || !bytes.Equal(l.Data, c.want.Data) {
			t.Errorf("%s: %+v, %v; want %+v", c.name, l, b.err, c.want)
		}
	}
}

func TestFillMessages(t *testing.T) {
	f := memory(nil)
	for _, c := range []struct {
		name    string
		old     bool
		message []byte
		want    Fill
	}{
		{"old, none", true, le(uint32(0)), Fill{Defined: true}},
		{"old", true, le(uint32(2), "ab"), Fill{Defined: true, Value: []byte("ab")}},
		{"version 1, default", false, le(1, 2, 2, 1, uint32(0)), Fill{Defined: true, Alloc: 2, Write: 2}},
		{"version 1, undefined", false, le(1, 2, 2, 1, ^uint32(0)), Fill{Unset: true, Alloc: 2, Write: 2}},
		{"version 2, undefined", false, le(2, 1, 0, 0), Fill{Unset: true, Alloc: 1}},
		{"version 2", false, le(2, 3, 1, 1, uint32(2), "ab"), Fill{Defined: true, Alloc: 3, Write: 1, Value: []byte("ab")}},
		{"version 3, default", false, le(3, 0x0a), Fill{Alloc: 2, Write: 2}},
		{"version 3, undefined", false, le(3, 0x1a), Fill{Alloc: 2, Write: 2, Unset: true}},
		{"version 3", false, le(3, 0x29, uint32(2), "ab"), Fill{Alloc: 1, Write: 2, Defined: true, Value: []byte("ab")}},
	} {
		d := Dataset{Type: &Datatype{Size: 2}}
		b := f.bufOf(c.message)
		if c.old {
			d.decodeOldFill(b)
		} else {
			d.decodeFill(b)
		}
		got := d.Fill
		if b.err != nil || got.Defined != c.want.Defined || got.Unset != c.want.Unset || got.Alloc != c.want.Alloc || got.Write != c.want.Write || !bytes.Equal(got.Value, c.want.Value) {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, b.err, c.want)
		}
	}
}

// Selections of points (VIII.A), which h5py can't put into a virtual dataset.
func TestPointSelections(t *testing.T) {
	f := memory(nil)
	want := [][]uint64{{1, 2}, {3, 4}, {5, 6}}
	for name, m := range map[string][]byte{
		"version 1": le(uint32(1), uint32(1), uint32(0), uint32(32), uint32(2), uint32(3), uint32(1), uint32(2), uint32(3), uint32(4), uint32(5), uint32(6)),
		"version 2": le(uint32(1), uint32(2), 2, uint32(2), uint16(3), uint16(1), uint16(2), uint16(3), uint16(4), uint16(5), uint16(6)),
	} {
		b := f.bufOf(m)
		s := b.selection()
		if b.err != nil || b.left() != 0 || s.Rank != 2 || !slices.EqualFunc(s.Points, want, slices.Equal) {
			t.Errorf("%s: %+v, %v, %d bytes left", name, s, b.err, b.left())
		}
	}
}

// Heap IDs (III.G) of the kinds that libhdf5 doesn't write into files with 8-byte addresses.
func TestHeapIDs(t *testing.T) {
	f := memory([]byte("0123456789"))
	short := &fractalHeap{f: f, idLen: 8}
	long := &fractalHeap{f: f, idLen: 24}
	for _, c := range []struct {
		heap *fractalHeap
		id   []byte
		want string
	}{
		{short, le(0x20|2, "abc", make([]byte, 4)), "abc"},
		{long, le(0x20, 19, "an object of twenty b", 0), "an object of twenty "},
		{long, le(0x10, uint64(3), uint64(5), make([]byte, 7)), "34567"},
	} {
		got, err := c.heap.object(c.id)
		if err != nil || string(got) != c.want {
			t.Errorf("%x: %q, %v; want %q", c.id, got, err, c.want)
		}
	}
	for _, id := range [][]byte{{}, le(0x40, make([]byte, 7)), le(0x30, make([]byte, 7)), le(0x2f, make([]byte, 7)), make([]byte, 8)} {
		if got, err := short.object(id); !errors.Is(err, cdm.ErrFormat) {
			t.Errorf("%x: %q, %v; want a format error", id, got, err)
		}
	}
}

// A shared heap that can't be opened stays so, however often it is asked.
func TestBrokenSharedHeap(t *testing.T) {
	head := le("FRHP", 0, make([]byte, 142-5)) // IDs of no length
	f := memory(le(head, lookup3(head)))
	f.sharedHeap = []*sharedIndex{{kinds: 1 << msgAttribute}}
	for range 2 {
		if _, err := f.heapMessage(make([]byte, 8), msgAttribute); !errors.Is(err, cdm.ErrFormat) || !strings.Contains(err.Error(), "table width") {
			t.Errorf("a broken shared heap gives %v", err)
		}
	}
}

// Blocks of a doubling table of width 4 that starts with 512 bytes: rows of 512, 512, 1024, 2048 ... bytes.
func TestDoublingTable(t *testing.T) {
	h := &fractalHeap{width: 4, startSize: 512}
	var at uint64
	for row, size := range []uint64{512, 512, 1024, 2048, 4096} {
		for column := range 4 {
			for _, off := range []uint64{at, at + 1, at + size - 1} {
				r, c, s, start := h.locate(off)
				if r != row || c != column || s != size || start != at {
					t.Errorf("locate(%d) = %d, %d, %d, %d; want %d, %d, %d, %d", off, r, c, s, start, row, column, size, at)
				}
			}
			at += size
		}
	}
}

// References of before 1.12 are addresses; later ones have a header (VIII.B).
func TestReferences(t *testing.T) {
	f := memory(nil)
	f.base = 512
	for _, c := range []struct {
		elem []byte
		want int64
		err  error
	}{
		{le(uint64(0x60)), 0x260, nil},
		{le(uint64(0)), Undefined, nil},
		{le(^uint64(0)), Undefined, nil},
		{le(2, 0, 8, uint64(0x60), uint32(0)), 0x260, nil},
		{make([]byte, 16), Undefined, nil},
		{le(2, 1, uint32(5), uint64(0x60), uint32(1)), Undefined, cdm.ErrUnsupported},
		{le(7, 0, 8, uint64(0x60), uint32(0)), Undefined, cdm.ErrFormat},
	} {
		got, err := f.Reference(c.elem)
		if !errors.Is(err, c.err) || err == nil && got != c.want {
			t.Errorf("%x: %#x, %v; want %#x, %v", c.elem, got, err, c.want, c.err)
		}
	}
}

// A version 1 header whose continuation is itself.
func TestLoops(t *testing.T) {
	header := le(1, 0, uint16(1), uint32(1), uint32(24), uint32(0),
		uint16(msgContinuation), uint16(16), 0, 0, 0, 0, uint64(16), uint64(24), make([]byte, 64))
	if _, err := memory(header).readHeader(0); !errors.Is(err, cdm.ErrFormat) || !strings.Contains(err.Error(), "loops") {
		t.Errorf("a looping header gives %v", err)
	}
	// A node of a group's B-tree that is its own child.
	tree := le("HEAP", 0, 0, 0, 0, uint64(8), uint64(8), uint64(0), // at 0
		"TREE", 0, 1, uint16(1), ^uint64(0), ^uint64(0), uint64(0), uint64(32), uint64(0), make([]byte, 64)) // at 32
	f := memory(tree)
	if _, err := f.symbolTable(*f.bufOf(le(uint64(32), uint64(0)))); !errors.Is(err, cdm.ErrFormat) {
		t.Errorf("a looping tree gives %v", err)
	}
	// Types within types.
	nested := le(uint32(0), uint32(0))
	for range 100 {
		nested = append(le(uint32(0x19), uint32(16)), nested...)
	}
	b := f.bufOf(nested)
	if b.datatype(0); !errors.Is(b.err, cdm.ErrFormat) || !strings.Contains(b.err.Error(), "nested") {
		t.Errorf("100 nested types give %v", b.err)
	}
}

// brokenReader fails after the first so many bytes of the file.
type brokenReader struct {
	r    io.ReaderAt
	good int64
}

var errBroken = errors.New("the disk is gone")

func (b brokenReader) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.good {
		return 0, errBroken
	}
	return b.r.ReadAt(p, off)
}

// An error of the source is passed on as it is, and not taken for damage.
func TestSourceErrors(t *testing.T) {
	data, err := os.ReadFile("testdata/deep.h5")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(brokenReader{bytes.NewReader(data), blockSize}, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	err = (&walker{f: f}).walk()
	if !errors.Is(err, errBroken) || errors.Is(err, cdm.ErrFormat) {
		t.Errorf("a broken source gives %v", err)
	}
	// A file that has become shorter than it said.
	f, err = Open(bytes.NewReader(data[:blockSize]), int64(len(data)))
	if err == nil {
		err = (&walker{f: f}).walk()
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a shortened source gives %v", err)
	}
}

func TestRefusals(t *testing.T) {
	data, err := os.ReadFile("testdata/types_latest.h5")
	if err != nil {
		t.Fatal(err)
	}
	open := func(data []byte) error {
		_, err := Open(bytes.NewReader(data), int64(len(data)))
		return err
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":     {nil, "not an HDF5 file"},
		"text":      {[]byte(strings.Repeat("<html>", 1000)), "not an HDF5 file"},
		"truncated": {data[:len(data)-1], "truncated"},
		"header":    {data[:40], "the file ends"},
		"checksum":  {slices.Replace(slices.Clone(data), 20, 21, data[20]+1), "checksum"},
	} {
		if err := open(c.data); !errors.Is(err, cdm.ErrFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	// A file that a writer holds open, or left so: bit 0 of the consistency flags.
	held := slices.Clone(data)
	held[11] |= 1
	binary.LittleEndian.PutUint32(held[44:], lookup3(held[:44]))
	if err := open(held); err == nil || !strings.Contains(err.Error(), "h5clear") {
		t.Errorf("open for writing: %v", err)
	}
}

// TestConcurrent reads one file from several goroutines; it is the race detector that judges.
func TestConcurrent(t *testing.T) {
	f := open(t, "testdata/shared1.h5")
	done := make(chan error)
	for range 4 {
		go func() {
			w := walker{f: f, chunks: true}
			done <- w.walk()
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	root, err := f.Root()
	if err != nil {
		t.Fatal(err)
	}
	a, err := root.Open("d0")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := root.Open("/d0"); err != nil || a != b {
		t.Errorf("one object opened twice is two: %p, %p, %v", a, b, err)
	}
	d, err := a.Dataset()
	if err != nil {
		t.Fatal(err)
	}
	for range d.Chunks(context.Background(), nil) {
		t.Error("an unwritten dataset has a chunk")
	}
}

// Reading all of a header costs few reads: what is decoded lies in blocks that are read once.
func TestReads(t *testing.T) {
	for name, most := range map[string]int{"types_earliest.h5": 2, "attributes_latest.h5": 3, "links_latest.h5": 2} {
		file, err := os.Open("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		r := &countingReader{r: file}
		f, err := Open(r, info.Size())
		if err != nil {
			t.Fatal(err)
		}
		if err := (&walker{f: f}).walk(); err != nil {
			t.Error(err)
		}
		if r.calls > most || r.bytes > info.Size()+blockSize {
			t.Errorf("%s: %d reads, %d bytes for a file of %d", name, r.calls, r.bytes, info.Size())
		}
	}
}
