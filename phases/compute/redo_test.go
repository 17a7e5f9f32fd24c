package compute

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/configure"
)

// Parts that are gone or damaged when they are put together are named, all at once and no others; computed again, they give the
// store that they should have given.
func TestDamagedPartsAreComputedAgain(t *testing.T) {
	inWorlds(t, func(t *rapid.T, w *world, folder string) {
		opts := Options{Open: w.open, Version: "1"}
		conf := configure.Compute{Mode: "serial", Format: "parquet", RecordSize: int64(rapid.IntRange(1, 9).Draw(t, "record size"))}
		want := w.serially(t, folder, conf, opts)

		conf.Mode, conf.Parts = "parallel", rapid.IntRange(1, len(w.plan.Files)).Draw(t, "parts")
		d := w.configured(t, filepath.Join(folder, "parallel"), conf)
		for i := range conf.Parts {
			if err := Part(context.Background(), d, i, opts); err != nil {
				t.Fatal(err)
			}
		}
		c, err := load(d, opts)
		if err != nil {
			t.Fatal(err)
		}
		gone, torn := drawParts(t, conf.Parts, "gone"), []int{}
		for _, i := range gone {
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				err = os.RemoveAll(c.partDir(i))
			case 1:
				err = os.Remove(manifestPath(c.partDir(i)))
			case 2:
				err = os.Truncate(manifestPath(c.partDir(i)), 5)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(gone) == 0 {
			for _, i := range drawParts(t, conf.Parts, "torn") {
				if tear(t, c.partDir(i)) {
					torn = append(torn, i)
				}
			}
		}
		lost := append(gone, torn...)
		err = Combine(context.Background(), d, 0, opts)
		if len(lost) == 0 {
			if err != nil {
				t.Fatal(err)
			}
		} else {
			again, ok := errors.AsType[*PartsError](err)
			if !ok || !slices.Equal(again.Redo(), lost) {
				t.Fatalf("combine says %v, want parts %v named", err, lost)
			}
			if class := phases.ClassOf(err); class != phases.IO {
				t.Errorf("the error's class is %s", class)
			}
			for _, i := range lost {
				if err := Part(context.Background(), d, i, opts); err != nil {
					t.Fatal(err)
				}
			}
			if err := Combine(context.Background(), d, 0, opts); err != nil {
				t.Fatal(err)
			}
		}
		store, err := Correct(context.Background(), d, opts)
		if err != nil {
			t.Fatal(err)
		}
		if got := snapshot(t, store); !same(t, got, want) {
			t.Error("the store is not that of an undisturbed run")
		}
	})
}

func drawParts(t *rapid.T, n int, label string) []int {
	var list []int
	for i := range n {
		if rapid.IntRange(0, 2).Draw(t, label) == 0 {
			list = append(list, i)
		}
	}
	return list
}

// tear cuts a byte off one of the part's files of references, and reports whether there is one.
func tear(t *rapid.T, dir string) (torn bool) {
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || torn || e.IsDir() || path == manifestPath(dir) {
			return err
		}
		info, err := e.Info()
		if err != nil || info.Size() == 0 || filepath.Base(path)[0] == '.' {
			return err
		}
		torn = true
		return os.Truncate(path, info.Size()-1)
	})
	if err != nil {
		t.Fatal(err)
	}
	return torn
}
