package verify

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
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

// checked is a check of temp of a store, which has its mean over time.
func checked(t *testing.T, s Subject, path string, opts ClientOptions) *clientCheck {
	t.Helper()
	ds := s.Store.Dataset()
	main := ds.Arrays[ds.Array("temp")]
	a, err := zarr.OpenArray(s.Store, main.Path, s.Fetch)
	if err != nil {
		t.Fatal(err)
	}
	m, err := a.Reduce(t.Context(), 0, nil, nil, 1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &clientCheck{ClientOptions: opts, path: path, store: s.Store, fetch: s.Fetch, scratch: t.TempDir(), main: main, mean: m.Mean()}
}

func TestClient(t *testing.T) {
	s := built(t, written(t))
	with := func(python string) *clientCheck { return checked(t, s, "store", ClientOptions{Python: python}) }
	c := with("")
	ours, err := decoded(t.Context(), s.Store, s.Fetch, c.main, []int64{nFiles*nTimes - 1, 0, 0}, []int64{1, nY, nX})
	if err != nil {
		t.Fatal(err)
	}
	ours = append(ours, c.mean...)
	but := func(i int, v float64) []float64 {
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
		{"rounded", pretend(t, but(3, ours[3]*(1+1e-7))), Passed, "the same"},
		{"another value of the slice", pretend(t, but(3, ours[3]+1)), Failed, "as value 3 of temp"},
		{"another mean", pretend(t, but(nY*nX, 0)), Failed, "as value 12 of temp where"},
		{"a value that is missing", pretend(t, but(5, math.NaN())), Failed, "reads NaN as value 5"},
		{"too few", pretend(t, ours[1:]), Failed, "fewer than 24 values"},
		{"too many", pretend(t, append(slices.Clone(ours), 1)), Failed, "more than 24 values"},
		{"no Python", filepath.Join(t.TempDir(), "python"), Failed, "no such file"},
	} {
		got, err := with(c.python).check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.Verdict != c.verdict || !strings.Contains(got.Message, c.want) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// pythonWith is a Python that can import modules; the test is skipped when there is none.
func pythonWith(t *testing.T, modules string) string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3:", err)
	}
	if out, err := exec.Command(python, "-c", "import "+modules).CombinedOutput(); err != nil {
		t.Skipf("its python3 can't import %s: %s", modules, out)
	}
	return python
}

// The script itself, in a Python that has what it takes: alone, through a dask scheduler with a worker, and through what
// stands in for dask-gateway's module and starts a cluster on this machine.
func TestClientScript(t *testing.T) {
	python := pythonWith(t, "xarray, kerchunk, numcodecs, fastparquet")
	s, dir := builtIn(t, written(t))
	read := func(t *testing.T, dask, want string) {
		t.Helper()
		got, err := checked(t, s, dir, ClientOptions{Python: python, Dask: dask}).check(t.Context())
		if err != nil || got.Verdict != Passed || !strings.Contains(got.Message, want) {
			t.Error(got, err)
		}
	}
	t.Run("alone", func(t *testing.T) { read(t, "", "the same 24 values") })
	t.Run("dask scheduler", func(t *testing.T) {
		pythonWith(t, "dask.array, distributed")
		address := daskCluster(t, python)
		read(t, address, "dask at "+address+" reads the same")
	})
	t.Run("no dask scheduler", func(t *testing.T) {
		pythonWith(t, "dask.array, distributed")
		t.Setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "500ms")
		got, err := checked(t, s, dir, ClientOptions{Python: python, Dask: "tcp://127.0.0.1:1"}).check(t.Context())
		if phases.ClassOf(err) != phases.IO || !strings.Contains(err.Error(), "tcp://127.0.0.1:1") {
			t.Error(got, err)
		}
	})
	t.Run("dask-gateway", func(t *testing.T) {
		pythonWith(t, "dask.array, distributed")
		module, err := filepath.Abs(filepath.Join("testdata", "gateway"))
		if err != nil {
			t.Fatal(err)
		}
		ended := filepath.Join(t.TempDir(), "ended")
		t.Setenv("PYTHONPATH", module)
		t.Setenv("STANDIN_ENDED", ended)
		for _, address := range []string{"gateway", "https://gateway.example.org"} {
			read(t, address, "dask at "+address+" reads the same")
			said, err := os.ReadFile(ended)
			if err != nil || strings.TrimSpace(string(said)) != strings.TrimPrefix(address, "gateway") {
				t.Errorf("%s: the cluster was ended as %q, %v", address, said, err)
			}
		}
	})
}

// daskCluster starts a scheduler with one worker in processes of their own, and answers its address.
func daskCluster(t *testing.T, python string) string {
	t.Helper()
	cluster := exec.Command(python, "-c", `
from distributed import LocalCluster
if __name__ == "__main__":
    c = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, host="127.0.0.1", protocol="tcp://")
    print(c.scheduler_address, flush=True)
    input()
`)
	stdin, err := cluster.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cluster.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cluster.Process.Kill()
		_ = cluster.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "://") {
			return strings.TrimSpace(lines.Text())
		}
	}
	t.Fatal("the dask cluster did not start")
	return ""
}

func TestNpy(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		shape := rapid.SliceOfN(rapid.Int64Range(1, 5), 0, 4).Draw(r, "shape")
		values := rapid.SliceOfN(rapid.Float64(), int(elements(shape)), int(elements(shape))).Draw(r, "values")
		path := filepath.Join(t.TempDir(), "a.npy")
		var b bytes.Buffer
		if err := writeNpy(&b, shape, values); err != nil || (b.Len()-8*len(values))%64 != 0 {
			r.Fatal(b.Len(), err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			r.Fatal(err)
		}
		if back, err := readNpy(path, int64(len(values))); err != nil || !slices.Equal(back, values) {
			r.Fatal(back, err)
		}
		if _, err := readNpy(path, int64(len(values))+1); err == nil {
			r.Fatal("a value that is not there was read")
		}
	})
}

// NumPy reads what is written.
func TestNpyIsNumPys(t *testing.T) {
	python := pythonWith(t, "numpy")
	path := filepath.Join(t.TempDir(), "a.npy")
	var b bytes.Buffer
	if err := writeNpy(&b, []int64{2, 3}, []float64{1, 2, 3, 4, 5.5, math.Inf(1)}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-c", "import numpy, sys; print(numpy.load(sys.argv[1]).tolist())", path).CombinedOutput()
	if want := "[[1.0, 2.0, 3.0], [4.0, 5.5, inf]]"; err != nil || strings.TrimSpace(string(out)) != want {
		t.Errorf("%s, %v; want %s", out, err, want)
	}
}

func TestLastSlice(t *testing.T) {
	for _, c := range []struct{ shape, start, count []int64 }{
		{[]int64{7}, []int64{0}, []int64{7}},
		{[]int64{9, 5, 4, 3}, []int64{8, 4, 0, 0}, []int64{1, 1, 4, 3}},
		{[]int64{9, 8000, 16000}, []int64{8, 0, 0}, []int64{1, largestSlice / 16000, 16000}},
		{[]int64{2 * largestSlice}, []int64{0}, []int64{largestSlice}},
	} {
		start, count := lastSlice(c.shape)
		if !slices.Equal(start, c.start) || !slices.Equal(count, c.count) {
			t.Errorf("%v: %v %v", c.shape, start, count)
		}
	}
}
