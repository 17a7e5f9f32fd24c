package netcdf4

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/codecs"
)

// disk is a local file as a Source.
type disk struct {
	*os.File
	size int64
}

func (d disk) Size() int64 { return d.size }
func (d disk) URL() string { return d.Name() }

func openDisk(name string) (Source, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return disk{f, info.Size()}, nil
}

func beside(_ context.Context, from Source, name string) (Source, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(from.URL()), name)
	}
	return openDisk(name)
}

func open(t testing.TB, name string, opts Options) cdm.File {
	t.Helper()
	src, err := openDisk(name)
	if err != nil {
		t.Fatal(err)
	}
	opts.Sibling = beside
	f, err := Open(context.Background(), src, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// expected is what testdata/describe.py says of a file.
type expected struct {
	HDF5   json.RawMessage `json:"hdf5"`
	NetCDF json.RawMessage `json:"netcdf"`
}

type expectedDataset struct {
	Shape  []int64
	Layout string
	Chunks []int64
	Table  [][]json.RawMessage
	Offset *int64
	SHA256 string
	Unread string

	Anywhere bool // the table's coordinates are wrong, the rest is right
}

type expectedGroup struct {
	Dimensions map[string][]any
	Attributes map[string][]any
	Variables  map[string]struct {
		Dimensions []string
		Shape      []int64
		Attributes map[string][]any
	}
	Groups map[string]expectedGroup
	Error  string
}

func readExpected(t *testing.T, name string) map[string]expected {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]expected
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func (e expected) datasets(t *testing.T) map[string]expectedDataset {
	t.Helper()
	var out map[string]expectedDataset
	if err := json.Unmarshal(e.HDF5, &out); err != nil {
		return nil
	}
	return out
}

// refusals are the variables of the fixtures that no Zarr v2 store can hold.
var refusals = map[string]string{
	"types.h5:reference":  "references",
	"types.h5:sequence":   "sequences",
	"types.h5:null":       "null dataspace",
	"types.h5:longdouble": "floats of 16 bytes",
	"filters.h5:unknown":  "filter 40000",
	"types.h5:record":     "array within a compound",
	"virtual.h5:missing":  "gone.h5",

	`more.h5:back\slash`: "can't be one in a Zarr store",
	"more.h5:.zattrs":    "can't be one in a Zarr store",
	"more.h5:lzf_large":  "raise the limit",
	"more.h5:..":         "can't be one in a Zarr store",
}

func TestFixtures(t *testing.T) {
	for name, e := range readExpected(t, "testdata/expected.json") {
		t.Run(name, func(t *testing.T) {
			f := open(t, filepath.Join("testdata", name), Options{})
			root := f.Root()
			datasets := e.datasets(t)
			for path, want := range datasets {
				v := root.Variable(strings.Replace(path, nonCoordinate, "", 1))
				if _, ok := datasets[nonCoordinate+path]; ok {
					continue // a dimension alone, beside a variable of its name
				}
				if v == nil && isBareDimension(root, path) {
					continue
				}
				if v == nil {
					t.Errorf("%s is not shown", path)
					continue
				}
				if why, ok := refusals[name+":"+path]; ok {
					if v.Refused == nil || !strings.Contains(v.Refused.Error(), why) {
						t.Errorf("%s: refusal is %v, want one for %q", path, v.Refused, why)
					}
					continue
				}
				if v.Refused != nil {
					t.Errorf("%s is refused: %v", path, v.Refused)
					continue
				}
				checkTable(t, f, v, want)
				checkValues(t, f, v, want)
				if v.Contiguous && (v.Type.Size == 0 || len(v.Codecs) > 0) {
					t.Errorf("%s: %s with %d codecs is no run of elements that may be cut", path, v.Type, len(v.Codecs))
				}
			}
			var header expectedGroup
			if err := json.Unmarshal(e.NetCDF, &header); err != nil {
				t.Fatal(err)
			}
			if header.Error == "" {
				checkHeader(t, root, header)
			}
		})
	}
}

func isBareDimension(g *cdm.Group, path string) bool {
	for h := range g.Walk() {
		for _, d := range h.Dimensions {
			if strings.TrimPrefix(h.Path+"/"+d.Name, "/") == path {
				return true
			}
		}
	}
	return false
}

// checkTable compares the chunk table with libhdf5's. Inlined chunks have no place in it but must be of it.
func checkTable(t *testing.T, f cdm.File, v *cdm.Variable, want expectedDataset) {
	t.Helper()
	if want.Layout != "chunked" && want.Layout != "contiguous" {
		return
	}
	grid := make([]int64, len(want.Shape))
	for i := range grid {
		grid[i] = (v.Shape[i] + v.Chunks[i] - 1) / v.Chunks[i]
	}
	type place struct{ offset, size int64 }
	expect := map[int64]place{}
	masked := map[int64]bool{}
	places := map[place]bool{}
	for _, row := range want.Table {
		var at []int64
		var p place
		var mask uint32
		for i, dst := range []any{&at, &p.offset, &p.size, &mask} {
			if err := json.Unmarshal(row[i], dst); err != nil {
				t.Fatal(err)
			}
		}
		index := int64(0)
		for i, n := range grid {
			index = index*n + at[i]
		}
		places[p] = true
		if want.Anywhere {
			continue
		}
		expect[index] = p
		masked[index] = mask != 0
	}
	if want.Offset != nil && v.Size() > 0 {
		size := v.Size() * int64(v.Type.Size)
		expect[0] = place{*want.Offset, size}
	}
	last := int64(-1)
	for c, err := range f.Chunks(context.Background(), v) {
		if err != nil {
			t.Errorf("%s: %v", v.Path, err)
			return
		}
		if c.Index <= last {
			t.Errorf("%s: chunk %d follows chunk %d", v.Path, c.Index, last)
		}
		last = c.Index
		if want.Anywhere {
			if p := (place{c.Offset, c.Size}); !places[p] {
				t.Errorf("%s: chunk %d: libhdf5 has none of %d bytes at %d", v.Path, c.Index, c.Size, c.Offset)
			}
			delete(places, place{c.Offset, c.Size})
			continue
		}
		p, ok := expect[c.Index]
		if !ok && want.Layout == "chunked" {
			t.Errorf("%s: chunk %d is not one of libhdf5's", v.Path, c.Index)
		}
		delete(expect, c.Index)
		if c.Inline == nil && c.URL == "" && (place{c.Offset, c.Size}) != p {
			t.Errorf("%s: chunk %d is %d bytes at %d, libhdf5 says %d at %d", v.Path, c.Index, c.Size, c.Offset, p.size, p.offset)
		}
		if masked[c.Index] && c.Inline == nil && c.URL == "" {
			checkReferenced(t, f.(*file), v, c)
		}
	}
	if want.Anywhere && len(places) > 0 {
		t.Errorf("%s: %d chunks are missing", v.Path, len(places))
	}
	if len(expect) > 0 {
		t.Errorf("%s: %d chunks are missing", v.Path, len(expect))
	}
}

// checkReferenced decodes a chunk that skips a filter of its dataset as a reader of the store does, who knows no masks.
func checkReferenced(t *testing.T, f *file, v *cdm.Variable, c cdm.Chunk) {
	t.Helper()
	raw := make([]byte, c.Size)
	if _, err := f.containers[0].src.ReadAt(raw, c.Offset); err != nil {
		t.Fatal(err)
	}
	want, err := f.ReadChunk(context.Background(), v, c.Index)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := codecs.Decode(v.Codecs, 0, raw, len(want)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: chunk %d skips a filter and is referenced, and readers will not decode it: %v", v.Path, c.Index, err)
	}
}

// valuesDigest is describe.py's digest of a variable's values within the given shape.
func valuesDigest(t *testing.T, f cdm.File, v *cdm.Variable, shape []int64) string {
	t.Helper()
	count := append([]int64{}, v.Shape...)
	copy(count, shape)
	data, err := cdm.Read(context.Background(), f, v, nil, count)
	if err != nil {
		t.Errorf("%s: %v", v.Path, err)
		return ""
	}
	if v.Type.Kind == cdm.Object {
		s, err := cdm.DecodeStrings(data)
		if err != nil {
			t.Error(err)
		}
		data = nil
		for _, s := range s {
			data = append(append(data, s...), 0)
		}
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func checkValues(t *testing.T, f cdm.File, v *cdm.Variable, want expectedDataset) {
	t.Helper()
	if want.SHA256 == "" || strings.HasSuffix(v.Path, "pad_space") {
		return // libhdf5 turns space padding into NULs; netCDF-C, and this package, leave it
	}
	if got := valuesDigest(t, f, v, want.Shape); got != want.SHA256 {
		t.Errorf("%s %s %v: values differ from libhdf5's", v.Path, v.Type, v.Shape)
	}
}

func checkHeader(t *testing.T, g *cdm.Group, want expectedGroup) {
	t.Helper()
	dims := map[string][]any{}
	for _, d := range g.Dimensions {
		dims[d.Name] = []any{float64(d.Length), d.Unlimited}
	}
	if diff := cmp.Diff(want.Dimensions, dims); diff != "" {
		t.Errorf("/%s: dimensions (-netCDF-C +here):\n%s", g.Path, diff)
	}
	checkAttributes(t, "/"+g.Path, g.Attributes, want.Attributes)
	seen := map[string]bool{}
	for _, v := range g.Variables {
		seen[v.Name] = true
		w, ok := want.Variables[v.Name]
		if !ok {
			continue // netCDF4-python leaves out what has a type that it hasn't
		}
		if diff := cmp.Diff(w.Dimensions, append([]string{}, v.Dimensions...)); diff != "" {
			t.Errorf("%s: dimensions (-netCDF-C +here):\n%s", v.Path, diff)
		}
		if diff := cmp.Diff(w.Shape, append([]int64{}, v.Shape...)); diff != "" {
			t.Errorf("%s: shape (-netCDF-C +here):\n%s", v.Path, diff)
		}
		checkAttributes(t, v.Path, v.Attributes, w.Attributes)
	}
	for name := range want.Variables {
		if !seen[name] {
			t.Errorf("/%s: variable %s is not shown", g.Path, name)
		}
	}
	for _, c := range g.Groups {
		checkHeader(t, c, want.Groups[c.Name])
	}
	if len(g.Groups) != len(want.Groups) {
		t.Errorf("/%s: %d groups, netCDF-C has %d", g.Path, len(g.Groups), len(want.Groups))
	}
}

// checkAttributes compares attributes with describe.py's [type, values...].
func checkAttributes(t *testing.T, path string, got []cdm.Attribute, want map[string][]any) {
	t.Helper()
	have := map[string][]any{}
	for _, a := range got {
		have[a.Name] = described(a.Value)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("%s: attributes (-netCDF-C +here):\n%s", path, diff)
	}
}

func described(v any) []any {
	switch v := v.(type) {
	case string:
		return []any{"str", v}
	case []string:
		out := []any{"strs"}
		for _, s := range v {
			out = append(out, s)
		}
		return out
	}
	kinds := map[string]string{"int8": "i1", "int16": "i2", "int32": "i4", "int64": "i8", "uint8": "u1", "uint16": "u2", "uint32": "u4", "uint64": "u8", "float32": "f4", "float64": "f8"}
	typ := strings.TrimPrefix(fmt.Sprintf("%T", v), "[]")
	out := []any{kinds[typ]}
	text := strings.Fields(strings.Trim(fmt.Sprint(v), "[]"))
	for _, s := range text {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			out = append(out, s)
			continue
		}
		if strings.HasPrefix(typ, "float") {
			if typ == "float32" {
				y, _ := strconv.ParseFloat(s, 32)
				x = y
			}
			out = append(out, pythonHex(x))
		} else {
			out = append(out, x)
		}
	}
	return out
}

// pythonHex is Python's float.hex.
func pythonHex(x float64) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 0):
		return strings.TrimPrefix(strings.ToLower(fmt.Sprint(x)), "+")
	case x == 0:
		return "0x0.0p+0"
	}
	s := strconv.FormatFloat(x, 'x', 13, 64)
	mantissa, exponent, _ := strings.Cut(s, "p")
	n, _ := strconv.Atoi(exponent)
	return fmt.Sprintf("%sp%+d", mantissa, n)
}
