package codecs

import (
	"encoding/binary"
	"fmt"

	lz4lib "github.com/pierrec/lz4/v4"
)

// lz4Ratio is the most that one byte of an LZ4 block can stand for.
const lz4Ratio = 255

// lz4Block decodes one block that must fill dst.
func lz4Block(dst, src []byte) error {
	n, err := lz4lib.UncompressBlock(src, dst)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if n != len(dst) {
		return corrupt("an LZ4 block of %d bytes, not %d", n, len(dst))
	}
	return nil
}

// lz4 is numcodecs' "lz4": the length (4 bytes, little-endian) and one LZ4 block.
type lz4 struct{ acceleration int }

func (l lz4) Config() map[string]any {
	return map[string]any{"id": "lz4", "acceleration": l.acceleration}
}
func (l lz4) Name() string { return "lz4" }

func (l lz4) Decode(src []byte, limit int) ([]byte, error) {
	if len(src) < 4 {
		return nil, corrupt("%d bytes can't hold a length", len(src))
	}
	out, err := sized(int(binary.LittleEndian.Uint32(src)), limit, len(src), lz4Ratio)
	if err != nil || len(out) == 0 {
		return out, err
	}
	return out, lz4Block(out, src[4:])
}

func (l lz4) Encode(src []byte) ([]byte, error) {
	out := make([]byte, 4+lz4lib.CompressBlockBound(len(src)))
	binary.LittleEndian.PutUint32(out, uint32(len(src)))
	var c lz4lib.Compressor
	n, err := c.CompressBlock(src, out[4:])
	if err != nil {
		return nil, err
	}
	return out[:4+n], nil
}

// lz4HDF5 is HDF5's filter 32004: the length (8 bytes, big-endian), the block size (4), and blocks
// with their length (4) before them; a block as long as its data is stored.
type lz4HDF5 struct{}

func (lz4HDF5) Config() map[string]any { return nil }
func (lz4HDF5) Name() string           { return "filter 32004 (lz4)" }

func (lz4HDF5) Encode([]byte) ([]byte, error) { return nil, ErrNoEncoder }

func (lz4HDF5) Decode(src []byte, limit int) ([]byte, error) {
	out, blockSize, src, err := blockHeader(src, limit, lz4Ratio)
	if err != nil {
		return nil, err
	}
	for dst := out; len(dst) > 0; {
		block := dst[:min(blockSize, len(dst))]
		dst = dst[len(block):]
		var coded []byte
		if coded, src, err = nextBlock(src); err != nil {
			return nil, err
		}
		if len(coded) == len(block) {
			copy(block, coded)
			continue
		}
		if err := lz4Block(block, coded); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// blockHeader reads the header that the HDF5 filters lz4 and bitshuffle share, and makes the result.
func blockHeader(src []byte, limit, ratio int) (out []byte, blockSize int, rest []byte, err error) {
	if len(src) < 12 {
		return nil, 0, nil, corrupt("%d bytes can't hold the header", len(src))
	}
	length := binary.BigEndian.Uint64(src)
	if length > uint64(max(limit, 0)) {
		return nil, 0, nil, errTooLarge(limit)
	}
	blockSize = int(binary.BigEndian.Uint32(src[8:]))
	if blockSize == 0 && length > 0 {
		return nil, 0, nil, corrupt("blocks of no bytes")
	}
	out, err = sized(int(length), limit, len(src), ratio)
	return out, blockSize, src[12:], err
}

// nextBlock takes one block with its length before it.
func nextBlock(src []byte) (block, rest []byte, err error) {
	if len(src) < 4 {
		return nil, nil, corrupt("a block's length is cut off")
	}
	n := binary.BigEndian.Uint32(src)
	if uint64(n) > uint64(len(src)-4) {
		return nil, nil, corrupt("a block of %d bytes in the %d left", n, len(src)-4)
	}
	return src[4:][:n], src[4+n:], nil
}
