package codecs

import "fmt"

// What bitshuffle compresses with.
const (
	bitshuffleRaw  = 0
	bitshuffleLZ4  = 2
	bitshuffleZstd = 3
)

// bitshuffle is HDF5's filter 32008: the first bits of all elements, then the second bits of all,
// and so on, block by block, each block perhaps compressed.
type bitshuffle struct {
	elem       int // bytes
	block      int // elements in a block when nothing is compressed: else the chunk says
	compressor uint32
	zstd       *zstd
}

func bitshuffleFromHDF5(params []uint32, elemSize int) (Codec, error) {
	b := bitshuffle{elem: elemSize}
	if len(params) > 2 {
		b.elem = int(params[2])
	}
	if b.elem < 1 || b.elem > 1<<24 {
		return nil, fmt.Errorf("bitshuffle: elements of %d bytes are not possible", b.elem)
	}
	if len(params) > 3 {
		b.block = int(params[3])
	}
	if b.block == 0 {
		// The default: 8 KiB, in whole groups of 8 elements, at the least 128.
		b.block = max(8192/b.elem&^7, 128)
	}
	if b.block%8 != 0 {
		return nil, fmt.Errorf("bitshuffle: blocks of %d elements are not possible", b.block)
	}
	if len(params) > 4 {
		b.compressor = params[4]
	}
	switch b.compressor {
	case bitshuffleRaw, bitshuffleLZ4:
	case bitshuffleZstd:
		b.zstd = newZstd(0)
	default:
		return nil, fmt.Errorf("bitshuffle: compressor %d is unknown", b.compressor)
	}
	return b, nil
}

func (b bitshuffle) Config() map[string]any { return nil }
func (b bitshuffle) Name() string           { return "filter 32008 (bitshuffle)" }

func (b bitshuffle) Encode([]byte) ([]byte, error) { return nil, ErrNoEncoder }

func (b bitshuffle) Decode(src []byte, limit int) ([]byte, error) {
	blockSize, rest := b.block*b.elem, src
	var out []byte
	var err error
	if b.compressor == bitshuffleRaw {
		if len(src) > limit {
			return nil, errTooLarge(limit)
		}
		out = make([]byte, len(src))
	} else if out, blockSize, rest, err = blockHeader(src, limit, 1<<16); err != nil {
		return nil, err
	}
	if blockSize%(8*b.elem) != 0 {
		return nil, corrupt("blocks of %d bytes with elements of %d", blockSize, b.elem)
	}
	dst := out
	for len(dst) >= 8*b.elem {
		// The last block is what is left in whole groups of 8 elements.
		block := dst[:min(blockSize, len(dst)-len(dst)%(8*b.elem))]
		dst = dst[len(block):]
		if b.compressor == bitshuffleRaw {
			bitUnshuffle(block, rest[:len(block)], b.elem)
			rest = rest[len(block):]
			continue
		}
		var coded []byte
		if coded, rest, err = nextBlock(rest); err != nil {
			return nil, err
		}
		planes, err := b.inflate(coded, len(block))
		if err != nil {
			return nil, err
		}
		bitUnshuffle(block, planes, b.elem)
	}
	if len(rest) < len(dst) {
		return nil, corrupt("the last elements are cut off")
	}
	copy(dst, rest) // too few for a group: stored as they are
	return out, nil
}

// inflate undoes the compression of a block of n bytes.
func (b bitshuffle) inflate(coded []byte, n int) ([]byte, error) {
	if b.compressor == bitshuffleZstd {
		out, err := b.zstd.Decode(coded, n)
		if err == nil && len(out) != n {
			err = corrupt("a block of %d bytes, not %d", len(out), n)
		}
		return out, err
	}
	out, err := sized(n, n, len(coded), lz4Ratio)
	if err != nil {
		return nil, err
	}
	return out, lz4Block(out, coded)
}

// bitUnshuffle undoes the transposition of a matrix of bits: src has 8*size rows, one for each bit
// of an element (from the least significant of the first byte), with a column for each element.
// dst and src are of one length, a multiple of 8*size bytes.
func bitUnshuffle(dst, src []byte, size int) {
	row := len(dst) / size / 8 // bytes of one row of bits
	for b := range size {
		planes := src[8*b*row:][:8*row]
		for i := range row {
			var m uint64
			for bit := range 8 {
				m |= uint64(planes[bit*row+i]) << (8 * bit)
			}
			m = transpose8(m)
			at := 8*i*size + b
			for e := range 8 {
				dst[at+e*size] = byte(m >> (8 * e))
			}
		}
	}
}

// transpose8 transposes 8 by 8 bits: bit c of byte r becomes bit r of byte c.
func transpose8(m uint64) uint64 {
	t := (m ^ m>>7) & 0x00aa00aa00aa00aa
	m ^= t ^ t<<7
	t = (m ^ m>>14) & 0x0000cccc0000cccc
	m ^= t ^ t<<14
	t = (m ^ m>>28) & 0x00000000f0f0f0f0
	return m ^ t ^ t<<28
}

// bitUnshuffleBlosc is bitUnshuffle as Blosc 1 does it: a block whose number of elements isn't a
// multiple of 8 is left as it is, and so are the bytes beyond the last whole element.
func bitUnshuffleBlosc(dst, src []byte, size int) {
	whole := len(src) / size * size
	if whole/size%8 != 0 {
		whole = 0
	}
	bitUnshuffle(dst[:whole], src[:whole], size)
	copy(dst[whole:], src[whole:])
}
