package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cedadev/kerchunk-builder/phases/profile"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// A dataset is planned to its end at once only when it is known to be small and nobody has decided how it is computed.
func TestLight(t *testing.T) {
	s := newStage(t, "g")
	w, err := workdirs.Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	o := &orchestra{workdir: w}
	var codes []string
	add := func(code string, files int, bytes int64, override string) {
		t.Helper()
		d, err := w.Dataset(code)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Define(workdirs.Definition{Code: code, Files: files, Bytes: bytes}, nil); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.Path(workdirs.OverrideFile), []byte(override), 0o644); err != nil {
			t.Fatal(err)
		}
		codes = append(codes, code)
	}
	add("small", 3, 1e6, "")
	add("titled", 3, 1e6, "attributes: {title: x}")
	add("most", lightFiles, lightBytes, "")
	add("files", lightFiles+1, 1e6, "")
	add("bytes", 3, lightBytes+1, "")
	add("unmeasured", 3, 0, "")
	add("split", 3, 1e6, "parts: 2")
	add("hungry", 3, 1e6, "memory: 16G")
	add("wrong", 3, 1e6, "nonsense: 1")
	codes = append(codes, "unknown")

	light := func() []string {
		t.Helper()
		needs, err := o.light(codes)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, n := range needs {
			names = append(names, n.Code)
			for _, step := range []scheduler.Step{scheduler.Scan, scheduler.Configure, scheduler.Compute, scheduler.Test, scheduler.Catalog} {
				if r := n.Steps[step]; r.Time <= 0 || r.Memory != lightMemory {
					t.Errorf("%s of %s: %+v", step, n.Code, r)
				}
			}
		}
		return names
	}
	if d := cmp.Diff([]string{"small", "titled", "most"}, light()); d != "" {
		t.Error(d)
	}
	if err := profile.Save(w, profile.Profile{Name: "p", Figures: profile.BuiltIn(), Settings: map[string]any{"compute": "parallel"}}); err != nil {
		t.Fatal(err)
	}
	if names := light(); names != nil {
		t.Errorf("%v are light although a profile says how datasets are computed", names)
	}
}
