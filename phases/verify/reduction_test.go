package verify

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// computed is a dataset of files in a workdir whose store is there.
func computed(t *testing.T, files []string, override string) *workdirs.Dataset {
	t.Helper()
	w, err := workdirs.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d, err := w.Dataset("set")
	if err != nil {
		t.Fatal(err)
	}
	var sources []workdirs.Source
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, workdirs.Source{URL: f, Size: info.Size(), MTime: info.ModTime()})
	}
	if err := d.Define(workdirs.Definition{Code: "set", Files: len(files)}, sources); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.Path(workdirs.OverrideFile), []byte(override), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := configure.Run(t.Context(), d, configure.Options{Open: phases.OpenSource}); err != nil {
		t.Fatal(err)
	}
	if _, err := compute.Run(t.Context(), d, compute.Options{Open: phases.OpenSource, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	return d
}

// shownOf is what the test phase leaves of a dataset's mean, and its report.
func shownOf(t *testing.T, d *workdirs.Dataset) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range []string{ReportFile, TextFile, LargePlotFile, MeanFile} {
		b, err := os.ReadFile(d.Path(workdirs.TestDir, name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(b)
	}
	return out
}

// A mean that tasks have computed in pieces is that of one process, to the byte, and no chunk is read twice for it; what is missing or
// damaged of the pieces, or was computed of another version of the store, the test computes itself.
func TestMeanByTasks(t *testing.T) {
	const tasks, chunks = 4, nFiles * nTimes
	files := written(t)
	read := 0
	opts := Options{Open: phases.OpenSource, Progress: func(p phases.Progress) {
		if read++; p.Total < p.Done {
			t.Errorf("%d chunks of %d", p.Done, p.Total)
		}
	}}
	test := func(d *workdirs.Dataset) map[string]string {
		t.Helper()
		read = 0
		if _, err := Run(t.Context(), d, opts); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(d.Path(workdirs.TestDir, reductionDir)); err == nil {
			t.Error("pieces are left behind")
		}
		return shownOf(t, d)
	}
	want := test(computed(t, files, ""))
	if read != chunks {
		t.Fatalf("%d chunks are read for the mean, of %d", read, chunks)
	}

	d := computed(t, files, fmt.Sprintf("reduces: %d", tasks))
	if _, err := Reduce(t.Context(), d, tasks, opts); phases.ClassOf(err) != phases.Input {
		t.Errorf("a task too many: %v", err)
	}
	reduce := func(list ...int) (said string) {
		t.Helper()
		for _, task := range list {
			var err error
			if said, err = Reduce(t.Context(), d, task, opts); err != nil {
				t.Fatal(err)
			}
		}
		return said
	}
	pieces := func() []string {
		list, err := filepath.Glob(d.Path(workdirs.TestDir, reductionDir, "*", "*.sums"))
		if err != nil || len(list) == 0 {
			t.Fatal("there are no pieces", err)
		}
		return list
	}
	const of = chunks / tasks // or one more
	for _, c := range []struct {
		name        string
		before      func()
		least, most int // chunks that the test reads itself
	}{
		{"all", func() { reduce(2, 0, 3, 1) }, 0, 0},
		{"some of them twice", func() {
			reduce(0, 1, 2, 3)
			read = 0
			reduce(1, 2)
			if read > 0 {
				t.Errorf("%d chunks are read again", read)
			}
		}, 0, 0},
		{"none", func() {}, chunks, chunks},
		{"one missing", func() { reduce(0, 1, 3) }, of, of + 1},
		{"one damaged", func() {
			reduce(0, 1, 2, 3)
			if err := os.Truncate(pieces()[2], 50); err != nil {
				t.Fatal(err)
			}
		}, 0, 0}, // the count is over when that is found
		{"of another version", func() {
			reduce(0, 1, 2, 3)
			latest, err := d.LatestStore()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(filepath.Join(latest.Path, "temp", "refs.0.parq"), time.Time{}, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}, chunks, chunks},
	} {
		c.before()
		got := test(d)
		if read < c.least || read > c.most {
			t.Errorf("%s: the test reads %d chunks, want %d to %d", c.name, read, c.least, c.most)
		}
		for name, text := range want {
			if got[name] != text {
				t.Errorf("%s: %s differs from that of one process", c.name, name)
			}
		}
	}

	// What can't be read is the test's to report; what may be read another time is tried again.
	if err := os.Truncate(files[4], 400); err != nil {
		t.Fatal(err)
	}
	if said := reduce(0, 1, 2, 3); !strings.Contains(said, files[4]) {
		t.Errorf("a task that can't read %s says only %q", files[4], said)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Reduce(ctx, d, 3, opts); err == nil {
		t.Error("a task that was told to stop ends well")
	}
	if report, err := Run(t.Context(), d, opts); err == nil || report == nil || report.Verdict != Failed {
		t.Errorf("the test of a damaged source: %v", err)
	}
}

// However the boxes lie, any region of the mean is what it is without boxes.
func TestValuesOfTheMean(t *testing.T) {
	s := built(t, written(t))
	a, err := zarr.OpenArray(s.Store, "temp", s.Fetch)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := a.Reduce(t.Context(), 0, nil, nil, 1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	mean := whole.Mean()
	temp := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		cut := func(n int64, label string) []int64 {
			list := []int64{0, n}
			for range rapid.IntRange(0, 2).Draw(t, label) {
				list = append(list, rapid.Int64Range(0, n).Draw(t, "at"))
			}
			slices.Sort(list)
			return slices.Compact(list)
		}
		times, ys, xs := cut(nFiles*nTimes, "times"), cut(nY, "y"), cut(nX, "x")
		dir, err := os.MkdirTemp(temp, "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		r := &reduction{array: a, dir: dir, memory: 1 << 20, columns: (len(ys) - 1) * (len(xs) - 1)}
		for i := range len(times) - 1 {
			for j := range len(ys) - 1 {
				for k := range len(xs) - 1 {
					r.boxes = append(r.boxes, zarr.Box{Start: []int64{times[i], ys[j], xs[k]}, Count: []int64{times[i+1] - times[i], ys[j+1] - ys[j], xs[k+1] - xs[k]}})
				}
			}
		}
		if rapid.Bool().Draw(t, "computed before") {
			if took, err := r.ensure(context.Background(), 0, len(r.boxes)); err != nil || took.Bytes != 8*nFiles*nTimes*nY*nX {
				t.Fatal(took, err)
			}
		}
		y, x := rapid.Int64Range(0, nY-1).Draw(t, "from y"), rapid.Int64Range(0, nX-1).Draw(t, "from x")
		ny, nx := rapid.Int64Range(1, nY-y).Draw(t, "rows"), rapid.Int64Range(1, nX-x).Draw(t, "columns")
		got, err := r.values(context.Background(), []int64{y, x}, []int64{ny, nx})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			if w := mean[(y+int64(i)/nx)*nX+x+int64(i)%nx]; math.Float64bits(v) != math.Float64bits(w) {
				t.Fatalf("value %d is %v, want %v", i, v, w)
			}
		}
		if all, err := r.values(context.Background(), nil, nil); err != nil || !slices.Equal(all, mean) {
			t.Fatal(all, mean, err)
		}
	})
}
