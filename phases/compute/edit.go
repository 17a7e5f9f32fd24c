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

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/stores/refjson"
	"github.com/cedadev/kerchunk-builder/stores/refparquet"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Edit is what is to be done to a finished store.
type Edit struct {
	Steps []Step // in this order
	Undo  bool   // take the last rewriting of links back that the store records, before the steps
	Check int    // how many of the files that it links to are looked at before the store is published
}

// Change edits the store at src and writes the result to dst, which is src or free. The new store is made beside dst and published in one
// step; when anything fails nothing is changed. While a store is changed in place no other process can change it. An edit of a workdir's
// store goes into the dataset's history. It answers what was done, and how many files have been looked at.
func Change(ctx context.Context, src, dst string, e Edit) (done []string, checked int, err error) {
	if src, err = workdirs.Resolve(src); err != nil {
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
	claim, err := workdirs.ClaimStore(dst)
	if err != nil {
		return nil, 0, &phases.Error{Class: phases.IO, Err: err}
	}
	defer claim.Release()
	before, err := os.Stat(src)
	if err != nil {
		return nil, 0, &phases.Error{Class: phases.Input, Err: err}
	}
	s, err := stores.Open(src)
	if err != nil {
		return nil, 0, &phases.Error{Class: phases.Input, Err: err}
	}
	defer s.Close()
	v, err := e.view(s)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", src, err)
	}
	made := claim.Path(filepath.Base(dst))
	if folder, ok := s.(*refparquet.Reader); ok {
		err = v.writeFolder(ctx, src, made, folder.RecordSize())
	} else {
		err = workdirs.WriteFile(made, func(w io.Writer) error { return refjson.Write(ctx, w, v) })
	}
	if err == nil {
		err = v.used()
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", src, err)
	}
	if e.Check > 0 {
		sizes, err := sizesOf(src)
		if err == nil {
			checked, err = v.probe(ctx, made, e.Check, sizes)
		}
		if err != nil {
			return nil, checked, fmt.Errorf("%s was left as it is: %w", src, err)
		}
	}
	if now, err := os.Stat(src); err != nil || !os.SameFile(before, now) {
		return nil, checked, phases.Errorf(phases.IO, "try again", "%s was replaced while it was read", src)
	}
	if err := publishEdited(made, src, dst); err != nil {
		return nil, checked, &phases.Error{Class: phases.IO, Err: err}
	}
	if d, ok := workdirs.DatasetOf(dst); ok {
		note := map[string]any{"store": d.Rel(dst)}
		if len(e.Steps) > 0 {
			note["edits"] = e.Steps
		}
		if v.undone != nil {
			note["undone"] = v.undone
		}
		if err := d.Note("edit", note); err != nil {
			return v.done, checked, &phases.Error{Class: phases.IO, Err: err}
		}
	}
	return v.done, checked, nil
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
	dataset virtual.Dataset
	origin  map[string]string // path in the original store, by path
	links   []Rewriting       // of this edit
	undone  *Step
	done    []string
	unused  []map[int]bool // by rewriting: the prefixes below which no url has been found

	last, lastHome string // the last url, since chunks of one file come one after another
}

// view works out what the edit makes of a store.
func (e Edit) view(s zarr.Store) (*view, error) {
	ds := s.Dataset()
	past, err := Steps(ds)
	if err != nil {
		return nil, err
	}
	v := &view{Store: s, origin: map[string]string{}}
	e.Steps = slices.Clone(e.Steps)
	if e.Undo {
		i := len(past) - 1
		for i >= 0 && past[i].Links == nil {
			i--
		}
		if i < 0 {
			return nil, refuse("no link has been rewritten")
		}
		undone := past[i]
		past = slices.Delete(past, i, i+1)
		v.undone, v.links, v.done = &undone, append(v.links, undone.Links.inverse()), append(v.done, "undo "+undone.String())
	}
	for i := range e.Steps {
		if r := e.Steps[i].RenameVariable; r != nil && !strings.Contains(r.To, "/") {
			e.Steps[i].RenameVariable = &Rename{r.From, path.Join(path.Dir(r.From), r.To)}
		}
		v.done = append(v.done, e.Steps[i].String())
	}
	if len(v.done) == 0 {
		return nil, refuse("nothing to change")
	}
	if v.dataset, err = Describe(ds, e.Steps); err != nil {
		return nil, err
	}
	if err := record(&v.dataset.Groups[0].Attributes, append(past, e.Steps...)); err != nil {
		return nil, err
	}
	for _, a := range v.dataset.Arrays {
		v.origin[a.Path] = Origin(e.Steps, a.Path)
	}
	v.links = append(v.links, Rewritings(e.Steps)...)
	for _, r := range v.links {
		unused := map[int]bool{}
		for i := range r {
			unused[i] = true
		}
		v.unused = append(v.unused, unused)
	}
	return v, nil
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
	if url == v.last {
		return v.lastHome, nil
	}
	home := url
	for i, r := range v.links {
		to, err := r.Apply(home)
		if err != nil {
			return "", err
		}
		at, _ := r.longest(home)
		delete(v.unused[i], at)
		home = to
	}
	v.last, v.lastHome = url, home
	return home, nil
}

// back is the url before this edit.
func (v *view) back(url string) string {
	for _, r := range slices.Backward(v.links) {
		url = r.Back(url)
	}
	return url
}

// used refuses a prefix that nothing has been rewritten below.
func (v *view) used() error {
	for i, r := range v.links {
		for k, l := range r {
			if v.unused[i][k] {
				return phases.Errorf(phases.Input, "see its links with `kerb inspect`", "no link lies below %s", l.From)
			}
		}
	}
	return nil
}

// writeFolder makes the edited store of the parquet store in folder src. Records that stay as they are become another name of the same file.
func (v *view) writeFolder(ctx context.Context, src, dst string, recordSize int) error {
	if err := os.Mkdir(dst, 0o777); err != nil {
		return err
	}
	rewrite := v.rewrite
	if len(v.links) == 0 {
		rewrite = nil
	}
	for _, a := range v.dataset.Arrays {
		if err := refparquet.CopyArray(ctx, src, v.origin[a.Path], dst, a.Path, rewrite); err != nil {
			return err
		}
	}
	return refparquet.WriteMetadata(dst, v.dataset, recordSize)
}
