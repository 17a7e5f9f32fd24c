package codecs

import (
	"encoding/binary"
	"fmt"
)

// shuffle is HDF5's filter 2 and numcodecs' "shuffle": the first bytes of all elements, then the
// second bytes of all, and so on. What doesn't fill an element stands at the end as it is.
type shuffle struct{ size int }

func shuffleFromHDF5(params []uint32, elemSize int) (Codec, error) {
	size := elemSize
	if len(params) > 0 && params[0] > 0 {
		size = int(params[0])
	}
	return newShuffle(size)
}

func newShuffle(size int) (Codec, error) {
	if size < 1 || size > 1<<30 {
		return nil, fmt.Errorf("shuffle: element size %d is not possible", size)
	}
	return shuffle{size}, nil
}

func (s shuffle) Config() map[string]any {
	return map[string]any{"id": "shuffle", "elementsize": s.size}
}
func (s shuffle) Name() string { return "shuffle" }

func (s shuffle) Decode(src []byte, limit int) ([]byte, error) {
	if len(src) > limit {
		return nil, errTooLarge(limit)
	}
	out := make([]byte, len(src))
	unshuffle(out, src, s.size)
	return out, nil
}

func (s shuffle) Encode(src []byte) ([]byte, error) {
	out := make([]byte, len(src))
	shuffleInto(out, src, s.size)
	return out, nil
}

// unshuffle interleaves the size planes of src into dst, of the same length.
func unshuffle(dst, src []byte, size int) {
	n := len(src) / size
	if size <= 1 || n <= 1 {
		copy(dst, src)
		return
	}
	copy(dst[n*size:], src[n*size:])
	dst = dst[:n*size]
	switch size {
	case 2:
		a, b := src[:n], src[n:][:n]
		for i := range n {
			binary.LittleEndian.PutUint16(dst[2*i:], uint16(a[i])|uint16(b[i])<<8)
		}
	case 4:
		a, b, c, d := src[:n], src[n:][:n], src[2*n:][:n], src[3*n:][:n]
		for i := range n {
			v := uint32(a[i]) | uint32(b[i])<<8 | uint32(c[i])<<16 | uint32(d[i])<<24
			binary.LittleEndian.PutUint32(dst[4*i:], v)
		}
	case 8:
		a, b, c, d := src[:n], src[n:][:n], src[2*n:][:n], src[3*n:][:n]
		e, f, g, h := src[4*n:][:n], src[5*n:][:n], src[6*n:][:n], src[7*n:][:n]
		for i := range n {
			v := uint64(a[i]) | uint64(b[i])<<8 | uint64(c[i])<<16 | uint64(d[i])<<24 |
				uint64(e[i])<<32 | uint64(f[i])<<40 | uint64(g[i])<<48 | uint64(h[i])<<56
			binary.LittleEndian.PutUint64(dst[8*i:], v)
		}
	default:
		for p := range size {
			j := p
			for _, v := range src[p*n:][:n] {
				dst[j] = v
				j += size
			}
		}
	}
}

// shuffleInto is the inverse of unshuffle.
func shuffleInto(dst, src []byte, size int) {
	n := len(src) / size
	if size <= 1 || n <= 1 {
		copy(dst, src)
		return
	}
	copy(dst[n*size:], src[n*size:])
	for p := range size {
		plane := dst[p*n:][:n]
		j := p
		for i := range plane {
			plane[i] = src[j]
			j += size
		}
	}
}
