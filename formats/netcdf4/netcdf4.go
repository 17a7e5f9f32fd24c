// Package netcdf4 shows any HDF5 file as the netCDF-4 library does: groups of dimensions, variables
// and attributes, with the place of every chunk.
//
// # Dimensions
//
// A dimension is an HDF5 dimension scale; variables name theirs by _Netcdf4Coordinates or by
// DIMENSION_LIST, and a scale without data ("This is a netCDF dimension but not a netCDF
// variable") is a dimension alone. An axis without a scale gets a phony dimension, numbered as the
// library numbers them. An array along an unlimited dimension is as long as the longest
// one: HDF5 may have it shorter, what is missing reads as the fill value.
//
// # Types
//
// What NumPy and Zarr v2 have is held as it is stored: integers, floats of 2, 4 and 8 bytes, in both
// byte orders; enumerations as their integers, h5py's FALSE/TRUE one as booleans; bit fields as
// unsigned integers; fixed-length strings as bytes, their padding kept as the netCDF
// library keeps it; opaque types as void; pairs of floats (r, i) and the complex class as complex
// numbers; compounds as records; an array type as further axes. Variable-length strings become
// inline vlen-utf8 chunks. Integers of odd widths, floats that NumPy has not (bfloat16), records with holes, and data behind filters that
// numcodecs has not are decoded and inlined, as long as the variable is no larger than
// [Options.InlineLimit]. All else is refused by name in [cdm.Variable.Refused].
//
// # Attributes
//
// Bookkeeping attributes are hidden (see hidden). Values keep their types: enumerations are
// integers, h5py's booleans bool, 2-byte floats become 4-byte ones; an array of one element is a scalar;
// one of several dimensions is flattened in C order. A value that can't be held (compounds,
// references, opaque, sequences) is left out and told to [Options.Note].
package netcdf4

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/hdf5"
)

// Source is an opened file's bytes.
type Source interface {
	io.ReaderAt
	Size() int64
	URL() string // names the file in references and errors
}

// Options say what Open may do. The zero value is good.
type Options struct {
	// InlineLimit is the most bytes, decoded, that a variable may have whose chunks can't be
	// referenced as they lie and are inlined instead; 0 is DefaultInlineLimit. Strings of variable length
	// have no other form and are not limited.
	InlineLimit int64

	// Sibling opens another file that this one names (external links, external raw storage,
	// virtual datasets). name is as stored: absolute, or relative to the folder of from, the file that names it.
	// Nil means that what lies in other files is refused. The sources are closed with
	// the file when they can be.
	Sibling func(ctx context.Context, from Source, name string) (Source, error)

	// Note is told what of the file can't be shown and has no variable to say so: attributes of types that
	// no attribute can have, links that lead nowhere. It is called during Open only.
	Note func(Note)
}

// DefaultInlineLimit is the InlineLimit of the zero Options.
const DefaultInlineLimit = 16 << 20

// Note says why a part of the file is not shown.
type Note struct {
	Path      string // of the variable, group or link: "g/h/name"
	Attribute string // or empty
	Reason    string
}

// Open reads the header of an HDF5 file: all groups, variables and attributes, no chunk index.
// Closing the file closes src if it can be closed.
func Open(ctx context.Context, src Source, opts Options) (cdm.File, error) {
	if opts.InlineLimit <= 0 {
		opts.InlineLimit = DefaultInlineLimit
	}
	f := &file{opts: opts, vars: map[*cdm.Variable]*variable{}}
	main, err := f.add(src)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", src.URL(), err)
	}
	t := tree{file: f, ctx: ctx}
	if err := t.read(main); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", src.URL(), err), f.closeSiblings())
	}
	return f, nil
}

// container is one HDF5 file: the one that was opened, or another that it leads to.
type container struct {
	h5  *hdf5.File
	src Source
	url string // for references; empty for the file itself
}

type file struct {
	opts   Options
	format string
	root   *cdm.Group
	vars   map[*cdm.Variable]*variable

	mu         sync.Mutex
	containers []*container // the file itself first
	sources    []Source     // raw storage in other files
}

func (f *file) add(src Source) (*container, error) {
	h5, err := hdf5.Open(src, src.Size())
	if err != nil {
		return nil, err
	}
	c := &container{h5: h5, src: src}
	if len(f.containers) > 0 {
		c.url = src.URL()
	}
	f.containers = append(f.containers, c)
	return c, nil
}

// sibling opens the source that from names, once.
func (f *file) sibling(ctx context.Context, from Source, name string) (Source, error) {
	if f.opts.Sibling == nil {
		return nil, fmt.Errorf("it lies in another file, %q, and only one is open: %w", name, cdm.ErrUnsupported)
	}
	src, err := f.opts.Sibling(ctx, from, name)
	if err != nil {
		return nil, fmt.Errorf("it lies in another file, %q: %w", name, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sources {
		if s.URL() == src.URL() {
			return s, closeSource(src)
		}
	}
	f.sources = append(f.sources, src)
	return src, nil
}

// siblingFile opens the HDF5 file that from names, once.
func (f *file) siblingFile(ctx context.Context, from *container, name string) (*container, error) {
	src, err := f.sibling(ctx, from.src, name)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.containers {
		if c.src.URL() == src.URL() {
			return c, nil
		}
	}
	c, err := f.add(src)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", src.URL(), err)
	}
	return c, nil
}

func (f *file) note(path, attribute string, err error) {
	if f.opts.Note != nil {
		f.opts.Note(Note{Path: path, Attribute: attribute, Reason: err.Error()})
	}
}

func (f *file) Format() string   { return f.format }
func (f *file) Root() *cdm.Group { return f.root }

func (f *file) Chunks(ctx context.Context, v *cdm.Variable) iter.Seq2[cdm.Chunk, error] {
	return func(yield func(cdm.Chunk, error) bool) {
		u, err := f.variable(v)
		if err == nil {
			err = u.chunks(ctx, func(c cdm.Chunk) bool { return yield(c, nil) })
		}
		if err != nil {
			yield(cdm.Chunk{}, f.errorf(v, err))
		}
	}
}

func (f *file) ReadChunk(ctx context.Context, v *cdm.Variable, index int64) ([]byte, error) {
	u, err := f.variable(v)
	var out []byte
	if err == nil {
		out, err = u.readChunk(ctx, index)
	}
	if err != nil {
		return nil, f.errorf(v, err)
	}
	return out, nil
}

func (f *file) errorf(v *cdm.Variable, err error) error {
	return fmt.Errorf("%s: variable %s: %w", f.containers[0].src.URL(), v.Path, err)
}

func (f *file) variable(v *cdm.Variable) (*variable, error) {
	if v.Refused != nil {
		return nil, v.Refused
	}
	u, ok := f.vars[v]
	if !ok {
		return nil, errors.New("is not of this file")
	}
	return u, nil
}

func (f *file) Close() error {
	return errors.Join(f.closeSiblings(), closeSource(f.containers[0].src))
}

func (f *file) closeSiblings() error {
	var err error
	for _, s := range f.sources {
		err = errors.Join(err, closeSource(s))
	}
	f.sources = nil
	return err
}

func closeSource(s Source) error {
	if c, ok := s.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
