package compute

import (
	"context"
	"fmt"
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
// it again with the same record size would give. Of the files that the store has already only the headers are read, which shows whether they still
// fit together; no chunk index of theirs is. Records that are full are shared with the version before; the last of each array and the
// coordinates are written anew. What can't be appended is refused with the reason.
//
// The version before stays whole whatever happens. The new version is published first, and then the dataset's plan
// and list of files follow, so that an append that was interrupted can be made again.
// It answers the store's path and how many files were added.
func Append(ctx context.Context, d *workdirs.Dataset, found []workdirs.Source, opts Options) (path string, n int, err error) {
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
		return latest, 0, was.link(latest)
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
	if path, done := is.published(); done { // by an append that was interrupted
		return path, len(fresh), is.adopt(path, found, fresh)
	}
	if !current {
		return "", 0, phases.Errorf(phases.Input, "run `kerb run compute "+d.Code+"` first", "dataset %s: its newest store is not one of its plan", d.Code)
	}
	if err := grown(was.plan, is.plan); err != nil {
		return "", 0, fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	if path, err = is.append(ctx, was, latest); err != nil {
		return "", 0, fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	return path, len(fresh), is.adopt(path, found, fresh)
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
	if err := workdirs.WriteJSON(c.dataset.Path(workdirs.ConfigureFile), c.doc); err != nil {
		return &phases.Error{Class: phases.IO, Err: err}
	}
	if err := c.dataset.Define(def, found); err != nil {
		return &phases.Error{Class: phases.IO, Err: err}
	}
	return c.dataset.Note("append", map[string]any{"store": c.dataset.Rel(path), "files": names(fresh)})
}

// append makes and publishes the store that grows out of the store at latest, which the job was has made.
func (c *job) append(ctx context.Context, was *job, latest string) (string, error) {
	s, err := stores.Open(latest)
	if err != nil {
		return "", err
	}
	defer s.Close()
	ds := s.Dataset()
	if err := untouched(ds, was.opts.Links, c.opts.Links); err != nil {
		return "", err
	}
	dir, err := c.dataset.BuildDir(c.name(0))
	if err != nil {
		return "", &phases.Error{Class: phases.IO, Err: err}
	}
	defer os.RemoveAll(dir)
	store, err := refparquet.Create(dir, c.plan.Dataset.Arrays, refparquet.Options{RecordSize: int(c.doc.Compute.RecordSize)})
	if err != nil {
		return "", err
	}
	defer store.Close()
	values, err := newDecoded(c.plan)
	if err != nil {
		return "", err
	}
	w := newWork(c.plan, c.opts)
	known := make(map[string]bool, len(was.plan.Files))
	for i := range was.plan.Files {
		known[was.plan.Files[i].URL] = true
	}
	reread := map[int]bool{} // arrays by value whose old values are no use
	for a := range c.plan.Layouts {
		before := ds.Array(c.plan.Dataset.Arrays[a].Path)
		if before < 0 {
			return "", phases.Errorf(phases.Fault, "compute it again", "%s has no variable %s", latest, c.plan.Dataset.Arrays[a].Path)
		}
		old := was.plan.Layouts[was.plan.Dataset.Array(ds.Arrays[before].Path)]
		switch lay := c.plan.Layouts[a]; {
		case lay.Role != virtual.Decoded:
			err = keep(ctx, store, a, c.plan.Dataset.Arrays[a].Grid, s, &ds.Arrays[before])
		case lay.Units == old.Units && lay.Calendar == old.Calendar && lay.TimeOf == old.TimeOf:
			err = values.keep(a, s, &ds.Arrays[before])
		default:
			reread[a] = true
		}
		if err != nil {
			return "", err
		}
	}
	for f := range c.plan.Files {
		if known[c.plan.Files[f].URL] {
			w.refs[f] = nil
			w.vals[f] = slices.DeleteFunc(w.vals[f], func(a int) bool { return !reread[a] })
		}
	}
	if err := w.run(ctx, 0, len(c.plan.Files), store, values); err != nil {
		return "", err
	}
	if err := values.put(store); err != nil {
		return "", err
	}
	if err := store.Finish(); err != nil {
		return "", err
	}
	if err := correctMeta(dir, c.plan, c.doc.Compute.RecordSize, c.digest, c.opts); err != nil {
		return "", err
	}
	return c.publish(ctx, dir)
}

// untouched refuses a store that has been edited: what is appended would be without the edits.
func untouched(ds virtual.Dataset, was, is *configure.Links) error {
	if (was == nil) != (is == nil) || was != nil && *was != *is {
		return notAppendable("the links of override.yaml have changed since the store was made")
	}
	var own []string
	if was != nil {
		own = []string{describeLinks(*was)}
	}
	var edits []string
	if len(ds.Groups) > 0 {
		edits = editsOf(ds.Groups[0].Attributes)
	}
	if !slices.Equal(edits, own) {
		return notAppendable("the store has been edited (%s)", edits[len(edits)-1])
	}
	return nil
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
