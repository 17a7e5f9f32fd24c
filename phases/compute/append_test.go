package compute

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// daily adds the file of one stretch of time to a world: n times from start on, in the given unit.
func (w *world) daily(name string, start, n int64, units string, rng *rand.Rand) workdirs.Source {
	f := &fakeFile{chunks: map[string][]cdm.Chunk{}, values: map[string][]byte{}}
	f.root.Dimensions = []cdm.Dimension{{Name: "time", Length: n, Unlimited: true}, {Name: "x", Length: 5}}
	add := func(path string, t cdm.DType, shape, chunks []int64, dims ...string) *cdm.Variable {
		v := &cdm.Variable{Name: path, Path: path, Type: t, Shape: shape, Chunks: chunks, Dimensions: dims}
		f.root.Variables = append(f.root.Variables, v)
		return v
	}
	references := func(path string, count int64) {
		for i := range count {
			if rng.IntN(5) > 0 {
				f.chunks[path] = append(f.chunks[path], cdm.Chunk{Index: i, Offset: rng.Int64N(1 << 40), Size: 1 + rng.Int64N(1<<20)})
			}
		}
	}
	time := add("time", long, []int64{n}, []int64{n}, "time")
	time.Attributes = []cdm.Attribute{{Name: "units", Value: units + " since 2000-01-01"}}
	per := map[string]int64{"days": 1, "hours": 24}[units]
	for i := range n {
		f.values["time"] = binary.LittleEndian.AppendUint64(f.values["time"], uint64((start+i)*per))
	}
	add("x", short, []int64{5}, []int64{5}, "x")
	f.values["x"] = []byte{1, 0, 2, 0, 3, 0, 4, 0, 5, 0}
	f.chunks["x"] = []cdm.Chunk{{Offset: rng.Int64N(1000), Size: 10}}
	add("sst", short, []int64{n, 5}, []int64{1, 2}, "time", "x").Fill = []byte{7, 7}
	references("sst", 3*n)
	add("turned", short, []int64{5, n}, []int64{3, 1}, "x", "time")
	references("turned", 2*n)
	url := "/archive/" + name + ".nc"
	w.files[url] = f
	return workdirs.Source{URL: url, Size: sizeOf(url)}
}

// set makes a dataset of files in a new workdir.
func set(t interface{ Fatal(...any) }, root string, sources []workdirs.Source, override string) *workdirs.Dataset {
	wd, err := workdirs.Create(root)
	if err != nil {
		t.Fatal(err)
	}
	d, err := wd.Dataset("set")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Define(workdirs.Definition{Code: "set", Files: len(sources)}, sources); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.Path(workdirs.OverrideFile), []byte(override), 0o666); err != nil {
		t.Fatal(err)
	}
	return d
}

func (w *world) computed(t interface{ Fatal(...any) }, d *workdirs.Dataset) string {
	if _, err := configure.Run(context.Background(), d, configure.Options{Open: w.open}); err != nil {
		t.Fatal(err)
	}
	store, err := Run(context.Background(), d, Options{Open: w.open, Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// Appending gives the bytes of computing all again, also when it was interrupted anywhere, and leaves the version before as it was.
func TestAppendedStoreIsThatOfAFullBuild(t *testing.T) {
	temp := scratch(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		folder := filepath.Join(temp, fmt.Sprint(n))
		defer os.RemoveAll(folder)
		w := &world{files: map[string]*fakeFile{}}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "contents"), 1))
		before, after := rapid.IntRange(2, 6).Draw(t, "files before"), rapid.IntRange(1, 4).Draw(t, "files after")
		var sources []workdirs.Source
		start := int64(0)
		for i := range before + after {
			length := int64(rapid.IntRange(1, 3).Draw(t, "times"))
			units := rapid.SampledFrom([]string{"days", "days", "days", "hours"}).Draw(t, "units")
			sources = append(sources, w.daily(fmt.Sprintf("day%02d", i), start, length, units, rng))
			start += length
		}
		override := fmt.Sprintf("record_size: %d\nformat: %s\n", rapid.IntRange(1, 12).Draw(t, "record size"), rapid.SampledFrom([]string{"parquet", "parquet", "json"}).Draw(t, "format"))
		if rapid.Bool().Draw(t, "links") {
			override += "links: {from: /archive, to: https://dap.example.org}\n"
		}
		want := snapshot(t, w.computed(t, set(t, filepath.Join(folder, "full"), sources, override)))

		d := set(t, filepath.Join(folder, "grown"), sources[:before], override)
		first := w.computed(t, d)
		old := snapshot(t, first)
		var store string
		var err error
		for attempt := range 3 {
			steps := rapid.IntRange(1, 80).Draw(t, "steps until interrupted")
			if attempt == 2 {
				steps = 1 << 30
			}
			ctx, m := mortal(steps)
			left := filepath.Join(folder, fmt.Sprintf("left %d", attempt))
			if rapid.Bool().Draw(t, "kill") {
				m.dies = func() { copyTree(filepath.Join(folder, "grown"), left) }
			}
			store, _, err = Append(ctx, d, sources, Options{Open: w.open, Version: "1"})
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if _, err := os.Stat(left); err == nil {
				if err := errors.Join(os.RemoveAll(filepath.Join(folder, "grown")), os.Rename(left, filepath.Join(folder, "grown"))); err != nil {
					t.Fatal(err)
				}
			}
			if !same(t, snapshot(t, first), old) {
				t.Fatal("the version before has changed")
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if store == first || !same(t, snapshot(t, store), want) {
			t.Fatalf("%s is another store than a full build's", store)
		}
		if !same(t, snapshot(t, first), old) {
			t.Fatal("the version before has changed")
		}
		if again, n, err := Append(context.Background(), d, sources, Options{Open: w.open, Version: "1"}); again != store || n != 0 || err != nil {
			t.Fatalf("appending nothing: %s, %d files, %v", again, n, err)
		}
		if again, err := Run(context.Background(), d, Options{Open: w.open, Version: "1"}); again != store || err != nil {
			t.Fatalf("computing what was appended: %s, %v", again, err)
		}
		if got, err := d.Sources(); err != nil || len(got) != len(sources) {
			t.Fatalf("%d files are recorded, %v", len(got), err)
		}
	})
}

// Files that the store has are opened for their headers and never for their chunks, and full records are the same files.
func TestAppendTouchesNothingThatIsThere(t *testing.T) {
	w := &world{files: map[string]*fakeFile{}}
	rng := rand.New(rand.NewPCG(1, 1))
	var sources []workdirs.Source
	for i := range int64(5) {
		sources = append(sources, w.daily(fmt.Sprintf("day%d", i), i, 1, "days", rng))
	}
	d := set(t, t.TempDir(), sources[:4], "record_size: 5\n")
	first := w.computed(t, d)
	for _, s := range sources[:4] {
		w.files[s.URL].chunks = nil // an index that is asked again would now say that nothing is written
	}
	store, added, err := Append(t.Context(), d, sources, Options{Open: w.open, Version: "1"})
	if err != nil || added != 1 {
		t.Fatalf("%d added, %v", added, err)
	}
	for n, shared := range []bool{true, true, false} { // 12 chunks, and then 15
		name := fmt.Sprintf("sst/refs.%d.parq", n)
		a, err1 := os.Stat(filepath.Join(first, name))
		b, err2 := os.Stat(filepath.Join(store, name))
		if err1 != nil || err2 != nil || os.SameFile(a, b) != shared {
			t.Errorf("%s: one file: %v, %v, %v", name, !shared, err1, err2)
		}
	}
	if filepath.Base(store) != "set.kr1.1.parq" {
		t.Errorf("the version is called %s", store)
	}
}

func TestAppendRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(w *world, d *workdirs.Dataset, store string, sources []workdirs.Source, rng *rand.Rand) []workdirs.Source
	}{
		{"a file before the end", "b.nc would move from 2 to 3 along time: a new file comes before the end", func(w *world, d *workdirs.Dataset, _ string, s []workdirs.Source, rng *rand.Rand) []workdirs.Source {
			return append(s, w.daily("late", 2, 1, "days", rng))
		}},
		{"a file that is gone", "day0.nc is not there any more", func(_ *world, _ *workdirs.Dataset, _ string, s []workdirs.Source, _ *rand.Rand) []workdirs.Source {
			return s[1:]
		}},
		{"a file that has changed", "day1.nc has changed", func(_ *world, _ *workdirs.Dataset, _ string, s []workdirs.Source, _ *rand.Rand) []workdirs.Source {
			s = slices.Clone(s)
			s[1].Size++
			return s
		}},
		{"another dtype", "dtype", func(w *world, _ *workdirs.Dataset, _ string, s []workdirs.Source, rng *rand.Rand) []workdirs.Source {
			s = append(s, w.daily("day2", 20, 1, "days", rng))
			w.files[s[2].URL].root.Variable("sst").Type = long
			return s
		}},
		{"an edited store", "the store has been edited (set title)", func(w *world, _ *workdirs.Dataset, store string, s []workdirs.Source, rng *rand.Rand) []workdirs.Source {
			if _, _, err := Change(context.Background(), store, "", Edit{Set: []Setting{{"title", "new"}}}); err != nil {
				panic(err)
			}
			return append(s, w.daily("day2", 20, 1, "days", rng))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{files: map[string]*fakeFile{}}
			rng := rand.New(rand.NewPCG(1, 1))
			sources := []workdirs.Source{w.daily("day0", 0, 1, "days", rng), w.daily("day1", 10, 1, "days", rng)}
			if c.name == "a file before the end" {
				sources = []workdirs.Source{w.daily("a", 0, 2, "days", rng), w.daily("b", 3, 1, "days", rng), w.daily("day1", 10, 1, "days", rng)}
			}
			d := set(t, t.TempDir(), sources, "")
			store := w.computed(t, d)
			found := c.change(w, d, store, sources, rng)
			before := files(t, store)
			_, _, err := Append(t.Context(), d, found, Options{Open: w.open, Version: "1"})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("the error is %v, and must say %q", err, c.want)
			}
			if !slices.Equal(files(t, store), before) {
				t.Fatal("the store has changed")
			}
			if list, err := d.Stores(); err != nil || len(list) != 1 {
				t.Fatalf("stores: %v, %v", list, err)
			}
		})
	}
}
