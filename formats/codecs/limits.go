package codecs

import (
	"errors"
	"fmt"
	"io"
)

// firstBuffer is how much output is made room for at once whatever the input's size; beyond it,
// room grows with what the input really holds.
const firstBuffer = 1 << 20

// errTooLarge is what a decoder says when its result would pass the limit.
func errTooLarge(limit int) error {
	return fmt.Errorf("%w: decodes to more than %d bytes", ErrCorrupt, limit)
}

// corrupt is an ErrCorrupt with its reason.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}

// sized makes a result of n bytes that the data claim, where n mustn't pass limit nor what srcLen
// bytes of input could hold at maxRatio output bytes for each.
func sized(n, limit, srcLen, maxRatio int) ([]byte, error) {
	if n < 0 || n > limit {
		return nil, errTooLarge(limit)
	}
	if n > firstBuffer && n/maxRatio > srcLen {
		return nil, corrupt("%d bytes can't decode to the %d claimed", srcLen, n)
	}
	return make([]byte, n), nil
}

// readLimited reads a decompressor of srcLen bytes of input to its end, into at most limit bytes.
func readLimited(r io.Reader, srcLen, limit int) ([]byte, error) {
	if limit < 0 {
		limit = 0
	}
	// One byte beyond the limit tells "too large" from "exactly full".
	out := make([]byte, 0, min(limit+1, max(firstBuffer, 8*srcLen)))
	for {
		n, err := r.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case len(out) > limit:
			return nil, errTooLarge(limit)
		case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return out, nil
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		case len(out) == cap(out):
			grown := make([]byte, len(out), min(limit+1, 2*cap(out)))
			copy(grown, out)
			out = grown
		}
	}
}
