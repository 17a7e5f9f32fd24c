package codecs

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
)

// FromConfig is the codec of a numcodecs configuration, as it stands in ".zarray" ("compressor",
// "filters"): numbers may be of any of JSON's Go types, and what is left out has numcodecs'
// default. A codec that is not known is no error: it keeps its configuration and its Decode says
// ErrNoDecoder. An error means a configuration without "id", or with values that can't be.
func FromConfig(config map[string]any) (Codec, error) {
	id, ok := config["id"].(string)
	if !ok {
		return nil, fmt.Errorf(`codec configuration has no "id": %v`, config)
	}
	r := configReader{config: config}
	var codec Codec
	switch id {
	case "zlib":
		codec = newDeflate(r.integer("level", 1, -1, 9))
	case "gzip":
		codec = gzipped{r.integer("level", 1, -1, 9)}
	case "shuffle":
		codec = shuffle{r.integer("elementsize", 4, 1, 1<<30)}
	case "fletcher32":
		codec = fletcher32{}
	case "zstd":
		codec = newZstd(r.integer("level", 0, math.MinInt32, 22))
	case "lz4":
		codec = lz4{r.integer("acceleration", 1, math.MinInt32, math.MaxInt32)}
	case "bz2":
		codec = bzip2{r.integer("level", 1, 1, 9)}
	case "blosc":
		codec = newBlosc(r.text("cname", "lz4"), r.integer("clevel", 5, 0, 9),
			r.integer("shuffle", 1, -1, 2), r.integer("blocksize", 0, 0, math.MaxInt32))
	case "vlen-utf8":
		codec = vlenUTF8{}
	default:
		return foreign{maps.Clone(config), id}, nil
	}
	if r.err != nil {
		return nil, fmt.Errorf("codec %s: %w", id, r.err)
	}
	return codec, nil
}

// configReader takes values out of a configuration; its error sticks.
type configReader struct {
	config map[string]any
	err    error
}

func (r *configReader) integer(key string, otherwise, least, most int) int {
	v, ok := r.config[key]
	if !ok || v == nil {
		return otherwise
	}
	n, ok := asInteger(v)
	if (!ok || n < least || n > most) && r.err == nil {
		r.err = fmt.Errorf("%s: %v is not possible", key, v)
	}
	return n
}

func (r *configReader) text(key, otherwise string) string {
	v, ok := r.config[key]
	if !ok || v == nil {
		return otherwise
	}
	s, ok := v.(string)
	if !ok && r.err == nil {
		r.err = fmt.Errorf("%s: %v is not possible", key, v)
	}
	return s
}

func asInteger(v any) (int, bool) {
	switch n := v.(type) {
	case int:
		return n, true
	case int64:
		return int(n), true
	case uint64:
		return int(n), n <= math.MaxInt
	case float64:
		return int(n), n == math.Trunc(n) && math.Abs(n) <= 1<<53
	case json.Number:
		i, err := n.Int64()
		return int(i), err == nil
	}
	return 0, false
}

// foreign is a numcodecs codec that readers may have and this program hasn't.
type foreign struct {
	config map[string]any
	id     string
}

func (f foreign) Config() map[string]any { return maps.Clone(f.config) }
func (f foreign) Name() string           { return f.id }

func (f foreign) Decode([]byte, int) ([]byte, error) {
	return nil, fmt.Errorf("%w: numcodecs %s", ErrNoDecoder, f.id)
}

func (f foreign) Encode([]byte) ([]byte, error) {
	return nil, fmt.Errorf("%w: numcodecs %s", ErrNoEncoder, f.id)
}
