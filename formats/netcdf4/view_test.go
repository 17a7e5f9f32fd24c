package netcdf4

import (
	"context"
	"encoding/binary"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

func chunksOf(t *testing.T, f cdm.File, path string) []cdm.Chunk {
	t.Helper()
	v := f.Root().Variable(path)
	if v == nil {
		t.Fatal("no variable", path)
	}
	var out []cdm.Chunk
	for c, err := range f.Chunks(context.Background(), v) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// An array that HDF5 has shorter than its unlimited dimension reads as the fill value beyond: NC_FILL_SHORT here.
func TestShortAlongUnlimited(t *testing.T) {
	f := open(t, "testdata/groups.nc", Options{})
	v := f.Root().Variable("short")
	data, err := cdm.Read(context.Background(), f, v, []int64{0, 2}, []int64{3, 3})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		row := data[i*6:]
		first := int16(binary.LittleEndian.Uint16(row))
		if first != int16(i*3+2) {
			t.Errorf("element %d,2 is %d", i, first)
		}
		for j := 1; j < 3; j++ {
			if n := int16(binary.LittleEndian.Uint16(row[2*j:])); n != -32767 {
				t.Errorf("element %d,%d is %d, not the fill value", i, j+2, n)
			}
		}
	}
}

func TestExternalStorageIsReferenced(t *testing.T) {
	f := open(t, "testdata/external.h5", Options{})
	c := chunksOf(t, f, "one")
	if len(c) != 1 || filepath.Base(c[0].URL) != "raw.bin" || c[0].Offset != 16 || c[0].Size != 80 {
		t.Errorf("chunks %+v, want 80 bytes at 16 of raw.bin", c)
	}
	if c := chunksOf(t, f, "pieces"); len(c) != 1 || len(c[0].Inline) != 80 {
		t.Errorf("pieces: %+v, want one inline chunk", c)
	}
}

func TestVirtualDatasetsAreReferenced(t *testing.T) {
	f := open(t, "testdata/virtual.h5", Options{})
	for _, name := range []string{"by_file_c", "by_file_d"} {
		v := f.Root().Variable(name)
		urls := map[string]int{}
		for _, c := range chunksOf(t, f, name) {
			if c.Inline != nil {
				t.Errorf("%s: chunk %d is inlined", name, c.Index)
			}
			urls[filepath.Base(c.URL)]++
		}
		each := int(v.Chunks[0] * v.Chunks[1])
		for _, source := range []string{"source0.h5", "source1.h5", "source2.h5"} {
			if urls[source]*each != 12 {
				t.Errorf("%s: %d chunks of %d elements in %s, which has 12", name, urls[source], each, source)
			}
		}
	}
	if c := chunksOf(t, f, "crossing"); len(c) != 1 || c[0].Inline == nil {
		t.Errorf("crossing: %d chunks, want one, inline", len(c))
	}
}

func TestInlineLimit(t *testing.T) {
	f := open(t, "testdata/filters.h5", Options{InlineLimit: 1000})
	v := f.Root().Variable("lzf")
	if v.Refused == nil || !errors.Is(v.Refused, cdm.ErrUnsupported) || !strings.Contains(v.Refused.Error(), "lzf") {
		t.Errorf("lzf over the limit: refusal is %v", v.Refused)
	}
	if v := f.Root().Variable("gzip9"); v.Refused != nil {
		t.Errorf("gzip9 needs no inlining, and is refused: %v", v.Refused)
	}
}

func TestNotes(t *testing.T) {
	notes := map[string]string{}
	opts := Options{Note: func(n Note) { notes[n.Path+":"+n.Attribute] = n.Reason }}
	f := open(t, "testdata/odd_attrs.h5", opts)
	for _, want := range []string{"v:record", "v:complex", "v:ref"} {
		if notes[want] == "" {
			t.Errorf("no note of %s", want)
		}
	}
	v := f.Root().Variable("v")
	for name, want := range map[string]any{"bool": true, "half": float32(1.5), "enum": uint8(1), "latin1": "gr\ufffdn", "null": nil} {
		if got := v.Attribute(name); got != want {
			t.Errorf("%s is %#v, want %#v", name, got, want)
		}
	}
	open(t, "testdata/links.h5", opts)
	for _, want := range []string{"dangling:", "missing:", "g/up:"} {
		if notes[want] == "" {
			t.Errorf("no note of %s", want)
		}
	}
}

func TestRefusedWithoutSiblings(t *testing.T) {
	src, err := openDisk("testdata/external.h5")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(context.Background(), src, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if v := f.Root().Variable("one"); v.Refused == nil || !strings.Contains(v.Refused.Error(), "raw.bin") {
		t.Errorf("refusal is %v, want one that names raw.bin", v.Refused)
	}
}

// A group that no store can have is refused as a whole, and by its name.
func TestGroupNames(t *testing.T) {
	f := open(t, "testdata/group_names.h5", Options{})
	if v := f.Root().Variable("g/.zgroup"); v == nil || !errors.Is(v.Refused, cdm.ErrUnsupported) {
		t.Errorf("g/.zgroup is %+v, want a refusal", v)
	}
	if v := f.Root().Variable("g/fine/v"); v == nil || v.Refused != nil {
		t.Errorf("g/fine/v is %+v, want a variable", v)
	}
}

// Filters that no chunk went through, or that do nothing when they are read, don't keep chunks from being referenced as they lie.
func TestIdleFilters(t *testing.T) {
	f := open(t, "testdata/more.h5", Options{})
	for name, want := range map[string][]string{
		"skipped":       nil,
		"skipped_first": {"shuffle"},
		"skipped_known": nil,
		"bitgroom":      {"shuffle"},
		"granular":      nil,
	} {
		v := f.Root().Variable(name)
		if v.Refused != nil {
			t.Errorf("%s is refused: %v", name, v.Refused)
			continue
		}
		var got []string
		for _, c := range v.Codecs {
			got = append(got, c.Name())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has codecs %v, want %v", name, got, want)
		}
		chunks := chunksOf(t, f, name)
		if len(chunks) != 2 {
			t.Fatalf("%s has %d chunks", name, len(chunks))
		}
		for i, c := range chunks {
			if c.Inline != nil {
				t.Errorf("%s: chunk %d is inlined", name, i)
			}
		}
	}
	// libhdf5 can't read the first without a plugin that does nothing.
	raw, err := f.ReadChunk(context.Background(), f.Root().Variable("granular"), 1)
	if want := "\x00\x00\x80\x40\x00\x00\xa0\x40\x00\x00\xc0\x40\x00\x00\xe0\x40"; err != nil || string(raw) != want {
		t.Errorf("granular: % x, %v", raw, err)
	}
}
