package codecs

import "encoding/binary"

// blosclz decodes a block of BloscLZ, a relative of FastLZ, which must fill dst.
func blosclz(dst, src []byte) error {
	const far = 8191 // the reach of the short form of a match
	cut := func() error { return corrupt("BloscLZ data end too early") }
	out := dst[:0]
	if len(src) == 0 {
		return cut()
	}
	ctrl := int(src[0] & 31) // the first instruction is always of literals
	src = src[1:]
	for {
		if ctrl < 32 {
			n := ctrl + 1
			if n > len(src) || n > len(dst)-len(out) {
				return cut()
			}
			out = append(out, src[:n]...)
			src = src[n:]
		} else {
			n, distance := ctrl>>5-1, ctrl&31<<8
			if n == 6 {
				for more := byte(255); more == 255; n += int(more) {
					if len(src) == 0 {
						return cut()
					}
					more, src = src[0], src[1:]
				}
			}
			if len(src) == 0 {
				return cut()
			}
			low := src[0]
			src = src[1:]
			if low == 255 && distance == 31<<8 {
				if len(src) < 2 {
					return cut()
				}
				distance = far + int(binary.BigEndian.Uint16(src))
				src = src[2:]
			} else {
				distance += int(low)
			}
			distance++
			n += 3
			if distance > len(out) {
				return corrupt("a match reaches %d bytes before the start", distance-len(out))
			}
			if n > len(dst)-len(out) {
				return corrupt("a match of %d bytes passes the end", n)
			}
			out = appendMatch(out, distance, n)
		}
		if len(src) == 0 {
			break
		}
		ctrl, src = int(src[0]), src[1:]
	}
	if len(out) != len(dst) {
		return corrupt("a BloscLZ block of %d bytes, not %d", len(out), len(dst))
	}
	return nil
}
