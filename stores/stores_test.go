package stores

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/codecs"
	"github.com/cedadev/kerchunk-builder/stores/refjson"
	"github.com/cedadev/kerchunk-builder/stores/refparquet"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// example is a store over one data file, in both kinds, with what the readers have trouble with: missing
// chunks, inline chunks, a scalar, a nested group, edge chunks, several records, filters, odd attributes.
type example struct {
	data, parquet, json string
	dataset             virtual.Dataset
}

func deflated(t testing.TB, size int) []codecs.Codec {
	var list []codecs.Codec
	for _, config := range []map[string]any{{"id": "shuffle", "elementsize": float64(size)}, {"id": "zlib", "level": float64(1)}} {
		c, err := codecs.FromConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

func makeExample(t testing.TB) example {
	dir := t.TempDir()
	e := example{data: filepath.Join(dir, "data.bin"), parquet: filepath.Join(dir, "s.parq"), json: filepath.Join(dir, "s.json")}
	f4, i2, f8 := cdm.DType{Kind: cdm.Float, Size: 4}, cdm.DType{Kind: cdm.Int, Size: 2}, cdm.DType{Kind: cdm.Float, Size: 8}
	e.dataset = virtual.Dataset{
		Groups: []virtual.Group{{Attributes: []cdm.Attribute{{Name: "title", Value: "Éxample <&> \"x\""}, {Name: "inf", Value: math.Inf(1)}}}},
		Arrays: []virtual.Array{
			{Path: "time", Type: f8, Grid: virtual.Grid{Shape: []int64{250}, Chunks: []int64{250}}, Dimensions: []string{"time"},
				Attributes: []cdm.Attribute{{Name: "units", Value: "days since 2000-01-01"}, {Name: "calendar", Value: "standard"}}},
			{Path: "tas", Type: f4, Grid: virtual.Grid{Shape: []int64{250, 3, 5}, Chunks: []int64{1, 2, 5}}, Dimensions: []string{"time", "y", "x"}, Codecs: deflated(t, 4),
				Fill: binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.NaN()))), Attributes: []cdm.Attribute{{Name: "valid_max", Value: float32(0.1)}, {Name: "flags", Value: []int16{1, 2}}}},
			{Path: "count", Type: i2, Grid: virtual.Grid{Shape: []int64{250}, Chunks: []int64{7}}, Dimensions: []string{"time"}, Fill: []byte{0xff, 0xff},
				Attributes: []cdm.Attribute{{Name: "scale_factor", Value: 0.5}}},
			{Path: "crs", Type: cdm.DType{Kind: cdm.Int, Size: 4}, Grid: virtual.Grid{Shape: []int64{}, Chunks: []int64{}}, Dimensions: []string{}, Attributes: []cdm.Attribute{{Name: "name", Value: "latlon"}}},
			{Path: "empty", Type: f4, Grid: virtual.Grid{Shape: []int64{250}, Chunks: []int64{100}}, Dimensions: []string{"time"}, Fill: binary.LittleEndian.AppendUint32(nil, math.Float32bits(-1))},
			{Path: "nothing", Type: f4, Grid: virtual.Grid{Shape: []int64{0, 5}, Chunks: []int64{1, 5}}, Dimensions: []string{"none", "x"}},
			{Path: "g/h/deep", Type: f8, Grid: virtual.Grid{Shape: []int64{4}, Chunks: []int64{3}}, Dimensions: []string{"n"}},
		},
	}
	w, err := refparquet.Create(e.parquet, e.dataset.Arrays, refparquet.Options{RecordSize: 100})
	if err != nil {
		t.Fatal(err)
	}
	var data bytes.Buffer
	data.WriteString("head")
	for i, a := range e.dataset.Arrays {
		n := a.Type.Size
		for _, c := range a.Grid.Chunks {
			n *= int(c)
		}
		for k := range a.Grid.Count() {
			if a.Path == "empty" || k%17 == 5 {
				if err := w.Missing(i, k, 1); err != nil {
					t.Fatal(err)
				}
				continue
			}
			chunk := make([]byte, n)
			for j := 0; j < n; j += a.Type.Size {
				v := float64(k*10 + int64(j/a.Type.Size))
				switch {
				case a.Type.Kind == cdm.Float && a.Type.Size == 4:
					binary.LittleEndian.PutUint32(chunk[j:], math.Float32bits(float32(v)))
				case a.Type.Kind == cdm.Float:
					binary.LittleEndian.PutUint64(chunk[j:], math.Float64bits(v))
				case a.Type.Size == 4:
					binary.LittleEndian.PutUint32(chunk[j:], uint32(v))
				default:
					binary.LittleEndian.PutUint16(chunk[j:], uint16(v))
				}
			}
			if chunk, err = codecs.Encode(a.Codecs, chunk); err != nil {
				t.Fatal(err)
			}
			ref := virtual.Reference{URL: e.data, Offset: int64(data.Len()), Size: int64(len(chunk))}
			if a.Path == "time" || k%13 == 3 {
				ref = virtual.Reference{Inline: chunk}
			} else {
				data.Write(chunk)
			}
			if err := w.Put(i, k, ref); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := refparquet.WriteMetadata(e.parquet, e.dataset, 100); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(e.data, data.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := Open(e.parquet)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f, err := os.Create(e.json)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := refjson.Write(t.Context(), f, s); err != nil {
		t.Fatal(err)
	}
	return e
}

// fetchFile is a Fetch of local files.
func fetchFile(_ context.Context, url string, off, size int64) ([]byte, error) {
	f, err := os.Open(url)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, size)
	_, err = f.ReadAt(b, off)
	return b, err
}

// content is all that a store says: its metadata, and each array's bytes.
func content(t testing.TB, path string) map[string]string {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m, err := zarr.NewMetadata(s.Dataset())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range m {
		out[e.Key] = string(e.JSON)
	}
	for _, a := range s.Dataset().Arrays {
		x, err := zarr.OpenArray(s, a.Path, fetchFile)
		if err != nil {
			t.Fatal(err)
		}
		b, err := x.Read(t.Context(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		out[a.Path] = string(b)
	}
	return out
}

func TestBothKindsAreOneStore(t *testing.T) {
	e := makeExample(t)
	if d := cmp.Diff(content(t, e.parquet), content(t, e.json)); d != "" {
		t.Fatal(d)
	}
	if _, err := Open(filepath.Dir(e.data)); err == nil {
		t.Error("a folder without .zmetadata was opened")
	}
	if _, err := Open(e.data); err == nil {
		t.Error("a file that is no store was opened")
	}
}

// productionStore is a store that kerchunk wrote, in a public repository (cedadev/padocc), where the
// shared test data lie beside the checkout.
func productionStore(t *testing.T) string {
	top, err := filepath.Abs("../../shared/corpus/stores/ESACCI-SEAICE-L3C-SITHICK-RA2_ENVISAT-NH25KMEASE2-200210-201203-fv2.0/kerchunk-kr1.0.parq")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(top); err != nil {
		t.Skipf("no production store beside the checkout: %v", err)
	}
	return top
}

func TestKerchunksOwnStore(t *testing.T) {
	top := productionStore(t)
	s, err := Open(top)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	byPath := map[string]virtual.Array{}
	for _, a := range s.Dataset().Arrays {
		byPath[a.Path] = a
	}
	count := func(path string) (n int64) {
		last := int64(-1)
		for r, err := range s.References(t.Context(), path) {
			if err != nil {
				t.Fatal(err)
			}
			if r.Index <= last || r.Index >= byPath[path].Grid.Count() {
				t.Fatalf("%s: %d after %d", path, r.Index, last)
			}
			last = r.Index
			n++
		}
		return n
	}
	if got := count("sea_ice_thickness"); got != byPath["sea_ice_thickness"].Grid.Count() {
		t.Errorf("sea_ice_thickness has %d references of %d", got, byPath["sea_ice_thickness"].Grid.Count())
	}
	// Its fault: shape [69], and no reference at all.
	if got := count("Lambert_Azimuthal_Grid"); got != 0 || byPath["Lambert_Azimuthal_Grid"].Grid.Shape[0] != 69 {
		t.Errorf("Lambert_Azimuthal_Grid has %d references", got)
	}
	x, err := zarr.OpenArray(s, "time", fetchFile)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x.Read(t.Context(), nil, nil)
	if err != nil || len(b) != 69*8 {
		t.Fatalf("%d bytes of time, %v", len(b), err)
	}
	// Over JSON and back nothing is lost.
	var one bytes.Buffer
	if err := refjson.Write(t.Context(), &one, s); err != nil {
		t.Fatal(err)
	}
	if !json.Valid(one.Bytes()) {
		t.Error("not strict JSON")
	}
	j, err := refjson.Read(&one)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range s.Dataset().Arrays {
		var rows [2][]zarr.Row
		for i, from := range []zarr.Store{s, j} {
			for r, err := range from.References(t.Context(), a.Path) {
				if err != nil {
					t.Fatal(err)
				}
				rows[i] = append(rows[i], r)
			}
		}
		if d := cmp.Diff(rows[0], rows[1]); d != "" {
			t.Fatalf("%s: %s", a.Path, d)
		}
	}
}

// oracle runs a Python script where kerchunk, fsspec, xarray, zarr and fastparquet are.
func oracle(t *testing.T, script string, args ...string) string {
	t.Helper()
	run := os.Getenv("KERB_ORACLE")
	if run == "" {
		run, _ = filepath.Abs("../../shared/oracle/run")
	}
	if _, err := os.Stat(run); err != nil {
		t.Skipf("no oracle (KERB_ORACLE, or ../shared/oracle/run beside the checkout): %v", err)
	}
	if out, err := exec.CommandContext(t.Context(), run, "python3", "-c", "import xarray, fsspec, fastparquet").CombinedOutput(); err != nil {
		t.Skipf("the oracle doesn't run: %v: %s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), run, append([]string{"python3", "-c", script}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// readAll prints, for every array of a store, its raw values as xarray reads them through fsspec, and its attributes.
const readAll = `
import sys, json, warnings, hashlib
import numpy as np, xarray as xr
warnings.filterwarnings("ignore")
out = {}
for group in (None, "g/h"):
    ds = xr.open_dataset("reference://", engine="zarr", group=group, decode_cf=False, chunks=None, backend_kwargs={"consolidated": False, "storage_options": {"fo": sys.argv[1], "remote_protocol": "file"}})
    out[group or ""] = {k: repr(v) for k, v in ds.attrs.items()}
    for name in ds.variables:
        v = ds[name]
        out[(group + "/" if group else "") + name] = [str(v.dtype), list(v.shape), list(v.dims), np.ascontiguousarray(v.values).tobytes().hex(), {k: repr(a) for k, a in v.attrs.items()}]
# The kerchunk engine decodes whatever it is told.
decoded = xr.open_dataset(sys.argv[1], engine="kerchunk", chunks=None, storage_options={"remote_protocol": "file"})
out["decoded"] = [str(decoded.time.values[1]), float(decoded["count"].values[1])]
print(json.dumps(out))
`

// Users' readers see what we do: xarray over fsspec, which reads parquet by fastparquet.
func TestXarrayReadsBothKinds(t *testing.T) {
	e := makeExample(t)
	for _, path := range []string{e.parquet, e.json} {
		out := oracle(t, readAll, path)
		var got map[string]any
		if err := json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &got); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		want := content(t, path)
		for _, a := range e.dataset.Arrays {
			v, ok := got[a.Path].([]any)
			if !ok {
				t.Errorf("%s: xarray doesn't see %s", path, a.Path)
				continue
			}
			if hex := fmt.Sprintf("%x", want[a.Path]); v[3] != hex {
				t.Errorf("%s: %s differs", path, a.Path)
			}
			if fmt.Sprint(v[1]) != fmt.Sprint(a.Grid.Shape) || fmt.Sprint(v[2]) != fmt.Sprint(a.Dimensions) {
				t.Errorf("%s: %s has shape %v, dimensions %v", path, a.Path, v[1], v[2])
			}
		}
		attrs := got["tas"].([]any)[4].(map[string]any)
		if attrs["valid_max"] != "0.10000000149011612" || attrs["flags"] != "[1, 2]" || attrs["_FillValue"] != "np.float32(nan)" {
			t.Errorf("%s: attributes of tas: %v", path, attrs)
		}
		if top := got[""].(map[string]any); top["inf"] != "inf" || top["title"] != `'Éxample <&> "x"'` {
			t.Errorf("%s: global attributes: %v", path, top)
		}
		if d := fmt.Sprint(got["decoded"]); d != "[2000-01-02T00:00:00.000000000 0.5]" {
			t.Errorf("%s: decoded %s", path, d)
		}
	}
}

// The digest tells a store from an edited one, and is that of the bytes.
func TestDigest(t *testing.T) {
	e := makeExample(t)
	for path, name := range map[string]string{e.json: e.json, e.parquet: filepath.Join(e.parquet, ".zmetadata")} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Digest(path)
		if want := fmt.Sprintf("%x", sha256.Sum256(b)); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", path, got, err, want)
		}
	}
	if _, err := Digest(filepath.Dir(e.json)); err == nil {
		t.Error("a folder that is no store has a digest")
	}
}
