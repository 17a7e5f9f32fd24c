package codecs

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/gzip"
)

// gzipped is numcodecs' "gzip": a gzip file (RFC 1952), of one or more members.
type gzipped struct{ level int }

func (g gzipped) Config() map[string]any { return map[string]any{"id": "gzip", "level": g.level} }
func (g gzipped) Name() string           { return "gzip" }

func (g gzipped) Decode(src []byte, limit int) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(src))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return readLimited(r, len(src), limit)
}

// Encode leaves name and time out of the header, so that equal data give equal bytes.
func (g gzipped) Encode(src []byte) ([]byte, error) {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, g.level)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(src); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
