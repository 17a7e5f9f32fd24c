package compute

import (
	"path"
	"slices"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Describe answers what steps make of the description of a store. ds stays as it is. Links are no part of a description.
func Describe(ds virtual.Dataset, steps []Step) (virtual.Dataset, error) {
	d := description{virtual.Dataset{Groups: slices.Clone(ds.Groups), Arrays: slices.Clone(ds.Arrays)}}
	if len(d.Groups) == 0 || d.Groups[0].Path != "" {
		d.Groups = slices.Insert(d.Groups, 0, virtual.Group{})
	}
	for _, s := range steps {
		if err := d.apply(s); err != nil {
			return virtual.Dataset{}, err
		}
	}
	return d.Dataset, nil
}

// description is a dataset that is being edited. Its lists are its own, what they hold is not.
type description struct{ virtual.Dataset }

func refuse(format string, a ...any) error { return phases.Errorf(phases.Input, "", format, a...) }

func (d *description) apply(s Step) error {
	switch {
	case s.Links != nil:
		for _, l := range s.Links {
			if l.From == "" || l.To == "" || l.From == l.To {
				return refuse("links from %q to %q: give two different prefixes", l.From, l.To)
			}
		}
		return nil
	case s.Drop != "":
		i := d.Array(s.Drop)
		if i < 0 {
			return refuse("drop: no variable %s", s.Drop)
		}
		d.Arrays = slices.Delete(d.Arrays, i, i+1)
		return nil
	case s.RenameVariable != nil:
		return d.renameVariable(*s.RenameVariable)
	case s.RenameDimension != nil:
		return d.renameDimension(*s.RenameDimension)
	case s.Set != nil:
		return d.set(s.Set.Key, s.Set.Value)
	}
	return d.remove(s.Remove)
}

func (d *description) renameVariable(r Rename) error {
	i := d.Array(r.From)
	switch {
	case i < 0:
		return refuse("rename: no variable %s", r.From)
	case path.Dir(r.To) != path.Dir(r.From):
		return refuse("rename: %s can't be moved to another group: %s", r.From, r.To)
	case d.Array(r.To) >= 0 || slices.ContainsFunc(d.Groups, func(g virtual.Group) bool { return g.Path == r.To }):
		return refuse("rename: there is a variable or a group %s already", r.To)
	}
	d.Arrays[i].Path = r.To
	for k := range d.Arrays {
		if a := &d.Arrays[k]; path.Dir(a.Path) == path.Dir(r.To) {
			for _, attribute := range mentions {
				replaceWord(a, attribute, path.Base(r.From), path.Base(r.To))
			}
		}
	}
	return nil
}

// mentions are the attributes in which variables name others of their group (CF conventions, appendix A).
var mentions = []string{"coordinates", "bounds", "climatology", "grid_mapping", "ancillary_variables", "cell_measures", "formula_terms"}

// replaceWord replaces a word of an attribute's text.
func replaceWord(a *virtual.Array, attribute, from, to string) {
	k := slices.IndexFunc(a.Attributes, func(x cdm.Attribute) bool { return x.Name == attribute })
	if k < 0 {
		return
	}
	text, _ := a.Attributes[k].Value.(string)
	words := strings.Fields(text)
	if !slices.Contains(words, from) {
		return
	}
	for w := range words {
		if words[w] == from {
			words[w] = to
		}
	}
	a.Attributes = slices.Clone(a.Attributes)
	a.Attributes[k].Value = strings.Join(words, " ")
}

func (d *description) renameDimension(r Rename) error {
	found := false
	for i := range d.Arrays {
		a := &d.Arrays[i]
		if slices.Contains(a.Dimensions, r.To) {
			return refuse("rename: variable %s has a dimension %s already", a.Path, r.To)
		}
		a.Dimensions = slices.Clone(a.Dimensions)
		for k := range a.Dimensions {
			if a.Dimensions[k] == r.From {
				a.Dimensions[k], found = r.To, true
			}
		}
	}
	if !found || r.To == "" {
		return refuse("rename: no dimension %s can be named %q", r.From, r.To)
	}
	for i := range d.Arrays {
		replaceWord(&d.Arrays[i], "cell_methods", r.From+":", r.To+":") // CF conventions, 7.3
	}
	return nil
}

func (d *description) set(key string, value any) error {
	list, name, err := d.attributes(key)
	if err != nil {
		return err
	}
	out := slices.Clone(*list)
	if i := slices.IndexFunc(out, func(a cdm.Attribute) bool { return a.Name == name }); i >= 0 {
		out[i].Value = value
	} else {
		out = append(out, cdm.Attribute{Name: name, Value: value})
	}
	*list = out
	return nil
}

func (d *description) remove(key string) error {
	list, name, err := d.attributes(key)
	if err != nil {
		return err
	}
	out := slices.DeleteFunc(slices.Clone(*list), func(a cdm.Attribute) bool { return a.Name == name })
	if len(out) == len(*list) {
		return refuse("remove: there is no attribute %s", key)
	}
	*list = out
	return nil
}

// attributes finds the list that key, "attr" or "variable.attr", belongs to. The longest path that is a variable's counts,
// since names may hold dots.
func (d *description) attributes(key string) (list *[]cdm.Attribute, name string, err error) {
	for i := strings.LastIndexByte(key, '.'); i > 0; i = strings.LastIndexByte(key[:i], '.') {
		if a := d.Array(key[:i]); a >= 0 && i+1 < len(key) {
			list, name = &d.Arrays[a].Attributes, key[i+1:]
			break
		}
	}
	if list == nil {
		list, name = &d.Groups[0].Attributes, key
		if variable, _, ok := strings.Cut(key, "."); ok && cdm.Lookup(*list, key) == nil {
			return nil, "", phases.Errorf(phases.Input, "see the variables with `kerb inspect`", "%s: no variable %s", key, variable)
		}
	}
	switch name {
	case "", "_ARRAY_DIMENSIONS", "_FillValue", editsAttribute, planAttribute, skippedAttribute, sourcesAttribute, versionAttribute:
		return nil, "", phases.Errorf(phases.Input, "", "the attribute %q can't be changed: it is part of the store's structure or provenance", key)
	}
	return list, name, nil
}
