package codecs

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zlib"
)

// deflate is HDF5's filter 1 and numcodecs' "zlib": a zlib stream (RFC 1950).
type deflate struct {
	level   int
	readers *sync.Pool // of io.ReadCloser that is a zlib.Resetter
	writers *sync.Pool // of *zlib.Writer: each holds hundreds of kilobytes
}

func deflateFromHDF5(params []uint32) (Codec, error) {
	level := 6 // zlib's own default: the level is no part of the data
	if len(params) > 0 && params[0] <= 9 {
		level = int(params[0])
	}
	return newDeflate(level), nil
}

func newDeflate(level int) *deflate {
	return &deflate{level: level, readers: new(sync.Pool), writers: new(sync.Pool)}
}

func (d *deflate) Config() map[string]any { return map[string]any{"id": "zlib", "level": d.level} }
func (d *deflate) Name() string           { return "deflate" }

func (d *deflate) Decode(src []byte, limit int) ([]byte, error) {
	in := bytes.NewReader(src)
	r, _ := d.readers.Get().(io.ReadCloser)
	var err error
	if r == nil {
		r, err = zlib.NewReader(in)
	} else {
		err = r.(zlib.Resetter).Reset(in, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	out, err := readLimited(r, len(src), limit)
	if err != nil {
		return nil, err
	}
	d.readers.Put(r)
	return out, nil
}

func (d *deflate) Encode(src []byte) ([]byte, error) {
	var buf bytes.Buffer
	w, _ := d.writers.Get().(*zlib.Writer)
	if w == nil {
		var err error
		if w, err = zlib.NewWriterLevel(&buf, d.level); err != nil {
			return nil, err
		}
	} else {
		w.Reset(&buf)
	}
	if _, err := w.Write(src); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	d.writers.Put(w)
	return buf.Bytes(), nil
}
