package compute

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Serial and parallel compute give the same bytes, which are those of the naive model; so they do when they are interrupted
// anywhere, or killed, and run again.
func TestStoreIsThatOfTheModel(t *testing.T) {
	inWorlds(t, func(t *rapid.T, w *world, folder string) {
		c := configure.Compute{Mode: "serial", Format: rapid.SampledFrom([]string{"parquet", "parquet", "json"}).Draw(t, "format"), RecordSize: int64(rapid.IntRange(1, 9).Draw(t, "record size"))}
		serial := w.configured(t, filepath.Join(folder, "serial"), c)
		store, err := Run(context.Background(), serial, Options{Open: w.open, Version: "1"})
		if err != nil {
			t.Fatal(err)
		}
		w.check(t, store)
		want := snapshot(t, store)

		c.Mode, c.Parts, c.Combines = "parallel", rapid.IntRange(1, len(w.plan.Files)).Draw(t, "parts"), rapid.IntRange(0, 4).Draw(t, "combines")
		parallel := w.configured(t, filepath.Join(folder, "parallel"), c)
		parts := rapid.Permutation(numbers(c.Parts)).Draw(t, "order of parts")
		combines := rapid.Permutation(numbers(max(1, c.Combines))).Draw(t, "order of combines")
		for attempt := range 4 {
			steps := rapid.IntRange(1, 60).Draw(t, "steps until interrupted")
			if attempt == 3 {
				steps = 1 << 30
			}
			ctx, m := mortal(steps)
			kill := rapid.Bool().Draw(t, "kill")
			left := filepath.Join(folder, fmt.Sprintf("left %d", attempt))
			if kill {
				m.dies = func() { copyTree(filepath.Join(folder, "parallel"), left) }
			}
			store, err = inParts(ctx, parallel, parts, combines, Options{Open: w.open, Version: "1"})
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if _, err := os.Stat(left); err == nil { // a killed process leaves what it had done by then, and cleans nothing up
				if err := errors.Join(os.RemoveAll(filepath.Join(folder, "parallel")), os.Rename(left, filepath.Join(folder, "parallel"))); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := snapshot(t, store); !same(t, got, want) {
			t.Fatal("the parallel store is another than the serial one")
		}
		leftovers(t, parallel)
	})
}

func numbers(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// inParts does what the tasks of a run do.
func inParts(ctx context.Context, d *workdirs.Dataset, parts, combines []int, opts Options) (string, error) {
	for _, i := range parts {
		if err := Part(ctx, d, i, opts); err != nil {
			return "", err
		}
	}
	for _, i := range combines {
		if err := Combine(ctx, d, i, opts); err != nil {
			return "", err
		}
	}
	return Correct(ctx, d, opts)
}

func (w *world) configured(t *rapid.T, root string, c configure.Compute) *workdirs.Dataset {
	return writePlan(t, root, w.plan, c)
}

func writePlan(t *rapid.T, root string, p *virtual.Plan, c configure.Compute) *workdirs.Dataset {
	wd, err := workdirs.Create(root)
	if err != nil {
		t.Fatal(err)
	}
	d, err := wd.Dataset("set")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := configure.NewDocument("set", p, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := workdirs.WriteJSON(d.Path(workdirs.ConfigureFile), doc); err != nil {
		t.Fatal(err)
	}
	return d
}

// check compares all references of a store with the model.
func (w *world) check(t *rapid.T, path string) {
	s, err := stores.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, a := range w.plan.Dataset.Arrays {
		want := w.want[a.Path]
		n := 0
		for row, err := range s.References(context.Background(), a.Path) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			ref, ok := want[row.Index]
			got := row.Reference
			if !ok || got.URL != ref.URL || got.Offset != ref.Offset || got.Size != ref.Size || !bytes.Equal(got.Inline, ref.Inline) {
				t.Fatalf("%s chunk %d is %v, and must be %v (%v)", a.Path, row.Index, got, ref, ok)
			}
		}
		if n != len(want) {
			t.Fatalf("%s has %d references, and must have %d", a.Path, n, len(want))
		}
	}
}

// mortal is a context that is cancelled when it, or one made of it, has been asked for its error so many times.
func mortal(steps int) (context.Context, *mortalContext) {
	ctx, cancel := context.WithCancel(context.Background())
	m := &mortalContext{Context: ctx, cancel: cancel}
	m.left.Store(int64(steps))
	return m, m
}

type mortalContext struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
	dies   func()
}

func (m *mortalContext) Err() error {
	if m.left.Add(-1) == 0 {
		if m.dies != nil {
			m.dies()
		}
		m.cancel()
	}
	return m.Context.Err()
}

// snapshot is the content of a store, by path below it.
func snapshot(t *rapid.T, store string) map[string]string {
	out := map[string]string{}
	err := filepath.WalkDir(store, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		rel, _ := filepath.Rel(store, name)
		out[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func same(t *rapid.T, got, want map[string]string) bool {
	ok := len(got) == len(want)
	for name, text := range want {
		if g, there := got[name]; !there || g != text {
			t.Logf("%s differs (there: %v)", name, there)
			ok = false
		}
	}
	for name := range got {
		if _, there := want[name]; !there {
			t.Logf("%s is too much", name)
		}
	}
	return ok
}

// leftovers sees that nothing but the published store is left.
func leftovers(t *rapid.T, d *workdirs.Dataset) {
	entries, err := os.ReadDir(d.Path(workdirs.StoresDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); name != "latest" && name != "set.kr1.0.parq" && name != "set.kr1.0.json" {
			t.Fatalf("%s is left in the stores", name)
		}
	}
	parts, err := os.ReadDir(d.Path(workdirs.PartsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) || len(parts) > 0 {
		t.Fatalf("left of the parts: %v, %v", parts, err)
	}
}

// copyTree copies what is there at one moment; files that go or grow meanwhile are taken as they are found.
func copyTree(from, to string) {
	_ = filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		rel, _ := filepath.Rel(from, name)
		dst := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			_ = os.MkdirAll(dst, 0o777)
		case d.Type()&fs.ModeSymlink != 0:
			if target, err := os.Readlink(name); err == nil {
				_ = os.Symlink(target, dst)
			}
		default:
			if b, err := os.ReadFile(name); err == nil {
				_ = os.WriteFile(dst, b, 0o666)
			}
		}
		return nil
	})
}
