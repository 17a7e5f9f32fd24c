package compute

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/stores/refparquet"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Part computes one part of a large dataset: the references of its range of files. A part that is there for the same plan is
// left as it is.
func Part(ctx context.Context, d *workdirs.Dataset, part int, opts Options) error {
	c, err := load(d, opts)
	if err != nil {
		return err
	}
	if part < 0 || part >= c.doc.Compute.Parts {
		return phases.Errorf(phases.Input, "", "dataset %s has parts 0 to %d, not %d", d.Code, c.doc.Compute.Parts-1, part)
	}
	final := c.partDir(part)
	if _, err := c.manifest(part); err == nil {
		return nil
	}
	dir, err := d.PartBuildDir(final)
	if err != nil {
		return &phases.Error{Class: phases.IO, Err: err}
	}
	defer os.RemoveAll(dir)
	bounds := split(c.plan, c.doc.Compute.Parts, c.doc.Compute.RecordSize)
	manifest, err := c.buildPart(ctx, dir, bounds[part], bounds[part+1])
	if err != nil {
		return fmt.Errorf("dataset %s, part %d: %w", d.Code, part, err)
	}
	if err := workdirs.WriteJSON(manifestPath(dir), manifest); err != nil {
		return &phases.Error{Class: phases.IO, Err: err}
	}
	if err := c.spent(partStep(part)); err != nil {
		return err
	}
	err = workdirs.PublishDir(dir, final)
	if errors.Is(err, fs.ErrExist) { // another attempt was faster: the same bytes
		return nil
	}
	return err
}

func (c *job) buildPart(ctx context.Context, dir string, from, to int) (refparquet.Manifest, error) {
	store, err := refparquet.Create(dir, c.plan.Dataset.Arrays, refparquet.Options{RecordSize: int(c.doc.Compute.RecordSize)})
	if err != nil {
		return refparquet.Manifest{}, err
	}
	defer store.Close()
	if err := newWork(c.plan, c.opts).run(ctx, from, to, store, nil); err != nil {
		return refparquet.Manifest{}, err
	}
	return store.FinishPart()
}

// partsDir is where the parts of this plan lie: what they depend on is in the name, so that parts of two plans never mix.
func (c *job) partsDir() string {
	return c.dataset.Path(workdirs.PartsDir, fmt.Sprintf("%s-%d", c.digest[:16], c.doc.Compute.Parts))
}

func (c *job) partDir(part int) string { return filepath.Join(c.partsDir(), fmt.Sprintf("%05d", part)) }

func manifestPath(dir string) string { return dir + "/manifest.json" }

// manifest reads the manifest of a finished part.
func (c *job) manifest(part int) (refparquet.Manifest, error) {
	var m refparquet.Manifest
	err := workdirs.ReadJSON(manifestPath(c.partDir(part)), &m)
	return m, err
}

// split cuts the files into n ranges of about the same size, [bounds[i], bounds[i+1]). Where the array with the most chunks
// allows, ranges end where records end.
func split(p *virtual.Plan, n int, recordSize int64) []int {
	step := 1
	most := int64(0)
	for i, a := range p.Dataset.Arrays {
		lay := p.Layouts[i]
		if lay.Role != virtual.Concatenated || len(p.Axes) != 1 || lay.Axes[0] < 0 || a.Grid.Count() <= most {
			continue
		}
		most = a.Grid.Count()
		step = 1
		if perFile := most / int64(len(p.Files)); perFile > 0 && perFile*int64(len(p.Files)) == most && recordSize%perFile == 0 {
			step = int(recordSize / perFile)
		}
	}
	if step*n > len(p.Files) { // some range would be empty
		step = 1
	}
	bounds := make([]int, n+1)
	for i := 1; i < n; i++ {
		at := int(int64(len(p.Files)) * int64(i) / int64(n))
		bounds[i] = min((at+step/2)/step*step, len(p.Files))
	}
	bounds[n] = len(p.Files)
	return bounds
}
