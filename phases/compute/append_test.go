package compute

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
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
	return w.tile(name, start, n, 0, units, rng)
}

// tile is daily for one of the stretches of the other dimension, of which each file has one.
func (w *world) tile(name string, start, n int64, east int16, units string, rng *rand.Rand) workdirs.Source {
	const width = 6
	f := &fakeFile{chunks: map[string][]cdm.Chunk{}, values: map[string][]byte{}}
	f.root.Dimensions = []cdm.Dimension{{Name: "time", Length: n, Unlimited: true}, {Name: "x", Length: width}}
	add := func(path string, t cdm.DType, shape, chunks []int64, dims ...string) *cdm.Variable {
		v := &cdm.Variable{Name: path, Path: path, Type: t, Shape: shape, Chunks: chunks, Dimensions: dims}
		f.root.Variables = append(f.root.Variables, v)
		return v
	}
	references := func(path string, count int64) {
		for i := range count {
			if rng.IntN(5) > 0 {
				f.chunks[path] = append(f.chunks[path], somewhere(rng, i))
			}
		}
	}
	time := add("time", long, []int64{n}, []int64{n}, "time")
	time.Attributes = []cdm.Attribute{{Name: "units", Value: units + " since 2000-01-01"}}
	per := map[string]int64{"days": 1, "hours": 24}[units]
	for i := range n {
		f.values["time"] = binary.LittleEndian.AppendUint64(f.values["time"], uint64((start+i)*per))
	}
	add("x", short, []int64{width}, []int64{width}, "x")
	for i := range int16(width) {
		f.values["x"] = binary.LittleEndian.AppendUint16(f.values["x"], uint16(width*east+i))
	}
	f.chunks["x"] = []cdm.Chunk{{Offset: rng.Int64N(1000), Size: 2 * width}}
	add("sst", short, []int64{n, width}, []int64{1, 2}, "time", "x").Fill = []byte{7, 7}
	references("sst", 3*n)
	add("turned", short, []int64{width, n}, []int64{3, 1}, "x", "time").Attributes = []cdm.Attribute{{Name: "ancillary_variables", Value: "sst"}, {Name: "cell_methods", Value: "x: mean"}}
	references("turned", 2*n)
	add("flat", short, []int64{n, width}, []int64{n, width}, "time", "x").Contiguous = true // how it is cut depends on all files
	f.chunks["flat"] = []cdm.Chunk{{Offset: rng.Int64N(1 << 40), Size: 2 * n * width}}
	add("batch", short, []int64{}, []int64{}) // stacked along time where it differs
	f.values["batch"] = binary.LittleEndian.AppendUint16(nil, uint16(start/6))
	f.chunks["batch"] = []cdm.Chunk{{Offset: rng.Int64N(1000), Size: 2}}
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

// grid is an archive of files by stretches of time and of another dimension.
type grid struct {
	w       *world
	sources [][]workdirs.Source // by time, then by the other dimension
}

func drawGrid(t *rapid.T, times, tiles int) *grid {
	g := &grid{w: &world{files: map[string]*fakeFile{}}}
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "contents"), 1))
	start := int64(0)
	for i := range times {
		length := int64(rapid.IntRange(1, 3).Draw(t, "times"))
		units := rapid.SampledFrom([]string{"days", "days", "days", "hours"}).Draw(t, "units")
		var row []workdirs.Source
		for k := range tiles {
			row = append(row, g.w.tile(fmt.Sprintf("day%02d_%d", i, k), start, length, int16(k), units, rng))
		}
		g.sources = append(g.sources, row)
		start += length
	}
	return g
}

// box is what has arrived when the first of the times and tiles have.
func (g *grid) box(times, tiles int) []workdirs.Source {
	var list []workdirs.Source
	for _, row := range g.sources[:times] {
		list = append(list, row[:tiles]...)
	}
	return list
}

// bury makes what a process of this test has claimed that of a process which is gone.
func bury(t interface{ Fatal(...any) }, root string) {
	name := filepath.Join(root, "datasets", "set", workdirs.StoresDir, ".changing", "holder.json")
	var h workdirs.LeaseHolder
	if err := workdirs.ReadJSON(name, &h); err != nil {
		return // it died without a claim
	}
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	h.PID = cmd.Process.Pid
	if err := workdirs.WriteJSON(name, h); err != nil {
		t.Fatal(err)
	}
}

// Appending gives the bytes of computing all again and making the same edits, whatever has grown, also when it was
// interrupted anywhere; and it leaves the version before as it was.
func TestAppendedStoreIsThatOfAFullBuild(t *testing.T) {
	temp := scratch(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		folder := filepath.Join(temp, fmt.Sprint(n))
		defer os.RemoveAll(folder)
		times, tiles := rapid.IntRange(1, 7).Draw(t, "stretches of time"), rapid.SampledFrom([]int{1, 1, 2}).Draw(t, "tiles")
		if times == 1 && tiles == 1 {
			times = 2
		}
		g := drawGrid(t, times, tiles)
		override := fmt.Sprintf("record_size: %d\nformat: %s\n", rapid.IntRange(1, 12).Draw(t, "record size"), rapid.SampledFrom([]string{"parquet", "parquet", "json"}).Draw(t, "format"))
		links := configure.Links{From: "/archive", To: "https://dap.example.org/archive"}
		if rapid.Bool().Draw(t, "links") {
			override += fmt.Sprintf("links: {from: %s, to: %s}\n", links.From, links.To)
			links = configure.Links{From: links.To, To: "s3://bucket"}
		}
		edits := rapid.Permutation([]Edit{
			{Steps: []Step{{Links: Rewriting{links}}}}, {Steps: []Step{{RenameVariable: &Rename{"sst", "temp"}}, {RenameDimension: &Rename{"x", "lon"}}}},
			{Steps: []Step{{RenameVariable: &Rename{"x", "lon"}}}}, {Steps: []Step{{Drop: "turned"}}}, {Steps: []Step{{Drop: "batch"}}},
			{Steps: []Step{{Set: &Setting{"time.long_name", "when"}}, {Set: &Setting{"title", []float64{1, 2}}}, {Remove: "time.long_name"}}},
		}).Draw(t, "edits")[:rapid.IntRange(0, 3).Draw(t, "number of edits")]

		atOnce := set(t, filepath.Join(folder, "full"), g.box(times, tiles), override)
		full := g.w.computed(t, atOnce)
		i, k := rapid.IntRange(1, times).Draw(t, "times before"), rapid.IntRange(1, tiles).Draw(t, "tiles before")
		grown := filepath.Join(folder, "grown")
		d := set(t, grown, g.box(i, k), override)
		store := g.w.computed(t, d)
		edit := func(e Edit) {
			for _, s := range []string{full, store} {
				if _, _, err := Change(context.Background(), s, "", e); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i < times || k < tiles {
			for len(edits) > 0 && rapid.Bool().Draw(t, "edit now") {
				edit(edits[0])
				edits = edits[1:]
			}
			before := snapshot(t, store)
			if k == tiles || i < times && rapid.Bool().Draw(t, "later") {
				i += rapid.IntRange(1, times-i).Draw(t, "times more")
			} else {
				k++
			}
			if k == tiles && i < times && rapid.Bool().Draw(t, "more arrives after an interruption") { // of which nobody knows how far it came
				left := filepath.Join(folder, "left")
				ctx, m := mortal(rapid.IntRange(1, 200).Draw(t, "steps until killed"))
				m.dies = func() { copyTree(grown, left) }
				if _, _, err := Append(ctx, d, g.box(i, k), Options{Open: g.w.open, Version: "1"}); errors.Is(err, context.Canceled) {
					if err := errors.Join(os.RemoveAll(grown), os.Rename(left, grown)); err != nil {
						t.Fatal(err)
					}
					bury(t, grown)
				}
				i++
			}
			next := g.appended(t, d, grown, g.box(i, k))
			if next == store || !same(t, snapshot(t, store), before) {
				t.Fatal("the version before has changed")
			}
			store = next
		}
		if !same(t, snapshot(t, store), snapshot(t, full)) {
			t.Fatalf("%s is another store than a full build's", store)
		}
		for _, e := range edits {
			edit(e)
		}
		if again, n, err := Append(context.Background(), d, g.box(times, tiles), Options{Open: g.w.open, Version: "1"}); again != store || n != 0 || err != nil {
			t.Fatalf("appending nothing: %s, %d files, %v", again, n, err)
		}
		if again, err := Run(context.Background(), d, Options{Open: g.w.open, Version: "1"}); again != store || err != nil {
			t.Fatalf("computing what was appended: %s, %v", again, err)
		}
		if !same(t, snapshot(t, store), snapshot(t, full)) {
			t.Fatal("the same edits give another store than of a full build")
		}
		if got, err := d.Sources(); err != nil || len(got) != times*tiles {
			t.Fatalf("%d files are recorded, %v", len(got), err)
		}
		entries, err := os.ReadDir(d.Path(workdirs.StoresDir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") {
				t.Fatalf("%s is left in the stores", e.Name())
			}
		}
	})
}

// appended appends what has arrived, with some attempts that end early: that stop, or that are killed.
func (g *grid) appended(t *rapid.T, d *workdirs.Dataset, root string, found []workdirs.Source) string {
	opts := Options{Open: g.w.open, Version: "1"}
	for attempt := range 2 {
		ctx, m := mortal(rapid.IntRange(1, 120).Draw(t, "steps until interrupted"))
		left := fmt.Sprintf("%s left %d", root, attempt)
		if rapid.Bool().Draw(t, "kill") {
			m.dies = func() { copyTree(root, left) }
		}
		store, _, err := Append(ctx, d, found, opts)
		if err == nil {
			return store
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if _, err := os.Stat(left); err == nil {
			if err := errors.Join(os.RemoveAll(root), os.Rename(left, root)); err != nil {
				t.Fatal(err)
			}
			bury(t, root)
		}
	}
	store, _, err := Append(context.Background(), d, found, opts)
	if err != nil {
		t.Fatal(err)
	}
	return store
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

// What arrives may be all kinds of files. Where a full build takes them, appending gives its bytes, and where it doesn't, nothing is changed.
func TestAppendedFilesOfAllKinds(t *testing.T) {
	for _, c := range []struct {
		name   string
		before int // files; 0 for two
		arrive func(w *world, rng *rand.Rand) []workdirs.Source
		want   string // of the error
	}{
		{"after a gap", 0, func(w *world, rng *rand.Rand) []workdirs.Source {
			return []workdirs.Source{w.daily("day9", 90, 2, "days", rng)}
		}, ""},
		{"listed in another order", 0, func(w *world, rng *rand.Rand) []workdirs.Source {
			return []workdirs.Source{w.daily("a", 40, 1, "days", rng), w.daily("b", 30, 1, "hours", rng)}
		}, ""},
		{"to a single file", 1, func(w *world, rng *rand.Rand) []workdirs.Source {
			return []workdirs.Source{w.daily("day2", 9, 1, "days", rng)}
		}, ""},
		{"to a single file, before it", 1, func(w *world, rng *rand.Rand) []workdirs.Source {
			return []workdirs.Source{w.daily("a", -5, 1, "days", rng)}
		}, "day0.nc would move from 0 to 1 along time: a new file comes before the end"},
		{"to a single file, at the same place", 1, func(w *world, rng *rand.Rand) []workdirs.Source {
			s := w.copied("day0", "day0b")
			w.files[s.URL].values["sst"] = []byte{1, 2, 3, 4}
			return []workdirs.Source{s}
		}, ""},
		{"another variable of a single file's times", 1, func(w *world, rng *rand.Rand) []workdirs.Source {
			s := w.daily("a", 0, 2, "days", rng)
			w.files[s.URL].keep("time", "turned")
			w.files["/archive/day0.nc"].keep("time", "x", "sst", "flat")
			return []workdirs.Source{s}
		}, ""},
		{"the same file under a later name", 0, func(w *world, rng *rand.Rand) []workdirs.Source { return []workdirs.Source{w.copied("day0", "day0b")} }, ""},
		{"the same file under an earlier name", 0, func(w *world, rng *rand.Rand) []workdirs.Source { return []workdirs.Source{w.copied("day0", "a")} }, ""},
		{"a member of an ensemble", 1, func(w *world, rng *rand.Rand) []workdirs.Source {
			s := w.copied("day0", "member1")
			w.files[s.URL].values["batch"] = []byte{9, 0}
			return []workdirs.Source{s}
		}, ""},
		{"a new constant", 0, func(w *world, rng *rand.Rand) []workdirs.Source {
			s := w.daily("day2", 9, 1, "days", rng)
			f := w.files[s.URL]
			f.root.Variables = append(f.root.Variables, &cdm.Variable{Name: "crs", Path: "crs", Type: short, Shape: []int64{}, Chunks: []int64{}})
			f.values["crs"], f.chunks["crs"] = []byte{1, 0}, []cdm.Chunk{{Offset: 5, Size: 2}}
			return []workdirs.Source{s}
		}, ""},
		{"an overlap", 0, func(w *world, rng *rand.Rand) []workdirs.Source {
			return []workdirs.Source{w.daily("day2", 5, 3, "days", rng)}
		}, "the axis has reached"},
		{"another dtype", 0, func(w *world, rng *rand.Rand) []workdirs.Source {
			s := w.daily("day2", 20, 1, "days", rng)
			w.files[s.URL].root.Variable("sst").Type = long
			return []workdirs.Source{s}
		}, "sst: dtype is"},
		{"another scale", 0, func(w *world, rng *rand.Rand) []workdirs.Source {
			s := w.daily("day2", 20, 1, "days", rng)
			w.files[s.URL].root.Variable("sst").Attributes = []cdm.Attribute{{Name: "scale_factor", Value: 0.1}}
			return []workdirs.Source{s}
		}, "sst: attribute scale_factor is"},
		{"other chunks", 0, func(w *world, rng *rand.Rand) []workdirs.Source { // which makes the variable one by value
			s := w.daily("day2", 20, 1, "days", rng)
			w.files[s.URL].root.Variable("sst").Chunks = []int64{1, 6}
			return []workdirs.Source{s}
		}, ""},
		{"no variable", 0, func(w *world, rng *rand.Rand) []workdirs.Source {
			s := w.daily("day2", 20, 1, "days", rng)
			w.files[s.URL].keep("time", "x", "sst", "turned")
			return []workdirs.Source{s}
		}, "flat: variable is absent"},
	} {
		for _, format := range []string{"parquet", "json"} {
			t.Run(c.name+" in "+format, func(t *testing.T) {
				w, temp := &world{files: map[string]*fakeFile{}}, scratch(t)
				rng := rand.New(rand.NewPCG(1, 1))
				sources := []workdirs.Source{w.daily("day0", 0, 2, "days", rng), w.daily("day1", 5, 2, "days", rng)}
				if c.before > 0 {
					sources = sources[:c.before]
				}
				arrived := c.arrive(w, rng)
				override := "record_size: 4\nformat: " + format + "\n"
				d := set(t, filepath.Join(temp, "grown"), sources, override)
				first := w.computed(t, d)
				before := files(t, first)
				found := slices.Concat(sources, arrived)
				slices.SortFunc(found, func(a, b workdirs.Source) int { return strings.Compare(a.URL, b.URL) })
				store, n, err := Append(t.Context(), d, found, Options{Open: w.open, Version: "1"})
				if !slices.Equal(files(t, first), before) {
					t.Error("the version before has changed")
				}
				if c.want != "" {
					if list, _ := d.Stores(); err == nil || !strings.Contains(err.Error(), c.want) || len(list) != 1 {
						t.Fatalf("the error is %v, and must say %q; stores: %v", err, c.want, list)
					}
					return
				}
				if err != nil || n != len(arrived) {
					t.Fatalf("%d added, %v", n, err)
				}
				full := w.computed(t, set(t, filepath.Join(temp, "full"), found, override))
				if got, want := relative(files(t, store), store), relative(files(t, full), full); !slices.Equal(got, want) {
					t.Errorf("%s is another store than a full build's", store)
				}
			})
		}
	}
}

// relative are files without the folder that they are in.
func relative(list []string, folder string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.TrimPrefix(s, folder)
	}
	return out
}

// keep leaves only the given variables in a file.
func (f *fakeFile) keep(names ...string) {
	f.root.Variables = slices.DeleteFunc(f.root.Variables, func(v *cdm.Variable) bool { return !slices.Contains(names, v.Path) })
}

// copied gives a file a second name.
func (w *world) copied(from, to string) workdirs.Source {
	f := *w.files["/archive/"+from+".nc"]
	f.values = maps.Clone(f.values)
	url := "/archive/" + to + ".nc"
	w.files[url] = &f
	return workdirs.Source{URL: url, Size: sizeOf(url)}
}

// An append may die at any step of its end. The next one, which may find that more has arrived, ends it first.
func TestAppendThatDiedAfterPublishing(t *testing.T) {
	for _, more := range []int{0, 1} {
		for done := range 5 { // of its last steps: the link, the plan, the list of files, the definition
			w, temp := &world{files: map[string]*fakeFile{}}, scratch(t)
			rng := rand.New(rand.NewPCG(1, 1))
			var sources []workdirs.Source
			for i := range int64(4) {
				sources = append(sources, w.daily(fmt.Sprintf("day%d", i), i, 1, "days", rng))
			}
			opts := Options{Open: w.open, Version: "1"}
			grown := filepath.Join(temp, "grown")
			d := set(t, grown, sources[:2], "")
			first := w.computed(t, d)
			before := filepath.Join(temp, "before")
			copyTree(grown, before)
			second, _, err := Append(t.Context(), d, sources[:3], opts)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := configure.Load(d)
			if err != nil {
				t.Fatal(err)
			}
			if err := workdirs.WriteJSON(d.Path(workdirs.AppendFile), intention{doc, sources[:3]}); err != nil {
				t.Fatal(err)
			}
			if done == 0 {
				if err := workdirs.Link(d.Rel(first), d.Path(workdirs.StoresDir, "latest")); err != nil {
					t.Fatal(err)
				}
			}
			for i, name := range []string{workdirs.ConfigureFile, workdirs.SourcesFile, workdirs.DefinitionFile} {
				if i+1 < done {
					continue
				}
				if err := os.Rename(filepath.Join(before, "datasets", "set", name), d.Path(name)); err != nil {
					t.Fatal(err)
				}
			}
			store, n, err := Append(t.Context(), d, sources[:3+more], opts)
			if err != nil || more == 0 && store != second || n < more {
				t.Fatalf("after %d steps: %s, %d files, %v", done, store, n, err)
			}
			if target, err := os.Readlink(d.Path(workdirs.StoresDir, "latest")); err != nil || target != d.Rel(store) {
				t.Errorf("after %d steps: latest is %s, %v", done, target, err)
			}
			full := w.computed(t, set(t, filepath.Join(temp, "full"), sources[:3+more], ""))
			if !slices.Equal(relative(files(t, store), store), relative(files(t, full), full)) {
				t.Errorf("after %d steps: %s is another store than a full build's", done, store)
			}
			if _, err := os.Stat(d.Path(workdirs.AppendFile)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after %d steps: its intention is left: %v", done, err)
			}
			if def, err := d.Definition(); err != nil || def.Files != 3+more {
				t.Errorf("after %d steps: %+v, %v", done, def, err)
			}
		}
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
		{"other links", "the links of override.yaml have changed", func(w *world, d *workdirs.Dataset, _ string, s []workdirs.Source, rng *rand.Rand) []workdirs.Source {
			if err := os.WriteFile(d.Path(workdirs.OverrideFile), []byte("links: {from: /archive, to: /elsewhere}"), 0o666); err != nil {
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
