package compute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/stores/refjson"
	"github.com/cedadev/kerchunk-builder/stores/refparquet"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// editsAttribute of a store lists what has been done to it since its references were made, one edit a line.
const editsAttribute = "kerchunk_builder_edits"

// Edit is what is changed in a finished store, in the order of the fields.
type Edit struct {
	Links            []configure.Links // prefixes of urls to replace
	Undo             bool              // the last replacement of a prefix, as the store's attributes have it
	Drop             []string          // variables
	RenameVariables  []Rename          // paths; a variable stays in its group
	RenameDimensions []Rename          // names, in the whole store
	Set              []Setting         // attributes
	Remove           []string          // attributes: "attr" or "variable.attr"

	Check int // how many of the files that it links to are opened before the store is published
}

// Rename gives what is called From the name To.
type Rename struct{ From, To string }

// Setting sets an attribute, "attr" of the store or "variable.attr".
type Setting struct {
	Key   string
	Value any
}

// Change edits the store at src and writes the result to dst, which is src or free. The new store is made beside dst and published in one
// step; when anything fails nothing is changed. An edit of a workdir's store goes into the dataset's history. It answers
// the edits as the store's attributes list them, and how many links have been checked.
func Change(ctx context.Context, src, dst string, e Edit) (edits []string, checked int, err error) {
	if src, err = filepath.EvalSymlinks(src); err != nil {
		if restored := workdirs.Restore(filepath.Clean(src)); restored != nil {
			return nil, 0, &phases.Error{Class: phases.IO, Err: errors.Join(err, restored)}
		}
		return nil, 0, &phases.Error{Class: phases.Input, Err: err}
	}
	if dst == "" {
		dst = src
	}
	if dst = filepath.Clean(dst); dst != src {
		if _, err := os.Lstat(dst); !errors.Is(err, fs.ErrNotExist) {
			return nil, 0, phases.Errorf(phases.Input, "remove it, or choose another name", "%s is there already", dst)
		}
	}
	s, err := stores.Open(src)
	if err != nil {
		return nil, 0, &phases.Error{Class: phases.Input, Err: err}
	}
	defer s.Close()
	v, done, err := e.apply(s)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", src, err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dst), "."+filepath.Base(dst)+".editing-*")
	if err != nil {
		return nil, 0, &phases.Error{Class: phases.IO, Err: err}
	}
	defer os.RemoveAll(temp)
	made := filepath.Join(temp, filepath.Base(dst))
	if folder, ok := s.(*refparquet.Reader); ok {
		err = v.writeFolder(ctx, src, made, folder.RecordSize())
	} else {
		err = workdirs.WriteFile(made, func(w io.Writer) error { return refjson.Write(ctx, w, v) })
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", src, err)
	}
	if len(v.links) > 0 && v.rewritten == 0 {
		return nil, 0, phases.Errorf(phases.Input, "see its links with `kerb inspect`", "%s: no link begins with %s", src, v.links[len(v.links)-1].From)
	}
	if e.Check > 0 {
		m, err := stores.Open(made)
		if err != nil {
			return nil, 0, err
		}
		checked, err = probe(ctx, m, e.Check)
		if err = errors.Join(err, m.Close()); err != nil {
			return nil, checked, fmt.Errorf("%s was left as it is: %w", src, err)
		}
	}
	if err := publishEdited(made, src, dst); err != nil {
		return nil, checked, &phases.Error{Class: phases.IO, Err: err}
	}
	if d, ok := workdirs.DatasetOf(dst); ok {
		if err := d.Note("edit", map[string]any{"store": d.Rel(dst), "edits": done}); err != nil {
			return done, checked, &phases.Error{Class: phases.IO, Err: err}
		}
	}
	return done, checked, nil
}

func publishEdited(made, src, dst string) error {
	if dst != src {
		return workdirs.PublishDir(made, dst)
	}
	if info, err := os.Stat(made); err != nil {
		return err
	} else if info.IsDir() {
		return workdirs.ReplaceDir(made, dst)
	}
	if err := os.Rename(made, dst); err != nil {
		return err
	}
	return workdirs.SyncDir(filepath.Dir(dst))
}

// view is a store as an edit makes it.
type view struct {
	zarr.Store
	dataset   virtual.Dataset
	origin    map[string]string // path in the original store, by path
	links     []configure.Links
	url       func(string) (string, error)
	rewritten int64
}

// apply works out what the edit makes of a store, and lists what it does.
func (e Edit) apply(s zarr.Store) (*view, []string, error) {
	refuse := func(format string, a ...any) error { return phases.Errorf(phases.Input, "", format, a...) }
	old := s.Dataset()
	v := &view{Store: s, dataset: virtual.Dataset{Groups: slices.Clone(old.Groups), Arrays: slices.Clone(old.Arrays)}, origin: map[string]string{}}
	if len(v.dataset.Groups) == 0 || v.dataset.Groups[0].Path != "" {
		v.dataset.Groups = slices.Insert(v.dataset.Groups, 0, virtual.Group{})
	}
	root := &v.dataset.Groups[0]
	past := editsOf(root.Attributes)
	var done []string
	v.links = slices.Clone(e.Links)
	for _, l := range e.Links {
		if l.From == "" || l.To == "" || l.From == l.To {
			return nil, nil, refuse("links from %q to %q: give two different prefixes", l.From, l.To)
		}
		done = append(done, describeLinks(l))
	}
	if e.Undo {
		if len(past) == 0 {
			return nil, nil, refuse("no link has been rewritten")
		}
		last, ok := parseLinks(past[len(past)-1])
		if !ok {
			return nil, nil, refuse("the last edit was no rewriting of links: %s", past[len(past)-1])
		}
		past = past[:len(past)-1]
		v.links = append(v.links, configure.Links{From: last.To, To: last.From})
	}
	v.url = rewriter(v.links)
	for _, p := range e.Drop {
		i := v.dataset.Array(p)
		if i < 0 {
			return nil, nil, refuse("drop: no variable %s", p)
		}
		v.dataset.Arrays = slices.Delete(v.dataset.Arrays, i, i+1)
		done = append(done, "drop "+p)
	}
	for _, a := range v.dataset.Arrays {
		v.origin[a.Path] = a.Path
	}
	for _, r := range e.RenameVariables {
		i := v.dataset.Array(r.From)
		to := path.Join(path.Dir(r.From), path.Base(r.To))
		switch {
		case i < 0:
			return nil, nil, refuse("rename: no variable %s", r.From)
		case r.To != path.Base(r.To) && r.To != to:
			return nil, nil, refuse("rename: %s can't be moved to another group: %s", r.From, r.To)
		case v.dataset.Array(to) >= 0:
			return nil, nil, refuse("rename: there is a variable %s already", to)
		}
		v.dataset.Arrays[i].Path = to
		v.origin[to] = v.origin[r.From]
		delete(v.origin, r.From)
		v.renameMentions(path.Dir(r.From), path.Base(r.From), path.Base(to))
		done = append(done, "rename variable "+r.From+" to "+to)
	}
	for _, r := range e.RenameDimensions {
		if err := v.renameDimension(r); err != nil {
			return nil, nil, err
		}
		done = append(done, "rename dimension "+r.From+" to "+r.To)
	}
	for _, set := range e.Set {
		list, name, err := v.attributes(set.Key)
		if err != nil {
			return nil, nil, err
		}
		out := slices.Clone(*list)
		if i := slices.IndexFunc(out, func(a cdm.Attribute) bool { return a.Name == name }); i >= 0 {
			out[i].Value = set.Value
		} else {
			out = append(out, cdm.Attribute{Name: name, Value: set.Value})
		}
		*list = out
		done = append(done, "set "+set.Key)
	}
	for _, key := range e.Remove {
		list, name, err := v.attributes(key)
		if err != nil {
			return nil, nil, err
		}
		n := len(*list)
		if *list = slices.DeleteFunc(slices.Clone(*list), func(a cdm.Attribute) bool { return a.Name == name }); len(*list) == n {
			return nil, nil, refuse("remove: there is no attribute %s", key)
		}
		done = append(done, "remove "+key)
	}
	if len(done) == 0 && !e.Undo {
		return nil, nil, refuse("nothing to change")
	}
	setEdits(&root.Attributes, append(past, done...))
	if e.Undo && len(done) == 0 {
		done = []string{"undo " + describeLinks(configure.Links{From: v.links[0].To, To: v.links[0].From})}
	}
	return v, done, nil
}

// editsOf lists the edits in the attributes of a store.
func editsOf(attrs []cdm.Attribute) []string {
	text, _ := cdm.Lookup(attrs, editsAttribute).(string)
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func setEdits(attrs *[]cdm.Attribute, edits []string) {
	out := slices.DeleteFunc(slices.Clone(*attrs), func(a cdm.Attribute) bool { return a.Name == editsAttribute })
	if len(edits) > 0 {
		out = append(out, cdm.Attribute{Name: editsAttribute, Value: strings.Join(edits, "\n")})
	}
	*attrs = out
}

// attributes finds the list that key, "attr" or "variable.attr", belongs to. The longest path that is a variable's counts,
// since names may hold dots.
func (v *view) attributes(key string) (list *[]cdm.Attribute, name string, err error) {
	for i := strings.LastIndexByte(key, '.'); i > 0; i = strings.LastIndexByte(key[:i], '.') {
		if a := v.dataset.Array(key[:i]); a >= 0 && i+1 < len(key) {
			list, name = &v.dataset.Arrays[a].Attributes, key[i+1:]
			break
		}
	}
	if list == nil {
		list, name = &v.dataset.Groups[0].Attributes, key
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

// mentions are the attributes in which variables name others of their group (CF conventions, appendix A).
var mentions = []string{"coordinates", "bounds", "climatology", "grid_mapping", "ancillary_variables", "cell_measures", "formula_terms"}

// renameMentions keeps the attributes that name a renamed variable true.
func (v *view) renameMentions(group, from, to string) {
	for i := range v.dataset.Arrays {
		a := &v.dataset.Arrays[i]
		if path.Dir(a.Path) != group {
			continue
		}
		for k, attr := range a.Attributes {
			text, ok := attr.Value.(string)
			if !ok || !slices.Contains(mentions, attr.Name) || !slices.Contains(strings.Fields(text), from) {
				continue
			}
			words := strings.Fields(text)
			for w := range words {
				if words[w] == from {
					words[w] = to
				}
			}
			a.Attributes = slices.Clone(a.Attributes)
			a.Attributes[k].Value = strings.Join(words, " ")
		}
	}
}

func (v *view) renameDimension(r Rename) error {
	found := false
	for i := range v.dataset.Arrays {
		a := &v.dataset.Arrays[i]
		if slices.Contains(a.Dimensions, r.To) {
			return phases.Errorf(phases.Input, "", "rename: variable %s has a dimension %s already", a.Path, r.To)
		}
		a.Dimensions = slices.Clone(a.Dimensions)
		for d := range a.Dimensions {
			if a.Dimensions[d] == r.From {
				a.Dimensions[d], found = r.To, true
			}
		}
	}
	if !found || r.To == "" {
		return phases.Errorf(phases.Input, "", "rename: no dimension %s can be named %q", r.From, r.To)
	}
	return nil
}

// Dataset describes the edited store.
func (v *view) Dataset() virtual.Dataset { return v.dataset }

// References yields the references of an array of the edited store.
func (v *view) References(ctx context.Context, array string) iter.Seq2[zarr.Row, error] {
	return func(yield func(zarr.Row, error) bool) {
		for row, err := range v.Store.References(ctx, v.origin[array]) {
			if err == nil && row.Reference.Inline == nil {
				row.Reference.URL, err = v.rewrite(row.Reference.URL)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func (v *view) rewrite(url string) (string, error) {
	to, err := v.url(url)
	if to != url {
		v.rewritten++
	}
	return to, err
}

// writeFolder makes the edited store of the parquet store in folder src. Records that stay as they are become another name of the same file.
func (v *view) writeFolder(ctx context.Context, src, dst string, recordSize int) error {
	copied := filepath.Join(filepath.Dir(dst), "copied")
	if len(v.links) > 0 {
		if err := os.Mkdir(copied, 0o777); err != nil {
			return err
		}
		if err := refparquet.RewriteURLs(ctx, src, copied, v.rewrite); err != nil {
			return err
		}
		src = copied
	}
	if err := os.Mkdir(dst, 0o777); err != nil {
		return err
	}
	for to, from := range v.origin {
		if err := linkFolder(filepath.Join(src, filepath.FromSlash(from)), filepath.Join(dst, filepath.FromSlash(to))); err != nil {
			return err
		}
	}
	return refparquet.WriteMetadata(dst, v.dataset, recordSize)
}

// linkFolder gives the files of the folder from a second name in the folder to. One that isn't there has no files.
func linkFolder(from, to string) error {
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if err := workdirs.LinkFile(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return workdirs.SyncDir(to)
}
