package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cedadev/kerchunk-builder/phases/verify"
)

// A dataset whose parts are combined by several tasks, and whose mean is computed by several: store and mean are those of one process,
// to the byte; the steps are seen and run again as parts are.
func TestStepsOfManyTasks(t *testing.T) {
	kerb := program(t)
	data, err := filepath.Abs(filepath.Join("..", "..", "showcase", "data", "sst-monthly"))
	if err != nil {
		t.Fatal(err)
	}
	define := func(override string) (workdir string) {
		w := t.TempDir()
		kerb("init", "g", "-p", "sst="+data+"/*.nc", "-w", w)
		put(t, filepath.Join(w, "datasets", "sst", "override.yaml"), override)
		return w
	}
	alone := define("record_size: 7\n")
	kerb("run", "all", "sst", "-w", alone)
	want := contents(t, filepath.Join(alone, "datasets", "sst", "stores"))

	w := define("record_size: 7\ncompute: parallel\nparts: 4\ncombines: 3\nreduces: 3\n")
	same := func(when string) {
		t.Helper()
		if got := contents(t, filepath.Join(w, "datasets", "sst", "stores")); !equalContents(got, want) {
			t.Errorf("%s: the store is not that of one process:\n%v\n%v", when, got, want)
		}
		for _, name := range []string{verify.LargePlotFile, verify.MeanFile} {
			ours, err := os.ReadFile(filepath.Join(alone, "datasets", "sst", "test", name))
			if err != nil {
				t.Fatal(err)
			}
			if theirs, err := os.ReadFile(filepath.Join(w, "datasets", "sst", "test", name)); err != nil || string(ours) != string(theirs) {
				t.Errorf("%s: %s is not that of one process (%v)", when, name, err)
			}
		}
	}
	kerb("submit", "g", "-w", w, "--scheduler", "local")
	same("submit")
	status := kerb("status", "g", "-w", w)
	for _, row := range [][]string{{"parts", "4/4"}, {"combine", "3/3"}, {"correct", "1/1"}, {"reduce", "3/3"}, {"test", "1/1"}, {"catalog", "1/1"}} {
		line := ""
		for l := range strings.Lines(status) {
			if f := strings.Fields(l); len(f) > 2 && f[2] == row[0] {
				line = l
			}
		}
		if !strings.Contains(line, " sst ") || !strings.Contains(line, " "+row[1]+" ") {
			t.Errorf("status does not show %s of sst with %s:\n%s", row[0], row[1], status)
		}
	}
	if logs := kerb("logs", "g", "reduce.sst_2", "-w", w); !strings.Contains(logs, "bytes decoded") {
		t.Errorf("the log of a reduction does not say how fast it was:\n%s", logs)
	}
	again := kerb("rerun", "g", "--job", "reduce.sst", "--indices", "1", "-w", w)
	for _, words := range []string{"reduce.sst: run again 1\n", "test.sst: rebuilt", "catalog.sst: rebuilt"} {
		if !strings.Contains(again, words) {
			t.Errorf("the rerun does not say %q:\n%s", words, again)
		}
	}
	same("rerun")
}
