package refparquet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// model is a store as plain maps: what every path through the package is held against.
type model struct {
	arrays []virtual.Array
	refs   []map[int64]virtual.Reference // by array and index; what isn't there is missing
}

func (m model) dataset() virtual.Dataset {
	return virtual.Dataset{Groups: []virtual.Group{{}}, Arrays: m.arrays}
}

func drawModel(t *rapid.T) model {
	var m model
	for i := range rapid.IntRange(1, 3).Draw(t, "arrays") {
		g := virtual.Grid{Shape: []int64{}, Chunks: []int64{}}
		var dims []string
		for d := range rapid.IntRange(0, 3).Draw(t, "axes") {
			g.Shape = append(g.Shape, rapid.Int64Range(0, 12).Draw(t, "length"))
			g.Chunks = append(g.Chunks, rapid.Int64Range(1, 5).Draw(t, "chunk"))
			dims = append(dims, fmt.Sprintf("d%d", d))
		}
		if dims == nil {
			dims = []string{}
		}
		name := fmt.Sprintf("v%d", i)
		if rapid.Bool().Draw(t, "nested") {
			name = "g/h/" + name
		}
		m.arrays = append(m.arrays, virtual.Array{Path: name, Type: cdm.DType{Kind: cdm.Float, Size: 4}, Grid: g, Dimensions: dims})
		refs := map[int64]virtual.Reference{}
		for k := range g.Count() {
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0:
			case 1:
				refs[k] = virtual.Reference{Inline: rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "inline")}
			default:
				url := fmt.Sprintf("/archive/%d.nc", rapid.IntRange(0, 8).Draw(t, "file"))
				refs[k] = virtual.Reference{URL: url, Offset: rapid.Int64Range(0, 1<<50).Draw(t, "offset"), Size: rapid.Int64Range(1, 1<<40).Draw(t, "size")}
			}
		}
		m.refs = append(m.refs, refs)
	}
	return m
}

// chunk is one chunk of a model.
type chunk struct {
	array int
	index int64
}

// chunks are all chunks of m in a drawn order.
func (m model) chunks(t *rapid.T) []chunk {
	var all []chunk
	for i, a := range m.arrays {
		for k := range a.Grid.Count() {
			all = append(all, chunk{i, k})
		}
	}
	if len(all) == 0 || rapid.Bool().Draw(t, "in order") {
		return all
	}
	return rapid.Permutation(all).Draw(t, "order")
}

func (m model) give(w *Writer, c chunk) error {
	if ref, ok := m.refs[c.array][c.index]; ok {
		return w.Put(c.array, c.index, ref)
	}
	return w.Missing(c.array, c.index, 1)
}

// tree is a folder's files and their bytes.
func tree(t interface{ Fatal(...any) }, dir string) map[string]string {
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		files[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// check holds the store in dir against the model.
func (m model) check(t *rapid.T, dir string, recordSize int) {
	if err := WriteMetadata(dir, m.dataset(), recordSize); err != nil {
		t.Fatal(err)
	}
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i, a := range m.arrays {
		got := map[int64]virtual.Reference{}
		last := int64(-1)
		for row, err := range r.References(t.Context(), a.Path) {
			if err != nil {
				t.Fatal(err)
			}
			if row.Index <= last {
				t.Fatalf("row %d after %d", row.Index, last)
			}
			last = row.Index
			got[row.Index] = row.Reference
		}
		if d := cmp.Diff(m.refs[i], got); d != "" {
			t.Fatalf("%s: %s", a.Path, d)
		}
		for k := range a.Grid.Count() {
			ref, ok, err := r.Reference(a.Path, k)
			want, wantOK := m.refs[i][k]
			if err != nil || ok != wantOK || !cmp.Equal(ref, want) {
				t.Fatalf("%s %d: %v %v %v, want %v", a.Path, k, ref, ok, err, want)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, a.Path, "refs.0.parq")); (err == nil) != (a.Grid.Count() > 0) {
			t.Fatalf("%s with %d chunks: refs.0.parq: %v", a.Path, a.Grid.Count(), err)
		}
	}
}

// However a store is written - in any order, under any memory limit, whole or in parts - its files are
// the same bytes, and they read back as what was put in.
func TestAnyWayOfWritingGivesTheSameStore(t *testing.T) {
	top := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		base := filepath.Join(top, fmt.Sprint(n))
		defer os.RemoveAll(base)
		m := drawModel(t)
		size := rapid.SampledFrom([]int{1, 2, 3, 7, 10, 64, 100, 1000}).Draw(t, "record size")

		// In order, with memory for everything.
		plain, err := Create(filepath.Join(base, "plain"), m.arrays, Options{RecordSize: size})
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range m.arrays {
			for k := range a.Grid.Count() {
				if err := m.give(plain, chunk{i, k}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := plain.Finish(); err != nil {
			t.Fatal(err)
		}
		want := tree(t, filepath.Join(base, "plain"))

		// In any order, with memory for hardly anything.
		limit := int64(rapid.SampledFrom([]int{1, 100, 1000}).Draw(t, "limit"))
		serial, err := Create(filepath.Join(base, "serial"), m.arrays, Options{RecordSize: size, MemoryLimit: limit})
		if err != nil {
			t.Fatal(err)
		}
		all := m.chunks(t)
		for _, c := range all {
			if err := m.give(serial, c); err != nil {
				t.Fatal(err)
			}
		}
		if err := serial.Finish(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, tree(t, filepath.Join(base, "serial"))); d != "" {
			t.Fatalf("serial in another order: %s", d)
		}

		// In parts.
		parts := make([]Part, rapid.IntRange(1, 4).Draw(t, "parts"))
		writers := make([]*Writer, len(parts))
		for i := range parts {
			parts[i] = Part{Name: fmt.Sprint("part ", i), Dir: filepath.Join(base, fmt.Sprint("part", i))}
			if writers[i], err = Create(parts[i].Dir, m.arrays, Options{RecordSize: size, MemoryLimit: limit}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range all {
			if err := m.give(writers[rapid.IntRange(0, len(parts)-1).Draw(t, "part")], c); err != nil {
				t.Fatal(err)
			}
		}
		for i := range parts {
			if parts[i].Manifest, err = writers[i].FinishPart(); err != nil {
				t.Fatal(err)
			}
		}
		dst := filepath.Join(base, "combined")
		if err := os.Mkdir(dst, 0o777); err != nil {
			t.Fatal(err)
		}
		sum, err := Combine(t.Context(), dst, parts, m.arrays, CombineOptions{RecordSize: size, Digests: rapid.Bool().Draw(t, "digests")})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, tree(t, dst)); d != "" {
			t.Fatalf("combined: %s", d)
		}
		refs, chunks := 0, int64(0)
		for i := range m.refs {
			refs += len(m.refs[i])
			chunks += m.arrays[i].Grid.Count()
		}
		if sum.References != int64(refs) || sum.Missing != chunks-int64(refs) || int(sum.Moved+sum.Merged) != len(want) {
			t.Fatalf("%+v for %d references of %d chunks in %d records", sum, refs, chunks, len(want))
		}
		// Again, as after an interruption.
		if again, err := Combine(t.Context(), dst, parts, m.arrays, CombineOptions{RecordSize: size}); err != nil || again != sum {
			t.Fatalf("again: %+v, %v", again, err)
		}
		m.check(t, dst, size)
	})
}

// A copy has the urls that it is to have and all else as it was; records of which no url changes are the same files.
func TestCopiedArrays(t *testing.T) {
	top := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		base := filepath.Join(top, fmt.Sprint(n))
		defer os.RemoveAll(base)
		m, size := drawModel(t), rapid.IntRange(1, 20).Draw(t, "record size")
		w, err := Create(filepath.Join(base, "store"), m.arrays, Options{RecordSize: size})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range m.chunks(t) {
			if err := m.give(w, c); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}
		moved := map[string]string{"/archive/1.nc": "https://x.example.org/a%20b.nc", "/archive/3.nc": "/ü.nc"}
		rewrite := func(url string) (string, error) {
			if to, ok := moved[url]; ok {
				return to, nil
			}
			return url, nil
		}
		if rapid.Bool().Draw(t, "as they are") {
			rewrite, moved = nil, nil
		}
		dst := filepath.Join(base, "copy")
		if err := os.Mkdir(dst, 0o777); err != nil {
			t.Fatal(err)
		}
		want := model{refs: make([]map[int64]virtual.Reference, len(m.refs))}
		for i, a := range m.arrays {
			from := a.Path
			a.Path = "renamed/" + a.Path
			if err := CopyArray(t.Context(), filepath.Join(base, "store"), from, dst, a.Path, rewrite); err != nil {
				t.Fatal(err)
			}
			changed := map[int64]bool{} // records
			want.arrays, want.refs[i] = append(want.arrays, a), map[int64]virtual.Reference{}
			for k, ref := range m.refs[i] {
				if to, ok := moved[ref.URL]; ok {
					ref.URL = to
					changed[k/int64(size)] = true
				}
				want.refs[i][k] = ref
			}
			for k := range recordsOf(a.Grid.Count(), size) {
				old, err1 := os.Stat(filepath.Join(base, "store", recordPath(from, k)))
				now, err2 := os.Stat(filepath.Join(dst, recordPath(a.Path, k)))
				if err1 != nil || err2 != nil || os.SameFile(old, now) == changed[k] {
					t.Fatalf("%s, record %d: changed: %v; %v, %v", from, k, changed[k], err1, err2)
				}
			}
		}
		want.check(t, dst, size)
	})
}

// oneArray is a model of n chunks of one array, chunks [from, to) of which are given to w.
func oneArray(n int64) []virtual.Array {
	return []virtual.Array{{Path: "tas", Type: cdm.DType{Kind: cdm.Int, Size: 2}, Grid: virtual.Grid{Shape: []int64{n}, Chunks: []int64{1}}, Dimensions: []string{"time"}}}
}

func put(t *testing.T, w *Writer, from, to int64, url string) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := w.Put(0, i, virtual.Reference{URL: url, Offset: 100 * i, Size: 100}); err != nil {
			t.Fatal(err)
		}
	}
}

func create(t *testing.T, arrays []virtual.Array, size int) (*Writer, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "s")
	w, err := Create(dir, arrays, Options{RecordSize: size})
	if err != nil {
		t.Fatal(err)
	}
	return w, dir
}

func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	w, _ := create(t, oneArray(10), 4)
	for what, ref := range map[string]virtual.Reference{
		"whole file": {URL: "/a.nc"},
		"no url":     {Offset: 4, Size: 4},
		"-1":         {URL: "/a.nc", Offset: -1, Size: 4},
	} {
		wantError(t, w.Put(0, 1, ref), "tas", what)
	}
	wantError(t, w.Put(0, 10, virtual.Reference{URL: "/a.nc", Size: 1}), "tas", "10")
	wantError(t, w.Put(1, 0, virtual.Reference{URL: "/a.nc", Size: 1}), "array 1")
	put(t, w, 0, 5, "/a.nc")
	// In an open record, and in one that is written.
	wantError(t, w.Put(0, 4, virtual.Reference{URL: "/b.nc", Offset: 7, Size: 1}), "tas", "chunk 4", "/a.nc bytes 400+100", "/b.nc bytes 7+1")
	wantError(t, w.Put(0, 2, virtual.Reference{URL: "/b.nc", Offset: 7, Size: 1}), "tas", "chunk 2", "/a.nc bytes 200+100", "/b.nc bytes 7+1")
	wantError(t, w.Missing(0, 2, 1), "tas", "chunk 2", "/a.nc bytes 200+100", "missing")
	put(t, w, 5, 7, "/a.nc")
	wantError(t, w.Finish(), "tas", "chunk 7", "never given")
	wantError(t, w.Put(0, 7, virtual.Reference{URL: "/b.nc", Size: 1}), "closed")

	if _, err := Create(t.TempDir(), []virtual.Array{{Path: "../x"}}, Options{RecordSize: 1}); err == nil {
		t.Error("a path out of the store was accepted")
	}
}

func TestCombineRefuses(t *testing.T) {
	arrays := oneArray(10)
	// part writes chunks [from, to) of records of 4.
	part := func(t *testing.T, name string, from, to int64) Part {
		w, dir := create(t, arrays, 4)
		put(t, w, from, to, "/"+name+".nc")
		m, err := w.FinishPart()
		if err != nil {
			t.Fatal(err)
		}
		return Part{Name: name, Dir: dir, Manifest: m}
	}
	combine := func(t *testing.T, parts ...Part) error {
		dst := t.TempDir()
		_, err := Combine(t.Context(), dst, parts, arrays, CombineOptions{RecordSize: 4})
		if err != nil {
			for name := range tree(t, dst) {
				t.Errorf("%s is there after the error", name)
			}
		}
		return err
	}
	for _, c := range []struct {
		name  string
		parts func(t *testing.T) []Part
		words []string
	}{
		{"a record that nobody has", func(t *testing.T) []Part { return []Part{part(t, "a", 0, 4), part(t, "b", 8, 10)} }, []string{"tas", "record 1", "no part"}},
		{"a chunk that nobody has", func(t *testing.T) []Part { return []Part{part(t, "a", 0, 5), part(t, "b", 6, 10)} }, []string{"tas", "chunk 5", "no part"}},
		{"a record twice", func(t *testing.T) []Part { return []Part{part(t, "a", 0, 8), part(t, "b", 4, 10)} }, []string{"tas", "record 1", "a", "b"}},
		{"a chunk twice", func(t *testing.T) []Part {
			return []Part{part(t, "a", 0, 4), part(t, "b", 4, 6), part(t, "c", 5, 7), part(t, "d", 8, 10)}
		}, []string{"tas", "chunk 5", "b", "c"}},
		{"a whole record and a piece of it", func(t *testing.T) []Part { return []Part{part(t, "a", 0, 4), part(t, "b", 3, 10)} }, []string{"tas", "record 0"}},
		{"two attempts", func(t *testing.T) []Part { return []Part{part(t, "a", 0, 5), part(t, "a", 5, 10)} }, []string{"part a", "twice"}},
		{"a record of other size", func(t *testing.T) []Part {
			p := part(t, "a", 0, 10)
			if err := os.WriteFile(filepath.Join(p.Dir, "tas", "refs.1.parq"), []byte("cut"), 0o666); err != nil {
				t.Fatal(err)
			}
			return []Part{p}
		}, []string{"a", "refs.1.parq", "bytes"}},
		{"a record that is gone", func(t *testing.T) []Part {
			p := part(t, "a", 0, 10)
			if err := os.Remove(filepath.Join(p.Dir, "tas", "refs.1.parq")); err != nil {
				t.Fatal(err)
			}
			return []Part{p}
		}, []string{"a", "refs.1.parq", "missing"}},
		{"a damaged fragment", func(t *testing.T) []Part {
			p := part(t, "a", 0, 6)
			name := filepath.Join(p.Dir, fragmentsName)
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			if err := os.WriteFile(name, b, 0o666); err != nil {
				t.Fatal(err)
			}
			return []Part{p, part(t, "b", 6, 10)}
		}, []string{"part a", "digest"}},
		{"another record size", func(t *testing.T) []Part {
			p := part(t, "a", 0, 10)
			p.Manifest.RecordSize = 5
			return []Part{p}
		}, []string{"part a", "5"}},
	} {
		t.Run(c.name, func(t *testing.T) { wantError(t, combine(t, c.parts(t)...), c.words...) })
	}
	t.Run("a swapped record, when digests are asked for", func(t *testing.T) {
		p := part(t, "a", 0, 10)
		b, err := os.ReadFile(filepath.Join(p.Dir, "tas", "refs.1.parq"))
		if err != nil {
			t.Fatal(err)
		}
		b[30] ^= 1
		if err := os.WriteFile(filepath.Join(p.Dir, "tas", "refs.1.parq"), b, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err = Combine(t.Context(), t.TempDir(), []Part{p}, arrays, CombineOptions{RecordSize: 4, Digests: true})
		wantError(t, err, "refs.1.parq", "manifest")
	})
	if err := combine(t, part(t, "a", 0, 5), part(t, "b", 5, 10)); err != nil {
		t.Fatal(err)
	}
}

// The arrays of one store may be combined by several calls, side by side; whether all of it is there, and nothing else, is found out.
func TestCombineSomeArrays(t *testing.T) {
	arrays := append(oneArray(10), oneArray(6)...)
	arrays[1].Path = "pr"
	serial, whole := create(t, arrays, 4)
	put(t, serial, 0, 10, "/a.nc")
	if err := errors.Join(serial.Missing(1, 0, 6), serial.Finish()); err != nil {
		t.Fatal(err)
	}
	want := tree(t, whole)
	var parts []Part
	for p := range int64(2) {
		w, dir := create(t, arrays, 4)
		put(t, w, 5*p, 5*p+5, "/a.nc")
		if err := w.Missing(1, 3*p, 3); err != nil {
			t.Fatal(err)
		}
		m, err := w.FinishPart()
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, Part{fmt.Sprint(p), dir, m})
	}
	dst := t.TempDir()
	combine := func(a virtual.Array) error {
		_, err := Combine(t.Context(), dst, parts, []virtual.Array{a}, CombineOptions{RecordSize: 4})
		return err
	}
	if err := combine(arrays[0]); err != nil {
		t.Fatal(err)
	}
	wantError(t, FinishCombine(dst, arrays, 4), "pr")
	var g errgroup.Group
	for i := range 4 { // the first again, and each twice
		g.Go(func() error { return combine(arrays[i%2]) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dst, "pr", ".refs.0.parq"+temporary+"KILLED")
	if err := os.WriteFile(left, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := FinishCombine(dst, arrays, 4); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, tree(t, dst)); d != "" {
		t.Fatal(d)
	}
	if err := os.WriteFile(filepath.Join(dst, "pr", recordName(2)), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	wantError(t, FinishCombine(dst, arrays, 4), "pr", "3 files")
	if err := os.Remove(filepath.Join(dst, "tas", recordName(1))); err != nil {
		t.Fatal(err)
	}
	wantError(t, FinishCombine(dst, arrays, 4), "tas", "refs.1.parq")
}

func TestCombineStops(t *testing.T) {
	w, dir := create(t, oneArray(10), 4)
	put(t, w, 0, 10, "/a.nc")
	m, err := w.FinishPart()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Combine(ctx, t.TempDir(), []Part{{"a", dir, m}}, oneArray(10), CombineOptions{RecordSize: 4}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// What readers other than ours need of the files (facts of fastparquet and of strict Thrift readers).
func TestFilesAreAsReadersNeedThem(t *testing.T) {
	for _, n := range []int{1, 100, 20_000, 100_000} { // each way of compressing
		e, err := newEncoder()
		if err != nil {
			t.Fatal(err)
		}
		r := sampleRows(n)
		r.put(int32(n), virtual.Reference{Inline: []byte("abc")})
		var buf bytes.Buffer
		if err := e.encode(&buf, r); err != nil {
			t.Fatal(err)
		}
		p, err := file.NewParquetReader(bytes.NewReader(buf.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		m := p.MetaData()
		if rep := m.Schema.Root().RepetitionType(); rep != parquet.Repetitions.Required {
			t.Errorf("the root's repetition is %s", rep)
		}
		if len(m.KeyValueMetadata()) != 0 || p.NumRowGroups() != 1 || p.NumRows() != int64(n)+1 || m.GetCreatedBy() != "kerchunk-builder" {
			t.Errorf("metadata %v, %d row groups, %d rows, by %q", m.KeyValueMetadata(), p.NumRowGroups(), p.NumRows(), m.GetCreatedBy())
		}
		want := []string{"path optional BYTE_ARRAY", "offset required INT64", "size required INT64", "raw optional BYTE_ARRAY"}
		for i := range want {
			c := m.Schema.Column(i)
			rep := map[int16]string{0: "required", 1: "optional"}[c.MaxDefinitionLevel()]
			if got := fmt.Sprint(c.Name(), " ", rep, " ", c.PhysicalType()); got != want[i] {
				t.Errorf("column %d is %s, not %s", i, got, want[i])
			}
			chunk, err := m.RowGroup(0).ColumnChunk(i)
			if err != nil {
				t.Fatal(err)
			}
			stats, err := chunk.Statistics()
			if err != nil {
				t.Fatal(err)
			}
			if i == 1 || i == 2 {
				if stats == nil || !stats.HasNullCount() || stats.NullCount() != 0 || !stats.HasMinMax() {
					t.Errorf("column %d has the statistics %v", i, stats)
				}
			}
		}
	}
}

// fastparquet fails on a column chunk with an empty dictionary, and fsspec takes its error for "no such chunk".
func TestNoEmptyDictionary(t *testing.T) {
	e, err := newEncoder()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 20_000, 100_000} {
		for _, ref := range []virtual.Reference{{}, {Inline: []byte("x")}} {
			r := &rows{sorted: true}
			for i := range n {
				if ref.Inline == nil {
					r.add(row{n: int32(i)})
				} else {
					r.put(int32(i), ref)
				}
			}
			var buf bytes.Buffer
			if err := e.encode(&buf, r); err != nil {
				t.Fatal(err)
			}
			p, err := file.NewParquetReader(bytes.NewReader(buf.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			for i := range 4 {
				c, err := p.MetaData().RowGroup(0).ColumnChunk(i)
				if err != nil {
					t.Fatal(err)
				}
				if c.HasDictionaryPage() {
					t.Errorf("%d rows like %v: column %d has a dictionary", n, ref, i)
				}
			}
		}
	}
}

// Files that are damaged anywhere are errors or other rows, and never a panic or a hang.
func TestDamagedRecord(t *testing.T) {
	e, err := newEncoder()
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := e.encode(&buf, sampleRows(600)); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "refs.0.parq")
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(buf.Bytes())
		if rapid.Bool().Draw(t, "cut") {
			b = b[:rapid.IntRange(0, len(b)-1).Draw(t, "at")]
		} else {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "by"))
		}
		if err := os.WriteFile(name, b, 0o666); err != nil {
			t.Fatal(err)
		}
		var r rows
		_ = readRecord(name, 600, &r)
	})
}

func FuzzFragment(f *testing.F) {
	f.Add([]byte{1, 2, 'a', 'b', 2, 0, 2, 5, 6, 1, 1, 1, 'x'})
	f.Fuzz(func(t *testing.T, b []byte) {
		var r rows
		_, _ = decodeRows(b, &r)
	})
}

// BenchmarkWrite is the whole way of references in order: Put, encode, write, sync.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			const n = 1_000_000
			top := b.TempDir()
			urls := make([]string, 2000)
			for i := range urls {
				urls[i] = fmt.Sprintf("/archive/institute/project/product/v1.0/2003/05/%06d_a_rather_long_file_name_%d.nc", i, i)
			}
			b.ReportAllocs()
			k := 0
			for b.Loop() {
				k++
				w, err := Create(filepath.Join(top, fmt.Sprint(k)), oneArray(n), Options{RecordSize: size})
				if err != nil {
					b.Fatal(err)
				}
				off := int64(0)
				for i := range int64(n) {
					length := 60000 + (i*7919)%9973
					if err := w.Put(0, i, virtual.Reference{URL: urls[i/500], Offset: off, Size: length}); err != nil {
						b.Fatal(err)
					}
					off += length
				}
				if err := w.Finish(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkCombine is 16 parts of one array put together, at two numbers of references with the same
// number of records: its time must not depend on the references.
func BenchmarkCombine(b *testing.B) {
	for _, size := range []int{1000, 50_000} {
		b.Run(fmt.Sprintf("%d-references", 80*size), func(b *testing.B) {
			n := int64(80 * size)
			arrays := oneArray(n)
			for b.Loop() {
				b.StopTimer()
				top := b.TempDir()
				var parts []Part
				for p := range int64(16) {
					dir := filepath.Join(top, fmt.Sprint(p))
					w, err := Create(dir, arrays, Options{RecordSize: size})
					if err != nil {
						b.Fatal(err)
					}
					// Parts end in the middle of records.
					from, to := max(0, n*p/16-int64(size)/2), n*(p+1)/16-int64(size)/2
					if p == 15 {
						to = n
					}
					for i := from; i < to; i++ {
						if err := w.Put(0, i, virtual.Reference{URL: "/archive/a.nc", Offset: i * 1000, Size: 999}); err != nil {
							b.Fatal(err)
						}
					}
					m, err := w.FinishPart()
					if err != nil {
						b.Fatal(err)
					}
					parts = append(parts, Part{fmt.Sprint(p), dir, m})
				}
				dst := filepath.Join(top, "s")
				b.StartTimer()
				sum, err := Combine(b.Context(), dst, parts, arrays, CombineOptions{RecordSize: size})
				if err != nil || sum.References != n {
					b.Fatalf("%+v, %v", sum, err)
				}
			}
		})
	}
}

// BenchmarkRead reads all rows of a store back.
func BenchmarkRead(b *testing.B) {
	const n = 1_000_000
	dir := filepath.Join(b.TempDir(), "s")
	w, err := Create(dir, oneArray(n), Options{RecordSize: 100_000})
	if err != nil {
		b.Fatal(err)
	}
	for i := range int64(n) {
		if err := w.Put(0, i, virtual.Reference{URL: fmt.Sprintf("/archive/a_long_name_of_a_file_%d.nc", i/500), Offset: i * 1000, Size: 999}); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Finish(); err != nil {
		b.Fatal(err)
	}
	if err := WriteMetadata(dir, virtual.Dataset{Arrays: oneArray(n)}, 100_000); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r, err := Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		k := 0
		for _, err := range r.References(b.Context(), "tas") {
			if err != nil {
				b.Fatal(err)
			}
			k++
		}
		if k != n {
			b.Fatal(k)
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
