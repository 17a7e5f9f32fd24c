package codecs

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"testing"
)

// hdf5Case is one chunk that libhdf5 has encoded, with what libhdf5 decodes it to. See testdata/make.py.
type hdf5Case struct {
	Name      string
	Pipeline  []hdf5Stage
	Elem      int
	Mask      uint32
	Raw, Want []byte
	Numcodecs *bool // whether numcodecs decodes it; nil when it has no codec for some stage
}

type hdf5Stage struct {
	id     uint16
	name   string
	params []uint32
}

func (s *hdf5Stage) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&s.id, &s.name, &s.params})
}

func (c hdf5Case) codecs(t testing.TB) []Codec {
	t.Helper()
	var pipeline []Codec
	for _, s := range c.Pipeline {
		codec, err := FromHDF5(s.id, s.name, s.params, c.Elem)
		if err != nil {
			t.Fatal(err)
		}
		pipeline = append(pipeline, codec)
	}
	return pipeline
}

// numcodecsCase is one buffer that numcodecs has encoded.
type numcodecsCase struct {
	Name      string
	Config    map[string]any
	Raw, Want []byte
	Strings   []string
}

func load[T any](t testing.TB, path string) []T {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var cases []T
	if err := json.NewDecoder(z).Decode(&cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("no cases in", path)
	}
	return cases
}

func TestHDF5FiltersDecodeWhatLibhdf5Encoded(t *testing.T) {
	for _, c := range load[hdf5Case](t, "testdata/hdf5.json.gz") {
		t.Run(c.Name, func(t *testing.T) {
			got, err := Decode(c.codecs(t), c.Mask, c.Raw, len(c.Want))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, c.Want) {
				t.Fatalf("%d bytes, want %d; first difference at byte %d (%v)", len(got), len(c.Want), firstDifference(got, c.Want), c.Pipeline)
			}
		})
	}
}

// A pipeline with a configuration must be one that numcodecs decodes, and one without mustn't.
func TestConfigTellsWhatNumcodecsDecodes(t *testing.T) {
	for _, c := range load[hdf5Case](t, "testdata/hdf5.json.gz") {
		if c.Mask != 0 {
			continue
		}
		want := c.Numcodecs != nil && *c.Numcodecs
		if got, missing := Representable(c.codecs(t)); got != want {
			t.Errorf("%s: representable %v (%s missing), numcodecs decodes it: %v", c.Name, got, missing, want)
		}
	}
}

func TestNumcodecs(t *testing.T) {
	for _, c := range load[numcodecsCase](t, "testdata/numcodecs.json.gz") {
		t.Run(c.Name, func(t *testing.T) {
			codec, err := FromConfig(c.Config)
			if err != nil {
				t.Fatal(err)
			}
			if c.Strings != nil {
				got, err := DecodeStrings(c.Raw)
				if err != nil || !reflect.DeepEqual(got, c.Strings) {
					t.Fatalf("strings %q, %v, want %q", got, err, c.Strings)
				}
				raw, err := EncodeStrings(c.Strings)
				if err != nil || !bytes.Equal(raw, c.Raw) {
					t.Fatalf("encodes to %x, %v, numcodecs to %x", raw, err, c.Raw)
				}
				return
			}
			got, err := codec.Decode(c.Raw, len(c.Want))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, c.Want) {
				t.Fatalf("%d bytes, want %d; first difference at byte %d", len(got), len(c.Want), firstDifference(got, c.Want))
			}
			again, err := codec.Encode(c.Want)
			if errors.Is(err, ErrNoEncoder) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if back, err := codec.Decode(again, len(c.Want)); err != nil || !bytes.Equal(back, c.Want) {
				t.Fatalf("what it encodes decodes to %d other bytes, %v", len(back), err)
			}
		})
	}
}

// A result larger than the limit is an error, never a cut-off or oversized result.
func TestLimit(t *testing.T) {
	for _, c := range load[hdf5Case](t, "testdata/hdf5.json.gz") {
		stage := c.codecs(t)
		if len(stage) != 1 || c.Mask != 0 {
			continue
		}
		if got, err := stage[0].Decode(c.Raw, len(c.Want)-1); err == nil {
			t.Errorf("%s: %d bytes with a limit of %d", c.Name, len(got), len(c.Want)-1)
		}
	}
}

// Chunks that are cut short are errors, or decode to what they would have: never to other bytes
// of the right length.
func TestCutChunks(t *testing.T) {
	for _, c := range load[hdf5Case](t, "testdata/hdf5.json.gz") {
		stage := c.codecs(t)
		for _, n := range []int{0, 1, len(c.Raw) / 2, len(c.Raw) - 1} {
			got, err := Decode(stage, c.Mask, c.Raw[:n], len(c.Want))
			if err != nil {
				continue
			}
			if len(got) == len(c.Want) && !bytes.Equal(got, c.Want) {
				t.Errorf("%s: cut to %d bytes of %d, decodes to other bytes", c.Name, n, len(c.Raw))
			}
		}
	}
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
