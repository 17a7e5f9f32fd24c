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

// Combine puts the parts of a large dataset together, after it has proven from their manifests that every chunk is there
// exactly once. It trusts what is on disk and not what a scheduler says of the tasks.
func Combine(ctx context.Context, d *workdirs.Dataset, opts Options) error {
	c, err := load(d, opts)
	if err != nil {
		return err
	}
	if _, ok := c.published(); ok {
		return nil
	}
	if _, err := os.Stat(c.combined()); err == nil {
		return nil
	}
	var parts []refparquet.Part
	var missing []int
	for i := range c.doc.Compute.Parts {
		m, err := c.manifest(i)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, i)
		case err != nil:
			return err
		default:
			parts = append(parts, refparquet.Part{Name: fmt.Sprintf("part %d", i), Dir: c.partDir(i), Manifest: m})
		}
	}
	if missing != nil {
		return phases.Errorf(phases.IO, "compute them with `kerb rerun`", "dataset %s: parts %v of %d are missing", d.Code, missing, c.doc.Compute.Parts)
	}
	var arrays []virtual.Array
	for a, lay := range c.plan.Layouts {
		if lay.Role != virtual.Decoded {
			arrays = append(arrays, c.plan.Dataset.Arrays[a])
		}
	}
	if err := os.MkdirAll(c.combining(), 0o777); err != nil { // which no array may need
		return &phases.Error{Class: phases.IO, Err: err}
	}
	if _, err := refparquet.Combine(ctx, c.combining(), parts, arrays, refparquet.CombineOptions{RecordSize: int(c.doc.Compute.RecordSize)}); err != nil {
		return fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	return workdirs.PublishDir(c.combining(), c.combined())
}

// combining and combined are the folders of the store while its parts are put together and afterwards.
func (c *job) combining() string { return filepath.Join(c.partsDir(), "combining") }
func (c *job) combined() string  { return filepath.Join(c.partsDir(), "combined") }
