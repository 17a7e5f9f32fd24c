package verify

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// What was done to a store later, and stands in its attributes, is no fault; anything else is, under the names that the store has.
func TestEditsOfTheStore(t *testing.T) {
	files := written(t)
	s, path := builtIn(t, files)
	copied := filepath.Join(t.TempDir(), "moved")
	edit := compute.Edit{Steps: []compute.Step{
		{Links: compute.Rewriting{{From: filepath.Dir(files[0]), To: copied}}},
		{RenameVariable: &compute.Rename{From: "temp", To: "air"}},
		{RenameDimension: &compute.Rename{From: "time", To: "t"}},
		{Drop: "lat"},
		{Set: &compute.Setting{Key: "title", Value: "new"}},
		{Set: &compute.Setting{Key: "air.units", Value: "K"}},
		{Set: &compute.Setting{Key: "air.comment", Value: int64(3)}},
		{Remove: "air.comment"},
		{RenameVariable: &compute.Rename{From: "air", To: "lat"}}, // which is free now
	}}
	if _, _, err := compute.Change(t.Context(), path, "", edit); err != nil {
		t.Fatal(err)
	}
	edited, err := stores.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer edited.Close()
	s.Store = edited
	check := func(s Subject, want ...string) {
		t.Helper()
		report, err := s.Check(context.Background(), All, 1)
		if err != nil {
			t.Fatal(err)
		}
		if (report.Verdict == Passed) != (want == nil) {
			t.Errorf("%v: %s", want, report)
		}
		for _, w := range want {
			if !strings.Contains(lines(report), w) {
				t.Errorf("no fault with %q in\n%s", w, report)
			}
		}
	}
	check(s)
	for _, c := range []struct {
		want   string
		change func(d *virtual.Dataset)
	}{
		{`attribute lat: expected units = "K", found units = "C"`, func(d *virtual.Dataset) { set(array(d, "lat"), "units", "C") }},
		{`expected title = "new", found no title`, func(d *virtual.Dataset) {
			d.Groups[0].Attributes = slices.DeleteFunc(d.Groups[0].Attributes, func(a cdm.Attribute) bool { return a.Name == "title" })
		}},
		{"attribute lat of " + files[0] + ": expected no scale_factor", func(d *virtual.Dataset) { set(array(d, "lat"), "scale_factor", 0.1) }},
		{"array time: expected", func(d *virtual.Dataset) { array(d, "time").Dimensions = []string{"time"} }},
		{"array temp: expected no such array after the edits", func(d *virtual.Dataset) { array(d, "lat").Path = "temp" }},
		{"array lat: expected", func(d *virtual.Dataset) {
			d.Arrays = slices.DeleteFunc(d.Arrays, func(a virtual.Array) bool { return a.Path == "lat" })
		}},
		{"edits", func(d *virtual.Dataset) {
			for i, a := range d.Groups[0].Attributes {
				if a.Name == "kerchunk_builder_edits" {
					d.Groups[0].Attributes[i].Value = "rename temp"
				}
			}
		}},
	} {
		check(retell(s, c.change), c.want)
	}

	// By itself the store is held against what its links lead to.
	alone := Subject{Name: s.Name, Store: edited, Fetch: s.Fetch, Open: phases.OpenSource}
	if report, err := alone.Alone(t.Context(), nil, virtual.Rules{}, All, 1); err == nil && report.Verdict == Passed {
		t.Error("nothing is where the links lead, and the store passes")
	}
	if _, _, err := compute.Change(t.Context(), path, "", compute.Edit{Undo: true}); err != nil {
		t.Fatal(err)
	}
	if alone.Store, err = stores.Open(path); err != nil {
		t.Fatal(err)
	}
	report, err := alone.Alone(t.Context(), nil, virtual.Rules{}, All, 1)
	if err != nil || report.Verdict != Passed {
		t.Error(report, err)
	}
}

func set(a *virtual.Array, name string, value any) {
	a.Attributes = slices.DeleteFunc(slices.Clone(a.Attributes), func(x cdm.Attribute) bool { return x.Name == name })
	a.Attributes = append(a.Attributes, cdm.Attribute{Name: name, Value: value})
}
