package codecs

import (
	"encoding/binary"
	"fmt"
)

// The bits of szip's options mask that change the coded data.
const (
	szipMSB = 16 // samples are big-endian
	szipNN  = 32 // nearest-neighbour preprocessing; without it, entropy coding only
)

// The limits of szip's parameters.
const (
	szipMaxPixelsPerBlock = 32
	szipMaxBlocksPerLine  = 128
)

// szip is HDF5's filter 4: the length of the data (4 bytes, little-endian), then lossless
// Rice coding as CCSDS 121.0-B-3 has it, with the extensions of szip: lines of pixels that
// are padded to whole blocks, and 32- and 64-bit pixels coded byte plane by byte plane.
type szip struct {
	bitsPerSample int
	sampleSize    int // bytes of one coded sample
	planes        int // byte planes that a pixel is taken apart into; 1: none
	blockSize     int // samples per block
	lineSize      int // samples per scan line
	lineBlocks    int // blocks per scan line: the reference sample interval
	msb, nn       bool
}

func szipFromHDF5(params []uint32) (Codec, error) {
	if len(params) < 4 {
		return nil, fmt.Errorf("szip: %d parameters, 4 are needed", len(params))
	}
	mask, block, depth, line := params[0], params[1], params[2], params[3]
	s := szip{
		bitsPerSample: int(depth), planes: 1,
		msb: mask&szipMSB != 0, nn: mask&szipNN != 0,
	}
	if block < 2 || block > szipMaxPixelsPerBlock || block%2 != 0 {
		return nil, fmt.Errorf("szip: %d pixels per block are not possible", block)
	}
	if line < 1 || line > szipMaxBlocksPerLine*block {
		return nil, fmt.Errorf("szip: %d pixels per scan line are not possible", line)
	}
	s.blockSize, s.lineSize = int(block), int(line)
	s.lineBlocks = (s.lineSize + s.blockSize - 1) / s.blockSize
	switch {
	case depth == 32 || depth == 64:
		s.planes = int(depth) / 8
		s.bitsPerSample, s.sampleSize = 8, 1
	case depth >= 1 && depth <= 8:
		s.sampleSize = 1
	case depth > 8 && depth <= 16:
		s.sampleSize = 2
	case depth > 16 && depth <= 24:
		s.sampleSize = 4
	default:
		return nil, fmt.Errorf("szip: %d bits per pixel are not possible", depth)
	}
	return s, nil
}

func (s szip) Config() map[string]any { return nil }
func (s szip) Name() string           { return "szip" }

func (s szip) Encode([]byte) ([]byte, error) { return nil, ErrNoEncoder }

func (s szip) Decode(src []byte, limit int) ([]byte, error) {
	if len(src) < 4 {
		return nil, corrupt("%d bytes can't hold szip's length", len(src))
	}
	length := int(binary.LittleEndian.Uint32(src))
	// A coded line has one bit at the least, in a run of zero blocks.
	out, err := sized(length, limit, len(src), 8*s.lineBlocks*s.blockSize*s.sampleSize)
	if err != nil {
		return nil, err
	}
	if length%(s.sampleSize*s.planes) != 0 {
		return nil, corrupt("%d bytes are no whole number of pixels", length)
	}
	r := bitReader{src: src[4:]}
	line := make([]uint32, s.lineBlocks*s.blockSize)
	for done := 0; done < length; {
		want := min(s.lineSize, (length-done)/s.sampleSize)
		// The last line may have been cut short: what isn't wanted needn't be there.
		blocks := (want + s.blockSize - 1) / s.blockSize
		if err := s.decodeLine(&r, line, blocks); err != nil {
			return nil, err
		}
		s.put(out[done:], line[:want])
		done += want * s.sampleSize
	}
	if s.planes == 1 {
		return out, nil
	}
	pixels := make([]byte, length)
	unshuffle(pixels, out, s.planes)
	return pixels, nil
}

// decodeLine decodes the first blocks of one reference sample interval into line.
func (s szip) decodeLine(r *bitReader, line []uint32, blocks int) error {
	idBits := uint(3) // CCSDS 121.0-B-3, table 5-1
	switch {
	case s.bitsPerSample > 16:
		idBits = 5
	case s.bitsPerSample > 8:
		idBits = 4
	}
	uncompressed := uint64(1)<<idBits - 1
	depth := uint(s.bitsPerSample)
	for b := 0; b < blocks; {
		block := line[b*s.blockSize:][:s.blockSize]
		id := r.read(idBits)
		low := uint64(0)
		if id == 0 {
			low = r.read(1)
		}
		// A line's first block begins with its reference sample.
		first := 0
		if b == 0 && s.nn && id != uncompressed {
			block[0] = uint32(r.read(depth))
			first = 1
		}
		n := 1
		switch {
		case id == uncompressed:
			for i := range block {
				block[i] = uint32(r.read(depth))
			}
		case id == 0 && low == 0:
			n = s.zeroBlocks(r.zeros()+1, b)
			if n > s.lineBlocks-b {
				return corrupt("a run of %d zero blocks passes the end of its line", n)
			}
			clear(line[b*s.blockSize+first : (b+n)*s.blockSize])
		case id == 0:
			if err := secondExtension(r, block, first); err != nil {
				return err
			}
		default:
			splitSamples(r, block[first:], uint(id-1))
		}
		if r.short {
			return corrupt("szip's data end too early")
		}
		b += n
	}
	if s.nn {
		unmap(line[:blocks*s.blockSize], depth)
	}
	return nil
}

// zeroBlocks is the number of zero blocks that a run's code stands for, at block b of a line:
// five means the rest of the segment of 64 blocks (CCSDS 121.0-B-3, 3.5.3).
func (s szip) zeroBlocks(code, b int) int {
	const rest = 5
	switch {
	case code == rest:
		return min(s.lineBlocks-b, 64-b%64)
	case code > rest:
		return code - 1
	}
	return code
}

// secondExtension decodes pairs of samples coded as one number (CCSDS 121.0-B-3, 3.4). A
// reference sample takes the place of the first of the first pair.
func secondExtension(r *bitReader, block []uint32, first int) error {
	const most = 90 // the largest code that pays, and that encoders emit
	for i := first &^ 1; i < len(block); i += 2 {
		m := r.zeros()
		if m > most {
			return corrupt("second extension code %d", m)
		}
		sum, base := 0, 0 // base = sum(sum+1)/2 <= m
		for base+sum+1 <= m {
			sum++
			base += sum
		}
		second := m - base
		if i >= first {
			block[i] = uint32(sum - second)
		}
		block[i+1] = uint32(second)
	}
	return nil
}

// splitSamples decodes samples whose k low bits stand apart from the rest (CCSDS 121.0-B-3, 3.3).
func splitSamples(r *bitReader, block []uint32, k uint) {
	for i := range block {
		block[i] = uint32(r.zeros()) << k
	}
	if k == 0 {
		return
	}
	for i := range block {
		block[i] |= uint32(r.read(k))
	}
}

// unmap turns mapped prediction errors into samples, in place; the first is the reference
// (CCSDS 121.0-B-3, 4.3).
func unmap(line []uint32, depth uint) {
	most := uint32(1)<<depth - 1
	half := uint32(1) << (depth - 1)
	x := line[0]
	for i := 1; i < len(line); i++ {
		d := line[i]
		theta := x // the distance to the nearer bound
		if x >= half {
			theta = most - x
		}
		switch {
		case d>>1+d&1 > theta: // only one sign is possible
			if x >= half {
				d = most - d
			}
			x = d
		case d&1 != 0:
			x -= d>>1 + 1
		default:
			x += d >> 1
		}
		line[i] = x
	}
}

func (s szip) put(dst []byte, samples []uint32) {
	switch {
	case s.sampleSize == 1:
		for i, v := range samples {
			dst[i] = byte(v)
		}
	case s.sampleSize == 2 && s.msb:
		for i, v := range samples {
			binary.BigEndian.PutUint16(dst[2*i:], uint16(v))
		}
	case s.sampleSize == 2:
		for i, v := range samples {
			binary.LittleEndian.PutUint16(dst[2*i:], uint16(v))
		}
	case s.msb:
		for i, v := range samples {
			binary.BigEndian.PutUint32(dst[4*i:], v)
		}
	default:
		for i, v := range samples {
			binary.LittleEndian.PutUint32(dst[4*i:], v)
		}
	}
}
