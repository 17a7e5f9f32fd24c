package compute

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// What has been rewritten leads elsewhere, all else is as it was, and taking it back gives the first store's bytes.
func TestLinksAreRewrittenAndTakenBack(t *testing.T) {
	temp := scratch(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		n++
		folder := filepath.Join(temp, fmt.Sprint(n))
		defer os.RemoveAll(folder)
		c := configure.Compute{Mode: "serial", Format: rapid.SampledFrom([]string{"parquet", "json"}).Draw(t, "format"), RecordSize: int64(rapid.IntRange(1, 9).Draw(t, "record size"))}
		d := w.configured(t, folder, c)
		store, err := Run(t.Context(), d, Options{Open: w.open, Version: "1"})
		if err != nil {
			t.Fatal(err)
		}
		before := snapshot(t, store)
		links := configure.Links{From: "/archive/0", To: "https://dap.example.org/archive/0"}
		linked := 0
		for _, refs := range w.want {
			for i, ref := range refs {
				if rest, ok := strings.CutPrefix(ref.URL, links.From); ok && ref.Inline == nil {
					linked++
					ref.URL = links.To + rest
					refs[i] = ref
				}
			}
		}
		copied := filepath.Join(folder, "copy")
		out := rapid.SampledFrom([]string{"", copied}).Draw(t, "to")
		_, _, err = Change(t.Context(), store, out, Edit{Steps: []Step{{Links: Rewriting{links}}}})
		if linked == 0 {
			if err == nil || !same(t, snapshot(t, store), before) {
				t.Fatalf("there is no link to rewrite, and the error is %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if out == copied {
			if !same(t, snapshot(t, store), before) {
				t.Fatal("the store was to be left as it is")
			}
			store = copied
		}
		w.check(t, store)
		if _, _, err := Change(t.Context(), store, "", Edit{Undo: true}); err != nil {
			t.Fatal(err)
		}
		if !same(t, snapshot(t, store), before) {
			t.Fatal("taking the rewriting back gives another store")
		}
		if _, _, err := Change(t.Context(), store, "", Edit{Undo: true}); err == nil {
			t.Fatal("there is nothing more to take back")
		}
	})
}

// Links of the plan give what rewriting them afterwards gives, in one process and in parts.
func TestLinksOfThePlan(t *testing.T) {
	temp := scratch(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		n++
		folder := filepath.Join(temp, fmt.Sprint(n))
		defer os.RemoveAll(folder)
		links := &configure.Links{From: "/archive/", To: "https://dap.example.org/"}
		c := configure.Compute{Mode: "serial", Format: "parquet", RecordSize: 3, Links: links}
		for _, refs := range w.want {
			for i, ref := range refs {
				if ref.Inline == nil {
					ref.URL = strings.Replace(ref.URL, links.From, links.To, 1)
					refs[i] = ref
				}
			}
		}
		store, err := Run(t.Context(), w.configured(t, filepath.Join(folder, "serial"), c), Options{Open: w.open})
		if err != nil {
			t.Fatal(err)
		}
		w.check(t, store)
		c.Mode, c.Parts = "parallel", 2
		if len(w.plan.Files) < 2 {
			return
		}
		parallel, err := Run(t.Context(), w.configured(t, filepath.Join(folder, "parallel"), c), Options{Open: w.open})
		if err != nil {
			t.Fatal(err)
		}
		if !same(t, snapshot(t, parallel), snapshot(t, store)) {
			t.Fatal("parts give another store")
		}
	})
}

// oneFile is a world of one file with a coordinate, a variable on it, and its bounds.
func oneFile() *world {
	w := &world{plan: &virtual.Plan{Files: []virtual.File{{URL: "/archive/a.nc", Size: sizeOf("/archive/a.nc")}}}, files: map[string]*fakeFile{}, want: map[string]map[int64]virtual.Reference{}}
	f := &fakeFile{chunks: map[string][]cdm.Chunk{}, values: map[string][]byte{}}
	w.files["/archive/a.nc"] = f
	w.plan.Dataset.Groups = []virtual.Group{{Attributes: []cdm.Attribute{{Name: "title", Value: "a title"}}}}
	for i, path := range []string{"time", "sst", "mask"} {
		v := &cdm.Variable{Name: path, Path: path, Type: short, Shape: []int64{4}, Chunks: []int64{2}, Dimensions: []string{"time"}}
		f.root.Variables = append(f.root.Variables, v)
		a := virtual.Array{Path: path, Type: short, Grid: virtual.Grid{Shape: v.Shape, Chunks: v.Chunks}, Dimensions: v.Dimensions}
		if path == "sst" {
			a.Attributes = []cdm.Attribute{{Name: "units", Value: "K"}, {Name: "ancillary_variables", Value: "mask other"}}
		}
		w.plan.Dataset.Arrays = append(w.plan.Dataset.Arrays, a)
		w.plan.Layouts = append(w.plan.Layouts, virtual.Layout{Role: virtual.Identical, Axes: []int{-1}})
		w.want[path] = map[int64]virtual.Reference{}
		for k := range int64(2) {
			c := cdm.Chunk{Index: k, Offset: int64(100*i) + 10*k, Size: 10}
			f.chunks[path] = append(f.chunks[path], c)
			w.want[path][k] = virtual.Reference{URL: "/archive/a.nc", Offset: c.Offset, Size: c.Size}
		}
	}
	return w
}

func TestEditsOfAStore(t *testing.T) {
	for _, format := range []string{"parquet", "json"} {
		withStore(t, format, func(t *testing.T, d *workdirs.Dataset, w *world, store string) {
			e := Edit{Steps: []Step{
				{Links: Rewriting{{From: "/archive/", To: "/new/"}}}, {Drop: "time"}, {RenameVariable: &Rename{"mask", "quality"}}, {RenameDimension: &Rename{"time", "t"}},
				{Set: &Setting{"sst.units", "kelvin"}}, {Set: &Setting{"sst.valid_min", int64(3)}}, {Set: &Setting{"title", "another"}}, {Remove: "title"},
			}}
			refused := Edit{Steps: append(slices.Clone(e.Steps), Step{Set: &Setting{"some.words", "refused"}})}
			before := files(t, store)
			if _, _, err := Change(t.Context(), store, "", refused); err == nil || !strings.Contains(err.Error(), "no variable some") {
				t.Fatalf("setting an attribute of no variable: %v", err)
			}
			if !slices.Equal(files(t, store), before) {
				t.Fatal("a refused edit has changed the store")
			}
			done, _, err := Change(t.Context(), store, "", e)
			if err != nil {
				t.Fatal(err)
			}
			if len(done) != 8 {
				t.Errorf("done: %q", done)
			}
			s, err := stores.Open(store)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ds := s.Dataset()
			if ds.Array("time") >= 0 || ds.Array("mask") >= 0 || ds.Array("quality") < 0 {
				t.Errorf("arrays: %v", ds.Arrays)
			}
			sst := ds.Arrays[ds.Array("sst")]
			if cdm.Lookup(sst.Attributes, "units") != "kelvin" || cdm.Lookup(sst.Attributes, "ancillary_variables") != "quality other" || sst.Dimensions[0] != "t" {
				t.Errorf("sst: %+v", sst)
			}
			if got := cdm.Lookup(ds.Groups[0].Attributes, "title"); got != nil {
				t.Errorf("title: %v", got)
			}
			if got, err := Steps(ds); err != nil || !reflect.DeepEqual(got, e.Steps) {
				t.Errorf("edits in the store: %v, %v", got, err)
			}
			for path, origin := range map[string]string{"sst": "sst", "quality": "mask"} {
				n := 0
				for row, err := range s.References(t.Context(), path) {
					want := w.want[origin][row.Index]
					if err != nil || row.Reference.URL != "/new/a.nc" || row.Reference.Offset != want.Offset || row.Reference.Size != want.Size {
						t.Errorf("%s: %+v, %v", path, row, err)
					}
					n++
				}
				if n != 2 {
					t.Errorf("%s has %d references", path, n)
				}
			}
			history, err := os.ReadFile(d.Path(workdirs.HistoryFile))
			if err != nil || !bytes.Contains(history, []byte(`"rename_variable":{"from":"mask","to":"quality"}`)) {
				t.Errorf("history: %s, %v", history, err)
			}
			if entries, _ := os.ReadDir(d.Path(workdirs.StoresDir)); len(entries) != 2 {
				t.Errorf("beside the store and its link: %v", entries)
			}
			if path, err := Run(t.Context(), d, Options{Open: w.open}); err != nil || path != store {
				t.Errorf("computing again gives %s, %v: the edited store is of the same plan", path, err)
			}
		})
	}
}

// Of edits that are made at once none is lost: each has been made, or was refused because another was being made.
func TestEditsAtOnce(t *testing.T) {
	for _, format := range []string{"parquet", "json"} {
		withStore(t, format, func(t *testing.T, d *workdirs.Dataset, _ *world, store string) {
			var wait sync.WaitGroup
			const n = 8
			for i := range n {
				wait.Go(func() {
					for {
						_, _, err := Change(t.Context(), store, "", Edit{Steps: []Step{{Set: &Setting{fmt.Sprint("number", i), int64(i)}}}})
						if claimed, ok := errors.AsType[*workdirs.ClaimedError](err); ok {
							if claimed.Holder.PID != os.Getpid() || phases.ClassOf(err) != phases.IO {
								t.Error(err)
							}
							runtime.Gosched()
							continue
						}
						if err != nil {
							t.Error(err)
						}
						return
					}
				})
			}
			wait.Wait()
			s, err := stores.Open(store)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for i := range n {
				if got := cdm.Lookup(s.Dataset().Groups[0].Attributes, fmt.Sprint("number", i)); got != int64(i) {
					t.Errorf("edit %d was lost: %v", i, got)
				}
			}
			if steps, err := Steps(s.Dataset()); err != nil || len(steps) != n {
				t.Errorf("%v, %v", steps, err)
			}
			claim, err := d.Claim() // as an append has it
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := Change(t.Context(), store, "", Edit{Steps: []Step{{Remove: "number1"}}}); err == nil {
				t.Error("a store is edited while its dataset is appended to")
			}
			if err := claim.Release(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// withStore computes the one file's store.
func withStore(t *testing.T, format string, check func(t *testing.T, d *workdirs.Dataset, w *world, store string)) {
	t.Run(format, func(t *testing.T) {
		wd, err := workdirs.Create(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		d, err := wd.Dataset("set")
		if err != nil {
			t.Fatal(err)
		}
		w := oneFile()
		doc, err := configure.NewDocument("set", w.plan, configure.Compute{Mode: "serial", Format: format, RecordSize: 10})
		if err != nil {
			t.Fatal(err)
		}
		if err := workdirs.WriteJSON(d.Path(workdirs.ConfigureFile), doc); err != nil {
			t.Fatal(err)
		}
		if err := d.Define(workdirs.Definition{Code: "set"}, nil); err != nil {
			t.Fatal(err)
		}
		store, err := Run(t.Context(), d, Options{Open: w.open})
		if err != nil {
			t.Fatal(err)
		}
		check(t, d, w, store)
	})
}

// files lists the files of a store with their content.
func files(t *testing.T, store string) []string {
	var list []string
	err := filepath.WalkDir(store, func(name string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			var b []byte
			b, err = os.ReadFile(name)
			list = append(list, name+"\n"+string(b))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A link is checked by what readers will ask of it, before the store is changed.
func TestLinksAreChecked(t *testing.T) {
	content := make([]byte, 300)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long/a.nc" {
			http.ServeContent(rw, r, "a.nc", time.Unix(1, 0), bytes.NewReader(content))
			return
		}
		if r.URL.Path == "/short/a.nc" {
			http.ServeContent(rw, r, "a.nc", time.Unix(1, 0), bytes.NewReader(content[:150]))
			return
		}
		http.NotFound(rw, r)
	}))
	defer server.Close()
	withStore(t, "parquet", func(t *testing.T, d *workdirs.Dataset, w *world, store string) {
		before := files(t, store)
		for place, want := range map[string]string{"absent": "leads nowhere", "short": "refers to its byte"} {
			e := Edit{Steps: []Step{{Links: Rewriting{{From: "/archive", To: server.URL + "/" + place}}}}, Check: 3}
			if _, _, err := Change(context.Background(), store, "", e); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", place, err)
			}
			if !slices.Equal(files(t, store), before) {
				t.Errorf("%s: the store was changed", place)
			}
		}
		if _, n, err := Change(context.Background(), store, "", Edit{Steps: []Step{{Links: Rewriting{{From: "/archive", To: server.URL + "/long"}}}}, Check: 3}); err != nil || n != 1 {
			t.Errorf("%d files were opened, %v", n, err)
		}
	})
}
