package codecs

import (
	"encoding/binary"
	"unicode/utf8"
)

// vlenUTF8 is numcodecs' "vlen-utf8", for arrays of strings: their number, then each string's
// length and bytes (lengths of 4 bytes, little-endian). Strings have no plain binary form, so that
// Decode and Encode check the framing and pass it on: [DecodeStrings] and [EncodeStrings] take it
// apart and put it together.
type vlenUTF8 struct{}

func (vlenUTF8) Config() map[string]any { return map[string]any{"id": "vlen-utf8"} }
func (vlenUTF8) Name() string           { return "vlen-utf8" }

func (vlenUTF8) Decode(src []byte, limit int) ([]byte, error) {
	if len(src) > limit {
		return nil, errTooLarge(limit)
	}
	_, err := walkStrings(src, func([]byte) {})
	return src, err
}

func (vlenUTF8) Encode(src []byte) ([]byte, error) {
	_, err := walkStrings(src, func([]byte) {})
	return src, err
}

// EncodeStrings writes strings as numcodecs' "vlen-utf8" does. Bytes that are no UTF-8 are an
// error, as no reader would take them.
func EncodeStrings(values []string) ([]byte, error) {
	size := 4
	for i, v := range values {
		if !utf8.ValidString(v) {
			return nil, corrupt("string %d is not UTF-8", i)
		}
		size += 4 + len(v)
	}
	out := binary.LittleEndian.AppendUint32(make([]byte, 0, size), uint32(len(values)))
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(v)))
		out = append(out, v...)
	}
	return out, nil
}

// DecodeStrings is the inverse of [EncodeStrings].
func DecodeStrings(src []byte) ([]string, error) {
	n, err := walkStrings(src, func([]byte) {})
	if err != nil {
		return nil, err
	}
	values := make([]string, 0, n)
	_, err = walkStrings(src, func(v []byte) { values = append(values, string(v)) })
	return values, err
}

// walkStrings visits every string and returns their number, which the data have been seen to hold.
func walkStrings(src []byte, visit func([]byte)) (int, error) {
	if len(src) < 4 {
		return 0, corrupt("%d bytes can't hold a number of strings", len(src))
	}
	n := int(binary.LittleEndian.Uint32(src))
	src = src[4:]
	for i := range n {
		if len(src) < 4 {
			return 0, corrupt("string %d of %d is cut off", i, n)
		}
		length := binary.LittleEndian.Uint32(src)
		src = src[4:]
		if uint64(length) > uint64(len(src)) {
			return 0, corrupt("string %d of %d bytes in the %d left", i, length, len(src))
		}
		if !utf8.Valid(src[:length]) {
			return 0, corrupt("string %d is not UTF-8", i)
		}
		visit(src[:length])
		src = src[length:]
	}
	if len(src) > 0 {
		return 0, corrupt("%d bytes follow the last string", len(src))
	}
	return n, nil
}
