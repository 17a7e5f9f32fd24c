package zarr

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/codecs"
	"github.com/cedadev/kerchunk-builder/stores/jsonstream"
	"github.com/cedadev/kerchunk-builder/virtual"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// configured is the codec of a configuration.
func configured(t testing.TB, config map[string]any) codecs.Codec {
	c, err := codecs.FromConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The texts are those of the Zarr v2 specification's rules, written by hand.
func TestMetadata(t *testing.T) {
	f4 := cdm.DType{Kind: cdm.Float, Size: 4}
	ds := virtual.Dataset{
		Groups: []virtual.Group{{Attributes: []cdm.Attribute{{Name: "title", Value: "a \"b\" é"}, {Name: "x", Value: float32(0.1)}}}},
		Arrays: []virtual.Array{
			{
				Path: "tas", Type: f4, Grid: virtual.Grid{Shape: []int64{10, 20}, Chunks: []int64{1, 20}}, Dimensions: []string{"time", "lat"},
				Codecs: []codecs.Codec{configured(t, map[string]any{"id": "shuffle", "elementsize": 4.0}), configured(t, map[string]any{"id": "zlib", "level": 4.0})},
				Fill:   binary.LittleEndian.AppendUint32(nil, math.Float32bits(1e20)),
				Attributes: []cdm.Attribute{
					{Name: "valid", Value: []int16{-1, 2}}, {Name: "n", Value: uint64(math.MaxUint64)}, {Name: "nan", Value: math.NaN()}, {Name: "null", Value: nil}, {Name: "one", Value: float64(1)},
					{Name: "flags", Value: []uint8{1, 2}}, {Name: "none", Value: []float32{}},
				},
			},
			{Path: "g/s", Type: cdm.DType{Kind: cdm.Bytes, Size: 3}, Grid: virtual.Grid{Shape: []int64{}, Chunks: []int64{}}, Dimensions: []string{}, Fill: []byte("a\x00\x00")},
		},
	}
	m, err := NewMetadata(ds)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range m {
		got = append(got, e.Key+" "+string(e.JSON))
	}
	want := []string{
		`.zgroup {"zarr_format":2}`,
		`.zattrs {"title":"a \"b\" é","x":0.10000000149011612}`,
		`g/.zgroup {"zarr_format":2}`,
		`tas/.zarray {"chunks":[1,20],"compressor":{"id":"zlib","level":4},"dimension_separator":".","dtype":"<f4","fill_value":100000002004087730000.0,"filters":[{"elementsize":4,"id":"shuffle"}],"order":"C","shape":[10,20],"zarr_format":2}`,
		`tas/.zattrs {"_ARRAY_DIMENSIONS":["time","lat"],"valid":[-1,2],"n":18446744073709551615,"nan":NaN,"null":"","one":1.0,"flags":[1,2],"none":[]}`,
		`g/s/.zarray {"chunks":[],"compressor":null,"dimension_separator":".","dtype":"|S3","fill_value":"YQAA","filters":null,"order":"C","shape":[],"zarr_format":2}`,
		`g/s/.zattrs {"_ARRAY_DIMENSIONS":[]}`,
	}
	// How a large float is written is free; its value isn't.
	for i := range got {
		got[i] = strings.Replace(got[i], "1.0000000200408773e+20", "100000002004087730000.0", 1)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}

func TestMetadataRefuses(t *testing.T) {
	grid := virtual.Grid{Shape: []int64{2}, Chunks: []int64{1}}
	good := virtual.Array{Path: "v", Type: cdm.DType{Kind: cdm.Int, Size: 2}, Grid: grid, Dimensions: []string{"x"}}
	with := func(f func(*virtual.Array)) virtual.Dataset {
		a := good
		f(&a)
		return virtual.Dataset{Arrays: []virtual.Array{a}}
	}
	for what, ds := range map[string]virtual.Dataset{
		"metadata's name":  with(func(a *virtual.Array) { a.Path = "g/.zarray" }),
		"out of the store": with(func(a *virtual.Array) { a.Path = "../v" }),
		"empty name":       with(func(a *virtual.Array) { a.Path = "g//v" }),
		"fill's size":      with(func(a *virtual.Array) { a.Fill = []byte{1} }),
		"dimensions":       with(func(a *virtual.Array) { a.Dimensions = []string{"x", "y"} }),
		"zero chunk":       with(func(a *virtual.Array) { a.Grid.Chunks = []int64{0} }),
		"own attribute":    with(func(a *virtual.Array) { a.Attributes = []cdm.Attribute{{Name: "_ARRAY_DIMENSIONS", Value: "x"}} }),
		"twice":            {Arrays: []virtual.Array{good, good}},
		"attribute twice": with(func(a *virtual.Array) {
			a.Attributes = []cdm.Attribute{{Name: "a", Value: "x"}, {Name: "a", Value: "y"}}
		}),
		"array in array": {Arrays: []virtual.Array{good, {Path: "v/w", Type: good.Type, Grid: grid, Dimensions: good.Dimensions}}},
	} {
		if _, err := NewMetadata(ds); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

var types = []cdm.DType{
	{Kind: cdm.Bool, Size: 1}, {Kind: cdm.Int, Size: 1}, {Kind: cdm.Int, Size: 2}, {Kind: cdm.Int, Size: 4, Big: true}, {Kind: cdm.Int, Size: 8}, {Kind: cdm.Uint, Size: 1},
	{Kind: cdm.Uint, Size: 2, Big: true}, {Kind: cdm.Uint, Size: 4}, {Kind: cdm.Uint, Size: 8}, {Kind: cdm.Float, Size: 2}, {Kind: cdm.Float, Size: 4}, {Kind: cdm.Float, Size: 8, Big: true},
	{Kind: cdm.Complex, Size: 8}, {Kind: cdm.Complex, Size: 16, Big: true}, {Kind: cdm.Bytes, Size: 5}, {Kind: cdm.Void, Size: 3},
	{Kind: cdm.Void, Size: 11, Fields: []cdm.Field{{Name: "a", Type: cdm.DType{Kind: cdm.Bytes, Size: 3}}, {Name: "b", Type: cdm.DType{Kind: cdm.Float, Size: 4}, Shape: []int64{2}}}},
}

// Whatever can be described comes back the same.
func TestMetadataRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := virtual.Array{Path: rapid.SampledFrom([]string{"v", "g/v", "g/h/Ü x"}).Draw(t, "path"), Type: rapid.SampledFrom(types).Draw(t, "type"), Grid: virtual.Grid{Shape: []int64{}, Chunks: []int64{}}, Dimensions: []string{}}
		for range rapid.IntRange(0, 4).Draw(t, "axes") {
			a.Grid.Shape = append(a.Grid.Shape, rapid.Int64Range(0, 1<<15).Draw(t, "length"))
			a.Grid.Chunks = append(a.Grid.Chunks, rapid.Int64Range(1, 1000).Draw(t, "chunk"))
			a.Dimensions = append(a.Dimensions, rapid.String().Draw(t, "dimension"))
		}
		if rapid.Bool().Draw(t, "has fill") {
			a.Fill = rapid.SliceOfN(rapid.Byte(), a.Type.Size, a.Type.Size).Draw(t, "fill")
			switch a.Type.Kind {
			case cdm.Bool:
				a.Fill[0] &= 1
			case cdm.Float: // a NaN's payload is lost
				if f := float(a.Type, a.Fill); f != f {
					putFloat(a.Type, a.Fill, math.NaN())
				}
			case cdm.Complex:
				h := cdm.DType{Kind: cdm.Float, Size: a.Type.Size / 2, Big: a.Type.Big}
				for i := range 2 {
					if f := float(h, a.Fill[i*h.Size:]); f != f {
						putFloat(h, a.Fill[i*h.Size:], math.NaN())
					}
				}
			}
		}
		values := []any{"text", int64(-5), uint64(1 << 63), 1.5, math.Inf(-1), true, []int64{1, -2}, []float64{1, 2.5}, []string{"a", ""}, []uint64{1, 1 << 63}, []bool{true, false}}
		for i, v := range values {
			if rapid.Bool().Draw(t, "attribute") {
				a.Attributes = append(a.Attributes, cdm.Attribute{Name: fmt.Sprint("a", i), Value: v})
			}
		}
		m, err := NewMetadata(virtual.Dataset{Arrays: []virtual.Array{a}})
		if err != nil {
			t.Fatal(err)
		}
		ds, err := m.Dataset()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]virtual.Array{a}, ds.Arrays); d != "" {
			t.Fatal(d)
		}
		again, err := NewMetadata(ds)
		if err != nil || !reflect.DeepEqual(m, again) {
			t.Fatalf("%v %s, not %s", err, again, m)
		}
		for _, e := range m {
			if strings.HasSuffix(e.Key, ".zarray") && !json.Valid(e.JSON) {
				t.Fatalf("%s is not strict JSON: %s", e.Key, e.JSON)
			}
		}
	})
}

// Other writers' forms of the fill value.
func TestParseFill(t *testing.T) {
	i2, u1, s3 := cdm.DType{Kind: cdm.Int, Size: 2}, cdm.DType{Kind: cdm.Uint, Size: 1}, cdm.DType{Kind: cdm.Bytes, Size: 3}
	for _, c := range []struct {
		t    cdm.DType
		v    any
		want []byte // nil: refused
	}{
		{i2, jsonstream.Literal("-127.0"), []byte{0x81, 0xff}},
		{i2, jsonstream.Literal("1.5"), nil},
		{i2, jsonstream.Literal("32768"), nil},
		{i2, jsonstream.Literal("32768.0"), nil},
		{i2, "NaN", nil},
		{u1, jsonstream.Literal("255.0"), []byte{255}},
		{u1, jsonstream.Literal("-1"), nil},
		{s3, "YWI=", []byte("ab\x00")},
		{s3, jsonstream.Literal("0"), []byte{0, 0, 0}},
		{s3, "YWJjZA==", nil},
		{cdm.DType{Kind: cdm.Float, Size: 4}, "-Infinity", []byte{0, 0, 0x80, 0xff}},
		{cdm.DType{Kind: cdm.Float, Size: 4}, "1.5", nil},
	} {
		got, err := parseFill(c.t, c.v)
		if (err != nil) != (c.want == nil) || !bytes.Equal(got, c.want) {
			t.Errorf("%v as %s: %x, %v; want %x", c.v, c.t, got, err, c.want)
		}
	}
}

func TestHalf(t *testing.T) {
	for u := range 1 << 16 {
		f := half(uint16(u))
		if f != f {
			continue
		}
		if got := halfBits(f); got != uint16(u) {
			t.Fatalf("%#04x is %v, which is %#04x", u, f, got)
		}
	}
	for f, want := range map[float64]uint16{1: 0x3c00, 65504: 0x7bff, 65520: 0x7c00, 1.0 / 3: 0x3555, math.Ldexp(1, -25): 0, 1 + math.Ldexp(1, -11): 0x3c00, 1 + math.Ldexp(3, -11): 0x3c02} {
		if got := halfBits(f); got != want {
			t.Errorf("%v is %#04x, want %#04x", f, got, want)
		}
	}
}

func TestKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := virtual.Grid{}
		for range rapid.IntRange(0, 4).Draw(t, "axes") {
			g.Shape = append(g.Shape, rapid.Int64Range(1, 50).Draw(t, "length"))
			g.Chunks = append(g.Chunks, rapid.Int64Range(1, 20).Draw(t, "chunk"))
		}
		i := rapid.Int64Range(0, g.Count()-1).Draw(t, "index")
		key := string(AppendKey(nil, g, i))
		want := strings.Trim(strings.ReplaceAll(fmt.Sprint(g.Coords(i, nil)), " ", "."), "[]")
		if len(g.Shape) == 0 {
			want = "0"
		}
		if key != want {
			t.Fatalf("%s, want %s", key, want)
		}
		if got, ok := ParseKey(g, key); !ok || got != i {
			t.Fatalf("%s is %d, %v", key, got, ok)
		}
	})
	g := virtual.Grid{Shape: []int64{4, 4}, Chunks: []int64{2, 2}}
	for _, bad := range []string{"", "0", "0.0.0", "2.0", "0.-1", "00.1", "+1.0", "a.b", "0.", ".0", "0/0"} {
		if i, ok := ParseKey(g, bad); ok {
			t.Errorf("%q is chunk %d", bad, i)
		}
	}
}

// memory is a Store of one array, in memory.
type memory struct {
	array virtual.Array
	refs  map[int64]virtual.Reference
}

func (m memory) Dataset() virtual.Dataset { return virtual.Dataset{Arrays: []virtual.Array{m.array}} }
func (m memory) Close() error             { return nil }
func (m memory) Reference(_ string, i int64) (virtual.Reference, bool, error) {
	r, ok := m.refs[i]
	return r, ok, nil
}
func (m memory) References(context.Context, string) iter.Seq2[Row, error] { panic("not used") }

var errFetch = errors.New("no such file")

func noFetch(context.Context, string, int64, int64) ([]byte, error) { return nil, errFetch }

// cube is an int16 array in memory, some chunks missing, and its values.
func cube(t *rapid.T) (memory, []int16) {
	g := virtual.Grid{}
	for range rapid.IntRange(1, 3).Draw(t, "axes") {
		g.Shape = append(g.Shape, rapid.Int64Range(1, 9).Draw(t, "length"))
		g.Chunks = append(g.Chunks, rapid.Int64Range(1, 5).Draw(t, "chunk"))
	}
	m := memory{virtual.Array{Path: "v", Type: cdm.DType{Kind: cdm.Int, Size: 2}, Grid: g, Fill: []byte{0x18, 0xfc}}, map[int64]virtual.Reference{}} // -1000
	missing := map[int64]bool{}
	for i := range g.Count() {
		missing[i] = rapid.IntRange(0, 4).Draw(t, "missing") == 0
		if !missing[i] {
			m.refs[i] = virtual.Reference{Inline: make([]byte, 2*product(g.Chunks))}
		}
	}
	values := make([]int16, product(g.Shape))
	for i := range values {
		at, in := int64(i), make([]int64, len(g.Shape))
		c := make([]int64, len(g.Shape))
		for d := len(g.Shape) - 1; d >= 0; d-- {
			x := at % g.Shape[d]
			at /= g.Shape[d]
			c[d], in[d] = x/g.Chunks[d], x%g.Chunks[d]
		}
		k := g.Index(c)
		if missing[k] {
			values[i] = -1000
			continue
		}
		values[i] = rapid.Int16Range(-999, 999).Draw(t, "value")
		off := int64(0)
		for d := range in {
			off = off*g.Chunks[d] + in[d]
		}
		binary.LittleEndian.PutUint16(m.refs[k].Inline[2*off:], uint16(values[i]))
	}
	return m, values
}

// drawRegion draws a region and returns the values in it.
func drawRegion(t *rapid.T, shape []int64, values []int16) (start, count []int64, want []int16) {
	for _, n := range shape {
		s := rapid.Int64Range(0, n).Draw(t, "start")
		start = append(start, s)
		count = append(count, rapid.Int64Range(0, n-s).Draw(t, "count"))
	}
	for i := range product(count) {
		at := i
		x := make([]int64, len(shape))
		for d := len(shape) - 1; d >= 0; d-- {
			x[d] = start[d] + at%count[d]
			at /= count[d]
		}
		off := int64(0)
		for d := range x {
			off = off*shape[d] + x[d]
		}
		want = append(want, values[off])
	}
	return start, count, want
}

func int16s(b []byte) []int16 {
	var out []int16
	for i := 0; i < len(b); i += 2 {
		out = append(out, int16(binary.LittleEndian.Uint16(b[i:])))
	}
	return out
}

func TestRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, values := cube(t)
		a, err := OpenArray(m, "v", noFetch)
		if err != nil {
			t.Fatal(err)
		}
		start, count, want := drawRegion(t, m.array.Grid.Shape, values)
		b, err := a.Read(t.Context(), start, count)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, int16s(b)); d != "" {
			t.Fatal(d)
		}
		all, err := a.Read(t.Context(), nil, nil)
		if err != nil || !reflect.DeepEqual(int16s(all), values) {
			t.Fatal(err)
		}
		// The same, block by block, each put where it says it belongs.
		out := make([]byte, len(b))
		last := int64(-1)
		for blk, err := range a.Blocks(t.Context(), start, count, rapid.Int64Range(0, 10000).Draw(t, "memory")) {
			if err != nil || blk.Index <= last {
				t.Fatalf("block %d after %d: %v", blk.Index, last, err)
			}
			last = blk.Index
			if _, there := m.refs[blk.Index]; there == blk.Missing {
				t.Fatalf("block %d: missing is %v", blk.Index, blk.Missing)
			}
			at := make([]int64, len(start))
			for d := range at {
				at[d] = blk.Start[d] - start[d]
			}
			copyBox(out, count, at, blk.Data, blk.Shape, make([]int64, len(at)), blk.Shape, 2)
		}
		if !bytes.Equal(out, b) {
			t.Fatal("the blocks are not the region")
		}
	})
}

func TestReadErrors(t *testing.T) {
	m := memory{virtual.Array{Path: "v", Type: cdm.DType{Kind: cdm.Int, Size: 2}, Grid: virtual.Grid{Shape: []int64{100}, Chunks: []int64{1}}}, map[int64]virtual.Reference{}}
	for i := range int64(100) {
		m.refs[i] = virtual.Reference{URL: "/a.nc", Offset: 10, Size: 2}
	}
	m.refs[70] = virtual.Reference{URL: "/gone.nc", Offset: 10, Size: 2}
	fetch := func(_ context.Context, url string, _, size int64) ([]byte, error) {
		if url == "/gone.nc" {
			return nil, errFetch
		}
		return make([]byte, size), nil
	}
	a, err := OpenArray(m, "v", fetch)
	if err != nil {
		t.Fatal(err)
	}
	_, readErr := a.Read(t.Context(), nil, nil)
	_, reduceErr := a.Reduce(t.Context(), 0, nil, nil, 1<<20, nil)
	var blocksErr error
	n := 0
	for _, err := range a.Blocks(t.Context(), nil, nil, 1<<20) {
		if blocksErr = err; err == nil {
			n++
		}
	}
	for _, err := range []error{readErr, reduceErr, blocksErr} {
		if !errors.Is(err, errFetch) || !strings.Contains(err.Error(), "variable v, chunk 70") {
			t.Errorf("%v", err)
		}
	}
	if n != 70 {
		t.Errorf("%d blocks before the error", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Read(ctx, nil, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := a.Reduce(ctx, 0, nil, nil, 1<<20, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for range a.Blocks(t.Context(), nil, nil, 1<<20) {
		break // leaves no goroutine: see TestMain
	}
	short, _ := OpenArray(m, "v", func(context.Context, string, int64, int64) ([]byte, error) { return []byte{1}, nil })
	if _, err := short.ReadChunk(t.Context(), 0); err == nil {
		t.Error("a short read was taken")
	}
	m.refs[0] = virtual.Reference{Inline: make([]byte, 3)}
	if _, err := a.ReadChunk(t.Context(), 0); err == nil {
		t.Error("a chunk of another size was taken")
	}
	if _, err := a.Read(t.Context(), []int64{50}, []int64{51}); err == nil {
		t.Error("a region beyond the array was read")
	}
	if _, err := a.Reduce(t.Context(), 0, nil, nil, 1, nil); err == nil {
		t.Error("a reduction went beyond its memory")
	}
}

// A reduction is what a plain loop computes, and the same bits on however many workers and pieces.
func TestReduce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, values := cube(t)
		m.array.Attributes = []cdm.Attribute{{Name: "scale_factor", Value: 0.1}, {Name: "add_offset", Value: float32(5)}, {Name: "missing_value", Value: int16(7)}}
		a, err := OpenArray(m, "v", noFetch)
		if err != nil {
			t.Fatal(err)
		}
		start, count, part := drawRegion(t, m.array.Grid.Shape, values)
		axis := rapid.IntRange(0, len(start)-1).Draw(t, "axis")
		r, err := a.Reduce(t.Context(), axis, start, count, 1<<20, nil)
		if err != nil {
			t.Fatal(err)
		}
		shape := append(append([]int64{}, count[:axis]...), count[axis+1:]...)
		want := newReduction(shape)
		below := product(count[axis+1:])
		for i, v := range part {
			if v == -1000 || v == 7 {
				continue
			}
			x := float64(v)*0.1 + 5
			cell := int64(i)/(below*count[axis])*below + int64(i)%below
			want.Sum[cell] += x
			want.Count[cell]++
		}
		for i := range want.Sum {
			if math.Abs(want.Sum[i]-r.Sum[i]) > 1e-9 {
				t.Fatalf("cell %d: sum %v, want %v", i, r.Sum[i], want.Sum[i])
			}
		}
		if d := cmp.Diff([]any{want.Count, want.Shape}, []any{r.Count, r.Shape}); d != "" {
			t.Fatal(d)
		}
		// In pieces, handed on as tasks do.
		cut := rapid.Int64Range(0, count[axis]).Draw(t, "cut")
		second, first := append([]int64{}, start...), append([]int64{}, count...)
		rest := append([]int64{}, count...)
		first[axis], second[axis], rest[axis] = cut, start[axis]+cut, count[axis]-cut
		one, err := a.Reduce(t.Context(), axis, start, first, 1<<20, nil)
		if err != nil {
			t.Fatal(err)
		}
		two, err := a.Reduce(t.Context(), axis, second, rest, 1<<20, nil)
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := two.Write(&file); err != nil {
			t.Fatal(err)
		}
		back, err := ReadReduction(&file, two.Shape)
		if err != nil {
			t.Fatal(err)
		}
		if err := one.Merge(back); err != nil {
			t.Fatal(err)
		}
		for i := range r.Sum {
			if math.Float64bits(one.Mean()[i]) != math.Float64bits(r.Mean()[i]) {
				t.Fatalf("cell %d: mean %v in pieces, %v at once", i, one.Mean()[i], r.Mean()[i])
			}
		}
	})
}

// Sums keep what plain addition loses.
func TestSumsAreCompensated(t *testing.T) {
	r := newReduction([]int64{})
	r.addRow(0, []float64{1e16})
	for range 1000 {
		r.addRow(0, []float64{1})
	}
	r.addRow(0, []float64{-1e16})
	if r.Sum[0]+r.Carry[0] != 1000 {
		t.Fatalf("%v", r.Sum[0]+r.Carry[0])
	}
}

// A file of a reduction that is cut short, longer, of another shape, or differs in any bit, is refused.
func TestReadReductionRefuses(t *testing.T) {
	r := newReduction([]int64{2, 3})
	r.addRow(1, []float64{1, 2})
	var file bytes.Buffer
	if err := r.Write(&file); err != nil {
		t.Fatal(err)
	}
	whole := file.Bytes()
	back, err := ReadReduction(bytes.NewReader(whole), r.Shape)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, back); d != "" {
		t.Fatal(d)
	}
	for _, shape := range [][]int64{{3, 2}, {6}, {2, 3, 1}, {}} {
		if _, err := ReadReduction(bytes.NewReader(whole), shape); err == nil {
			t.Errorf("accepted as of the shape %v", shape)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, len(whole)-1).Draw(t, "cut")
		if _, err := ReadReduction(bytes.NewReader(whole[:n]), r.Shape); err == nil {
			t.Fatal("accepted when cut")
		}
		c := bytes.Clone(whole)
		c[n] ^= byte(rapid.IntRange(1, 255).Draw(t, "by"))
		if _, err := ReadReduction(bytes.NewReader(c), r.Shape); err == nil {
			t.Fatal("accepted when damaged")
		}
		if _, err := ReadReduction(bytes.NewReader(append(c[:0:0], append(whole, 0)...)), r.Shape); err == nil {
			t.Fatal("accepted with something behind it")
		}
	})
}

// What xarray decodes of each kind of packing (values computed by hand from CF 2.5.1 and 8.1).
func TestCF(t *testing.T) {
	attr := func(kv ...any) (l []cdm.Attribute) {
		for i := 0; i < len(kv); i += 2 {
			l = append(l, cdm.Attribute{Name: kv[i].(string), Value: kv[i+1]})
		}
		return l
	}
	i1 := cdm.DType{Kind: cdm.Int, Size: 1}
	nan := math.NaN()
	for _, c := range []struct {
		name string
		a    virtual.Array
		src  []byte
		want []float64
	}{
		{"plain", virtual.Array{Type: i1}, []byte{1, 0xff}, []float64{1, -1}},
		{"fill", virtual.Array{Type: i1, Fill: []byte{0x81}}, []byte{1, 0x81}, []float64{1, nan}},
		{"packed", virtual.Array{Type: i1, Fill: []byte{0x81}, Attributes: attr("scale_factor", 0.5, "add_offset", int64(10))}, []byte{2, 0x81}, []float64{11, nan}},
		{"two missing values", virtual.Array{Type: i1, Attributes: attr("missing_value", []int64{3, 4})}, []byte{2, 3, 4}, []float64{2, nan, nan}},
		{"unsigned", virtual.Array{Type: i1, Fill: []byte{0xff}, Attributes: attr("_Unsigned", "true")}, []byte{0xfe, 0xff}, []float64{254, nan}},
		{"unsigned, attribute", virtual.Array{Type: i1, Attributes: attr("_Unsigned", "true", "_FillValue", int64(-1))}, []byte{0xfe, 0xff}, []float64{254, nan}},
		{"big-endian", virtual.Array{Type: cdm.DType{Kind: cdm.Uint, Size: 2, Big: true}}, []byte{1, 2}, []float64{258}},
		{"float", virtual.Array{Type: cdm.DType{Kind: cdm.Float, Size: 4}, Attributes: attr("missing_value", float64(float32(0.1)))}, binary.LittleEndian.AppendUint32(nil, math.Float32bits(0.1)), []float64{nan}},
	} {
		cf, err := NewCF(c.a)
		if err != nil {
			t.Fatal(err)
		}
		got := cf.Decode(make([]float64, 8), c.src)
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if _, err := NewCF(virtual.Array{Type: cdm.DType{Kind: cdm.Bytes, Size: 2}}); err == nil {
		t.Error("text was taken for numbers")
	}
}

// A codec that we don't have doesn't hide the store; its configuration is kept.
func TestForeignCodec(t *testing.T) {
	text := `{"chunks":[1],"compressor":{"id":"pcodec","level":3},"dtype":"<f4","fill_value":null,"filters":null,"order":"C","shape":[1],"zarr_format":2}`
	ds, err := Metadata{{".zgroup", []byte(`{"zarr_format":2}`)}, {"v/.zarray", []byte(text)}}.Dataset()
	if err != nil {
		t.Fatal(err)
	}
	if c := ds.Arrays[0].Codecs[0].Config(); fmt.Sprint(c["id"], c["level"]) != "pcodec3" {
		t.Errorf("%v", c)
	}
	a, err := OpenArray(memory{ds.Arrays[0], map[int64]virtual.Reference{0: {Inline: []byte{1}}}}, "v", noFetch)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.ReadChunk(t.Context(), 0); !errors.Is(err, codecs.ErrNoDecoder) || !strings.Contains(err.Error(), "pcodec") {
		t.Error(err)
	}
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"chunks":[1],"compressor":{"id":"zlib"},"dtype":[["a","<f4",[2]]],"fill_value":null,"filters":[{"id":"shuffle"}],"order":"C","shape":[1],"zarr_format":2}`), []byte(`{"a":[1,2.5,NaN]}`))
	f.Fuzz(func(t *testing.T, array, attrs []byte) {
		ds, err := Metadata{{"v/.zarray", array}, {"v/.zattrs", attrs}}.Dataset()
		if err != nil {
			return
		}
		m, err := NewMetadata(ds)
		if err != nil {
			return
		}
		if _, err := m.Dataset(); err != nil {
			t.Fatalf("our own metadata is refused: %v\n%s", err, m)
		}
	})
}

// BenchmarkReduce is the time mean of a deflated variable: bytes are decoded ones.
func BenchmarkReduce(b *testing.B) {
	pipeline := []codecs.Codec{configured(b, map[string]any{"id": "shuffle", "elementsize": 4.0}), configured(b, map[string]any{"id": "zlib", "level": 1.0})}
	g := virtual.Grid{Shape: []int64{64, 256, 512}, Chunks: []int64{1, 128, 256}}
	m := memory{virtual.Array{Path: "v", Type: cdm.DType{Kind: cdm.Float, Size: 4}, Grid: g, Codecs: pipeline}, map[int64]virtual.Reference{}}
	for i := range g.Count() {
		chunk := make([]byte, 0, 4*product(g.Chunks))
		for k := range product(g.Chunks) {
			chunk = binary.LittleEndian.AppendUint32(chunk, math.Float32bits(float32(280+10*math.Sin(float64(i*k)/1000))))
		}
		raw, err := codecs.Encode(pipeline, chunk)
		if err != nil {
			b.Fatal(err)
		}
		m.refs[i] = virtual.Reference{Inline: raw}
	}
	a, err := OpenArray(m, "v", noFetch)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(4 * product(g.Shape))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Reduce(b.Context(), 0, nil, nil, 64<<20, nil); err != nil {
			b.Fatal(err)
		}
	}
}
