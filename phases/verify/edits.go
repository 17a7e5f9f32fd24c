package verify

import (
	"context"
	"iter"
	"slices"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// decided are the attributes that the plan has from the user: "variable.attribute", and "attribute" of the root. There the plan says
// what is right.
func decided(p *virtual.Plan) map[string]bool {
	out := map[string]bool{}
	for _, n := range p.Notes {
		if n.From == "user" && (n.Decision == "set" || n.Decision == "removed") {
			out[n.Subject] = true
		}
	}
	return out
}

// unedited is a store as it was before the edits that it records, so that it can be held against the plan and the files.
type unedited struct {
	zarr.Store
	dataset virtual.Dataset
	steps   []compute.Step
	now     map[string]string // path in the store, by path in the plan
}

// withoutEdits takes back what has been done to a store since it was made as made says. That the edits have been carried out, and have the
// effect that they should have, is what the result is about; it is nil where there are none. Links are left alone.
func withoutEdits(s zarr.Store, made virtual.Dataset) (*unedited, *Result) {
	ds := s.Dataset()
	steps, err := compute.Steps(ds)
	if err == nil && len(steps) == 0 {
		return &unedited{s, ds, nil, nil}, nil
	}
	result := &Result{Check: "edits", Unit: "edits", Checked: int64(len(steps))}
	var want virtual.Dataset
	if err == nil {
		want, err = compute.Describe(made, steps)
	}
	if err != nil {
		result.add(Fault{Kind: Attribute, Expected: "edits of the store that was made", Found: err.Error()})
		return &unedited{s, ds, steps, nil}, result
	}
	u := &unedited{s, virtual.Dataset{Groups: slices.Clone(ds.Groups)}, steps, map[string]string{}}
	for _, a := range want.Arrays {
		u.now[compute.Origin(steps, a.Path)] = a.Path
	}
	for i := range u.dataset.Groups {
		g := &u.dataset.Groups[i]
		if w, m := group(want, g.Path), group(made, g.Path); w != nil && m != nil {
			g.Attributes = restore(g.Path, g.Attributes, w.Attributes, m.Attributes, result)
		}
	}
	for _, a := range ds.Arrays {
		i := want.Array(a.Path)
		if i < 0 {
			result.add(Fault{Kind: Array, Variable: a.Path, Expected: "no such array after the edits", Found: arrayText(a)})
			continue
		}
		edited, before := &want.Arrays[i], &made.Arrays[made.Array(compute.Origin(steps, a.Path))]
		if !slices.Equal(a.Dimensions, edited.Dimensions) {
			result.add(Fault{Kind: Array, Variable: a.Path, Expected: arrayText(*edited), Found: arrayText(a)})
		}
		a.Path, a.Dimensions = before.Path, before.Dimensions
		a.Attributes = restore(edited.Path, a.Attributes, edited.Attributes, before.Attributes, result)
		u.dataset.Arrays = append(u.dataset.Arrays, a)
	}
	return u, result
}

func group(ds virtual.Dataset, path string) *virtual.Group {
	if i := slices.IndexFunc(ds.Groups, func(g virtual.Group) bool { return g.Path == path }); i >= 0 {
		return &ds.Groups[i]
	}
	return nil
}

// restore gives the attributes in which want, the edited ones, are not those of made the values that they had. Where the store's own
// are others than want's, that is a fault.
func restore(path string, got, want, made []cdm.Attribute, result *Result) []cdm.Attribute {
	out := slices.Clone(got)
	seen := map[string]bool{}
	for _, a := range slices.Concat(want, made) {
		before := cdm.Lookup(made, a.Name)
		if seen[a.Name] || sameValue(cdm.Lookup(want, a.Name), before) {
			continue
		}
		seen[a.Name] = true
		if !sameValue(cdm.Lookup(got, a.Name), cdm.Lookup(want, a.Name)) {
			result.add(Fault{Kind: Attribute, Variable: path, Expected: attributeText(a.Name, want), Found: attributeText(a.Name, got)})
		}
		out = slices.DeleteFunc(out, func(o cdm.Attribute) bool { return o.Name == a.Name })
		if before != nil {
			out = append(out, cdm.Attribute{Name: a.Name, Value: before})
		}
	}
	return out
}

// Dataset describes the store as it was made.
func (u *unedited) Dataset() virtual.Dataset { return u.dataset }

// name is what an array of the plan is called in the store.
func (u *unedited) name(array string) string {
	if now, ok := u.now[array]; ok {
		return now
	}
	return array
}

func (u *unedited) Reference(array string, index int64) (virtual.Reference, bool, error) {
	return u.Store.Reference(u.name(array), index)
}

func (u *unedited) References(ctx context.Context, array string) iter.Seq2[zarr.Row, error] {
	return u.Store.References(ctx, u.name(array))
}

// rename gives faults the names that the store has.
func (u *unedited) rename(results []*Result) {
	for _, r := range results {
		for i := range r.Faults {
			r.Faults[i].Variable = u.name(r.Faults[i].Variable)
		}
	}
}
