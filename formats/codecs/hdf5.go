package codecs

import "fmt"

// Filter identifiers registered with The HDF Group that have a meaning here.
const (
	hdf5Deflate     = 1
	hdf5Shuffle     = 2
	hdf5Fletcher32  = 3
	hdf5Szip        = 4
	hdf5Nbit        = 5
	hdf5ScaleOffset = 6
	hdf5Bzip2       = 307
	hdf5LZF         = 32000
	hdf5Blosc       = 32001
	hdf5LZ4         = 32004
	hdf5Bitshuffle  = 32008
	hdf5Zstd        = 32015
	hdf5BitGroom    = 32022
	hdf5GranularBR  = 32023
	hdf5Blosc2      = 32026
)

// FromHDF5 is the codec of one stage of an HDF5 filter pipeline: id, name and params (client
// data) are those of the filter pipeline message (HDF5 file format, IV.A.2.l), elemSize is the
// size of one element of the dataset in bytes. A filter that is not known is no error: its
// Config is nil and its Decode says ErrNoDecoder. An error means parameters that can't be.
//
// numcodecs decodes the same bytes for deflate, shuffle, fletcher32, bzip2, blosc and zstd. There
// is no numcodecs codec for szip, nbit, scaleoffset, lzf and bitshuffle, and its lz4 has another
// framing than HDF5's: those are decoded here only.
func FromHDF5(id uint16, name string, params []uint32, elemSize int) (Codec, error) {
	switch id {
	case hdf5Deflate:
		return deflateFromHDF5(params)
	case hdf5Shuffle:
		return shuffleFromHDF5(params, elemSize)
	case hdf5Fletcher32:
		return fletcher32{}, nil
	case hdf5Szip:
		return szipFromHDF5(params)
	case hdf5Nbit:
		return nbitFromHDF5(params)
	case hdf5ScaleOffset:
		return scaleOffsetFromHDF5(params)
	case hdf5Bzip2:
		return bzip2FromHDF5(params)
	case hdf5LZF:
		return lzf{}, nil
	case hdf5Blosc:
		return bloscFromHDF5(params)
	case hdf5LZ4:
		return lz4HDF5{}, nil
	case hdf5Bitshuffle:
		return bitshuffleFromHDF5(params, elemSize)
	case hdf5Zstd:
		return zstdFromHDF5(params)
	case hdf5BitGroom:
		return quantized{"bitgroom"}, nil
	case hdf5GranularBR:
		return quantized{"granular bitround"}, nil
	case hdf5Blosc2:
		return unknown{id: id, filter: "blosc2"}, nil
	}
	return unknown{id: id, filter: name}, nil
}

// unknown is a filter that nothing here decodes.
type unknown struct {
	id     uint16
	filter string
}

func (u unknown) Config() map[string]any { return nil }

func (u unknown) Name() string {
	if u.filter == "" {
		return fmt.Sprintf("filter %d", u.id)
	}
	return fmt.Sprintf("filter %d (%s)", u.id, u.filter)
}

func (u unknown) Decode([]byte, int) ([]byte, error) {
	return nil, fmt.Errorf("%w: HDF5 %s", ErrNoDecoder, u.Name())
}

func (u unknown) Encode([]byte) ([]byte, error) {
	return nil, fmt.Errorf("%w: HDF5 %s", ErrNoEncoder, u.Name())
}

// quantized is a filter that rounds numbers when they are written and does nothing when they are read.
type quantized struct{ filter string }

func (q quantized) Config() map[string]any { return nil }
func (q quantized) Name() string           { return q.filter }

func (q quantized) Decode(src []byte, limit int) ([]byte, error) {
	if len(src) > limit {
		return nil, errTooLarge(limit)
	}
	return src, nil
}

// Encode keeps what is there: numbers that were read are rounded already.
func (q quantized) Encode(src []byte) ([]byte, error) { return src, nil }

// Transparent reports whether decoding a stage changes nothing, so that readers need not know of it.
func Transparent(c Codec) bool {
	_, ok := c.(quantized)
	return ok
}
