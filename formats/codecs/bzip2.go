package codecs

import (
	"bytes"
	bzip2lib "compress/bzip2"
)

// bzip2 is HDF5's filter 307 and numcodecs' "bz2": a bzip2 file.
type bzip2 struct{ level int }

func bzip2FromHDF5(params []uint32) (Codec, error) {
	level := 9 // the filter's default
	if len(params) > 0 && params[0] >= 1 && params[0] <= 9 {
		level = int(params[0])
	}
	return bzip2{level}, nil
}

func (b bzip2) Config() map[string]any { return map[string]any{"id": "bz2", "level": b.level} }
func (b bzip2) Name() string           { return "bzip2" }

func (b bzip2) Encode([]byte) ([]byte, error) { return nil, ErrNoEncoder }

func (b bzip2) Decode(src []byte, limit int) ([]byte, error) {
	return readLimited(bzip2lib.NewReader(bytes.NewReader(src)), len(src), limit)
}
