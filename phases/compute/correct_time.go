package compute

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/stores/refparquet"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// correctTime reads the coordinates of the concatenated dimensions, and all else that is stored by value, from every
// file, and puts each into the combined store as one inline chunk, in one unit and calendar.
func (c *job) correctTime(ctx context.Context) error {
	var arrays []virtual.Array
	for a, lay := range c.plan.Layouts {
		if lay.Role == virtual.Decoded {
			arrays = append(arrays, c.plan.Dataset.Arrays[a])
		}
	}
	if arrays == nil {
		return nil
	}
	final := filepath.Join(c.partsDir(), "coordinates")
	var m refparquet.Manifest
	err := workdirs.ReadJSON(manifestPath(final), &m)
	if errors.Is(err, fs.ErrNotExist) {
		err = c.writeCoordinates(ctx, final, &m)
	}
	if err != nil {
		return err
	}
	part := refparquet.Part{Name: "coordinates", Dir: final, Manifest: m}
	_, err = refparquet.Combine(ctx, c.combined(), []refparquet.Part{part}, arrays, refparquet.CombineOptions{RecordSize: int(c.doc.Compute.RecordSize)})
	return err
}

func (c *job) writeCoordinates(ctx context.Context, final string, m *refparquet.Manifest) error {
	dir, err := c.dataset.PartBuildDir(final)
	if err != nil {
		return &phases.Error{Class: phases.IO, Err: err}
	}
	defer os.RemoveAll(dir)
	store, err := refparquet.Create(dir, c.plan.Dataset.Arrays, refparquet.Options{RecordSize: int(c.doc.Compute.RecordSize)})
	if err != nil {
		return err
	}
	defer store.Close()
	values, err := newDecoded(c.plan)
	if err != nil {
		return err
	}
	if err := newWork(c.plan, c.opts).run(ctx, 0, len(c.plan.Files), nil, values); err != nil {
		return err
	}
	if err := values.put(store); err != nil {
		return err
	}
	if *m, err = store.FinishPart(); err != nil {
		return err
	}
	if err := workdirs.WriteJSON(manifestPath(dir), m); err != nil {
		return err
	}
	if err := workdirs.PublishDir(dir, final); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
