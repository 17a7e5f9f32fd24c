package compute

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// fakeFile is a source file that is nothing but tables.
type fakeFile struct {
	root   cdm.Group
	chunks map[string][]cdm.Chunk // by variable, ascending
	values map[string][]byte      // of the variables that are read by value
}

func (f *fakeFile) Format() string   { return "fake" }
func (f *fakeFile) Root() *cdm.Group { return &f.root }
func (f *fakeFile) Close() error     { return nil }

func (f *fakeFile) Chunks(ctx context.Context, v *cdm.Variable) iter.Seq2[cdm.Chunk, error] {
	return func(yield func(cdm.Chunk, error) bool) {
		for _, c := range f.chunks[v.Path] {
			if err := ctx.Err(); err != nil {
				yield(cdm.Chunk{}, err)
				return
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

func (f *fakeFile) ReadChunk(ctx context.Context, v *cdm.Variable, index int64) ([]byte, error) {
	return f.values[v.Path], ctx.Err()
}

// world is a plan, the files that it is of, and what its store must hold, worked out naively.
type world struct {
	plan  *virtual.Plan
	files map[string]*fakeFile
	want  map[string]map[int64]virtual.Reference // by array and chunk; what is not there is missing
}

func (w *world) open(ctx context.Context, url string) (*phases.SourceFile, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := w.files[url]
	if f == nil {
		return nil, fmt.Errorf("%s: no such file", url)
	}
	return &phases.SourceFile{File: f, Size: sizeOf(url)}, nil
}

func sizeOf(url string) int64 { return int64(1000 + len(url)) }

// axisSpec is a dimension of the world: cut into segments when files are concatenated along it.
type axisSpec struct {
	name     string
	chunk    int64
	segments []int64
}

func (a axisSpec) length() int64 {
	n := int64(0)
	for _, s := range a.segments {
		n += s
	}
	return n
}

func (a axisSpec) start(segment int) int64 {
	return axisSpec{segments: a.segments[:segment]}.length()
}

// arraySpec is an array of the world.
type arraySpec struct {
	path  string
	dims  []int // of world's axes
	kind  string
	chunk []int64
	fill  []byte
}

// The kinds of arrays.
const (
	chunked    = "chunked"    // references
	contiguous = "contiguous" // in one piece in each file
	byValue    = "decoded"    // by value
	times      = "times"      // by value, each file in its own unit
)

// drawWorld makes a random world: one or two concatenated dimensions, files in any order, some of which hold only some of the
// variables or what another holds already.
func drawWorld(t *rapid.T) *world {
	small := func(label string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, label) }
	var axes []axisSpec
	concat := small("concatenated dimensions", 1, 2)
	for i := range concat {
		a := axisSpec{name: []string{"time", "y"}[i], chunk: int64(small("chunk", 1, 3))}
		for n := small("segments", 1, 4); n > 0; n-- {
			a.segments = append(a.segments, a.chunk*int64(small("chunks", 1, 3)))
		}
		a.segments[len(a.segments)-1] -= int64(small("rest", 0, int(a.chunk)-1))
		axes = append(axes, a)
	}
	for i := range small("other dimensions", 0, 2) {
		axes = append(axes, axisSpec{name: []string{"x", "z"}[i], chunk: int64(small("chunk", 1, 3)), segments: []int64{int64(small("length", 1, 6))}})
	}
	var arrays []arraySpec
	for i := range small("arrays", 1, 4) {
		s := arraySpec{path: []string{"a", "g/b", "c", "g/h/d"}[i], kind: rapid.SampledFrom([]string{chunked, chunked, contiguous, byValue, times}).Draw(t, "kind")}
		all := make([]int, len(axes))
		for d := range all {
			all[d] = d
		}
		s.dims = rapid.Permutation(all).Draw(t, "dimensions")[:small("rank", 0, len(axes))]
		if s.kind != chunked && !slices.ContainsFunc(s.dims, func(d int) bool { return d < concat }) {
			s.dims = []int{0}
		}
		for _, d := range s.dims {
			s.chunk = append(s.chunk, axes[d].chunk)
		}
		if s.kind == contiguous { // cut along the first concatenated dimension, all of the others: pieces lie in one piece
			s.dims = []int{small("axis", 0, concat-1)}
			s.chunk = []int64{gcd(axes[s.dims[0]].segments)}
			if len(axes) > concat {
				s.dims, s.chunk = append(s.dims, concat), append(s.chunk, axes[concat].length())
			}
		}
		if rapid.Bool().Draw(t, "fill") {
			s.fill = []byte{byte(i + 1), 7}
		}
		arrays = append(arrays, s)
	}
	w := &world{plan: &virtual.Plan{}, files: map[string]*fakeFile{}, want: map[string]map[int64]virtual.Reference{}}
	for _, a := range axes[:concat] {
		w.plan.Axes = append(w.plan.Axes, virtual.Axis{Path: a.name, Length: a.length()})
	}
	w.plan.Dataset.Groups = []virtual.Group{{}, {Path: "g"}, {Path: "g/h"}}
	for _, s := range arrays {
		a, lay := s.array(axes, concat)
		w.plan.Dataset.Arrays = append(w.plan.Dataset.Arrays, a)
		w.plan.Layouts = append(w.plan.Layouts, lay)
	}
	w.drawFiles(t, axes, concat, arrays)
	for i := range arrays {
		w.expect(i, axes, concat, arrays[i])
	}
	return w
}

func gcd(list []int64) int64 {
	g := int64(0)
	for _, b := range list {
		for b != 0 {
			g, b = b, g%b
		}
	}
	return g
}

var (
	short = cdm.DType{Kind: cdm.Int, Size: 2}
	long  = cdm.DType{Kind: cdm.Int, Size: 8}
)

func (s arraySpec) dtype() cdm.DType {
	if s.kind == times {
		return long
	}
	return short
}

func (s arraySpec) array(axes []axisSpec, concat int) (virtual.Array, virtual.Layout) {
	a := virtual.Array{Path: s.path, Type: s.dtype(), Dimensions: []string{}, Grid: virtual.Grid{Shape: []int64{}, Chunks: slices.Clone(s.chunk)}}
	lay := virtual.Layout{Role: virtual.Identical}
	for _, d := range s.dims {
		a.Dimensions = append(a.Dimensions, axes[d].name)
		a.Grid.Shape = append(a.Grid.Shape, axes[d].length())
		if d < concat {
			lay.Axes, lay.Role = append(lay.Axes, d), virtual.Concatenated
		} else {
			lay.Axes = append(lay.Axes, -1)
		}
	}
	switch s.kind {
	case byValue, times:
		lay.Role, a.Grid.Chunks = virtual.Decoded, slices.Clone(a.Grid.Shape)
		if s.kind == times {
			lay.Units, lay.Calendar, lay.TimeOf = "hours since 2000-01-01", "standard", s.path
		}
	default:
		a.Fill = s.fill
	}
	if a.Grid.Chunks == nil {
		a.Grid.Chunks = []int64{}
	}
	return a, lay
}

// drawFiles fills the box of the concatenated dimensions with files.
func (w *world) drawFiles(t *rapid.T, axes []axisSpec, concat int, arrays []arraySpec) {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "contents"), 1))
	var tiles [][]int
	tiles = append(tiles, nil)
	for d := range concat {
		var next [][]int
		for _, t := range tiles {
			for s := range axes[d].segments {
				next = append(next, append(slices.Clone(t), s))
			}
		}
		tiles = next
	}
	for n, tile := range tiles {
		divided := rapid.SampledFrom([]string{"one file", "one file", "two halves", "a copy"}).Draw(t, "divided")
		for half := range 2 {
			if half == 1 && divided == "one file" {
				break
			}
			f := virtual.File{URL: fmt.Sprintf("/archive/%d/%d.nc", half, n)}
			f.Size = sizeOf(f.URL)
			for d, s := range tile {
				f.Start, f.Length = append(f.Start, axes[d].start(s)), append(f.Length, axes[d].segments[s])
			}
			fake := &fakeFile{chunks: map[string][]cdm.Chunk{}, values: map[string][]byte{}}
			for i, s := range arrays {
				if divided == "two halves" && i%2 != half {
					f.Lacks = append(f.Lacks, s.path)
					continue
				}
				fake.add(s, axes, concat, tile, rng)
			}
			w.files[f.URL] = fake
			w.plan.Files = append(w.plan.Files, f)
		}
	}
	w.plan.Files = rapid.Permutation(w.plan.Files).Draw(t, "order")
}

func (f *fakeFile) add(s arraySpec, axes []axisSpec, concat int, tile []int, rng *rand.Rand) {
	v := &cdm.Variable{Name: s.path, Path: s.path, Type: s.dtype(), Fill: s.fill, Chunks: slices.Clone(s.chunk)}
	n := int64(1)
	for _, d := range s.dims {
		length := axes[d].length()
		if d < concat {
			length = axes[d].segments[tile[d]]
		}
		v.Shape = append(v.Shape, length)
		n *= length
	}
	f.root.Variables = append(f.root.Variables, v)
	inline := func(n int64) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	if rng.IntN(4) == 0 { // the file's own fill is another than the array's
		v.Fill = []byte{9, byte(rng.IntN(3))}
	}
	switch s.kind {
	case chunked:
		for i := range (virtual.Grid{Shape: v.Shape, Chunks: v.Chunks}).Count() {
			switch rng.IntN(6) {
			case 0: // unwritten
			case 1:
				f.chunks[s.path] = append(f.chunks[s.path], cdm.Chunk{Index: i, Inline: inline(int64(rng.IntN(5)))})
			case 2:
				f.chunks[s.path] = append(f.chunks[s.path], cdm.Chunk{Index: i, Offset: rng.Int64N(1 << 40), Size: 1 + rng.Int64N(1<<30), URL: "/archive/outside.bin"})
			default:
				f.chunks[s.path] = append(f.chunks[s.path], somewhere(rng, i))
			}
		}
	case contiguous:
		v.Contiguous, v.Chunks = true, slices.Clone(v.Shape)
		c := cdm.Chunk{Offset: rng.Int64N(1 << 40), Size: n * 2}
		if rng.IntN(4) == 0 {
			c = cdm.Chunk{Inline: inline(n * 2)}
		}
		if rng.IntN(4) > 0 {
			f.chunks[s.path] = []cdm.Chunk{c}
		}
	case byValue:
		v.Chunks = slices.Clone(v.Shape)
		f.values[s.path] = inline(n * 2)
	case times:
		v.Chunks, v.Fill = slices.Clone(v.Shape), nil
		units := []string{"days since 2000-01-01", "hours since 2000-01-01"}[rng.IntN(2)]
		v.Attributes = []cdm.Attribute{{Name: "units", Value: units}}
		for range n {
			f.values[s.path] = binary.LittleEndian.AppendUint64(f.values[s.path], uint64(rng.IntN(10000)))
		}
	}
}

// somewhere is a chunk at a random place of its file.
func somewhere(rng *rand.Rand, index int64) cdm.Chunk {
	return cdm.Chunk{Index: index, Offset: rng.Int64N(1 << 40), Size: 1 + rng.Int64N(1<<30)}
}

// expect works out what the store must hold of array i: element by element, and file by file.
func (w *world) expect(i int, axes []axisSpec, concat int, s arraySpec) {
	a, lay := w.plan.Dataset.Arrays[i], w.plan.Layouts[i]
	want := map[int64]virtual.Reference{}
	w.want[s.path] = want
	// owner finds the first file that holds the element at, and where the element is in it.
	owner := func(at []int64) (*virtual.File, *fakeFile, []int64) {
	files:
		for f := range w.plan.Files {
			file := &w.plan.Files[f]
			local := slices.Clone(at)
			for d, ax := range lay.Axes {
				if ax < 0 {
					continue
				}
				if local[d] -= file.Start[ax]; local[d] < 0 || local[d] >= file.Length[ax] {
					continue files
				}
			}
			if !slices.Contains(file.Lacks, s.path) {
				return file, w.files[file.URL], local
			}
		}
		panic("no file")
	}
	grid := a.Grid
	if lay.Role == virtual.Decoded { // element by element
		grid.Chunks = slices.Repeat([]int64{1}, len(grid.Shape))
	}
	var bytes []byte
	for k := range grid.Count() {
		at := grid.Coords(k, nil)
		for d := range at {
			at[d] *= grid.Chunks[d]
		}
		file, fake, local := owner(at)
		v := fake.root.Variable(s.path)
		index := int64(0) // of the local chunk
		for d := range local {
			index = index*((v.Shape[d]+grid.Chunks[d]-1)/grid.Chunks[d]) + local[d]/grid.Chunks[d]
		}
		switch s.kind {
		case byValue:
			bytes = append(bytes, fake.values[s.path][2*index:2*index+2]...)
		case times:
			x := binary.LittleEndian.Uint64(fake.values[s.path][8*index:])
			if v.Attribute("units") == "days since 2000-01-01" {
				x *= 24
			}
			bytes = binary.LittleEndian.AppendUint64(bytes, x)
		default:
			if ref, ok := fake.stored(v, s, grid, index, file.URL); ok {
				want[k] = ref
			} else if !slices.Equal(v.Fill, s.fill) && !(isZero(v.Fill) && isZero(s.fill)) {
				n := int64(1)
				for _, c := range grid.Chunks {
					n *= c
				}
				fill := v.Fill
				if fill == nil {
					fill = []byte{0, 0}
				}
				want[k] = virtual.Reference{Inline: slices.Repeat(fill, int(n))}
			}
		}
	}
	if lay.Role == virtual.Decoded {
		want[0] = virtual.Reference{Inline: bytes}
	}
}

func isZero(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 })
}

// stored is the reference of a file's chunk.
func (f *fakeFile) stored(v *cdm.Variable, s arraySpec, grid virtual.Grid, index int64, url string) (virtual.Reference, bool) {
	for _, c := range f.chunks[v.Path] {
		if s.kind == contiguous {
			size := int64(2)
			for _, n := range grid.Chunks {
				size *= n
			}
			if c.Inline != nil {
				return virtual.Reference{Inline: c.Inline[index*size : (index+1)*size]}, true
			}
			return virtual.Reference{URL: url, Offset: c.Offset + index*size, Size: size}, true
		}
		switch {
		case c.Index != index:
		case c.Inline != nil:
			return virtual.Reference{Inline: c.Inline}, true
		case c.URL != "":
			return virtual.Reference{URL: c.URL, Offset: c.Offset, Size: c.Size}, true
		default:
			return virtual.Reference{URL: url, Offset: c.Offset, Size: c.Size}, true
		}
	}
	return virtual.Reference{}, false
}

// scratch is a folder of the test's own, in memory where the system has one: thousands of stores are made, and none has to outlive
// a failure of power.
func scratch(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "kerb-test-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// inWorlds checks a property of drawn worlds, each with a folder of its own.
func inWorlds(t *testing.T, property func(t *rapid.T, w *world, folder string)) {
	temp := scratch(t)
	var n atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		folder := filepath.Join(temp, fmt.Sprint(n.Add(1)))
		defer os.RemoveAll(folder)
		property(t, w, folder)
	})
}

// serially is what one process makes of the world.
func (w *world) serially(t *rapid.T, folder string, conf configure.Compute, opts Options) map[string]string {
	store, err := Run(context.Background(), w.configured(t, filepath.Join(folder, "serial"), conf), opts)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot(t, store)
}
