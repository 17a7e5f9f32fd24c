package netcdf4

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/hdf5"
)

// mapped is one mapping of a virtual dataset with the array that it takes its elements from.
type mapped struct {
	hdf5.Mapping
	source *variable
}

// setVirtual takes a virtual dataset (IV.A.2.i, layout class 3). Where every mapping is a box of whole chunks of
// a source that is stored as the others are, the chunks are referenced where they lie;
// otherwise the array is put together and inlined. A source that is missing is refused: HDF5 would
// read fill values in its place, which nothing tells from data.
func (u *variable) setVirtual(ctx context.Context) error {
	if u.element.dtype.Kind == cdm.Object || len(u.element.axes) > 0 {
		return unsupported("a virtual dataset of strings or array types")
	}
	mappings, err := u.dataset.Mappings()
	if err != nil {
		return err
	}
	// The sources are taken as they appear.
	u.element.stored, u.element.convert = u.element.dtype.Size, nil
	sources := map[scaleKey]*variable{}
	all := make([]mapped, 0, len(mappings))
	for _, m := range mappings {
		s, err := u.source(ctx, m, sources)
		if err != nil {
			return fmt.Errorf("virtual dataset, source %s of %s: %w", m.Dataset, m.File, err)
		}
		all = append(all, mapped{m, s})
	}
	if v, ok := u.byChunks(all); ok {
		u.store = v
		u.cdm.Chunks = append([]int64{}, v.chunk...)
		u.pipeline = v.maps[0].source.pipeline // of every source
		u.elements, _ = size(v.chunk, 1)
		return nil
	}
	whole, ok := size(u.shape, int64(u.element.stored))
	work := int64(0)
	for _, m := range all {
		n, fits := size(m.source.shape, int64(u.element.stored))
		ok = ok && fits && n <= u.file.opts.InlineLimit
		work += min(n, 1<<32)
		if m.Virtual.All {
			work += min(whole, 1<<32)
		}
	}
	// A hostile file may map one source again and again.
	ok = ok && work <= 64*u.file.opts.InlineLimit
	if !ok || whole > u.file.opts.InlineLimit {
		return unsupported("a virtual dataset whose mappings are not along the chunks of its sources, and with them more than the %d bytes that may be inlined", u.file.opts.InlineLimit)
	}
	u.store = assembled{u, all}
	return nil
}

// source opens the array that a mapping takes its elements from.
func (u *variable) source(ctx context.Context, m hdf5.Mapping, known map[scaleKey]*variable) (*variable, error) {
	if strings.Contains(strings.ReplaceAll(m.File+m.Dataset, "%%", ""), "%b") {
		return nil, unsupported("a name with a block number")
	}
	name := strings.ReplaceAll(m.File, "%%", "%")
	where := u.where
	if name != "." {
		var err error
		if where, err = u.file.siblingFile(ctx, u.where, name); err != nil {
			return nil, err
		}
	}
	root, err := where.h5.Root()
	if err != nil {
		return nil, err
	}
	o, err := root.Open(strings.ReplaceAll(m.Dataset, "%%", "%"))
	if err != nil {
		return nil, err
	}
	key := scaleKey{where, o.Address()}
	if s := known[key]; s != nil {
		return s, nil
	}
	ds, err := o.Dataset()
	if err != nil {
		return nil, err
	}
	if ds.Layout.Class == hdf5.Virtual || ds.Space.Null {
		return nil, unsupported("a virtual or empty dataset as a source")
	}
	s := &variable{file: u.file, where: where, dataset: ds, cdm: &cdm.Variable{Name: m.Dataset, Path: m.Dataset}}
	for _, n := range ds.Space.Dims {
		s.shape = append(s.shape, clamp(n))
	}
	if s.element, err = elementOf(ds.Type); err != nil {
		return nil, err
	}
	s.cdm.Shape, s.cdm.Type = s.shape, s.element.dtype
	if !s.cdm.Type.Equal(u.cdm.Type) || len(s.element.axes) > 0 {
		return nil, unsupported("elements of type %s for an array of %s", s.cdm.Type, u.cdm.Type)
	}
	if err := s.setFill(); err != nil {
		return nil, err
	}
	if err := s.setStorage(ctx); err != nil {
		return nil, err
	}
	if err := s.setCodecs(ctx); err != nil {
		return nil, err
	}
	known[key] = s
	return s, nil
}

// box is a selection that is a box: its start and lengths.
type box struct{ start, count []int64 }

func boxOf(s *hdf5.Selection, shape []int64) (box, bool) {
	b := box{make([]int64, len(shape)), append([]int64{}, shape...)}
	switch {
	case s.All:
		return b, true
	case s.Hyper != nil && len(s.Hyper.Start) == len(shape):
		for i := range shape {
			start, stride, count, block := s.Hyper.Start[i], s.Hyper.Stride[i], s.Hyper.Count[i], s.Hyper.Block[i]
			most := uint64(shape[i])
			if count != 1 && stride != block || count > most || block > most {
				return b, false
			}
			b.start[i], b.count[i] = clamp(start), clamp(count*block)
		}
	case len(s.Blocks) == 1 && len(s.Blocks[0].Start) == len(shape):
		for i := range shape {
			b.start[i], b.count[i] = clamp(s.Blocks[0].Start[i]), clamp(s.Blocks[0].End[i]-s.Blocks[0].Start[i]+1)
		}
	default:
		return b, false
	}
	for i := range shape {
		if b.count[i] < 1 || b.start[i] > shape[i]-b.count[i] {
			return b, false
		}
	}
	return b, true
}

// byChunks is a virtual dataset whose chunks are those of its sources.
type byChunks struct {
	where *container // of the virtual dataset itself
	chunk []int64
	grid  []int64 // chunks along each dimension
	maps  []chunkMap
}

// chunkMap is a box of whole chunks: where it begins in the source and in the array, in chunks.
type chunkMap struct {
	source           *variable
	from, to, counts []int64
	stride           []int64 // of the source's grid
}

func (u *variable) byChunks(all []mapped) (*byChunks, bool) {
	if len(all) == 0 || len(u.shape) == 0 {
		return nil, false
	}
	first := all[0].source
	v := &byChunks{where: u.where, chunk: first.cdm.Chunks}
	if len(v.chunk) != len(u.shape) || u.cdm.Size() == 0 {
		return nil, false
	}
	for i, n := range u.shape {
		v.grid = append(v.grid, (n+v.chunk[i]-1)/v.chunk[i])
	}
	for _, m := range all {
		s := m.source
		if s.inline || !slices.Equal(s.cdm.Chunks, v.chunk) || !sameCodecs(first, s) || !bytes.Equal(fillOf(s), fillOf(u)) {
			return nil, false
		}
		from, ok1 := boxOf(&m.Source, s.shape)
		to, ok2 := boxOf(&m.Virtual, u.shape)
		if !ok1 || !ok2 || !slices.Equal(from.count, to.count) {
			return nil, false
		}
		c := chunkMap{source: s, stride: make([]int64, len(v.chunk))}
		stride := int64(1)
		for i := len(v.chunk) - 1; i >= 0; i-- {
			n := v.chunk[i]
			end := to.start[i] + to.count[i]
			if from.start[i]%n != 0 || to.start[i]%n != 0 || end%n != 0 && end != u.shape[i] {
				return nil, false
			}
			c.stride[i] = stride
			stride *= (s.shape[i] + n - 1) / n
		}
		for i, n := range v.chunk {
			c.from = append(c.from, from.start[i]/n)
			c.to = append(c.to, to.start[i]/n)
			c.counts = append(c.counts, (to.count[i]+n-1)/n)
		}
		// Boxes that overlap are left to the assembly, where the later one wins.
		for _, o := range v.maps {
			if overlap(o, c) {
				return nil, false
			}
		}
		v.maps = append(v.maps, c)
	}
	return v, true
}

func overlap(a, b chunkMap) bool {
	for i := range a.to {
		if a.to[i] >= b.to[i]+b.counts[i] || b.to[i] >= a.to[i]+a.counts[i] {
			return false
		}
	}
	return true
}

func sameCodecs(a, b *variable) bool {
	if len(a.pipeline) != len(b.pipeline) {
		return false
	}
	for i := range a.pipeline {
		if !reflect.DeepEqual(a.pipeline[i].Config(), b.pipeline[i].Config()) {
			return false
		}
	}
	return true
}

// fillOf is the fill value with zeros for none.
func fillOf(u *variable) []byte {
	if u.cdm.Fill != nil {
		return u.cdm.Fill
	}
	return make([]byte, u.element.dtype.Size)
}

func (v *byChunks) stored(ctx context.Context, yield func(storedChunk) bool) error {
	var found []storedChunk
	for _, m := range v.maps {
		outside := &elsewhere{source: m.source.where.src}
		err := m.source.store.stored(ctx, func(c storedChunk) bool {
			rest, index := c.Index, int64(0)
			for i, s := range m.stride {
				at := rest/s - m.from[i]
				rest %= s
				if at < 0 || at >= m.counts[i] {
					return true
				}
				index = index*v.grid[i] + m.to[i] + at
			}
			c.Index = index
			if c.elsewhere == nil && m.source.where != v.where {
				c.elsewhere = outside
			}
			found = append(found, c)
			return true
		})
		if err != nil {
			return err
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].Index < found[j].Index })
	for _, c := range found {
		if !yield(c) {
			return nil
		}
	}
	return nil
}

// assembled is a virtual dataset that is put together as one chunk.
type assembled struct {
	u   *variable
	all []mapped
}

func (a assembled) stored(ctx context.Context, yield func(storedChunk) bool) error {
	u := a.u
	if u.cdm.Size() == 0 {
		return nil
	}
	n, _ := size(u.shape, 1)
	out := bytes.Repeat(fillOf(u), int(n))
	width := int64(u.element.dtype.Size)
	for _, m := range a.all {
		reader := &file{opts: u.file.opts, vars: map[*cdm.Variable]*variable{m.source.cdm: m.source}, containers: u.file.containers}
		data, err := cdm.Read(ctx, reader, m.source.cdm, nil, nil)
		if err != nil {
			return err
		}
		from, err := positions(&m.Source, m.source.shape)
		if err != nil {
			return err
		}
		if n := selected(&m.Virtual); n >= 0 && n != int64(len(from)) {
			return fmt.Errorf("a mapping of %d elements to %d: %w", len(from), n, cdm.ErrFormat)
		}
		to, err := positions(&m.Virtual, u.shape)
		if err != nil {
			return err
		}
		if len(from) != len(to) {
			return fmt.Errorf("a mapping of %d elements to %d: %w", len(from), len(to), cdm.ErrFormat)
		}
		for i := range from {
			copy(out[to[i]*width:(to[i]+1)*width], data[from[i]*width:])
		}
	}
	yield(storedChunk{elsewhere: &elsewhere{data: out}})
	return nil
}

// selected is the number of elements of a regular hyperslab, -1 where it isn't one.
func selected(s *hdf5.Selection) int64 {
	if s.Hyper == nil {
		return -1
	}
	n := int64(1)
	for i, c := range s.Hyper.Count {
		p, ok := size([]int64{clamp(c), clamp(s.Hyper.Block[i])}, n)
		if !ok {
			return math.MaxInt64
		}
		n = p
	}
	return n
}

// positions are the elements of a selection, in its order, as positions in C order of the array.
func positions(s *hdf5.Selection, shape []int64) ([]int64, error) {
	total, _ := size(shape, 1) // the caller has bounded it
	axes := make([][]int64, len(shape))
	switch {
	case s.None:
		return nil, nil
	case s.All:
		for i, n := range shape {
			axes[i] = span(nil, 0, n)
		}
		return cross(axes, shape), nil
	case s.Hyper != nil && len(s.Hyper.Start) == len(shape):
		for i, n := range shape {
			h := s.Hyper
			if h.Count[i] == hdf5.Unlimited || h.Block[i] == hdf5.Unlimited {
				return nil, unsupported("a virtual dataset with an unlimited selection")
			}
			if most := uint64(n); h.Count[i] > most || h.Block[i] == 0 || h.Block[i] > most || h.Count[i]*h.Block[i] > most || h.Stride[i] == 0 && h.Count[i] > 1 {
				return nil, fmt.Errorf("a selection beyond its array: %w", cdm.ErrFormat)
			}
			for k := uint64(0); k < h.Count[i]; k++ {
				at := clamp(h.Start[i]) + int64(k)*clamp(h.Stride[i])
				if at < 0 || at > n-clamp(h.Block[i]) || int64(len(axes[i])) > n {
					return nil, fmt.Errorf("a selection beyond its array: %w", cdm.ErrFormat)
				}
				axes[i] = span(axes[i], at, at+int64(h.Block[i]))
			}
		}
		return cross(axes, shape), nil
	case len(s.Blocks) > 0:
		// A union of boxes is visited in C order of the array.
		var out []int64
		for _, b := range s.Blocks {
			if len(b.Start) != len(shape) {
				return nil, fmt.Errorf("a selection of %d dimensions of %d: %w", len(b.Start), len(shape), cdm.ErrFormat)
			}
			for i, n := range shape {
				if b.Start[i] > b.End[i] || b.End[i] >= uint64(n) {
					return nil, fmt.Errorf("a selection beyond its array: %w", cdm.ErrFormat)
				}
				axes[i] = span(nil, int64(b.Start[i]), int64(b.End[i])+1)
			}
			if out = append(out, cross(axes, shape)...); int64(len(out)) > 2*total {
				return nil, fmt.Errorf("a selection of more than its array: %w", cdm.ErrFormat)
			}
		}
		slices.Sort(out)
		return slices.Compact(out), nil
	}
	return nil, unsupported("a virtual dataset with a selection of points")
}

func span(to []int64, from, end int64) []int64 {
	for ; from < end; from++ {
		to = append(to, from)
	}
	return to
}

// cross is the positions of all combinations of coordinates, in C order.
func cross(axes [][]int64, shape []int64) []int64 {
	out := []int64{0}
	for i, axis := range axes {
		next := make([]int64, 0, len(out)*len(axis))
		for _, p := range out {
			for _, c := range axis {
				next = append(next, p*shape[i]+c)
			}
		}
		out = next
	}
	return out
}
