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
		if _, unreadable := errors.AsType[*fs.PathError](err); unreadable && !errors.Is(err, fs.ErrNotExist) {
			return &phases.Error{Class: phases.IO, Err: err} // which says nothing about the part
		}
		if err != nil {
			missing = append(missing, i)
			continue
		}
		parts = append(parts, refparquet.Part{Name: fmt.Sprintf("part %d", i), Dir: c.partDir(i), Manifest: m})
	}
	if missing != nil {
		return c.redo(missing, errors.New("there is no manifest of them that can be read"))
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
		err = fmt.Errorf("dataset %s: %w", d.Code, err)
		if ctx.Err() != nil {
			return err
		}
		var damaged []int
		for i, p := range parts {
			if p.Check(c.combining()) != nil {
				damaged = append(damaged, i)
			}
		}
		if damaged == nil {
			return err
		}
		return c.redo(damaged, err)
	}
	if err := c.spent(combineStep); err != nil {
		return err
	}
	return workdirs.PublishDir(c.combining(), c.combined())
}

// PartsError says that some parts are not there as they should be. What was left of them is removed: they are to be computed again.
type PartsError struct {
	err   *phases.Error
	parts []int
}

func (e *PartsError) Error() string { return e.err.Error() }

// Redo lists the parts to compute again, ascending.
func (e *PartsError) Redo() []int { return e.parts }

// Unwrap gives the error its class.
func (e *PartsError) Unwrap() error { return e.err }

// redo removes what is left of parts, which would pass for finished otherwise.
func (c *job) redo(parts []int, cause error) error {
	for _, i := range parts {
		if err := os.RemoveAll(c.partDir(i)); err != nil {
			return &phases.Error{Class: phases.IO, Err: err}
		}
	}
	return &PartsError{phases.Errorf(phases.IO, "compute them again, as `kerb advance` does by itself", "dataset %s: parts %v of %d are missing or damaged: %w",
		c.dataset.Code, parts, c.doc.Compute.Parts, cause), parts}
}

// combining and combined are the folders of the store while its parts are put together and afterwards.
func (c *job) combining() string { return filepath.Join(c.partsDir(), "combining") }
func (c *job) combined() string  { return filepath.Join(c.partsDir(), "combined") }
