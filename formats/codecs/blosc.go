package codecs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zlib"
)

// The header of a Blosc 1 frame: bytes of format versions, flags and element size, then the
// lengths of the data, of a block and of the frame (4 bytes each, little-endian).
const bloscHeader = 16

// The flags of a frame. The compressor stands in the three bits above them.
const (
	bloscShuffle    = 1
	bloscStored     = 2
	bloscBitshuffle = 4
	bloscUnsplit    = 16
)

// Formats of compressed blocks.
const (
	bloscFormatBloscLZ = 0
	bloscFormatLZ4     = 1
	bloscFormatSnappy  = 2
	bloscFormatZlib    = 3
	bloscFormatZstd    = 4
)

// A block is compressed in one part for each byte of an element if an element is this small and
// a part this large.
const (
	bloscMaxSplits = 16
	bloscMinSplit  = 128
)

// bloscMaxData is the most that a stored frame of one block may hold: Blosc bounds a block to a third of 2 GiB, less
// what it needs beside it.
const bloscMaxData = (1<<31 - 1 - 255*4) / 3

// bloscRatio is more than one byte of a frame can stand for, whatever its compressor.
const bloscRatio = 1 << 16

// blosc is HDF5's filter 32001 and numcodecs' "blosc": a Blosc 1 frame.
type blosc struct {
	compressor string // for Config: the frame itself says how to decode it
	level      int
	shuffle    int
	blockSize  int
	zstd       *zstd
}

func newBlosc(compressor string, level, shuffle, blockSize int) blosc {
	return blosc{compressor: compressor, level: level, shuffle: shuffle, blockSize: blockSize, zstd: newZstd(0)}
}

// bloscFromHDF5 takes the filter's parameters: two versions, element and chunk size, then level,
// kind of shuffle and compressor, which older files may lack.
func bloscFromHDF5(params []uint32) (Codec, error) {
	names := []string{"blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"}
	at := func(i int, otherwise uint32) int {
		if i < len(params) {
			return int(params[i])
		}
		return int(otherwise)
	}
	level, shuffle, compressor := at(4, 5), at(5, 1), at(6, 0)
	if compressor >= len(names) || level > 9 || shuffle > 2 {
		return nil, fmt.Errorf("blosc: level %d, shuffle %d or compressor %d is not possible", level, shuffle, compressor)
	}
	return newBlosc(names[compressor], level, shuffle, 0), nil
}

func (b blosc) Config() map[string]any {
	return map[string]any{
		"id": "blosc", "cname": b.compressor, "clevel": b.level, "shuffle": b.shuffle, "blocksize": b.blockSize,
	}
}
func (b blosc) Name() string { return "blosc" }

// Encode stores the data in a frame, uncompressed. That is enough for the few chunks that are encoded here: those that a
// writer could not compress.
func (b blosc) Encode(src []byte) ([]byte, error) {
	if len(src) > bloscMaxData {
		return nil, fmt.Errorf("%d bytes are more than a Blosc frame holds", len(src))
	}
	out := make([]byte, bloscHeader, bloscHeader+len(src))
	out[0], out[1], out[2], out[3] = 2, 1, bloscStored, 1
	binary.LittleEndian.PutUint32(out[4:], uint32(len(src)))
	binary.LittleEndian.PutUint32(out[8:], uint32(len(src))) // one block
	binary.LittleEndian.PutUint32(out[12:], uint32(bloscHeader+len(src)))
	return append(out, src...), nil
}

func (b blosc) Decode(src []byte, limit int) ([]byte, error) {
	if len(src) < bloscHeader {
		return nil, corrupt("%d bytes can't hold a Blosc header", len(src))
	}
	if src[0] < 1 || src[0] > 2 {
		return nil, corrupt("Blosc format version %d", src[0])
	}
	flags, size := src[2], int(src[3])
	length := int(binary.LittleEndian.Uint32(src[4:]))
	blockSize := int(binary.LittleEndian.Uint32(src[8:]))
	coded := int(binary.LittleEndian.Uint32(src[12:]))
	if coded < bloscHeader || coded > len(src) {
		return nil, corrupt("a Blosc frame of %d bytes in %d", coded, len(src))
	}
	src = src[:coded]
	out, err := sized(length, limit, len(src), bloscRatio)
	if err != nil || length == 0 {
		return out, err
	}
	if flags&bloscStored != 0 {
		if len(src)-bloscHeader < length {
			return nil, corrupt("the stored data are cut off")
		}
		copy(out, src[bloscHeader:])
		return out, nil
	}
	if size == 0 || blockSize == 0 || blockSize > length {
		return nil, corrupt("blocks of %d bytes with elements of %d", blockSize, size)
	}
	blocks := (length + blockSize - 1) / blockSize
	if blocks > (len(src)-bloscHeader)/4 {
		return nil, corrupt("%d blocks in %d bytes", blocks, len(src))
	}
	var scratch []byte
	if flags&(bloscShuffle|bloscBitshuffle) != 0 {
		scratch = make([]byte, blockSize)
	}
	for i := range blocks {
		dst := out[i*blockSize : min((i+1)*blockSize, length)]
		start := int(binary.LittleEndian.Uint32(src[bloscHeader+4*i:]))
		if start < bloscHeader || start > len(src) {
			return nil, corrupt("block %d begins at byte %d of %d", i, start, len(src))
		}
		plain := dst
		if scratch != nil {
			plain = scratch[:len(dst)]
		}
		parts := 1
		if flags&bloscUnsplit == 0 && size <= bloscMaxSplits && len(dst)/size >= bloscMinSplit && len(dst) == blockSize {
			parts = size
		}
		if err := b.block(plain, src[start:], parts, flags>>5); err != nil {
			return nil, fmt.Errorf("block %d: %w", i, err)
		}
		switch {
		case flags&bloscShuffle != 0:
			unshuffle(dst, plain, size)
		case flags&bloscBitshuffle != 0:
			bitUnshuffleBlosc(dst, plain, size)
		}
	}
	return out, nil
}

// block decodes one block into dst, part by part, each with its length before it.
func (b blosc) block(dst, src []byte, parts int, format byte) error {
	n := len(dst) / parts
	if n*parts != len(dst) {
		return corrupt("%d bytes don't split into %d parts", len(dst), parts)
	}
	for range parts {
		if len(src) < 4 {
			return corrupt("a part's length is cut off")
		}
		length := binary.LittleEndian.Uint32(src)
		src = src[4:]
		if uint64(length) > uint64(len(src)) {
			return corrupt("a part of %d bytes in the %d left", length, len(src))
		}
		coded := src[:length]
		src = src[length:]
		if len(coded) == n {
			copy(dst, coded)
		} else if err := b.part(dst[:n], coded, format); err != nil {
			return err
		}
		dst = dst[n:]
	}
	return nil
}

// part decompresses one part, which must fill dst.
func (b blosc) part(dst, coded []byte, format byte) error {
	switch format {
	case bloscFormatBloscLZ:
		return blosclz(dst, coded)
	case bloscFormatLZ4:
		return lz4Block(dst, coded)
	case bloscFormatSnappy:
		n, err := snappy.DecodedLen(coded)
		if err == nil && n != len(dst) {
			err = fmt.Errorf("a Snappy block of %d bytes, not %d", n, len(dst))
		}
		if err == nil {
			_, err = snappy.Decode(dst, coded)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return nil
	case bloscFormatZlib:
		r, err := zlib.NewReader(bytes.NewReader(coded))
		if err == nil {
			_, err = io.ReadFull(r, dst)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		// The checksum is compared when the stream's end is read.
		if _, err := io.ReadFull(r, make([]byte, 1)); !errors.Is(err, io.EOF) {
			return corrupt("a zlib stream longer than %d bytes, or damaged: %v", len(dst), err)
		}
		return nil
	case bloscFormatZstd:
		out, err := b.zstd.Decode(coded, len(dst))
		if err != nil {
			return err
		}
		if len(out) != len(dst) {
			return corrupt("a Zstandard frame of %d bytes, not %d", len(out), len(dst))
		}
		copy(dst, out)
		return nil
	}
	return fmt.Errorf("%w: Blosc's compressed format %d", ErrNoDecoder, format)
}
