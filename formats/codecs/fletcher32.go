package codecs

import (
	"encoding/binary"
	"fmt"
)

// fletcher32 is HDF5's filter 3 and numcodecs' "fletcher32": the data followed by four bytes of
// checksum, little-endian.
type fletcher32 struct{}

func (fletcher32) Config() map[string]any { return map[string]any{"id": "fletcher32"} }
func (fletcher32) Name() string           { return "fletcher32" }

func (fletcher32) Decode(src []byte, limit int) ([]byte, error) {
	if len(src) < 4 {
		return nil, corrupt("%d bytes can't hold a checksum", len(src))
	}
	data, stored := src[:len(src)-4], binary.LittleEndian.Uint32(src[len(src)-4:])
	if len(data) > limit {
		return nil, errTooLarge(limit)
	}
	sum := fletcher32Sum(data)
	// HDF5 before 1.6.3 swapped the bytes of each half on little-endian machines.
	swapped := sum>>8&0x00ff00ff | sum&0x00ff00ff<<8
	if stored != sum && stored != swapped {
		return nil, fmt.Errorf("%w: checksum is %#08x, the data's is %#08x", ErrCorrupt, stored, sum)
	}
	return data, nil
}

func (fletcher32) Encode(src []byte) ([]byte, error) {
	out := make([]byte, len(src), len(src)+4)
	copy(out, src)
	return binary.LittleEndian.AppendUint32(out, fletcher32Sum(src)), nil
}

// fletcher32Sum is HDF5's variant of Fletcher's checksum: over big-endian 16-bit words, an odd
// last byte being the high half of a word.
func fletcher32Sum(data []byte) uint32 {
	const words = 360 // as many as fit between two reductions without overflow of 32 bits
	fold := func(s uint32) uint32 { return s&0xffff + s>>16 }
	var lo, hi uint32
	for len(data) >= 2 {
		block := data[:min(len(data)&^1, 2*words)]
		data = data[len(block):]
		for ; len(block) >= 2; block = block[2:] {
			lo += uint32(block[0])<<8 | uint32(block[1])
			hi += lo
		}
		lo, hi = fold(lo), fold(hi)
	}
	if len(data) == 1 {
		lo += uint32(data[0]) << 8
		hi += lo
		lo, hi = fold(lo), fold(hi)
	}
	return fold(hi)<<16 | fold(lo)
}
