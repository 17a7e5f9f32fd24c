package codecs

// lzf is HDF5's filter 32000, of h5py: one LibLZF block.
type lzf struct{}

func (lzf) Config() map[string]any { return nil }
func (lzf) Name() string           { return "lzf" }

func (lzf) Encode([]byte) ([]byte, error) { return nil, ErrNoEncoder }

func (lzf) Decode(src []byte, limit int) ([]byte, error) {
	out := make([]byte, 0, min(max(limit, 0), max(firstBuffer, 4*len(src))))
	for len(src) > 0 {
		ctrl := int(src[0])
		src = src[1:]
		if ctrl < 32 { // a run of literals
			n := ctrl + 1
			if n > len(src) {
				return nil, corrupt("a run of %d literals passes the end", n)
			}
			if len(out)+n > limit {
				return nil, errTooLarge(limit)
			}
			out = append(out, src[:n]...)
			src = src[n:]
			continue
		}
		n := ctrl >> 5
		if n == 7 {
			if len(src) == 0 {
				return nil, corrupt("a match is cut off")
			}
			n += int(src[0])
			src = src[1:]
		}
		if len(src) == 0 {
			return nil, corrupt("a match is cut off")
		}
		distance := (ctrl&31)<<8 + int(src[0]) + 1
		src = src[1:]
		n += 2
		if distance > len(out) {
			return nil, corrupt("a match reaches %d bytes before the start", distance-len(out))
		}
		if len(out)+n > limit {
			return nil, errTooLarge(limit)
		}
		out = appendMatch(out, distance, n)
	}
	return out, nil
}

// appendMatch repeats the n bytes that begin distance bytes before the end; they may overlap what
// is being written.
func appendMatch(out []byte, distance, n int) []byte {
	for n > 0 {
		from := len(out) - distance
		part := out[from:min(from+n, len(out))]
		out = append(out, part...)
		n -= len(part)
	}
	return out
}
