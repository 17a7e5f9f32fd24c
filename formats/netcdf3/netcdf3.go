// Package netcdf3 reads the headers of netCDF classic files and says where their data lie: CDF-1
// (classic), CDF-2 (64-bit offset) and CDF-5 (64-bit data).
//
// The format is "NetCDF Classic and 64-bit Offset File Formats" (netCDF User's Guide, appendix B)
// with PnetCDF's CDF-5 extension. Everything is big-endian and nothing is compressed:
//
//   - A fixed variable is one contiguous piece of the file: one chunk, Contiguous set.
//   - A record variable has one chunk for each record, of shape (1, ...). The records of all
//     record variables are interleaved, each padded to four bytes; when there is only one record
//     variable its records follow one another without padding.
//   - vsize is ignored, as the specification says it is redundant, and writers get it wrong.
//   - A record count of -1 (a stream's) is replaced by the number of records that the file holds.
//
// In this format every chunk is written: a library in fill mode writes fill values, and one in
// no-fill mode extends the file with zeros when it closes it. A file that ends before its last
// element was cut short or never closed, and what is missing can't be told from what was never
// written. The netCDF library reads such bytes as zeros; here they are a [cdm.FormatError].
// Only the padding after the last element may be missing.
package netcdf3

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// Source is an opened file's bytes.
type Source interface {
	io.ReaderAt
	Size() int64
	URL() string // names the file in errors
}

// Is reports whether head, the first four bytes of a file, are those of this format.
func Is(head []byte) bool {
	return len(head) >= 4 && bytes.HasPrefix(head, []byte("CDF")) &&
		(head[3] == 1 || head[3] == 2 || head[3] == 5)
}

// Open reads the header of src, in one read when it is shorter than 64 KiB. A file that is
// damaged or cut short is a [cdm.FormatError]. Closing the file closes src if it can be closed.
func Open(src Source) (cdm.File, error) {
	h, err := readHeader(src, src.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", src.URL(), err)
	}
	layouts, err := h.layout(src.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", src.URL(), err)
	}
	f := &file{src: src, format: h.version.String(), root: h.group(), layouts: make(map[*cdm.Variable]layout, len(layouts))}
	for i, v := range f.root.Variables {
		f.layouts[v] = layouts[i]
	}
	return f, nil
}

type file struct {
	src     Source
	format  string
	root    *cdm.Group
	layouts map[*cdm.Variable]layout
}

func (f *file) Format() string   { return f.format }
func (f *file) Root() *cdm.Group { return f.root }

func (f *file) Chunks(ctx context.Context, v *cdm.Variable) iter.Seq2[cdm.Chunk, error] {
	return func(yield func(cdm.Chunk, error) bool) {
		l, ok := f.layouts[v]
		if !ok {
			yield(cdm.Chunk{}, f.foreign(v))
			return
		}
		for i := range l.count {
			if err := ctx.Err(); err != nil {
				yield(cdm.Chunk{}, err)
				return
			}
			if !yield(cdm.Chunk{Index: i, Offset: l.begin + i*l.stride, Size: l.size}, nil) {
				return
			}
		}
	}
}

func (f *file) ReadChunk(ctx context.Context, v *cdm.Variable, index int64) ([]byte, error) {
	l, ok := f.layouts[v]
	if !ok {
		return nil, f.foreign(v)
	}
	if index < 0 || index >= l.count {
		return nil, fmt.Errorf("%s: variable %q: chunk %d of %d does not exist", f.src.URL(), v.Path, index, l.count)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := make([]byte, l.size) // the layout was checked against the file's size
	if err := readFull(f.src, out, l.begin+index*l.stride); err != nil {
		return nil, fmt.Errorf("%s: variable %q: chunk %d: %w", f.src.URL(), v.Path, index, err)
	}
	return out, nil
}

func (f *file) Close() error {
	if c, ok := f.src.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func (f *file) foreign(v *cdm.Variable) error {
	return fmt.Errorf("%s: variable %q is not of this file", f.src.URL(), v.Path)
}

// readFull fills p from off. A ReaderAt may report io.EOF together with the last bytes.
func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading %d bytes at byte %#x: %w", len(p), off, err)
}
