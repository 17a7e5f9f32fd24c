package compute

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Every array is in the share of exactly one task.
func TestShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var arrays []virtual.Array
		for i := range rapid.IntRange(0, 30).Draw(t, "arrays") {
			arrays = append(arrays, virtual.Array{Path: fmt.Sprint("v", i), Grid: virtual.Grid{Shape: []int64{rapid.Int64Range(0, 50).Draw(t, "chunks")}, Chunks: []int64{1}}})
		}
		tasks := rapid.IntRange(1, 9).Draw(t, "tasks")
		seen := map[string]int{}
		for task := range tasks {
			for _, a := range share(arrays, task, tasks, 7) {
				seen[a.Path]++
			}
		}
		for _, a := range arrays {
			if seen[a.Path] != 1 {
				t.Errorf("%s is in the shares of %d tasks", a.Path, seen[a.Path])
			}
		}
	})
}

// Nothing is published while the share of one task is missing, or a record that a task had put into its place; when that is mended the
// store is that of one process.
func TestPublishedOnlyWhenAllIsCombined(t *testing.T) {
	inWorlds(t, func(t *rapid.T, w *world, folder string) {
		opts := Options{Open: w.open, Version: "1"}
		conf := configure.Compute{Mode: "serial", Format: "parquet", RecordSize: int64(rapid.IntRange(1, 9).Draw(t, "record size"))}
		want := w.serially(t, folder, conf, opts)

		conf.Mode, conf.Parts, conf.Combines = "parallel", rapid.IntRange(1, len(w.plan.Files)).Draw(t, "parts"), rapid.IntRange(2, 4).Draw(t, "combines")
		d := w.configured(t, filepath.Join(folder, "parallel"), conf)
		parts := func() {
			for i := range conf.Parts {
				if err := Part(context.Background(), d, i, opts); err != nil {
					t.Fatal(err)
				}
			}
		}
		refused := func(why string) {
			_, err := Correct(context.Background(), d, opts)
			if list, serr := d.Stores(); err == nil || phases.ClassOf(err) != phases.IO || serr != nil || len(list) > 0 {
				t.Fatalf("%s: correct says %v, and there are the stores %v, %v", why, err, list, serr)
			}
		}
		parts()
		last := rapid.IntRange(0, conf.Combines-1).Draw(t, "the last task")
		for i := range conf.Combines {
			if i == last {
				continue
			}
			if err := Combine(context.Background(), d, i, opts); err != nil {
				t.Fatal(err)
			}
		}
		refused("a task has not ended")
		if err := Combine(context.Background(), d, last, opts); err != nil {
			t.Fatal(err)
		}
		c, err := load(d, opts)
		if err != nil {
			t.Fatal(err)
		}
		records, err := filepath.Glob(filepath.Join(c.combined(), "*", "refs.*.parq"))
		if err != nil {
			t.Fatal(err)
		}
		if len(records) > 0 {
			if err := os.Remove(rapid.SampledFrom(records).Draw(t, "record")); err != nil {
				t.Fatal(err)
			}
			refused("a record is gone")
		}
		for i := range conf.Combines {
			err := Combine(context.Background(), d, i, opts)
			if _, ok := errors.AsType[*PartsError](err); ok {
				parts()
				err = Combine(context.Background(), d, i, opts)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		store, err := Correct(context.Background(), d, opts)
		if err != nil {
			t.Fatal(err)
		}
		if got := snapshot(t, store); !same(t, got, want) {
			t.Error("the store is not that of one process")
		}
		if _, err := os.Stat(d.Path(workdirs.PartsDir)); err == nil {
			leftovers(t, d)
		}
	})
}
