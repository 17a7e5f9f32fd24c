package learn

import (
	"errors"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/profile"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// past makes a dataset with a history, as compute leaves it.
func past(t *testing.T, w *workdirs.Workdir, code, override string, kind profile.Kind, costs ...profile.Cost) {
	t.Helper()
	d, err := w.Dataset(code)
	if err == nil {
		err = d.Define(workdirs.Definition{Code: code}, nil)
	}
	if err == nil {
		err = workdirs.WriteJSON(d.Path(workdirs.ConfigureFile), map[string]any{"kind": kind})
	}
	if err == nil && override != "" {
		err = os.WriteFile(d.Path(workdirs.OverrideFile), []byte(override), 0o644)
	}
	if err == nil {
		err = d.Note("scan", "a note of another form")
	}
	for _, c := range costs {
		err = errors.Join(err, d.Note("compute", map[string]any{"store": "x", "cost": c}))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T) *workdirs.Workdir {
	w, err := workdirs.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

var kind = profile.Kind{Format: "netcdf4", Variables: []string{"sst <f4 zlib"}}

func work(files, references int64) profile.Work {
	return profile.Work{Files: files, Arrays: 4, References: references, Format: "parquet"}
}

func TestLearnFromHistories(t *testing.T) {
	w := open(t)
	first := profile.Cost{Work: work(1000, 1e5), Seconds: 60, Memory: 300e6, Bytes: 3e6}
	second := profile.Cost{Work: work(2000, 2e5), Seconds: 125, Memory: 310e6, Bytes: 6e6}
	slow := first
	slow.Seconds = 9000
	past(t, w, "sst.a", "concat: [time]\nformat: parquet\ndrift: exclude\nmemory: 2G\n", kind, slow, first) // the last counts
	past(t, w, "sst.b", "concat: [time]\nformat: parquet\nattributes: {title: b}\nmemory: 3G\n", kind, second)
	past(t, w, "sst.c", "", kind)
	for code, seconds := range map[string]float64{"sst.a": 30, "sst.b": 10, "sst.c": 1000} { // of which sst.c was not computed
		d, err := w.Dataset(code)
		if err == nil {
			err = d.Note("test", map[string]any{"verdict": "passed", "large_plot_bytes": 1e9, "large_plot_seconds": seconds})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	p, left, err := Run(w, []string{"sst.a", "sst.b", "sst.c"}, "sst")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(left, []string{"sst.c"}) || p.Family != "sst" || !p.Kind.Equal(kind) {
		t.Errorf("left %q, family %q, kind %v", left, p.Family, p.Kind)
	}
	if want := map[string]any{"concat": []any{"time"}, "format": "parquet"}; !reflect.DeepEqual(p.Settings, want) {
		t.Errorf("settings %v, want %v: what both chose, and nothing that gives data up or is about one dataset", p.Settings, want)
	}
	for _, c := range []profile.Cost{first, second} {
		off := func(f profile.Figures) float64 { return math.Abs(math.Log(f.Predict(c.Work).Seconds.Mid / c.Seconds)) }
		if off(p.Figures) > 0.1 || off(profile.BuiltIn()) < 1 {
			t.Errorf("%v: off by e^%.2f, and by e^%.2f before", c, off(p.Figures), off(profile.BuiltIn()))
		}
	}
	if p.Figures.Reading != 50e6 {
		t.Errorf("%.0f bytes a second are read", p.Figures.Reading)
	}
	again, err := profile.Load(w, "sst")
	if err != nil {
		t.Fatal(err)
	}
	digest := again.Digest
	again.Digest = ""
	if !reflect.DeepEqual(*again, p) || digest == "" {
		t.Errorf("read back %+v, written %+v", again, p)
	}
	path, _ := w.ProfilePath("sst")
	before, _ := os.ReadFile(path)
	if _, _, err := Run(w, []string{"sst.c", "sst.b", "sst.a"}, "sst"); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("learned again from the same, the profile has other bytes")
	}
}

func TestLearnRefuses(t *testing.T) {
	w := open(t)
	cost := profile.Cost{Work: work(10, 100), Seconds: 1, Memory: 1e8, Bytes: 1e4}
	past(t, w, "new", "", kind)
	past(t, w, "one", "", kind, cost)
	past(t, w, "other", "", profile.Kind{Format: "netcdf3"}, cost)
	past(t, w, "wrong", "concatt: [time]\n", kind, cost)
	past(t, w, "torn", "", kind, cost)
	d, _ := w.Dataset("torn")
	if err := os.WriteFile(d.Path(workdirs.HistoryFile), []byte("{]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		codes []string
		name  string
		want  string
	}{
		{[]string{"new"}, "p", "none of the datasets has been computed"},
		{[]string{"one", "other"}, "p", "different formats"},
		{[]string{"wrong"}, "p", "concatt"},
		{[]string{"torn"}, "p", "history.ndjson"},
		{[]string{"gone"}, "p", "gone"},
		{[]string{"one"}, "none", "none"},
		{[]string{"one"}, "../p", "../p"},
	} {
		_, _, err := Run(w, c.codes, c.name)
		if err == nil || !strings.Contains(err.Error(), c.want) || phases.ClassOf(err) != phases.Input {
			t.Errorf("%q: %v (%s), want one with %q", c.codes, err, phases.ClassOf(err), c.want)
		}
	}
	if names, err := w.Profiles(); err != nil || len(names) != 0 {
		t.Errorf("profiles %q are there, %v", names, err)
	}
}

func TestDamagedProfile(t *testing.T) {
	w := open(t)
	past(t, w, "one", "", kind, profile.Cost{Work: work(10, 100), Seconds: 1, Memory: 1e8, Bytes: 1e4})
	if _, _, err := Run(w, []string{"one"}, "one"); err != nil {
		t.Fatal(err)
	}
	path, _ := w.ProfilePath("one")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"cut short":     string(good[:len(good)/2]),
		"empty":         "",
		"negative":      strings.Replace(string(good), `"per_file": `, `"per_file": -`, 1),
		"huge":          strings.Replace(string(good), `"base": `, `"base": 9e99`, 1),
		"unknown key":   strings.Replace(string(good), `"name"`, `"names": 1, "name"`, 1),
		"two profiles":  string(good) + string(good),
		"other's name":  strings.Replace(string(good), `"name": "one"`, `"name": "two"`, 1),
		"no figures":    `{"name": "one"}`,
		"not an object": `[]`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := profile.Load(w, "one"); err == nil || phases.ClassOf(err) != phases.Input || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := profile.Load(w, "gone"); err == nil || !strings.Contains(err.Error(), "there are one") {
		t.Errorf("unknown: %v", err)
	}
}
