package compute

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/profile"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// costPath is where it is written down what a step of a compute in parts has taken: beside what the step has made, until the store
// is published.
func (c *job) costPath(step string) string {
	return filepath.Join(c.partsDir(), "costs", step+".json")
}

// spent writes down what this process has taken for a step.
func (c *job) spent(step string) error {
	cost := profile.Cost{Seconds: time.Since(c.began).Seconds(), Memory: profile.PeakMemory()}
	if err := workdirs.WriteJSON(c.costPath(step), cost); err != nil {
		return &phases.Error{Class: phases.IO, Err: err}
	}
	return nil
}

func partStep(part int) string { return fmt.Sprintf("%05d", part) }

func combineStep(task int) string { return fmt.Sprintf("combine-%05d", task) }

// note puts the published store into the dataset's history, and what it took where that is known.
func (c *job) note(store string) error {
	detail := map[string]any{"store": c.dataset.Rel(store), "mode": c.doc.Compute.Mode, "parts": c.doc.Compute.Parts}
	if cost, known := c.cost(); known {
		var err error
		if cost.Bytes, err = storeBytes(store); err != nil {
			return &phases.Error{Class: phases.IO, Err: err}
		}
		detail["cost"] = cost
	}
	return c.dataset.Note("compute", detail)
}

// cost is what the compute has taken, in all its processes.
func (c *job) cost() (cost profile.Cost, known bool) {
	cost = profile.Cost{Work: c.doc.Work(), Seconds: time.Since(c.began).Seconds(), Memory: profile.PeakMemory()}
	if c.doc.Compute.Mode != "parallel" {
		return cost, !c.grows
	}
	var steps []string
	for i := range c.combines() {
		steps = append(steps, combineStep(i))
	}
	for i := range c.doc.Compute.Parts {
		steps = append(steps, partStep(i))
	}
	for _, step := range steps {
		var p profile.Cost
		if workdirs.ReadJSON(c.costPath(step), &p) != nil {
			return cost, false
		}
		cost.Seconds += p.Seconds
		cost.Memory = max(cost.Memory, p.Memory)
	}
	return cost, !c.grows
}

// storeBytes is the size of a store, which is a file or a folder.
func storeBytes(path string) (bytes int64, err error) {
	err = filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	return bytes, err
}
