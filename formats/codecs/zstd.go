package codecs

import (
	"errors"
	"fmt"
	"sync"

	zstdlib "github.com/klauspost/compress/zstd"
)

// zstd is HDF5's filter 32015 and numcodecs' "zstd": Zstandard frames (RFC 8878).
type zstd struct {
	level   int
	decoder func() (*zstdlib.Decoder, error) // made at first use, for it is not small
}

func zstdFromHDF5(params []uint32) (Codec, error) {
	level := 3 // the filter's default
	if len(params) > 0 {
		level = int(int32(params[0])) // negative levels are Zstandard's fast ones
	}
	return newZstd(level), nil
}

func newZstd(level int) *zstd {
	return &zstd{level, sync.OnceValues(func() (*zstdlib.Decoder, error) {
		// The room that the result is given is its limit: frames needn't say their size. It is the
		// window too, so that any that libzstd takes may be claimed (up to 2^31 and a fraction).
		return zstdlib.NewReader(nil, zstdlib.WithDecodeAllCapLimit(true), zstdlib.WithDecoderMaxWindow(1<<32))
	})}
}

func (z *zstd) Config() map[string]any { return map[string]any{"id": "zstd", "level": z.level} }
func (z *zstd) Name() string           { return "zstd" }

func (z *zstd) Decode(src []byte, limit int) ([]byte, error) {
	if len(src) == 0 {
		return nil, corrupt("no Zstandard frame") // the library takes no frames for no data
	}
	dec, err := z.decoder()
	if err != nil {
		return nil, err
	}
	// Four bytes can't stand for more than a block of 128 KiB, whatever a frame says of its size.
	most := min(max(limit, 0), len(src)<<15)
	for room := min(most, max(firstBuffer, 8*len(src))); ; room = min(most, 4*room) {
		out, err := dec.DecodeAll(src, make([]byte, 0, room))
		switch {
		case err == nil:
			return out, nil
		case !errors.Is(err, zstdlib.ErrDecoderSizeExceeded):
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		case room == most:
			return nil, errTooLarge(most)
		}
	}
}

func (z *zstd) Encode(src []byte) ([]byte, error) {
	enc, err := zstdlib.NewWriter(nil, zstdlib.WithEncoderLevel(zstdlib.EncoderLevelFromZstd(z.level)),
		zstdlib.WithEncoderConcurrency(1), zstdlib.WithEncoderCRC(false), zstdlib.WithZeroFrames(true))
	if err != nil {
		return nil, err
	}
	defer enc.Close()
	return enc.EncodeAll(src, nil), nil
}
