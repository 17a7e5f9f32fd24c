package compute

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/stores/refparquet"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Append adds the new ones of the found source files to a dataset, as a new version of its store: the bytes that computing all of
// it again with the same record size, and making the same edits of it, would give. Of the files that the store has already only the headers
// are read, which shows whether they still fit together; no chunk index of theirs is, but of variables that are stored another way
// now (see takenOver). Records that are full are shared with the version before; the last of each array and the coordinates are written
// anew. What can't be appended is refused with the reason.
//
// The version before stays whole whatever happens. The new version is published first, and then the dataset's plan
// and list of files follow; the next append does what an interrupted one has left undone. No other process can append to the dataset, or
// change its stores in place, meanwhile.
// It answers the store's path and how many files were added.
func Append(ctx context.Context, d *workdirs.Dataset, found []workdirs.Source, opts Options) (path string, n int, err error) {
	claim, err := d.Claim()
	if err != nil {
		return "", 0, &phases.Error{Class: phases.IO, Err: err}
	}
	defer claim.Release()
	if err := d.RemoveLeftovers(); err != nil {
		return "", 0, &phases.Error{Class: phases.IO, Err: err}
	}
	resumed, err := resume(d, opts)
	if err != nil {
		return "", 0, fmt.Errorf("dataset %s: finishing an append that was interrupted: %w", d.Code, err)
	}
	recorded, err := d.Sources()
	if err != nil {
		return "", 0, err
	}
	fresh, err := added(recorded, found)
	if err != nil {
		return "", 0, fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	was, err := load(d, opts)
	if err != nil {
		return "", 0, err
	}
	latest, current := was.published()
	if len(fresh) == 0 && current {
		return latest, resumed, was.link(latest)
	}
	doc, err := configure.Prepare(ctx, d, found, configure.Options{Open: opts.Open})
	if err != nil {
		return "", 0, err
	}
	doc.Compute.RecordSize = was.doc.Compute.RecordSize
	is, err := newJob(d, doc, opts)
	if err != nil {
		return "", 0, err
	}
	is.grows = true
	if !current {
		return "", 0, phases.Errorf(phases.Input, "run `kerb run compute "+d.Code+"` first", "dataset %s: its newest store is not one of its plan", d.Code)
	}
	if err := grown(was.plan, is.plan); err != nil {
		return "", 0, fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	if err := workdirs.WriteJSON(d.Path(workdirs.AppendFile), intention{doc, found}); err != nil {
		return "", 0, &phases.Error{Class: phases.IO, Err: err}
	}
	if path, err = is.append(ctx, was, latest); err != nil {
		return "", 0, fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	return path, resumed + len(fresh), is.adopt(path, found, fresh)
}

// intention is what an append is about to make of the dataset: append.json.
type intention struct {
	Plan  *configure.Document `json:"plan"`
	Files []workdirs.Source   `json:"files"`
}

// resume ends an append that was interrupted after its store was published. It answers how many files that has added.
func resume(d *workdirs.Dataset, opts Options) (int, error) {
	var it intention
	err := workdirs.ReadJSON(d.Path(workdirs.AppendFile), &it)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	c, err := newJob(d, it.Plan, opts)
	if err != nil {
		return 0, err
	}
	path, done := c.published()
	if !done {
		return 0, os.Remove(d.Path(workdirs.AppendFile))
	}
	recorded, err := d.Sources()
	if err != nil {
		return 0, err
	}
	fresh, err := added(recorded, it.Files)
	if err != nil {
		return 0, err
	}
	return len(fresh), c.adopt(path, it.Files, fresh)
}

// adopt makes the appended store's plan and files those of the dataset.
func (c *job) adopt(path string, found []workdirs.Source, fresh map[string]bool) error {
	def, err := c.dataset.Definition()
	if err != nil {
		return err
	}
	def.Files, def.Bytes = len(found), 0
	for _, s := range found {
		def.Bytes += s.Size
	}
	if err := c.link(path); err != nil {
		return err
	}
	err = workdirs.WriteJSON(c.dataset.Path(workdirs.ConfigureFile), c.doc)
	if err == nil {
		err = c.dataset.Define(def, found)
	}
	if err == nil && len(fresh) > 0 {
		err = c.dataset.Note("append", map[string]any{"store": c.dataset.Rel(path), "files": names(fresh)})
	}
	if err == nil {
		err = os.Remove(c.dataset.Path(workdirs.AppendFile))
	}
	if err != nil {
		return &phases.Error{Class: phases.IO, Err: err}
	}
	return nil
}

// append makes and publishes the store that grows out of the store at latest, which the job was has made. What people have done to that
// store since is done to the new one as well: its arrays have their names and its links lead where they lead from the start, so that full
// records can be shared.
func (c *job) append(ctx context.Context, was *job, latest string) (string, error) {
	s, err := stores.Open(latest)
	if err != nil {
		return "", err
	}
	defer s.Close()
	old := s.Dataset()
	steps, err := Steps(old)
	if err != nil {
		return "", err
	}
	if a, b := was.opts.Links, c.opts.Links; (a == nil) != (b == nil) || a != nil && *a != *b {
		return "", phases.Errorf(phases.Input, "run `kerb run configure,compute "+c.dataset.Code+"` first", "can't append: the links of override.yaml have changed since the store was made")
	}
	ds, err := Describe(described(c.plan, c.digest, c.opts), steps)
	if err == nil {
		err = record(&ds.Groups[0].Attributes, steps)
	}
	if err != nil {
		return "", phases.Errorf(phases.Input, "run `kerb run compute "+c.dataset.Code+"` after the next configure for a store without the edits", "can't append: the store has been edited, and that can't be done to the new one: %w", err)
	}
	plan := only(c.plan, ds, steps)
	dir, err := c.dataset.BuildDir(c.name(0))
	if err != nil {
		return "", &phases.Error{Class: phases.IO, Err: err}
	}
	defer os.RemoveAll(dir)
	store, err := refparquet.Create(dir, ds.Arrays, refparquet.Options{RecordSize: int(c.doc.Compute.RecordSize)})
	if err != nil {
		return "", err
	}
	defer store.Close()
	values, err := newDecoded(plan)
	if err != nil {
		return "", err
	}
	w := newWork(plan, c.opts)
	w.link = func(url string) (string, error) { return Home(steps, url) }
	kept := takenOver(was.plan, plan)
	for a := range plan.Layouts {
		if !kept[a] {
			continue
		}
		before := old.Array(ds.Arrays[a].Path)
		if before < 0 {
			return "", phases.Errorf(phases.Fault, "compute it again", "%s has no variable %s", latest, ds.Arrays[a].Path)
		}
		if plan.Layouts[a].Role == virtual.Decoded {
			err = values.keep(a, s, &old.Arrays[before])
		} else {
			err = keep(ctx, store, a, plan.Dataset.Arrays[a].Grid, s, &old.Arrays[before])
		}
		if err != nil {
			return "", err
		}
	}
	known := make(map[string]bool, len(was.plan.Files))
	for i := range was.plan.Files {
		known[was.plan.Files[i].URL] = true
	}
	for f := range plan.Files {
		if known[plan.Files[f].URL] {
			isKept := func(a int) bool { return kept[a] }
			w.refs[f], w.vals[f] = slices.DeleteFunc(w.refs[f], isKept), slices.DeleteFunc(w.vals[f], isKept)
		}
	}
	if err := w.run(ctx, 0, len(plan.Files), store, values); err != nil {
		return "", err
	}
	if err := values.put(store); err != nil {
		return "", err
	}
	if err := store.Finish(); err != nil {
		return "", err
	}
	if err := refparquet.WriteMetadata(dir, ds, int(c.doc.Compute.RecordSize)); err != nil {
		return "", err
	}
	return c.publish(ctx, dir)
}

// only is the plan without the arrays that an edited dataset has no more.
func only(p *virtual.Plan, edited virtual.Dataset, steps []Step) *virtual.Plan {
	out := *p
	out.Dataset.Arrays, out.Layouts = nil, nil
	for _, a := range edited.Arrays {
		i := p.Dataset.Array(Origin(steps, a.Path))
		out.Dataset.Arrays, out.Layouts = append(out.Dataset.Arrays, p.Dataset.Arrays[i]), append(out.Layouts, p.Layouts[i])
	}
	return &out
}

// keep puts the references that a store has of an array into the store that grows out of it, where the array has the given grid.
func keep(ctx context.Context, store *refparquet.Writer, array int, grid virtual.Grid, s zarr.Store, old *virtual.Array) error {
	at, count := int64(0), old.Grid.Count() // the next chunk, and how many there are
	linear := prefix(old.Grid, grid)
	records, ok := s.(*refparquet.Reader)
	if ok && linear {
		size := int64(records.RecordSize())
		for n := int64(0); at < count; n++ {
			if at+size > count && grid.Count() != count {
				break // the last one, which goes on
			}
			if err := store.Adopt(array, n, records); err != nil {
				return err
			}
			at = min(at+size, count)
		}
	}
	coords := make([]int64, len(grid.Shape))
	put := func(i int64, ref virtual.Reference, there bool) error {
		if !linear {
			coords = old.Grid.Coords(i, coords)
			i = grid.Index(coords)
		}
		if !there {
			return store.Missing(array, i, 1)
		}
		return store.Put(array, i, ref)
	}
	if at > 0 { // the rest of one record
		for ; at < count; at++ {
			ref, there, err := s.Reference(old.Path, at)
			if err == nil {
				err = put(at, ref, there)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	for row, err := range s.References(ctx, old.Path) {
		for ; err == nil && at < row.Index; at++ {
			err = put(at, virtual.Reference{}, false)
		}
		if err == nil {
			err = put(at, row.Reference, true)
			at++
		}
		if err != nil {
			return err
		}
	}
	for ; at < count; at++ {
		if err := put(at, virtual.Reference{}, false); err != nil {
			return err
		}
	}
	return nil
}

// keep takes over the values that a store has of an array by value.
func (d *decoded) keep(array int, s zarr.Store, old *virtual.Array) error {
	if old.Grid.Count() == 0 {
		return nil
	}
	ref, there, err := s.Reference(old.Path, 0)
	if err != nil {
		return err
	}
	wrong := func() error {
		return phases.Errorf(phases.Fault, "compute it again", "variable %s of the store is not stored by value", old.Path)
	}
	if !there || ref.Inline == nil {
		return wrong()
	}
	cells := int64(1)
	for _, n := range old.Grid.Shape {
		cells *= n
	}
	shape, start := d.plan.Dataset.Arrays[array].Grid.Shape, make([]int64, len(old.Grid.Shape))
	if texts, ok := d.text[array]; ok {
		values, err := cdm.DecodeStrings(ref.Inline)
		if err != nil {
			return err
		}
		if int64(len(values)) != cells {
			return wrong()
		}
		rows(shape, start, old.Grid.Shape, func(dst, from, n int64) { copy(texts[dst:dst+n], values[from:from+n]) })
		return nil
	}
	size := int64(old.Type.Size)
	if int64(len(ref.Inline)) != cells*size {
		return wrong()
	}
	out := d.raw[array]
	rows(shape, start, old.Grid.Shape, func(dst, from, n int64) { copy(out[dst*size:(dst+n)*size], ref.Inline[from*size:]) })
	return nil
}
