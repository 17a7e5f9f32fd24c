package codecs

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"

	"pgregory.net/rapid"
)

// FuzzFromHDF5 gives any parameters and any bytes to any HDF5 filter: no panic, no more than the
// limit.
func FuzzFromHDF5(f *testing.F) {
	seen := map[uint16]int{}
	for _, c := range load[hdf5Case](f, "testdata/hdf5.json.gz") {
		s := c.Pipeline[len(c.Pipeline)-1]
		if seen[s.id]++; c.Mask != 0 || len(c.Pipeline) > 1 || seen[s.id]%7 != 1 {
			continue
		}
		var params []byte
		for _, p := range s.params {
			params = binary.LittleEndian.AppendUint32(params, p)
		}
		f.Add(s.id, params, c.Elem, c.Raw)
	}
	f.Fuzz(func(t *testing.T, id uint16, params []byte, elem int, data []byte) {
		values := make([]uint32, len(params)/4)
		for i := range values {
			values[i] = binary.LittleEndian.Uint32(params[4*i:])
		}
		codec, err := FromHDF5(id, "", values, elem)
		if err != nil {
			return
		}
		checkLimited(t, codec, data)
	})
}

// FuzzFromConfig is the same for numcodecs' codecs.
func FuzzFromConfig(f *testing.F) {
	ids := []string{"zlib", "gzip", "shuffle", "fletcher32", "zstd", "lz4", "bz2", "blosc", "vlen-utf8"}
	for i, c := range load[numcodecsCase](f, "testdata/numcodecs.json.gz") {
		for j, id := range ids {
			if c.Config["id"] == id && i%5 == 0 {
				f.Add(uint8(j), c.Raw)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		codec, err := FromConfig(map[string]any{"id": ids[int(which)%len(ids)]})
		if err != nil {
			t.Fatal(err)
		}
		checkLimited(t, codec, data)
	})
}

func checkLimited(t *testing.T, codec Codec, data []byte) {
	for _, limit := range []int{0, 100, 1 << 16} {
		if out, err := codec.Decode(data, limit); err == nil && len(out) > limit {
			t.Fatalf("%s: %d bytes, limit %d", codec.Name(), len(out), limit)
		}
	}
}

// Flipping bytes of real chunks mustn't panic: a cheap stand-in for the fuzzers on every run.
func TestDamagedChunks(t *testing.T) {
	cases := load[hdf5Case](t, "testdata/hdf5.json.gz")
	rapid.Check(t, func(t *rapid.T) {
		c := cases[rapid.IntRange(0, len(cases)-1).Draw(t, "case")]
		raw := bytes.Clone(c.Raw)
		for range rapid.IntRange(1, 4).Draw(t, "flips") {
			at := rapid.IntRange(0, min(len(raw), 64)-1).Draw(t, "at")
			raw[at] = rapid.Byte().Draw(t, "value")
		}
		var pipeline []Codec
		for _, s := range c.Pipeline {
			codec, err := FromHDF5(s.id, s.name, s.params, c.Elem)
			if err != nil {
				t.Fatal(err)
			}
			pipeline = append(pipeline, codec)
		}
		if got, err := Decode(pipeline, c.Mask, raw, len(c.Want)); err == nil && len(got) > len(c.Want) {
			t.Fatalf("%s: %d bytes, limit %d", c.Name, len(got), len(c.Want))
		}
	})
}

// A small input that claims a large result is refused before room is made for it, whatever the limit.
func TestClaimedLengthsAreNotAllocated(t *testing.T) {
	const limit = 1 << 40
	huge := map[string]struct {
		id     uint16
		params []uint32
		data   []byte
	}{
		"szip":       {4, []uint32{169, 8, 32, 256}, []byte{0xff, 0xff, 0xff, 0xff, 1, 2, 3}},
		"lz4":        {32004, nil, []byte{0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0, 1, 2, 3}},
		"bitshuffle": {32008, []uint32{0, 4, 8, 0, 2}, []byte{0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0, 1, 2, 3}},
		"blosc":      {32001, nil, []byte{2, 1, 0x21, 8, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0, 20, 0, 0, 0, 0, 0, 0, 0}},
		"nbit":       {5, []uint32{8, 0, 1 << 30, 1, 4, 0, 31, 0}, []byte{1, 2, 3}},
		"zstd":       {32015, nil, []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0}},
	}
	for name, h := range huge {
		codec, err := FromHDF5(h.id, "", h.params, 8)
		if err != nil {
			t.Fatal(name, err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		out, err := codec.Decode(h.data, limit)
		runtime.ReadMemStats(&after)
		bytesUsed := after.TotalAlloc - before.TotalAlloc
		if err == nil || out != nil {
			t.Errorf("%s: no error", name)
		}
		if bytesUsed > 8<<20 {
			t.Errorf("%s: %d bytes allocated for %d of input", name, bytesUsed, len(h.data))
		}
	}
}

// Nor is room made for the window that a Zstandard frame claims: here 1 GiB for three bytes.
func TestClaimedWindowIsNotAllocated(t *testing.T) {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 0x19, 0, 0, 'a', 'b', 'c'}
	codec := newZstd(0)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out, err := codec.Decode(frame, 1<<40)
	runtime.ReadMemStats(&after)
	if err != nil || string(out) != "abc" {
		t.Errorf("%q, %v", out, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("%d bytes allocated", used)
	}
}

// Round trips of every codec that encodes, at any length, so that tails are met too.
func TestRoundTrip(t *testing.T) {
	configs := []map[string]any{
		{"id": "zlib", "level": 4}, {"id": "gzip", "level": 1}, {"id": "shuffle", "elementsize": 1}, {"id": "shuffle", "elementsize": 2},
		{"id": "shuffle", "elementsize": 3}, {"id": "shuffle", "elementsize": 4}, {"id": "shuffle", "elementsize": 8},
		{"id": "shuffle", "elementsize": 16}, {"id": "fletcher32"}, {"id": "zstd", "level": 3}, {"id": "lz4"}, {"id": "blosc"},
	}
	rapid.Check(t, func(t *rapid.T) {
		config := rapid.SampledFrom(configs).Draw(t, "config")
		data := rapid.SliceOfN(rapid.ByteRange(0, 3), 0, 500).Draw(t, "data")
		codec, err := FromConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := codec.Encode(data)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := codec.Encode(data)
		if !bytes.Equal(raw, again) {
			t.Fatal("two encodings of the same data differ")
		}
		if got, err := codec.Decode(raw, len(data)); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%v decodes to %d other bytes of %d, %v", config, len(got), len(data), err)
		}
	})
}
