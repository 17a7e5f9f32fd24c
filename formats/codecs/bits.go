package codecs

import "math/bits"

// bitReader reads bits from the most significant of each byte down, as szip, nbit and
// scale-offset pack them. Reading past the end gives zeros and sets short: callers check once.
type bitReader struct {
	src   []byte
	pos   int    // next byte to take into acc
	acc   uint64 // n valid bits, at the top
	n     uint
	short bool
}

func (r *bitReader) refill() {
	for r.n <= 56 && r.pos < len(r.src) {
		r.acc |= uint64(r.src[r.pos]) << (56 - r.n)
		r.pos++
		r.n += 8
	}
}

// read takes the next k bits, k being 0 to 64.
func (r *bitReader) read(k uint) uint64 {
	if k > 32 {
		hi := r.read(k - 32)
		return hi<<32 | r.read(32)
	}
	if k == 0 {
		return 0
	}
	if r.n < k {
		r.refill()
		if r.n < k {
			r.short = true
			r.n, r.acc = 0, 0
			return 0
		}
	}
	v := r.acc >> (64 - k)
	r.acc <<= k
	r.n -= k
	return v
}

// zeros counts zero bits up to the next one bit and takes them all: the fundamental sequence of
// CCSDS 121.0-B, 3.2.
func (r *bitReader) zeros() int {
	count := 0
	for {
		if r.n == 0 {
			r.refill()
			if r.n == 0 {
				r.short = true
				return 0
			}
		}
		z := uint(bits.LeadingZeros64(r.acc))
		if z < r.n {
			r.acc <<= z + 1
			r.n -= z + 1
			return count + int(z)
		}
		count += int(r.n)
		r.acc, r.n = 0, 0
	}
}
