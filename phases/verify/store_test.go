package verify

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// built makes a store of files with the phases themselves, and what is needed to verify it.
func built(t *testing.T, files []string) Subject {
	t.Helper()
	s, _ := builtIn(t, files)
	return s
}

// builtIn says where the store is, too.
func builtIn(t *testing.T, files []string) (Subject, string) {
	t.Helper()
	return builtBy(t, files, virtual.Rules{})
}

// builtBy joins by rules.
func builtBy(t *testing.T, files []string, rules virtual.Rules) (Subject, string) {
	t.Helper()
	ctx := context.Background()
	plan, err := configure.Join(ctx, configure.Options{Open: phases.OpenSource}, files, rules)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "s.parq")
	if err := compute.Build(ctx, plan, dir, 100, "digest", compute.Options{Open: phases.OpenSource, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	store, err := stores.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	fetch := stores.NewFiles()
	t.Cleanup(func() {
		fetch.Close()
		store.Close()
	})
	return Subject{Name: "s", Store: store, Plan: plan, Fetch: fetch.Fetch, Open: phases.OpenSource}, dir
}

// lines is every fault of a report on a line.
func lines(r *Report) string {
	var b strings.Builder
	for _, c := range r.Checks {
		for _, f := range c.Faults {
			b.WriteString(f.String() + "\n")
		}
	}
	return b.String()
}

func result(t *testing.T, r *Report, check string) *Result {
	t.Helper()
	i := slices.IndexFunc(r.Checks, func(c *Result) bool { return c.Check == check })
	if i < 0 {
		t.Fatalf("no check of %s in\n%s", check, r)
	}
	return r.Checks[i]
}

// written writes the archive's files to a folder.
func written(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	var files []string
	for i := range nFiles {
		path := filepath.Join(dir, fileName(i))
		if err := os.WriteFile(path, classic(i), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	return files
}

func TestStoreOfThePhases(t *testing.T) {
	files := written(t)
	s := built(t, files)
	report, err := s.Check(context.Background(), All, 1)
	if err != nil {
		t.Fatal(err)
	}
	if report.Verdict != Passed {
		t.Fatal(report)
	}
	if n := result(t, report, "values").Checked; n != 2+nFiles*nTimes {
		t.Errorf("%d chunks were compared", n)
	}

	// Cut one file, and take another away: the store, finished before, is not right any more.
	if err := os.Truncate(files[1], 400); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(files[3]); err != nil {
		t.Fatal(err)
	}
	if report, err = s.Check(context.Background(), All, 1); err != nil {
		t.Fatal(err)
	}
	text := lines(report)
	for _, want := range []string{
		"changed of " + files[1] + ": expected 544 bytes, found 400 bytes",
		"source of " + files[3] + ": expected a file",
		"outside temp chunk 5.0.0 of " + files[1],
		"source temp chunk 3.0.0 of " + files[1],
		"source temp chunk 9.0.0 of " + files[3],
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
}

// A file that is replaced by another of the same size: the references still lie inside it.
func TestReplacedFile(t *testing.T) {
	files := written(t)
	s := built(t, files)
	if err := os.WriteFile(files[2], classic(4), 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := s.Check(context.Background(), All, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(lines(report), "changed of "+files[2]) {
		t.Error(report)
	}
	// The references read the new data, as a fresh look at the file does; only its times tell.
	found(t, result(t, report, "values"), []string{"value time chunk 0 of " + files[2], "2000-01-05T00:00:00 at element [6]", "2000-01-03T00:00:00"})
}

// One bit of a compressed chunk, in a file whose size and time tell nothing.
func TestOneBitOfACompressedChunk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deflated.nc")
	text, err := os.ReadFile(filepath.Join("testdata", "deflated.nc"))
	if err != nil {
		t.Fatal(err)
	}
	write := func() {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, changedAt, changedAt); err != nil {
			t.Fatal(err)
		}
	}
	write()
	s := built(t, []string{path})
	ref, ok, err := s.Store.Reference("t", 1)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	text[ref.Offset+ref.Size/2] ^= 1
	write()
	report, err := s.Check(t.Context(), All, 1)
	if err != nil {
		t.Fatal(err)
	}
	found(t, result(t, report, "sources"), nil)
	found(t, result(t, report, "values"), []string{"source t chunk 1.0 of " + path, "deflate: corrupt data"})
	found(t, result(t, report, "values"), []string{"unreadable t chunk 1.0 of " + path, "deflate: corrupt data"})
}

// What a store says of itself is enough to verify it, and what it lacks is named.
func TestAlone(t *testing.T) {
	files := written(t)
	s := built(t, files)
	plan := s.Plan
	s.Plan = nil
	report, err := s.Alone(t.Context(), nil, virtual.Rules{}, All, 1)
	if err != nil || report.Verdict != Passed {
		t.Fatal(report, err)
	}
	if len(plan.Files) != nFiles {
		t.Fatal(plan.Files)
	}

	// A variable that the files have, and that nobody left out.
	lacking := s
	ds := s.Store.Dataset()
	ds.Arrays = slices.DeleteFunc(slices.Clone(ds.Arrays), func(a virtual.Array) bool { return a.Path == "lat" })
	lacking.Store = subset{s.Store, ds}
	if report, err = lacking.Alone(t.Context(), nil, virtual.Rules{}, All, 1); err != nil {
		t.Fatal(err)
	}
	found(t, result(t, report, "arrays"), []string{"array lat", "no such array in the store"})
	chosen, _ := builtBy(t, files, virtual.Rules{Keep: []string{"temp"}})
	if report, err = chosen.Alone(t.Context(), nil, virtual.Rules{}, All, 1); err != nil || report.Verdict != Passed {
		t.Fatal(report, err)
	}

	// A store in which one file's chunks are all inline names the others only.
	hidden := s
	hidden.Store = inlined{s.Store, files[4], s.Fetch}
	if report, err = hidden.Alone(t.Context(), nil, virtual.Rules{}, All, 1); err != nil {
		t.Fatal(err)
	}
	found(t, result(t, report, "files"), []string{"source: expected the 5 files", "found 4 that its references name", "--source"})
	if report, err = hidden.Alone(t.Context(), files[4:], virtual.Rules{}, All, 1); err != nil || report.Verdict != Passed {
		t.Error(report, err)
	}

	if err := os.Truncate(files[2], 60); err != nil {
		t.Fatal(err)
	}
	if report, err = s.Alone(t.Context(), nil, virtual.Rules{}, All, 1); err != nil {
		t.Fatal(err)
	}
	found(t, result(t, report, "files"), []string{"source: expected files that can be joined", files[2]})
}

// A store says how the user wanted its files to be joined, so that it can be verified by itself; values that he has taken for the
// same are accepted, and counted, wherever they are not the store's own.
func TestAloneByTheRulesOfTheStore(t *testing.T) {
	files := written(t)
	text := bytes.Replace(classic(3), []byte{0xbf, 0xc0, 0, 0}, []byte{0xbf, 0xc0, 0, 1}, 1) // the first latitude, by one bit
	if err := os.WriteFile(files[3], text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := configure.Join(t.Context(), configure.Options{Open: phases.OpenSource}, files, virtual.Rules{}); err == nil {
		t.Fatal("files that disagree are joined")
	}
	rules := virtual.Rules{Identical: []string{"lat"}, Set: map[string]any{"title": "mine", "temp.valid_max": 5.0, "temp.n": int64(5)}}
	s, _ := builtBy(t, files, rules)
	check := func(how string, report *Report, err error) {
		t.Helper()
		if err != nil || report.Verdict != Passed {
			t.Fatal(how, report, err)
		}
		if n := result(t, report, "metadata").Accepted; n != 1 {
			t.Errorf("%s: %d differences were accepted, not 1", how, n)
		}
	}
	report, err := s.Check(t.Context(), 0, 1)
	check("by its plan", report, err)
	s.Plan = nil
	report, err = s.Alone(t.Context(), nil, virtual.Rules{}, 0, 1)
	check("alone", report, err)
}

// inlined is a store in which the chunks of one file are inline.
type inlined struct {
	zarr.Store
	file  string
	fetch zarr.Fetch
}

func (s inlined) Reference(array string, index int64) (virtual.Reference, bool, error) {
	ref, ok, err := s.Store.Reference(array, index)
	if ok && err == nil && ref.URL == s.file {
		ref.Inline, err = s.fetch(context.Background(), ref.URL, ref.Offset, ref.Size)
		ref.URL = ""
	}
	return ref, ok, err
}

func (s inlined) References(ctx context.Context, array string) iter.Seq2[zarr.Row, error] {
	return func(yield func(zarr.Row, error) bool) {
		for row, err := range s.Store.References(ctx, array) {
			if err == nil {
				row.Reference, _, err = s.Reference(array, row.Index)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// A record that is no parquet file is a fault of the store, and not the end of the check.
func TestADamagedRecord(t *testing.T) {
	s := built(t, written(t))
	s.Store = broken{s.Store}
	report, err := s.Check(t.Context(), All, 1)
	if err != nil {
		t.Fatal(err)
	}
	found(t, result(t, report, "references"), []string{"unreadable temp", "references from chunk 0 on", "not a record"})
}

type broken struct{ zarr.Store }

func (s broken) References(ctx context.Context, array string) iter.Seq2[zarr.Row, error] {
	if array != "temp" {
		return s.Store.References(ctx, array)
	}
	return func(yield func(zarr.Row, error) bool) { yield(zarr.Row{}, errors.New("not a record")) }
}

// A store that lacks an array, has one too many, or has one of another shape.
func TestArraysOfTheStore(t *testing.T) {
	s := built(t, written(t))
	for name, c := range map[string]struct {
		change func(d *virtual.Dataset)
		want   string
	}{
		"lacking": {func(d *virtual.Dataset) {
			extra := d.Arrays[0]
			extra.Path = "salt"
			d.Arrays = append(d.Arrays, extra)
		}, "array salt: expected >f4 [y] of shape [4] in chunks of [4], found no such array"},
		"too many": {func(d *virtual.Dataset) { d.Arrays = d.Arrays[:2] }, "array temp: expected no such array"},
		"shape":    {func(d *virtual.Dataset) { d.Arrays[2].Grid.Shape = []int64{14, 4, 3} }, "array temp: expected >f8 [time y x] of shape [14 4 3]"},
	} {
		plan := *s.Plan
		plan.Dataset.Arrays = slices.Clone(plan.Dataset.Arrays)
		c.change(&plan.Dataset)
		other := s
		other.Plan = &plan
		report, err := other.Check(context.Background(), All, 1)
		if err != nil {
			t.Fatal(err)
		}
		if report.Verdict != Failed || !strings.Contains(lines(report), c.want) {
			t.Errorf("%s: %s", name, report)
		}
	}
}

func TestCorpusStores(t *testing.T) {
	corpus := filepath.Join("..", "..", "..", "shared", "corpus")
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("the corpus of real files is not beside the checkout:", err)
	}
	for _, pattern := range []string{"1DAgg/*.nc", "3DAgg/*.nc", "rain/*.nc", "kerchunk/air.nc", "kerchunk/air_linked.nc", "xarray-data/*.nc", "netcdf-c/ncdump_ref_test_360_day_1900.nc", "netcdf-c/nctest_ref_nctest_classic.nc"} {
		files, err := filepath.Glob(filepath.Join(corpus, pattern))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 0 {
			continue
		}
		slices.Sort(files)
		t.Run(pattern, func(t *testing.T) {
			report, err := built(t, files).Check(context.Background(), All, 1)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(report)
			if report.Verdict != Passed {
				t.Fail()
			}
		})
	}
}
