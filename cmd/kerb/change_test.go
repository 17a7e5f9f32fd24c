package main

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/stores"
)

// ends runs a command line that ends with the given code, and answers all that it printed.
func ends(t *testing.T, want int, args ...string) string {
	t.Helper()
	code, out, errs := kerb(args...)
	if code != want {
		t.Fatalf("kerb %s ends with %d, not %d:\n%s%s", strings.Join(args, " "), code, want, out, errs)
	}
	return out + errs
}

// A dataset grows, its links are rewritten and taken back, and it is edited, from the command line.
func TestAppendDapAndEdit(t *testing.T) {
	all, err := filepath.Glob("../../showcase/data/rain-daily/*.nc")
	if err != nil || len(all) < 3 {
		t.Fatalf("example files: %v, %v", all, err)
	}
	archive, w := t.TempDir(), filepath.Join(t.TempDir(), "work")
	arrive := func(files []string) {
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(archive, filepath.Base(f)), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	arrive(all[:len(all)-1])
	ends(t, 0, "init", "g", "-p", "rain="+archive+"/*.nc", "-w", w)
	ends(t, 4, "append", "rain", "-w", w) // before there is a store
	ends(t, 0, "run", "configure,compute", "rain", "-w", w)
	if out := ends(t, 0, "append", "rain", "-w", w); !strings.Contains(out, "no new files") {
		t.Errorf("nothing new: %s", out)
	}
	arrive(all[len(all)-1:])
	if out := ends(t, 0, "append", "rain", "-w", w); !strings.Contains(out, "1 files added") || !strings.Contains(out, "rain.kr1.1.parq") {
		t.Errorf("one new: %s", out)
	}
	ends(t, 0, "run", "test", "rain", "-w", w)

	store := filepath.Join(w, "datasets", "rain", "stores", "latest")
	ends(t, 2, "dap", store)
	ends(t, 4, "dap", store, "--from", "/nowhere", "--to", "https://data.example.org")
	ends(t, 0, "run", "catalog", "rain", "-w", w)
	ends(t, 0, "dap", store, "--from", archive, "--to", "https://data.example.org")
	if out := ends(t, 4, "run", "catalog", "rain", "-w", w); !strings.Contains(out, "has been changed since it was tested") {
		t.Errorf("a store that was edited after its test: %s", out)
	}
	ends(t, 0, "run", "test,catalog", "rain", "-w", w)
	if b, err := os.ReadFile(filepath.Join(w, "catalog", "g", "rain", "rain.json")); err != nil || !strings.Contains(string(b), `"remote_protocol": "https"`) {
		t.Errorf("the catalogue doesn't say that readers need https: %v\n%s", err, b)
	}
	ends(t, 0, "verify", store)
	ends(t, 0, "dap", store, "--undo")
	ends(t, 4, "dap", store, "--undo")

	edited := filepath.Join(t.TempDir(), "edited.parq")
	ends(t, 2, "edit", store, "--set", "title")
	ends(t, 4, "edit", store, "--remove", "no such attribute")
	ends(t, 0, "edit", store, "--set", "title=Rain", "--rename-dimension", "time=t", "--out", edited)
	s, err := stores.Open(edited)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ds := s.Dataset()
	if got := cdm.Lookup(ds.Groups[0].Attributes, "title"); got != "Rain" {
		t.Errorf("the title of the edited copy is %v", got)
	}
	renamed := 0
	for _, a := range ds.Arrays {
		if slices.Contains(a.Dimensions, "t") {
			renamed++
		}
		if slices.Contains(a.Dimensions, "time") {
			t.Errorf("%s is still along time", a.Path)
		}
	}
	if renamed < 2 {
		t.Errorf("%d variables are along the renamed dimension", renamed)
	}
	if err := os.Remove(filepath.Join(archive, filepath.Base(all[0]))); err != nil {
		t.Fatal(err)
	}
	if out := ends(t, 4, "append", "rain", "-w", w); !strings.Contains(out, "not there any more") {
		t.Errorf("a file that is gone: %s", out)
	}
}

// Whenever a change in place is killed, the store is the old one or the new one, and the next change leaves nothing else behind.
func TestKilledEdits(t *testing.T) {
	files, err := filepath.Glob("../../showcase/data/rain-daily/*.nc")
	if err != nil || len(files) == 0 {
		t.Fatal("no example files: ", err)
	}
	folder, err := filepath.Abs(filepath.Dir(files[0]))
	if err != nil {
		t.Fatal(err)
	}
	kerb := kerbCommand(t)
	for _, ext := range []string{".parq", ".json"} {
		t.Run(ext, func(t *testing.T) {
			dir := t.TempDir()
			store := filepath.Join(dir, "rain"+ext)
			change := func(args ...string) map[string]string {
				if out, err := kerb(args...).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				return contents(t, store)
			}
			there, back := []string{"dap", store, "--from", folder, "--to", "https://data.example.org"}, []string{"dap", store, "--undo"}
			old := change(append([]string{"refs", "-o", store}, files...)...)
			began := time.Now()
			linked := change(there...)
			whole := time.Since(began)
			if !maps.Equal(change(back...), old) {
				t.Fatal("there and back are other bytes")
			}
			rng := rand.New(rand.NewPCG(3, 3))
			kills := 0
			for range 3 * rounds() {
				next := there
				if maps.Equal(contents(t, store), linked) {
					next = back
				}
				if disturb(t, rng, kerb(next...), whole) {
					kills++
				}
				if now := contents(t, store); !maps.Equal(now, old) && !maps.Equal(now, linked) {
					t.Fatal("the store is neither the old one nor the new one")
				}
			}
			if maps.Equal(contents(t, store), linked) {
				there, linked = back, old
			}
			if !maps.Equal(change(there...), linked) {
				t.Error("an undisturbed change gives other bytes")
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
				t.Errorf("beside the store: %v, %v", entries, err)
			}
			t.Logf("%d kills", kills)
		})
	}
}
