package compute

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/configure"
)

// Progress counts file by file up to the total that it says from the first, and all parts together tell of as many references as one process.
func TestProgress(t *testing.T) {
	inWorlds(t, func(t *rapid.T, w *world, folder string) {
		var at phases.Progress
		opts := Options{Open: w.open, Version: "1", Progress: func(p phases.Progress) {
			if p.Done != at.Done+1 || at.Done > 0 && p.Total != at.Total || p.References < at.References {
				t.Fatalf("after %+v comes %+v", at, p)
			}
			at = p
		}}
		ended := func(what string) int64 {
			last := at
			if last.Done != last.Total {
				t.Fatalf("%s ends with %+v", what, last)
			}
			at = phases.Progress{}
			return last.References
		}
		conf := configure.Compute{Mode: "serial", Format: "parquet", RecordSize: 7}
		if _, err := Run(context.Background(), w.configured(t, filepath.Join(folder, "serial"), conf), opts); err != nil {
			t.Fatal(err)
		}
		want := ended("serial")
		conf.Mode, conf.Parts = "parallel", rapid.IntRange(1, len(w.plan.Files)).Draw(t, "parts")
		d := w.configured(t, filepath.Join(folder, "parallel"), conf)
		got := int64(0)
		for i := range conf.Parts {
			if err := Part(context.Background(), d, i, opts); err != nil {
				t.Fatal(err)
			}
			got += ended(fmt.Sprintf("part %d", i))
		}
		if got != want {
			t.Fatalf("%d references in parts, and %d in one process", got, want)
		}
	})
}
