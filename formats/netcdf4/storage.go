package netcdf4

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/codecs"
)

// storedChunk is a chunk as the file holds it: a range of bytes with the filters that it went through.
type storedChunk struct {
	Index  int64
	Offset int64
	Size   int64
	Mask   uint32
	*elsewhere
}

// elsewhere is set in the few chunks that are not ranges of the variable's own file.
type elsewhere struct {
	source Source // another file
	data   []byte // the bytes themselves
}

// held gives the bytes of a chunk that is no range of a file; nil otherwise.
func (s storedChunk) held() []byte {
	if s.elsewhere == nil {
		return nil
	}
	return s.elsewhere.data
}

// from is the file that the range is of, given the variable's own.
func (s storedChunk) from(own Source) Source {
	if s.elsewhere == nil || s.elsewhere.source == nil {
		return own
	}
	return s.elsewhere.source
}

// storage is where a variable's chunks are.
type storage interface {
	// stored calls yield with the written chunks in ascending order until it answers false.
	stored(ctx context.Context, yield func(storedChunk) bool) error
}

// noStorage is a variable of which nothing was written.
type noStorage struct{}

func (noStorage) stored(context.Context, func(storedChunk) bool) error { return nil }

// compactStorage has its elements in the object header.
type compactStorage struct{ data []byte }

func (s compactStorage) stored(_ context.Context, yield func(storedChunk) bool) error {
	yield(storedChunk{elsewhere: &elsewhere{data: s.data}})
	return nil
}

// oneChunk is contiguous storage.
type oneChunk struct{ chunk storedChunk }

func (s oneChunk) stored(_ context.Context, yield func(storedChunk) bool) error {
	yield(s.chunk)
	return nil
}

// chunkedStorage has a chunk index.
type chunkedStorage struct{ *variable }

func (s chunkedStorage) stored(ctx context.Context, yield func(storedChunk) bool) error {
	for c, err := range s.dataset.Chunks(ctx, s.shape) {
		if err != nil {
			return err
		}
		if !yield(storedChunk{Index: c.Index, Offset: c.Offset, Size: c.Size, Mask: s.mask(c.Mask)}) {
			return nil
		}
	}
	return nil
}

// mask takes a chunk's filter mask, which has a bit for each filter of the dataset, to one for the stages of the pipeline.
func (u *variable) mask(stored uint32) uint32 {
	out, n := uint32(0), 0
	for i := range u.dataset.Filters {
		if u.idle&(1<<i) == 0 {
			out |= stored >> i & 1 << n
			n++
		}
	}
	return out
}

// chunks yields the variable's chunks as a store would hold them.
func (u *variable) chunks(ctx context.Context, yield func(cdm.Chunk) bool) error {
	var failed error
	inlined := int64(0)
	err := u.store.stored(ctx, func(s storedChunk) bool {
		asStored := !u.inline && s.Mask == 0 && s.held() == nil
		if asStored && u.terminated {
			dirty, err := u.dirty(s)
			if err != nil {
				failed = fmt.Errorf("chunk %d: %w", s.Index, err)
				return false
			}
			asStored = !dirty
		}
		if asStored {
			url := u.where.url
			if s.elsewhere != nil {
				url = s.from(u.where.src).URL()
			}
			return yield(cdm.Chunk{Index: s.Index, Offset: s.Offset, Size: s.Size, URL: url})
		}
		data, err := u.encoded(s)
		if err == nil && s.Mask != 0 {
			if inlined += int64(len(data)); inlined > u.file.opts.InlineLimit {
				err = unsupported("its chunks that skip a filter of its pipeline are more than the %d bytes that may be inlined; raise the limit, or repack the file", u.file.opts.InlineLimit)
			}
		}
		if err != nil {
			failed = fmt.Errorf("chunk %d: %w", s.Index, err)
			return false
		}
		return yield(cdm.Chunk{Index: s.Index, Inline: data})
	})
	return errors.Join(err, failed)
}

// dirty says whether a chunk of NUL-terminated strings has something after a NUL.
func (u *variable) dirty(s storedChunk) (bool, error) {
	data, err := u.read(s)
	if err == nil {
		data, err = codecs.Decode(u.pipeline, s.Mask, data, int(u.elements)*u.element.stored)
	}
	if err != nil || len(data) == 0 {
		return false, err
	}
	out := clean(data, u.element.dtype.Size)
	return &out[0] != &data[0], nil
}

// encoded is a chunk in the variable's own codecs.
func (u *variable) encoded(s storedChunk) ([]byte, error) {
	data, err := u.decoded(s)
	if err != nil {
		return nil, err
	}
	out, err := codecs.Encode(u.cdm.Codecs, data)
	if err != nil {
		return nil, unsupported("it skips a filter (mask %#x) and can't be written through all of them: %w", s.Mask, err)
	}
	return out, nil
}

// decoded is a chunk's elements as they appear.
func (u *variable) decoded(s storedChunk) ([]byte, error) {
	data := s.held()
	want := u.elements * int64(u.element.stored)
	if data == nil {
		var err error
		if data, err = u.read(s); err != nil {
			return nil, err
		}
		if data, err = codecs.Decode(u.pipeline, s.Mask, data, int(want)); err != nil {
			return nil, err
		}
	}
	if int64(len(data)) != want {
		return nil, fmt.Errorf("%d bytes decoded, the chunk has %d: %w", len(data), want, codecs.ErrCorrupt)
	}
	if u.element.dtype.Kind == cdm.Object {
		values, err := stringValues(u.where.h5, u.dataset.Type, data)
		if err != nil {
			return nil, err
		}
		return cdm.EncodeStrings(values)
	}
	if u.terminated {
		return clean(data, u.element.dtype.Size), nil
	}
	return convertElements(&u.element, data)
}

// clean gives fixed-length strings with nothing but NULs after the first NUL; data itself when that is so already.
func clean(data []byte, width int) []byte {
	out := data
	for at := 0; at+width <= len(data); at += width {
		field := data[at : at+width]
		end := bytes.IndexByte(field, 0)
		if end < 0 || len(bytes.TrimRight(field[end:], "\x00")) == 0 {
			continue
		}
		if &out[0] == &data[0] {
			out = bytes.Clone(data)
		}
		clear(out[at+end : at+width])
	}
	return out
}

// read reads a chunk's bytes. The range was checked against the file.
func (u *variable) read(s storedChunk) ([]byte, error) {
	src := s.from(u.where.src)
	if s.Offset < 0 || s.Size < 0 || s.Offset > src.Size()-s.Size {
		return nil, &cdm.FormatError{Offset: s.Offset, Struct: "chunk", Msg: fmt.Sprintf("%d bytes, the file ends at byte %d", s.Size, src.Size())}
	}
	data := make([]byte, s.Size)
	n, err := src.ReadAt(data, s.Offset)
	if n < len(data) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("%s: bytes %d to %d: %w", src.URL(), s.Offset, s.Offset+s.Size, err)
	}
	return data, nil
}

// readChunk reads one chunk, through a table that is made when the first is read.
func (u *variable) readChunk(ctx context.Context, index int64) ([]byte, error) {
	u.table.Do(func() {
		u.storedErr = u.store.stored(context.WithoutCancel(ctx), func(s storedChunk) bool {
			u.stored = append(u.stored, s)
			return true
		})
	})
	if u.storedErr != nil {
		return nil, u.storedErr
	}
	i := sort.Search(len(u.stored), func(i int) bool { return u.stored[i].Index >= index })
	if i == len(u.stored) || u.stored[i].Index != index {
		return nil, nil
	}
	data, err := u.decoded(u.stored[i])
	if err != nil {
		return nil, fmt.Errorf("chunk %d: %w", index, err)
	}
	return data, nil
}
