package verify

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pretend is a Python that answers the given values, whatever it is asked.
func pretend(t *testing.T, values []float64) string {
	t.Helper()
	dir := t.TempDir()
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(v))
	}
	answer, script := filepath.Join(dir, "values"), filepath.Join(dir, "python")
	if err := os.WriteFile(answer, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("#!/bin/sh\nout=$(printf %%s \"$3\" | sed 's/.*\"output\":\"\\([^\"]*\\)\".*/\\1/')\ncp '%s' \"$out\"\necho pretender 1.0\n", answer)
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return script
}

func TestClient(t *testing.T) {
	s := built(t, written(t))
	ds := s.Store.Dataset()
	main := ds.Arrays[ds.Array("temp")]
	m, err := timeMean(t.Context(), s.Store, s.Fetch, main, 0, 1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := readFloats(t.Context(), s.Store, s.Fetch, main, []int64{nFiles*nTimes - 1, 0, 0}, []int64{1, nY, nX})
	if err != nil {
		t.Fatal(err)
	}
	ours = append(ours, m.values...)
	with := func(i int, v float64) []float64 {
		out := slices.Clone(ours)
		out[i] = v
		return out
	}
	for _, c := range []struct {
		name, python string
		verdict      Verdict
		want         string
	}{
		{"the same", pretend(t, ours), Passed, "pretender 1.0 reads the same 24 values of temp"},
		{"rounded", pretend(t, with(3, ours[3]*(1+1e-7))), Passed, "the same"},
		{"another value of the slice", pretend(t, with(3, ours[3]+1)), Failed, "as value 3 of temp"},
		{"another mean", pretend(t, with(nY*nX, 0)), Failed, "as value 12 of temp where"},
		{"a value that is missing", pretend(t, with(5, math.NaN())), Failed, "reads NaN as value 5"},
		{"too few", pretend(t, ours[1:]), Failed, "fewer than 24 values"},
		{"too many", pretend(t, append(slices.Clone(ours), 1)), Failed, "more than 24 values"},
		{"no Python", filepath.Join(t.TempDir(), "python"), Failed, "no such file"},
	} {
		got, err := client{python: c.python}.check(t.Context(), "store", s.Store, s.Fetch, main, m)
		if err != nil {
			t.Fatal(err)
		}
		if got.Verdict != c.verdict || !strings.Contains(got.Message, c.want) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// The script itself, in a Python that has what it takes.
func TestClientScript(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3:", err)
	}
	if out, err := exec.Command(python, "-c", "import xarray, kerchunk, numcodecs, pyarrow").CombinedOutput(); err != nil {
		t.Skipf("its python3 can't open kerchunk stores: %s", out)
	}
	s, dir := builtIn(t, written(t))
	ds := s.Store.Dataset()
	main := ds.Arrays[ds.Array("temp")]
	m, err := timeMean(t.Context(), s.Store, s.Fetch, main, 0, 1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := client{python: python}.check(t.Context(), dir, s.Store, s.Fetch, main, m)
	if err != nil || got.Verdict != Passed {
		t.Error(got, err)
	}
}
