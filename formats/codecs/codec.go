// Package codecs holds the filters that chunks are stored through: each decoded by our own code
// or a well-kept library, and named as numcodecs names it so that any Zarr reader can do the same.
package codecs

import (
	"errors"
	"fmt"
)

// Codec is one stage of a filter pipeline. It is immutable and safe for concurrent use.
type Codec interface {
	// Config is numcodecs' configuration, with its "id"; nil when no numcodecs codec decodes
	// this stage, so that what went through it must be decoded and stored inline.
	Config() map[string]any

	// Name is the filter's name for messages: "deflate", "szip", "filter 32004 (lz4)".
	Name() string

	// Decode undoes the stage. limit is the most bytes that the result may justly have; a
	// larger result is an error, so that a hostile chunk can't exhaust memory.
	Decode(src []byte, limit int) ([]byte, error)

	// Encode applies the stage. It answers ErrNoEncoder where only decoding is known.
	Encode(src []byte) ([]byte, error)
}

// Errors that callers tell apart.
var (
	ErrNoEncoder = errors.New("no encoder for this codec")
	ErrNoDecoder = errors.New("no decoder for this codec")
	ErrCorrupt   = errors.New("corrupt data")
)

// Decode undoes a pipeline given in the order of encoding. Stage i is skipped when bit i of mask
// is set, as HDF5's chunk filter masks say. limit bounds the decoded chunk.
func Decode(pipeline []Codec, mask uint32, src []byte, limit int) ([]byte, error) {
	// An intermediate stage may be larger than the chunk (checksums, incompressible blocks).
	slack := limit + limit/8 + 4096
	for i := len(pipeline) - 1; i >= 0; i-- {
		if mask&(1<<uint(i)) != 0 {
			continue
		}
		out, err := pipeline[i].Decode(src, slack)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", pipeline[i].Name(), err)
		}
		src = out
	}
	if len(src) > limit {
		return nil, fmt.Errorf("%w: chunk decodes to %d bytes, more than its %d", ErrCorrupt, len(src), limit)
	}
	return src, nil
}

// Encode applies a pipeline in order.
func Encode(pipeline []Codec, src []byte) ([]byte, error) {
	for _, c := range pipeline {
		out, err := c.Encode(src)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name(), err)
		}
		src = out
	}
	return src, nil
}

// Representable reports whether numcodecs decodes the pipeline, whatever the chunk; if not, it
// names the first stage in the way. Besides a codec that numcodecs hasn't, that is a shuffle that
// may be given bytes beyond the last whole element: HDF5 leaves them as they are, numcodecs
// refuses them.
func Representable(pipeline []Codec) (ok bool, missing string) {
	extra, other := 0, false // what earlier stages have added to a whole number of elements
	for _, c := range pipeline {
		if c.Config() == nil {
			return false, c.Name()
		}
		switch c := c.(type) {
		case shuffle:
			if c.size > 1 && (other || extra%c.size != 0) {
				return false, c.Name() + " after a stage that changes the length"
			}
		case fletcher32:
			extra += 4
		default:
			other = true
		}
	}
	return true, ""
}
