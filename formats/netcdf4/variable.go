package netcdf4

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sync"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/codecs"
	"github.com/cedadev/kerchunk-builder/formats/hdf5"
)

// variable is what is behind a cdm.Variable that is not refused.
type variable struct {
	file    *file
	where   *container
	dataset *hdf5.Dataset
	cdm     *cdm.Variable
	element element

	shape    []int64        // without the axes of an array type
	pipeline []codecs.Codec // as the chunks are stored
	idle     uint32         // filters of the dataset that are not in the pipeline, since they change no chunk
	elements int64          // stored elements a chunk
	inline   bool           // every chunk is decoded and inlined
	// terminated: NUL-terminated strings, small enough to be looked at. Writers leave garbage after the NUL, which no
	// HDF5 reader shows and every Zarr reader would.
	terminated bool
	store      storage

	table     sync.Once // of the stored chunks, for readChunk
	stored    []storedChunk
	storedErr error
}

// build makes the variables of a group and of the groups below.
func (t *tree) build(n *node) {
	for _, a := range n.arrays {
		err := t.buildVariable(n, a)
		if err == nil {
			err = nameable(a.variable.Path)
		}
		a.variable.Refused = err
	}
	for _, c := range n.nodes {
		n.group.Groups = append(n.group.Groups, c.group)
		t.build(c)
	}
}

func (t *tree) buildVariable(n *node, a *arrayNode) error {
	v, ds := a.variable, a.dataset
	v.Attributes = t.attributes(a.where, a.attrs, v.Path)
	if ds.Space.Null {
		return unsupported("a null dataspace: it has no elements and no shape")
	}
	u := &variable{file: t.file, where: a.where, dataset: ds, cdm: v}
	for i, dim := range a.axes {
		length := clamp(ds.Space.Dims[i])
		if dim.unlimited && !dim.phony {
			length = dim.length
		}
		u.shape = append(u.shape, length)
		v.Dimensions = append(v.Dimensions, dim.name)
	}
	v.Shape = append([]int64{}, u.shape...)

	e, err := elementOf(ds.Type)
	if err != nil {
		return err
	}
	u.element = e
	v.Type = e.dtype
	for _, length := range e.axes {
		dim := t.dims.phonyOf(n, a.axes, length, false)
		a.axes = append(a.axes, dim)
		v.Shape = append(v.Shape, length)
		v.Dimensions = append(v.Dimensions, dim.name)
		n.list(dim)
	}
	if _, ok := size(v.Shape, max(int64(v.Type.Size), 1)); !ok {
		return unsupported("an array of shape %v is larger than can be counted", v.Shape)
	}
	if err := u.setFill(); err != nil {
		return err
	}
	if err := u.setStorage(t.ctx); err != nil {
		return err
	}
	if err := u.setCodecs(t.ctx); err != nil {
		return err
	}
	t.file.vars[v] = u
	return nil
}

// list declares a dimension that was made after the others.
func (n *node) list(dim *dimension) {
	for _, d := range n.group.Dimensions {
		if d.Name == dim.name {
			return
		}
	}
	n.group.Dimensions = append(n.group.Dimensions, cdm.Dimension{Name: dim.name, Length: dim.length})
}

// size multiplies lengths and an element's size; false when an int64 can't hold it.
func size(shape []int64, element int64) (int64, bool) {
	n := uint64(element)
	for _, s := range shape {
		if s == 0 {
			return 0, true
		}
	}
	for _, s := range shape {
		hi, lo := bits.Mul64(n, uint64(s))
		if hi != 0 || lo > math.MaxInt64 {
			return 0, false
		}
		n = lo
	}
	return int64(n), true
}

// setFill takes the storage's fill value.
func (u *variable) setFill() error {
	fill := u.dataset.Fill.Value
	if len(fill) == 0 {
		return nil
	}
	if len(fill) != u.element.stored {
		return fmt.Errorf("a fill value of %d bytes for elements of %d: %w", len(fill), u.element.stored, cdm.ErrFormat)
	}
	if u.element.dtype.Kind == cdm.Object {
		s, err := varString(u.where.h5, u.dataset.Type, fill)
		if err != nil {
			return fmt.Errorf("fill value: %w", err)
		}
		if s != "" {
			u.cdm.Fill = []byte(s)
		}
		return nil
	}
	data, err := convertElements(&u.element, fill)
	if err != nil {
		return err
	}
	// An array type's fill value is an array; Zarr has one for each element.
	one := data[:u.element.dtype.Size]
	for rest := data; len(rest) > 0; rest = rest[len(one):] {
		if string(rest[:len(one)]) != string(one) {
			return unsupported("a fill value that is an array of different values")
		}
	}
	u.cdm.Fill = append([]byte(nil), one...)
	return nil
}

// setStorage takes the layout and with it the chunk shape.
func (u *variable) setStorage(ctx context.Context) error {
	l := &u.dataset.Layout
	chunk := make([]int64, 0, len(u.cdm.Shape))
	for i, s := range u.shape {
		if l.Class == hdf5.Chunked {
			s = clamp(l.Chunk[i])
		}
		chunk = append(chunk, max(s, 1))
	}
	elements, ok := size(chunk, 1)
	if bytes, fits := size(chunk, int64(u.element.stored)); !ok || !fits || bytes > math.MaxInt {
		return unsupported("chunks of shape %v are larger than can be held", chunk)
	}
	u.elements = elements
	u.cdm.Chunks = append(chunk, u.element.axes...)

	whole, _ := size(u.shape, int64(u.element.stored))
	var err error
	switch {
	case l.Class == hdf5.Chunked:
		u.store = chunkedStorage{u}
	case l.Class == hdf5.Virtual:
		err = u.setVirtual(ctx)
	case whole == 0:
		u.store = noStorage{}
	case l.Class == hdf5.Compact:
		if int64(len(l.Data)) < whole {
			return fmt.Errorf("compact storage of %d bytes for %d: %w", len(l.Data), whole, cdm.ErrFormat)
		}
		u.store = compactStorage{l.Data[:whole]}
	case len(u.dataset.External) > 0:
		err = u.setExternal(ctx, whole)
	case l.Class == hdf5.Contiguous && l.Address == hdf5.Undefined:
		u.store = noStorage{}
		u.cdm.Contiguous = true
	case l.Class == hdf5.Contiguous:
		if l.Address > u.where.h5.Size()-whole {
			return &cdm.FormatError{Offset: l.Address, Struct: "contiguous storage", Msg: fmt.Sprintf("%d bytes, the file ends at byte %d", whole, u.where.h5.Size())}
		}
		u.store = oneChunk{storedChunk{Offset: l.Address, Size: whole}}
		u.cdm.Contiguous = true
	default:
		return unsupported("data layout class %d", l.Class)
	}
	return err
}

// setCodecs takes the filter pipeline, and decides whether chunks can be referenced as they lie.
func (u *variable) setCodecs(ctx context.Context) error {
	all := make([]codecs.Codec, len(u.dataset.Filters))
	optional := false
	for i, f := range u.dataset.Filters {
		c, err := codecs.FromHDF5(f.ID, f.Name, f.Params, u.element.stored)
		if err != nil {
			return fmt.Errorf("filter %d: %w", f.ID, err)
		}
		if codecs.Transparent(c) {
			u.idle |= 1 << i
		}
		all[i], optional = c, optional || f.Optional
	}
	if len(all) > 0 { // a virtual dataset has its sources' pipeline
		u.pipeline = busy(all, u.idle)
	}
	ok, missing := codecs.Representable(u.pipeline)
	if !ok && optional && u.dataset.Layout.Class == hdf5.Chunked && u.inlinable(missing) != nil {
		skipped, err := u.skipped(ctx)
		if err != nil {
			return err
		}
		u.idle |= skipped
		u.pipeline = busy(all, u.idle)
		ok, missing = codecs.Representable(u.pipeline)
	}
	switch {
	case u.element.dtype.Kind == cdm.Object:
		c, err := codecs.FromConfig(map[string]any{"id": "vlen-utf8"})
		if err != nil {
			return err
		}
		u.inline, u.cdm.Contiguous = true, false
		u.cdm.Codecs = []codecs.Codec{c}
		return u.decodable()
	case u.element.convert != nil:
		u.inline = true
		missing = "elements that must be converted"
	case !ok:
		u.inline = true
	default:
		u.cdm.Codecs = u.pipeline
		bytes, _ := size(u.cdm.Shape, int64(u.element.dtype.Size))
		u.terminated = nullTerminated(u.dataset.Type) && bytes <= u.file.opts.InlineLimit
		u.cdm.Contiguous = u.cdm.Contiguous && !u.terminated
		return nil
	}
	u.cdm.Contiguous = false
	return u.inlinable(missing)
}

// inlinable says why the variable can't be decoded and inlined; missing is what no reader has.
func (u *variable) inlinable(missing string) error {
	if err := u.decodable(); err != nil {
		return err
	}
	bytes, _ := size(u.cdm.Shape, int64(u.element.dtype.Size))
	if bytes > u.file.opts.InlineLimit {
		return unsupported("%s: no numcodecs codec has it, and decoded it is %d bytes, more than the %d that may be inlined; raise the limit, or repack the file", missing, bytes, u.file.opts.InlineLimit)
	}
	return nil
}

// busy is a pipeline without its idle stages.
func busy(all []codecs.Codec, idle uint32) []codecs.Codec {
	var out []codecs.Codec
	for i, c := range all {
		if idle&(1<<i) == 0 {
			out = append(out, c)
		}
	}
	return out
}

// skipped is the mask of the optional filters that every stored chunk, if there is any, skips: HDF5 writes chunks so when a filter fails
// on each, as those do that are not for the dataset's type.
func (u *variable) skipped(ctx context.Context) (uint32, error) {
	mask := uint32(0)
	for i, f := range u.dataset.Filters {
		if f.Optional {
			mask |= 1 << i
		}
	}
	for c, err := range u.dataset.Chunks(ctx, u.shape) {
		if err != nil {
			return 0, err
		}
		if mask &= c.Mask; mask == 0 {
			break
		}
	}
	return mask, nil
}

func nullTerminated(t *hdf5.Datatype) bool {
	if t.Class == hdf5.Array && t.Base != nil {
		t = t.Base
	}
	return t.Class == hdf5.String && t.Padding == hdf5.NullTerminated && t.Size > 1
}

// decodable says whether the project has a decoder for every filter.
func (u *variable) decodable() error {
	for _, c := range u.pipeline {
		if _, err := c.Decode(nil, 0); errors.Is(err, codecs.ErrNoDecoder) {
			return unsupported("%s: no decoder for it; repack the file with another filter", c.Name())
		}
	}
	return nil
}
