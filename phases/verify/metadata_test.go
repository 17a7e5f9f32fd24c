package verify

import (
	"slices"
	"strings"
	"testing"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// retold is a store that describes itself differently.
type retold struct {
	zarr.Store
	dataset virtual.Dataset
}

func (r retold) Dataset() virtual.Dataset { return r.dataset }

// retell changes what a store says of itself, on a copy.
func retell(s Subject, change func(d *virtual.Dataset)) Subject {
	ds := s.Store.Dataset()
	ds.Groups, ds.Arrays = slices.Clone(ds.Groups), slices.Clone(ds.Arrays)
	for i := range ds.Groups {
		ds.Groups[i].Attributes = slices.Clone(ds.Groups[i].Attributes)
	}
	for i := range ds.Arrays {
		ds.Arrays[i].Attributes = slices.Clone(ds.Arrays[i].Attributes)
		ds.Arrays[i].Dimensions = slices.Clone(ds.Arrays[i].Dimensions)
	}
	change(&ds)
	s.Store = retold{s.Store, ds}
	return s
}

func array(d *virtual.Dataset, path string) *virtual.Array { return &d.Arrays[d.Array(path)] }

func TestWrongMetadata(t *testing.T) {
	s := built(t, written(t))
	for _, c := range []struct {
		name, want string
		change     func(d *virtual.Dataset)
	}{
		{"a scale factor that no file has", "attribute temp of ", func(d *virtual.Dataset) {
			array(d, "temp").Attributes = append(array(d, "temp").Attributes, cdm.Attribute{Name: "scale_factor", Value: 0.1})
		}},
		{"an attribute that the first file lacks", "expected no comment, found comment", func(d *virtual.Dataset) {
			array(d, "lat").Attributes = append(array(d, "lat").Attributes, cdm.Attribute{Name: "comment", Value: "none"})
		}},
		{"no unit of time", `expected units = "hours since 2000-01-01`, func(d *virtual.Dataset) { array(d, "time").Attributes = nil }},
		{"another fill value", "array temp: expected fill value null, found fill value 0", func(d *virtual.Dataset) { array(d, "temp").Fill = make([]byte, 8) }},
		{"another dimension", "expected >f4 [y] of shape", func(d *virtual.Dataset) { array(d, "lat").Dimensions[0] = "x" }},
		{"another type", "array lat: expected >f4", func(d *virtual.Dataset) { array(d, "lat").Type.Big = false }},
		{"an attribute of the root", "expected no title, found title", func(d *virtual.Dataset) {
			d.Groups[0].Attributes = append(d.Groups[0].Attributes, cdm.Attribute{Name: "title", Value: "x"})
		}},
	} {
		report, err := retell(s, c.change).Check(t.Context(), 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		if report.Verdict != Failed || !strings.Contains(lines(report), c.want) {
			t.Errorf("%s: no fault with %q in\n%s", c.name, c.want, report)
		}
	}
}

// What the user has asked for is no fault, and what he has asked for and the store lacks is one.
func TestEditsOfTheUser(t *testing.T) {
	s := built(t, written(t))
	plan := *s.Plan
	plan.Dataset.Arrays = slices.Clone(plan.Dataset.Arrays)
	array(&plan.Dataset, "temp").Attributes = []cdm.Attribute{{Name: "units", Value: "K"}}
	plan.Notes = append(slices.Clone(plan.Notes), virtual.Note{Subject: "temp.units", Decision: "set", From: "user"})
	s.Plan = &plan
	report, err := s.Check(t.Context(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(lines(report), `expected units = "K" as in 5 files, found no units`) {
		t.Error(report)
	}
	told := retell(s, func(d *virtual.Dataset) { array(d, "temp").Attributes = []cdm.Attribute{{Name: "units", Value: "K"}} })
	if report, err = told.Check(t.Context(), 0, 1); err != nil || report.Verdict != Passed {
		t.Error(report, err)
	}
}

// A coordinate is compared with every file: not one in the middle of many is missed, whatever the sample of values.
func TestCoordinatesOfEveryFile(t *testing.T) {
	a := newArchive(t)
	for i := range nFiles {
		a.refs["time"][0].Inline[4*(3*i+1)+3] ^= 1
		result, _, err := Metadata(t.Context(), a, a, &a.plan, a)
		if err != nil {
			t.Fatal(err)
		}
		found(t, result, []string{"value time of " + fileName(i), "1 of 3 elements differ"})
		a.refs["time"][0].Inline[4*(3*i+1)+3] ^= 1
	}
	// The latitudes of one file, which are stored once, of the first.
	a.files["day3.nc"] = append([]byte(nil), a.files["day3.nc"]...)
	f, err := a.Open(t.Context(), "day3.nc")
	if err != nil {
		t.Fatal(err)
	}
	for c, err := range f.Chunks(t.Context(), f.Root().Variable("lat")) {
		if err != nil {
			t.Fatal(err)
		}
		a.files["day3.nc"][c.Offset+2] ^= 4
	}
	result, _, err := Metadata(t.Context(), a, a, &a.plan, a)
	if err != nil {
		t.Fatal(err)
	}
	found(t, result, []string{"value lat of day3.nc", "element [0]"})
}
