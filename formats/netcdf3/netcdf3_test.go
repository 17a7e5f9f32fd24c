package netcdf3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// counted is a file in memory that counts reads.
type counted struct {
	*bytes.Reader
	reads int
}

func (c *counted) URL() string { return "mem.nc" }
func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	return c.Reader.ReadAt(p, off)
}

func memory(b []byte) *counted { return &counted{Reader: bytes.NewReader(b)} }

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The shapes of expected.json, which testdata/make.py describes.
type expectedFile struct {
	File, Format string
	Attributes   []expectedAttribute
	Dimensions   []struct {
		Name      string
		Length    int64
		Unlimited bool
	}
	Variables []struct {
		Name, Dtype string
		Shape       []int64
		Dimensions  []string
		Record      bool
		Attributes  []expectedAttribute
		Chunks      []struct {
			Offset, Size int64
			SHA256       string
		}
	}
}

type expectedAttribute struct {
	Name, Type string
	Value      json.RawMessage
}

func expected(t *testing.T) []expectedFile {
	t.Helper()
	var out []expectedFile
	if err := json.Unmarshal(fixture(t, "expected.json"), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFilesAreWhatOtherReadersSee(t *testing.T) {
	ctx := context.Background()
	for _, want := range expected(t) {
		t.Run(want.File, func(t *testing.T) {
			raw := fixture(t, want.File)
			src := memory(raw)
			f, err := Open(src)
			if err != nil {
				t.Fatal(err)
			}
			if src.reads != 1 {
				t.Errorf("opened with %d reads, want 1", src.reads)
			}
			if f.Format() != want.Format {
				t.Errorf("format %s, want %s", f.Format(), want.Format)
			}
			compareAttributes(t, "global", f.Root().Attributes, want.Attributes)
			var dims []cdm.Dimension
			for _, d := range want.Dimensions {
				dims = append(dims, cdm.Dimension(d))
			}
			if d := cmp.Diff(dims, f.Root().Dimensions); d != "" {
				t.Error("dimensions (-want +got)", d)
			}
			if len(f.Root().Variables) != len(want.Variables) {
				t.Fatalf("%d variables, want %d", len(f.Root().Variables), len(want.Variables))
			}
			for i, w := range want.Variables {
				v := f.Root().Variables[i]
				if v.Name != w.Name || v.Path != w.Name || v.Refused != nil {
					t.Fatalf("variable %d is %q (refused: %v), want %q", i, v.Name, v.Refused, w.Name)
				}
				if !sameType(v.Type, w.Dtype) {
					t.Errorf("%s: type %s, want %s", v.Name, v.Type, w.Dtype)
				}
				if d := cmp.Diff(w.Shape, v.Shape); d != "" {
					t.Error(v.Name, "shape", d)
				}
				if d := cmp.Diff(w.Dimensions, v.Dimensions); d != "" {
					t.Error(v.Name, "dimensions", d)
				}
				if v.Contiguous == w.Record {
					t.Errorf("%s: contiguous is %v, record variable is %v", v.Name, v.Contiguous, w.Record)
				}
				compareAttributes(t, v.Name, v.Attributes, w.Attributes)
				var got []cdm.Chunk
				for c, err := range f.Chunks(ctx, v) {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, c)
				}
				if len(got) != len(w.Chunks) {
					t.Fatalf("%s: %d chunks, want %d", v.Name, len(got), len(w.Chunks))
				}
				for j, c := range w.Chunks {
					if want := (cdm.Chunk{Index: int64(j), Offset: c.Offset, Size: c.Size}); !cmp.Equal(want, got[j]) {
						t.Errorf("%s: chunk %+v, want %+v", v.Name, got[j], want)
					}
					b, err := f.ReadChunk(ctx, v, int64(j))
					if err != nil {
						t.Fatal(err)
					}
					if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != c.SHA256 {
						t.Errorf("%s: chunk %d has other values", v.Name, j)
					}
				}
			}
		})
	}
}

// sameType compares with NumPy's string, where one byte has no order and is written as "|" or ">".
func sameType(got cdm.DType, want string) bool {
	if got.Size == 1 {
		return got.String()[1:] == want[1:]
	}
	return got.String() == want
}

func compareAttributes(t *testing.T, of string, got []cdm.Attribute, want []expectedAttribute) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d attributes, want %d", of, len(got), len(want))
		return
	}
	for i, w := range want {
		into := map[string]any{"string": "", "i1": int8(0), "u1": uint8(0), "i2": int16(0), "u2": uint16(0), "i4": int32(0),
			"u4": uint32(0), "i8": int64(0), "u8": uint64(0), "f4": float32(0), "f8": float64(0)}[w.Type]
		value, err := decodeLike(into, w.Value)
		if err != nil {
			t.Fatal(of, w.Name, err)
		}
		if d := cmp.Diff(cdm.Attribute{Name: w.Name, Value: value}, got[i]); d != "" {
			t.Errorf("%s: attribute (-want +got) %s", of, d)
		}
	}
}

func decodeLike(like any, raw json.RawMessage) (any, error) {
	switch like.(type) {
	case string:
		return decodeAs[string](raw)
	case int8:
		return decodeAs[int8](raw)
	case uint8: // encoding/json takes a []uint8 for base64
		if raw[0] != '[' {
			return decodeAs[uint8](raw)
		}
		var wide []uint16
		err := json.Unmarshal(raw, &wide)
		out := make([]uint8, len(wide))
		for i, w := range wide {
			out[i] = uint8(w)
		}
		return out, err
	case int16:
		return decodeAs[int16](raw)
	case uint16:
		return decodeAs[uint16](raw)
	case int32:
		return decodeAs[int32](raw)
	case uint32:
		return decodeAs[uint32](raw)
	case int64:
		return decodeAs[int64](raw)
	case uint64:
		return decodeAs[uint64](raw)
	case float32:
		return decodeAs[float32](raw)
	case float64:
		return decodeAs[float64](raw)
	}
	return nil, fmt.Errorf("no type for %s", raw)
}

func decodeAs[T any](raw json.RawMessage) (any, error) {
	if raw[0] == '[' {
		var v []T
		return v, json.Unmarshal(raw, &v)
	}
	var v T
	return v, json.Unmarshal(raw, &v)
}

func TestFill(t *testing.T) {
	f, err := Open(memory(fixture(t, "fills.nc")))
	if err != nil {
		t.Fatal(err)
	}
	own, standard := f.Root().Variable("own"), f.Root().Variable("default")
	if got := math.Float32frombits(binary.BigEndian.Uint32(own.Fill)); got != -9.5 {
		t.Errorf("fill of own is %v, want its _FillValue -9.5", got)
	}
	// In fill mode the library wrote these values: they are also the data.
	for _, v := range []*cdm.Variable{own, standard} {
		b, err := f.ReadChunk(context.Background(), v, 0)
		if err != nil {
			t.Fatal(err)
		}
		if want := bytes.Repeat(v.Fill, 6); !bytes.Equal(b, want) {
			t.Errorf("%s: data % x, want % x", v.Name, b, want)
		}
	}
}

// The library's fill mode wrote default fill values of all other types nowhere in the fixtures; these are netcdf.h's.
func TestDefaultFills(t *testing.T) {
	be := binary.BigEndian
	for kind, want := range map[ncType][]byte{
		ncByte:   {256 - 127},
		ncChar:   {0},
		ncShort:  be.AppendUint16(nil, uint16(math.MaxUint16-32767+1)),
		ncInt:    be.AppendUint32(nil, uint32(math.MaxUint32-2147483647+1)),
		ncFloat:  be.AppendUint32(nil, math.Float32bits(9.9692099683868690e+36)),
		ncDouble: be.AppendUint64(nil, math.Float64bits(9.9692099683868690e+36)),
		ncUbyte:  {255},
		ncUshort: be.AppendUint16(nil, 65535),
		ncUint:   be.AppendUint32(nil, 4294967295),
		ncInt64:  be.AppendUint64(nil, math.MaxUint64-9223372036854775806+1),
		ncUint64: be.AppendUint64(nil, 18446744073709551614),
	} {
		if got := kind.defaultFill(); !bytes.Equal(got, want) {
			t.Errorf("type %d: fill % x, want % x", kind, got, want)
		}
	}
}

func formatError(t *testing.T, raw []byte) *cdm.FormatError {
	t.Helper()
	_, err := Open(memory(raw))
	e, ok := errors.AsType[*cdm.FormatError](err)
	if !ok {
		t.Fatalf("error is %v, want a FormatError", err)
	}
	if !strings.HasPrefix(err.Error(), "mem.nc: ") {
		t.Errorf("error %q does not name the file", err)
	}
	return e
}

// Every proper prefix of a file is refused, but for the padding after the last element.
func TestEveryTruncationIsRefused(t *testing.T) {
	for _, want := range expected(t) {
		if strings.HasPrefix(want.File, "streaming") {
			continue
		}
		raw := fixture(t, want.File)
		last := int64(0)
		for _, v := range want.Variables {
			for _, c := range v.Chunks {
				last = max(last, c.Offset+c.Size)
			}
		}
		if last == 0 {
			last = 32 // nothing but a header: magic, count, three empty lists
		}
		for n := range raw {
			_, err := Open(memory(raw[:n]))
			if int64(n) < last && !errors.Is(err, cdm.ErrFormat) {
				t.Fatalf("%s cut to %d of %d bytes: error is %v", want.File, n, len(raw), err)
			}
			if int64(n) >= last && err != nil {
				t.Fatalf("%s without %d bytes of padding: %v", want.File, len(raw)-n, err)
			}
		}
	}
}

func TestTruncationNamesVariableAndBytes(t *testing.T) {
	raw := fixture(t, "single_1d.nc")
	e := formatError(t, raw[:len(raw)-3])
	for _, part := range []string{`"v"`, "4 records", fmt.Sprint(len(raw) - 3), "cut short"} {
		if !strings.Contains(e.Msg, part) {
			t.Errorf("message %q does not say %s", e.Msg, part)
		}
	}
}

func TestStreamingCutInARecord(t *testing.T) {
	raw := fixture(t, "streaming_classic.nc")
	if e := formatError(t, raw[:len(raw)-9]); e.Struct != "numrecs" {
		t.Errorf("error %v is not about the record count", e)
	}
}

// As netCDF4-python has it; a name or a text with NULs is not in the fixtures, for no library writes it.
func TestNULs(t *testing.T) {
	if got := ncChar.value([]byte("x\x00y\x00\x00")); got != "xy" {
		t.Errorf("text is %q", got)
	}
	r := &reader{src: strings.NewReader("\x00\x00\x00\x03yy\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00"), size: 16, version: cdf1}
	if name, err := r.name("name"); name != "yy" || err != nil {
		t.Errorf("name is %q, %v", name, err)
	}
	if name, err := r.name("name"); !errors.Is(err, cdm.ErrFormat) {
		t.Errorf("empty name is %q, %v", name, err)
	}
}

// The end of a file of byte-sized records is padded, so their number can't be found from its size.
func TestStreamingBytesAreRefused(t *testing.T) {
	be := binary.BigEndian
	word := func(b []byte, n ...uint32) []byte {
		for _, w := range n {
			b = be.AppendUint32(b, w)
		}
		return b
	}
	b := word([]byte("CDF\x01"), math.MaxUint32, tagDimension, 1, 1)
	b = word(append(b, "t\x00\x00\x00"...), 0, 0, 0, tagVariable, 1, 1)
	b = word(append(b, "v\x00\x00\x00"...), 1, 0, 0, 0, uint32(ncByte), 4, 80)
	if len(b) != 80 {
		t.Fatal("the header has", len(b), "bytes")
	}
	if e := formatError(t, append(b, 1, 2, 0, 0)); !strings.Contains(e.Msg, "padding") {
		t.Error(e)
	}
}

func TestDamage(t *testing.T) {
	classic := fixture(t, "classic.nc")
	edit := func(at int, b ...byte) []byte {
		out := bytes.Clone(classic)
		copy(out[at:], b)
		return out
	}
	begin := func(name string) int { // where begin of a variable is, from the start of its name
		h, err := readHeader(bytes.NewReader(classic), int64(len(classic)))
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range h.variables {
			if v.name == name {
				end := int(h.end)
				if i+1 < len(h.variables) {
					end = int(h.variables[i+1].at)
				}
				return end - 4
			}
		}
		t.Fatal("no variable", name)
		return 0
	}
	at := func(name string) []byte { return classic[begin(name) : begin(name)+4] }
	for _, c := range []struct {
		name, says string
		raw        []byte
	}{
		{"empty file", "needs 4 bytes", nil},
		{"HDF5", "first bytes", []byte("\x89HDF\r\n\x1a\n")},
		{"version 3", "first bytes", edit(3, 3)},
		{"dimension list without tag", "tag 0x9", edit(8, 0, 0, 0, 9)},
		{"dimension without end", "needs 4294967295 bytes", edit(16, 0xff, 0xff, 0xff, 0xff)},
		{"begin in the header", "inside the header", edit(begin("fixed_f4"), 0, 0, 0, 8)},
		{"begin after the end", "ends at byte", edit(begin("fixed_f4"), 0x7f, 0, 0, 0)},
		{"negative begin", "negative", edit(begin("fixed_f4"), 0x80, 0, 0, 0)},
		{"two fixed variables in one place", "inside those of", edit(begin("fixed_f4"), at("fixed_f8")...)},
		{"two record variables in one place", "inside those of", edit(begin("record_f4"), at("record_f8")...)},
		{"more records than bytes", "records", edit(4, 0x70, 0, 0, 0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if e := formatError(t, c.raw); !strings.Contains(e.Error(), c.says) {
				t.Errorf("error %q does not say %q", e, c.says)
			}
		})
	}
}

func TestForeignVariableAndChunkOutsideOfTheGrid(t *testing.T) {
	ctx := context.Background()
	f, err := Open(memory(fixture(t, "names.nc")))
	if err != nil {
		t.Fatal(err)
	}
	v := f.Root().Variables[0]
	if _, err := f.ReadChunk(ctx, v, 1); err == nil {
		t.Error("chunk 1 of 1 was read")
	}
	if _, err := f.ReadChunk(ctx, &cdm.Variable{}, 0); err == nil {
		t.Error("a variable of no file was read")
	}
	for _, err := range f.Chunks(ctx, &cdm.Variable{}) {
		if err == nil {
			t.Error("a variable of no file has chunks")
		}
	}
}

// A long header is read in few, growing pieces.
func TestLongHeader(t *testing.T) {
	be := binary.BigEndian
	b := []byte("CDF\x01\x00\x00\x00\x00")
	b = append(b, make([]byte, 8)...) // no dimensions
	const n, size = 200, 5000
	b = be.AppendUint32(be.AppendUint32(b, tagAttribute), n)
	for i := range n {
		b = be.AppendUint32(b, 4)
		b = append(b, fmt.Sprintf("a%03d", i)...)
		b = be.AppendUint32(be.AppendUint32(b, uint32(ncChar)), size)
		b = append(b, bytes.Repeat([]byte{'x'}, size)...)
	}
	b = append(b, make([]byte, 8)...) // no variables
	src := memory(b)
	f, err := Open(src)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(f.Root().Attributes); got != n {
		t.Errorf("%d attributes, want %d", got, n)
	}
	if src.reads > 5 { // 64 KiB, doubled four times
		t.Errorf("%d reads for a header of %d bytes", src.reads, len(b))
	}
}

func TestCorpus(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "corpus", "netcdf-c")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the corpus of real files is not beside the checkout:", err)
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	formatError(t, read("nc_test_bad_cdf5_begin.nc")) // netCDF-C: "Unknown file format"

	f, err := Open(memory(read("ncdump_ref_test_360_day_1900.nc")))
	if err != nil {
		t.Fatal(err)
	}
	if v := f.Root().Variable("time"); v.Shape[0] != 2300 || v.Attribute("calendar") != "360_day" {
		t.Errorf("time is %+v", v)
	}
	// Its padding is the character 0 instead of the byte 0.
	f, err = Open(memory(read("ncdump_ref_null_byte_padding_test.nc")))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Root().Variable("globe").Attribute("description"); got != "specific humidity" {
		t.Errorf("description is %q", got)
	}
	f, err = Open(memory(read("nctest_ref_nctest_classic.nc")))
	if err != nil {
		t.Fatal(err)
	}
	if v := f.Root().Variable("ce"); !cmp.Equal(v.Shape, []int64{5, 3, 7}) || !cmp.Equal(v.Chunks, []int64{1, 3, 7}) {
		t.Errorf("ce is %+v", v)
	}
	if f.Root().Variable("yy") == nil || f.Root().Variable("ww").Attribute("att2") != "chars" { // both have a NUL at the end
		t.Error("NULs at the end of names or text are kept")
	}
}

// FuzzOpen: no input panics, and what opens can be read to its last chunk.
func FuzzOpen(f *testing.F) {
	names, err := filepath.Glob("testdata/*.nc")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names {
		f.Add(fixture(f, filepath.Base(n)))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		ctx := context.Background()
		file, err := Open(memory(raw))
		if err != nil {
			if !errors.Is(err, cdm.ErrFormat) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("neither opened nor damaged: %v", err)
			}
			return
		}
		for _, v := range file.Root().Variables {
			last, n := cdm.Chunk{Index: -1}, 0
			for c, err := range file.Chunks(ctx, v) {
				if err != nil {
					t.Fatal(err)
				}
				if c.Index != last.Index+1 || c.Offset < 0 || c.Offset+c.Size > int64(len(raw)) {
					t.Fatalf("%s: chunk %+v of a file of %d bytes", v.Name, c, len(raw))
				}
				last = c
				if n++; n == 1000 {
					break
				}
			}
			if last.Index >= 0 {
				if _, err := file.ReadChunk(ctx, v, last.Index); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	raw := fixture(b, "classic.nc")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(memory(raw)); err != nil {
			b.Fatal(err)
		}
	}
}
