package zarr

import (
	"fmt"
	"maps"

	"github.com/cedadev/kerchunk-builder/formats/codecs"
)

// codecOf is the codec of a configuration. One that we can't run doesn't hide the store: it keeps its
// configuration, and reading a chunk through it is the error.
func codecOf(config map[string]any) codecs.Codec {
	c, err := codecs.FromConfig(config)
	if err != nil {
		return foreignCodec{config, err}
	}
	return c
}

// foreignCodec is a codec that only other readers have.
type foreignCodec struct {
	config map[string]any
	err    error
}

func (c foreignCodec) Config() map[string]any { return maps.Clone(c.config) }
func (c foreignCodec) Name() string           { return fmt.Sprint(c.config["id"]) }

func (c foreignCodec) Decode([]byte, int) ([]byte, error) {
	return nil, fmt.Errorf("%w: %w", codecs.ErrNoDecoder, c.err)
}

func (c foreignCodec) Encode([]byte) ([]byte, error) {
	return nil, fmt.Errorf("%w: %w", codecs.ErrNoEncoder, c.err)
}
