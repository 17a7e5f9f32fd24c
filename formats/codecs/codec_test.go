package codecs

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func TestUnknownFilters(t *testing.T) {
	for _, id := range []uint16{405, 32026, 32013} {
		codec, err := FromHDF5(id, "somebody's", []uint32{1}, 4)
		if err != nil {
			t.Fatal(err)
		}
		if codec.Config() != nil {
			t.Errorf("filter %d has a configuration", id)
		}
		_, err = codec.Decode([]byte{1, 2, 3}, 10)
		if !errors.Is(err, ErrNoDecoder) || !strings.Contains(err.Error(), "filter") {
			t.Errorf("filter %d: %v", id, err)
		}
	}
	foreign, err := FromConfig(map[string]any{"id": "pcodec", "level": 8})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := foreign.Decode(nil, 0); !errors.Is(err, ErrNoDecoder) {
		t.Error(err)
	}
	if want := map[string]any{"id": "pcodec", "level": 8}; !reflect.DeepEqual(foreign.Config(), want) {
		t.Errorf("configuration %v, want %v", foreign.Config(), want)
	}
}

// Parameters that can't be are errors at once, not at the first chunk.
func TestBadParameters(t *testing.T) {
	bad := map[uint16][][]uint32{
		2:     {{1 << 31}},
		4:     {nil, {169, 8, 32}, {169, 7, 32, 10}, {169, 8, 65, 10}, {169, 8, 32, 0}, {169, 0, 8, 8}, {169, 8, 8, 1 << 20}},
		5:     {nil, {8, 0, 5}, {8, 0, 5, 1, 4, 0, 33, 0}, {8, 0, 5, 9, 4}, {8, 0, 5, 3, 4, 2, 0, 4, 4, 0, 4, 4}, {8, 0, 5, 3, 4, 0}},
		6:     {nil, {2, 0, 5, 0, 3, 0, 0, 0}, {2, 0, 5, 0, 4, 0, 0, 1}, {2, 0, 5, 7, 4, 0, 0, 0}},
		32001: {{2, 2, 8, 800, 9, 2, 17}},
		32008: {{0, 4, 0}, {0, 4, 8, 3, 2}, {0, 4, 8, 0, 9}},
	}
	for id, all := range bad {
		for _, params := range all {
			if _, err := FromHDF5(id, "", params, 4); err == nil {
				t.Errorf("filter %d takes %v", id, params)
			}
		}
	}
	for _, config := range []string{`{}`, `{"id":7}`, `{"id":"zlib","level":10}`, `{"id":"zlib","level":1.5}`, `{"id":"shuffle","elementsize":0}`, `{"id":"blosc","cname":3}`} {
		var c map[string]any
		if err := json.Unmarshal([]byte(config), &c); err != nil {
			t.Fatal(err)
		}
		if _, err := FromConfig(c); err == nil {
			t.Errorf("%s is taken", config)
		}
	}
}

// A configuration survives JSON and FromConfig.
func TestConfigRoundTrip(t *testing.T) {
	for _, config := range []string{
		`{"id":"zlib","level":4}`, `{"id":"gzip","level":1}`, `{"elementsize":8,"id":"shuffle"}`, `{"id":"fletcher32"}`,
		`{"id":"zstd","level":-5}`, `{"acceleration":1,"id":"lz4"}`, `{"id":"bz2","level":9}`, `{"id":"vlen-utf8"}`,
		`{"blocksize":0,"clevel":5,"cname":"lz4","id":"blosc","shuffle":1}`, `{"delta":[1,2],"id":"nobody's"}`,
	} {
		var c map[string]any
		if err := json.Unmarshal([]byte(config), &c); err != nil {
			t.Fatal(err)
		}
		codec, err := FromConfig(c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(codec.Config())
		if err != nil || string(got) != config {
			t.Errorf("%s, %v, want %s", got, err, config)
		}
	}
}

// HDF5 skips the stages whose bits are set in a chunk's mask.
func TestMask(t *testing.T) {
	pipeline := []Codec{shuffle{4}, newDeflate(4)}
	data := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	shuffled, _ := pipeline[0].Encode(data)
	deflated, _ := pipeline[1].Encode(data)
	for mask, raw := range map[uint32][]byte{0b10: shuffled, 0b01: deflated, 0b11: data} {
		got, err := Decode(pipeline, mask, raw, len(data))
		if err != nil || !reflect.DeepEqual(got, data) {
			t.Errorf("mask %b: %v, %v", mask, got, err)
		}
	}
}

// Scale-offset without a fill value, which h5py can't be made to write: by hand, from the
// filter's description. Three bits each, less a minimum of -2: 0 and 7 are numbers like others.
func TestScaleOffsetWithoutFillValue(t *testing.T) {
	codec, err := FromHDF5(6, "scaleoffset", []uint32{2, 3, 3, 0, 2, 1, 1, 0}, 2)
	if err != nil {
		t.Fatal(err)
	}
	raw := append([]byte{3, 0, 0, 0, 8, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, make([]byte, 8)...)
	raw = append(raw, 0b000_111_01, 0b0_0000000)
	got, err := codec.Decode(raw, 6)
	if want := []byte{0xff, 0xfe, 0, 5, 0, 0}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%x, %v, want %x", got, err, want)
	}
}

// The checksum that HDF5 before 1.6.3 wrote on little-endian machines is as good.
func TestFletcher32OldOrder(t *testing.T) {
	raw, _ := fletcher32{}.Encode([]byte("some data"))
	n := len(raw) - 4
	raw[n], raw[n+1], raw[n+2], raw[n+3] = raw[n+1], raw[n], raw[n+3], raw[n+2]
	if got, err := (fletcher32{}).Decode(raw, n); err != nil || string(got) != "some data" {
		t.Errorf("%q, %v", got, err)
	}
	raw[0]++
	if _, err := (fletcher32{}).Decode(raw, n); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a changed byte: %v", err)
	}
}

func smoothFloats(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 4*n)
	for i := range n {
		data[4*i] = byte(r.Uint32())
		data[4*i+1] = byte(r.Uint32() & 0x1f)
		data[4*i+2] = byte(i >> 7)
		data[4*i+3] = 0x43
	}
	return data
}

func BenchmarkDeflateShuffle(b *testing.B) {
	data := smoothFloats(90 * 90 * 16)
	pipeline := []Codec{shuffle{4}, newDeflate(4)}
	raw, err := Encode(pipeline, data)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(pipeline, 0, raw, len(data)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnshuffle(b *testing.B) {
	for _, size := range []int{2, 4, 8, 12} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			data := smoothFloats(1 << 17)
			out := make([]byte, len(data))
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				unshuffle(out, data, size)
			}
		})
	}
}

func BenchmarkFletcher32(b *testing.B) {
	data := smoothFloats(1 << 17)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		fletcher32Sum(data)
	}
}
