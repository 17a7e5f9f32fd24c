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
// exactly once. It trusts what is on disk and not what a scheduler says of the tasks. Where there are very many variables, several
// tasks do it, each for some of them; they share nothing but a folder.
func Combine(ctx context.Context, d *workdirs.Dataset, task int, opts Options) error {
	c, err := load(d, opts)
	if err != nil {
		return err
	}
	if task < 0 || task >= c.combines() {
		return phases.Errorf(phases.Input, "", "the parts of dataset %s are combined by the tasks 0 to %d, not %d", d.Code, c.combines()-1, task)
	}
	if _, ok := c.published(); ok {
		return nil
	}
	if _, err := os.Stat(c.combinedPath(task)); err == nil {
		return nil
	}
	parts, err := c.parts()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.combined(), 0o777); err != nil { // which no array may need
		return &phases.Error{Class: phases.IO, Err: err}
	}
	arrays := share(c.referenced(), task, c.combines(), c.doc.Compute.RecordSize)
	sum, err := refparquet.Combine(ctx, c.combined(), parts, arrays, refparquet.CombineOptions{RecordSize: int(c.doc.Compute.RecordSize)})
	if err != nil {
		err = fmt.Errorf("dataset %s: %w", d.Code, err)
		if ctx.Err() != nil {
			return err
		}
		var damaged []int
		for i, p := range parts {
			if p.Check(c.combined()) != nil {
				damaged = append(damaged, i)
			}
		}
		if damaged == nil {
			return err
		}
		return c.redo(damaged, err)
	}
	if err := c.spent(combineStep(task)); err != nil {
		return err
	}
	if err := workdirs.WriteJSON(c.combinedPath(task), sum); err != nil {
		return &phases.Error{Class: phases.IO, Err: err}
	}
	return nil
}

// parts reads the manifests of all parts.
func (c *job) parts() ([]refparquet.Part, error) {
	var parts []refparquet.Part
	var missing []int
	for i := range c.doc.Compute.Parts {
		m, err := c.manifest(i)
		if _, unreadable := errors.AsType[*fs.PathError](err); unreadable && !errors.Is(err, fs.ErrNotExist) {
			return nil, &phases.Error{Class: phases.IO, Err: err} // which says nothing about the part
		}
		if err != nil {
			missing = append(missing, i)
			continue
		}
		parts = append(parts, refparquet.Part{Name: fmt.Sprintf("part %d", i), Dir: c.partDir(i), Manifest: m})
	}
	if missing != nil {
		return nil, c.redo(missing, errors.New("there is no manifest of them that can be read"))
	}
	return parts, nil
}

// referenced are the arrays that parts have records of; the others are stored by value.
func (c *job) referenced() []virtual.Array {
	var arrays []virtual.Array
	for a, lay := range c.plan.Layouts {
		if lay.Role != virtual.Decoded {
			arrays = append(arrays, c.plan.Dataset.Arrays[a])
		}
	}
	return arrays
}

// combines is how many tasks combine the parts.
func (c *job) combines() int { return max(1, c.doc.Compute.Combines) }

// share is what of the arrays one of several tasks combines: neighbours, with about as many records as the others have.
func share(arrays []virtual.Array, task, tasks int, recordSize int64) []virtual.Array {
	var all, before int64
	weight := func(a *virtual.Array) int64 { return 1 + a.Grid.Count()/recordSize }
	for i := range arrays {
		all += weight(&arrays[i])
	}
	var own []virtual.Array
	for i := range arrays {
		if before*int64(tasks)/all == int64(task) {
			own = append(own, arrays[i])
		}
		before += weight(&arrays[i])
	}
	return own
}

// complete proves that all variables are combined, before anything is published.
func (c *job) complete() error {
	remedy := "run combine again, as `kerb rerun GROUP --job combine." + c.dataset.Code + "` does"
	for task := range c.combines() {
		if _, err := os.Stat(c.combinedPath(task)); err != nil {
			return phases.Errorf(phases.IO, remedy, "dataset %s: its parts are not combined yet (task %d of %d): %w", c.dataset.Code, task, c.combines(), err)
		}
	}
	err := refparquet.FinishCombine(c.combined(), c.referenced(), int(c.doc.Compute.RecordSize))
	if err == nil {
		return nil
	}
	for task := range c.combines() { // or they would do nothing
		if err := os.Remove(c.combinedPath(task)); err != nil {
			return &phases.Error{Class: phases.IO, Err: err}
		}
	}
	return phases.Errorf(phases.IO, remedy, "dataset %s: the combined store is not complete: %w", c.dataset.Code, err)
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

// combined is the folder of the store while its parts are put together, until it is published.
func (c *job) combined() string { return filepath.Join(c.partsDir(), "combined") }

// combinedPath is the file that tells that a task has combined its share. How many there are is in the name: another number shares otherwise.
func (c *job) combinedPath(task int) string {
	return filepath.Join(c.partsDir(), fmt.Sprintf("combined-%d-of-%d.json", task, c.combines()))
}
