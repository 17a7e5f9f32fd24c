// Package compute is the compute phase: it carries out a dataset's plan and publishes the store. A small dataset is computed
// by one process (serial.go). A large one is computed in parts, by many tasks (part.go), which are then put together
// (combine.go), given their coordinates (correct_time.go) and their metadata (correct_meta.go). Both ways give the same bytes.
package compute

import (
	"context"
	"fmt"
	"os"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/stores/refparquet"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Options are what the caller of compute decides.
type Options struct {
	Open     phases.Opener
	Version  string                // of the program, for the store's provenance
	Progress func(phases.Progress) // after each file, from one goroutine at a time; may be nil

	// Links replaces a prefix in the places of the source files, as the last thing that compute does. Nil leaves them.
	// For a dataset of a workdir its plan decides.
	Links *configure.Links
}

// Build writes the store of a plan into the new folder dir, in one process. Memory is bounded whatever the number of
// references; of a cut short build nothing but the folder is left.
func Build(ctx context.Context, p *virtual.Plan, dir string, recordSize int64, digest string, opts Options) error {
	if err := linkable(p, opts.Links); err != nil {
		return err
	}
	store, err := refparquet.Create(dir, p.Dataset.Arrays, refparquet.Options{RecordSize: int(recordSize)})
	if err != nil {
		return err
	}
	defer store.Close()
	values, err := newDecoded(p)
	if err != nil {
		return err
	}
	if err := newWork(p, opts).run(ctx, 0, len(p.Files), store, values); err != nil {
		return err
	}
	if err := values.put(store); err != nil {
		return err
	}
	if err := store.Finish(); err != nil {
		return err
	}
	return correctMeta(dir, p, recordSize, digest, opts)
}

// put hands the arrays that are stored by value to the store.
func (d *decoded) put(store *refparquet.Writer) error {
	for a, lay := range d.plan.Layouts {
		if lay.Role != virtual.Decoded || d.plan.Dataset.Arrays[a].Grid.Count() == 0 {
			continue
		}
		ref, err := d.reference(a)
		if err != nil {
			return fmt.Errorf("%s: %w", d.plan.Dataset.Arrays[a].Path, err)
		}
		if err := store.Put(a, 0, ref); err != nil {
			return err
		}
	}
	return nil
}

// serial computes a dataset in this process.
func (c *job) serial(ctx context.Context) (string, error) {
	dir, err := c.dataset.BuildDir(c.name(0))
	if err != nil {
		return "", &phases.Error{Class: phases.IO, Err: err}
	}
	defer os.RemoveAll(dir)
	if err := Build(ctx, c.plan, dir, c.doc.Compute.RecordSize, c.digest, c.opts); err != nil {
		return "", err
	}
	return c.publish(ctx, dir)
}
