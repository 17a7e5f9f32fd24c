package verify

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/virtual/cftime"
)

// Metadata holds what the store says of its arrays against the header of every file: types, dimensions, fill values and
// attributes; and the values of coordinates, whole, against those of every file. What the user has changed
// and the attributes of groups, which are joined from those of all files, are held against the plan.
//
// Files are read several at once, and are opened once for this and for the places of their chunks: see [places]. Besides the coordinates of the
// store one header for each of them is in memory.
func Metadata(ctx context.Context, store Store, reader Reader, plan *virtual.Plan, sources Sources) (headers, chunks *Result, err error) {
	m := &metadata{ds: store.Dataset(), places: newPlaces(store, reader, plan, FromPlan(plan), sources), plan: plan, owners: plan.Owners(), sources: sources, decided: decided(plan), known: map[string][]Fault{}}
	rules, err := virtual.ReadRules(plan.Rules)
	if err != nil {
		return nil, nil, err
	}
	m.identical = make(map[string]bool, len(rules.Identical))
	for _, path := range rules.Identical {
		m.identical[path] = true
	}
	result := &Result{Check: "metadata", Unit: "headers", Checked: int64(len(plan.Files))}
	m.groups(result)
	if err := m.coordinates(ctx, reader, result); err != nil {
		return nil, nil, err
	}
	faults, misplaced := make([][]Fault, len(plan.Files)), make([][]Fault, len(plan.Files))
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(statsAtOnce)
	for i := range plan.Files {
		g.Go(func() (err error) {
			if faults[i], misplaced[i], err = m.file(within, i); err != nil {
				err = fmt.Errorf("%s: %w", plan.Files[i].URL, err)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	for _, f := range together(faults) {
		result.add(f)
	}
	result.Accepted = m.accepted.Load()
	chunks = &Result{Check: "places", Unit: "chunks", Checked: m.places.checked.Load()}
	for _, list := range misplaced {
		for _, f := range list {
			chunks.add(f)
		}
	}
	return result, chunks, nil
}

// together joins what is wrong in the same way in many files to one fault, which names the first of them.
func together(faults [][]Fault) []Fault {
	type same struct {
		kind                      Kind
		variable, expected, found string
	}
	var out []Fault
	var files []int
	at := map[same]int{}
	for _, list := range faults {
		for _, f := range list {
			k := same{f.Kind, f.Variable, f.Expected, f.Found}
			if i, ok := at[k]; ok {
				files[i]++
				continue
			}
			at[k] = len(out)
			out, files = append(out, f), append(files, 1)
		}
	}
	for i := range out {
		if files[i] > 1 {
			out[i].Expected += fmt.Sprintf(" as in %d files", files[i])
		}
	}
	return out
}

type metadata struct {
	ds      virtual.Dataset
	plan    *virtual.Plan
	owners  [][]int
	sources Sources
	places  *places
	decided map[string]bool // attributes, by the user: see decided
	boxes   []*box          // by array: the coordinates of the store

	identical map[string]bool // arrays of which the user has said that all files have the same values
	accepted  atomic.Int64    // differences of theirs

	mu    sync.Mutex
	known map[string][]Fault // of variables by their signature: most files are alike
}

// provenance begins the names of the attributes that compute adds.
const provenance = "kerchunk_builder_"

// groups compares the groups and their attributes with the plan's.
func (m *metadata) groups(result *Result) {
	named := func(list []virtual.Group, path string) *virtual.Group {
		if i := slices.IndexFunc(list, func(g virtual.Group) bool { return g.Path == path }); i >= 0 {
			return &list[i]
		}
		return nil
	}
	for _, want := range m.plan.Dataset.Groups {
		got := named(m.ds.Groups, want.Path)
		if got == nil {
			result.add(Fault{Kind: Array, Variable: want.Path, Expected: "a group", Found: "no such group in the store"})
			continue
		}
		own := slices.DeleteFunc(slices.Clone(got.Attributes), func(a cdm.Attribute) bool { return strings.HasPrefix(a.Name, provenance) })
		for _, f := range compareAttributes(want.Path, want.Attributes, own) {
			result.add(f)
		}
	}
	for _, got := range m.ds.Groups {
		if named(m.plan.Dataset.Groups, got.Path) == nil {
			result.add(Fault{Kind: Array, Variable: got.Path, Expected: "no such group in the plan", Found: "a group"})
		}
	}
}

// compareAttributes names what differs, either way.
func compareAttributes(path string, want, got []cdm.Attribute) []Fault {
	var out []Fault
	differ := func(name string) {
		out = append(out, Fault{Kind: Attribute, Variable: path, Expected: attributeText(name, want), Found: attributeText(name, got)})
	}
	for _, a := range want {
		if !sameValue(cdm.Lookup(got, a.Name), a.Value) {
			differ(a.Name)
		}
	}
	for _, a := range got {
		if cdm.Lookup(want, a.Name) == nil {
			differ(a.Name)
		}
	}
	return out
}

// sameValue compares attribute values as JSON holds them; NaN equals NaN.
func sameValue(a, b any) bool { return fmt.Sprintf("%T %#v", a, a) == fmt.Sprintf("%T %#v", b, b) }

// longest is how much of an attribute's text a fault shows.
const longest = 200

func attributeText(name string, list []cdm.Attribute) string {
	var s string
	switch v := cdm.Lookup(list, name).(type) {
	case nil:
		return "no " + name
	case string:
		s = fmt.Sprintf("%s = %q", name, v)
	default:
		s = fmt.Sprintf("%s = %v", name, v)
	}
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "..."
	}
	return s
}

// normal gives attributes the types that they have once JSON has held them.
func normal(list []cdm.Attribute) ([]cdm.Attribute, error) {
	m, err := zarr.NewMetadata(virtual.Dataset{Groups: []virtual.Group{{Attributes: list}}})
	if err != nil {
		return nil, err
	}
	ds, err := m.Dataset()
	if err != nil {
		return nil, err
	}
	return ds.Groups[0].Attributes, nil
}

// file opens one file, and compares its header and its coordinates with the store's, and the places of its chunks.
func (m *metadata) file(ctx context.Context, i int) (differing, misplaced []Fault, err error) {
	url := m.plan.Files[i].URL
	f, err := m.sources.Open(ctx, url)
	if err == nil {
		defer f.Close()
		if differing, err = m.header(ctx, i, f); err == nil {
			misplaced, err = m.places.file(ctx, i, f)
		}
	}
	if err != nil && !transient(ctx, err) {
		return []Fault{{Kind: Source, File: url, Expected: "a file that can be read", Found: err.Error()}}, nil, nil
	}
	return differing, misplaced, err
}

func (m *metadata) header(ctx context.Context, i int, f cdm.File) ([]Fault, error) {
	pf := &m.plan.Files[i]
	header := virtual.NewHeader(pf.URL, pf.Size, pf.MTime, f.Root())
	var out []Fault
	for a := range m.ds.Arrays {
		arr := &m.ds.Arrays[a]
		p := m.plan.Dataset.Array(arr.Path)
		if slices.Contains(pf.Lacks, arr.Path) {
			continue
		}
		v := header.Variable(arr.Path)
		if v == nil {
			out = append(out, Fault{Kind: Source, File: pf.URL, Variable: arr.Path, Expected: "the variable", Found: "no such variable in the file"})
			continue
		}
		lay := &m.plan.Layouts[p]
		faults, err := m.variable(arr, p, v, len(m.owners[p]) > 0 && m.owners[p][0] == i)
		if err != nil {
			return nil, err
		}
		if !unlike(faults) {
			faults = append(slices.Clip(faults), lengths(arr, lay, pf, v)...)
		}
		means := !virtual.IsGridMapping(v) || m.places.owned[p][i] // of other files' it is their attributes that count
		if !unlike(faults) && m.boxes[a] != nil && means {
			differing, err := m.values(ctx, f, a, p, pf)
			if err != nil {
				return nil, err
			}
			if m.identical[arr.Path] && !m.places.owned[p][i] { // the user has taken them for the same
				m.accepted.Add(int64(len(differing)))
				differing = nil
			}
			faults = append(slices.Clip(faults), differing...)
		}
		for _, fault := range faults {
			fault.File = pf.URL
			out = append(out, fault)
		}
	}
	return out, nil
}

// unlike reports whether the values of array and variable can't be compared.
func unlike(faults []Fault) bool {
	return slices.ContainsFunc(faults, func(f Fault) bool { return f.Kind == Array || f.Kind == Type })
}

// lengths compares a variable's shape with what the array has of the file.
func lengths(a *virtual.Array, lay *virtual.Layout, pf *virtual.File, v *virtual.Variable) []Fault {
	want := slices.Clone(a.Grid.Shape)
	for d, axis := range lay.Axes {
		if axis >= 0 {
			want[d] = pf.Length[axis]
		}
	}
	if slices.Equal(want, v.Shape) {
		return nil
	}
	return []Fault{{Kind: Array, Variable: a.Path, Expected: fmt.Sprintf("shape %v of the variable in the file", v.Shape), Found: fmt.Sprintf("room for %v", want)}}
}

// variable compares what a header says of a variable with what the store says of its array. Of the first file that
// holds it all attributes count, of the others those that say what the values mean.
func (m *metadata) variable(a *virtual.Array, p int, v *virtual.Variable, first bool) ([]Fault, error) {
	key := v.Signature()
	if first {
		key = "first " + key
	}
	m.mu.Lock()
	faults, ok := m.known[key]
	m.mu.Unlock()
	if ok {
		return faults, nil
	}
	faults, err := m.compare(a, p, v, first)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.known[key] = faults
	m.mu.Unlock()
	return faults, nil
}

func (m *metadata) compare(a *virtual.Array, p int, v *virtual.Variable, first bool) ([]Fault, error) {
	lay, plan := &m.plan.Layouts[p], &m.plan.Dataset.Arrays[p]
	var out []Fault
	fault := func(k Kind, expected, found string) {
		out = append(out, Fault{Kind: k, Variable: a.Path, Expected: expected, Found: found})
	}
	if len(v.Shape) != len(a.Grid.Shape) || !slices.Equal(v.Dimensions, a.Dimensions) {
		fault(Array, fmt.Sprintf("dimensions %v", v.Dimensions), fmt.Sprintf("dimensions %v", a.Dimensions))
		return out, nil
	}
	if lay.Units == "" && !v.Type.Equal(a.Type) {
		fault(Type, v.Type.String(), a.Type.String())
		return out, nil
	}
	attrs := v.Attributes
	edited := func(name string) bool { return m.decided[a.Path+"."+name] }
	if raw, ok := a.Type.Encode(cdm.Lookup(attrs, "_FillValue")); ok && (v.Type.Equal(a.Type) || lay.Units != "") {
		// It stands as Zarr's fill value; of re-encoded times it is the plan's, which the arrays are held against.
		attrs = slices.DeleteFunc(slices.Clone(attrs), func(x cdm.Attribute) bool { return x.Name == "_FillValue" })
		if lay.Units == "" && !bytes.Equal(raw, a.Fill) && !edited("_FillValue") && !(isNaN(a.Type, raw) && isNaN(a.Type, a.Fill)) {
			fault(Attribute, "_FillValue = "+elementText(a.Type, raw), "fill value "+fillText(a))
		}
	}
	want, err := normal(attrs)
	if err != nil {
		return nil, fmt.Errorf("attributes of %s: %w", a.Path, err)
	}
	want = slices.DeleteFunc(want, func(x cdm.Attribute) bool {
		return edited(x.Name) || !first && !counts(x.Name, cdm.Lookup(a.Attributes, x.Name), x.Value, lay)
	})
	got := slices.DeleteFunc(slices.Clone(a.Attributes), func(x cdm.Attribute) bool {
		return edited(x.Name) || !first && !counts(x.Name, x.Value, cdm.Lookup(want, x.Name), lay)
	})
	if lay.Units != "" {
		want = slices.DeleteFunc(want, func(x cdm.Attribute) bool { return timed(x.Name) })
	}
	for _, x := range plan.Attributes { // what is not the files' but the plan's
		if edited(x.Name) || lay.Units != "" && timed(x.Name) {
			want = append(want, x)
		}
	}
	for _, x := range a.Attributes {
		if edited(x.Name) {
			got = append(got, x)
		}
	}
	return append(out, compareAttributes(a.Path, want, got)...), nil
}

// timed reports whether an attribute of re-encoded times is the plan's.
func timed(name string) bool {
	return slices.Contains([]string{"units", "calendar", "_FillValue", "missing_value"}, name)
}

// counts reports whether an attribute of a file that is not the first has to be the store's: those without which the
// values would be others.
func counts(name string, store, file any, lay *virtual.Layout) bool {
	switch name {
	case "scale_factor", "add_offset", "missing_value", "_FillValue", "_Unsigned":
		return true
	case "units", "calendar": // not stated is no contradiction, nor is the same in other words
		return lay.Units != "" || store != nil && file != nil && !sameTime(name, store, file)
	case "flag_values", "flag_masks", "flag_meanings":
		return store != nil && file != nil
	}
	return false
}

func sameTime(name string, a, b any) bool {
	x, isText := a.(string)
	y, isText2 := b.(string)
	if !isText || !isText2 {
		return false
	}
	if name == "calendar" {
		c, err := cftime.ParseCalendar(x)
		d, err2 := cftime.ParseCalendar(y)
		return err == nil && err2 == nil && c == d
	}
	u, err := cftime.Parse(x, "")
	w, err2 := cftime.Parse(y, "")
	return err == nil && err2 == nil && u.Same(w)
}

func isNaN(t cdm.DType, raw []byte) bool {
	x, err := t.Float64s(raw)
	return t.Kind == cdm.Float && err == nil && len(x) == 1 && x[0] != x[0]
}

func fillText(a *virtual.Array) string {
	if a.Fill == nil {
		return "null"
	}
	return elementText(a.Type, a.Fill)
}
