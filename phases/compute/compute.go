package compute

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/stores/refjson"
	"github.com/cedadev/kerchunk-builder/stores/refparquet"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// job is the compute of one dataset.
type job struct {
	dataset *workdirs.Dataset
	doc     *configure.Document
	plan    *virtual.Plan
	digest  string // of the plan
	opts    Options
	began   time.Time
	grows   bool // out of a store that is there, so that its cost is not that of its plan
}

func load(d *workdirs.Dataset, opts Options) (*job, error) {
	doc, err := configure.Load(d)
	if err != nil {
		return nil, err
	}
	return newJob(d, doc, opts)
}

func newJob(d *workdirs.Dataset, doc *configure.Document, opts Options) (c *job, err error) {
	c = &job{dataset: d, doc: doc, opts: opts, began: time.Now()}
	if c.digest, err = doc.Digest(); err != nil {
		return nil, err
	}
	if c.plan, err = doc.Plan(); err != nil {
		return nil, err
	}
	c.opts.Links = doc.Compute.Links
	return c, linkable(c.plan, c.opts.Links)
}

// Run computes a dataset in this process, in one go or, when the plan says parallel, part by part, and publishes the store. It does nothing when the newest store was
// made by the same plan. It answers the store's path.
func Run(ctx context.Context, d *workdirs.Dataset, opts Options) (path string, err error) {
	c, err := load(d, opts)
	if err != nil {
		return "", err
	}
	if path, ok := c.published(); ok {
		return path, c.link(path)
	}
	if c.doc.Compute.Mode == "parallel" {
		for i := range c.doc.Compute.Parts {
			if err := Part(ctx, d, i, opts); err != nil {
				return "", err
			}
		}
		for i := range c.combines() {
			if err := Combine(ctx, d, i, opts); err != nil {
				return "", err
			}
		}
		return Correct(ctx, d, opts)
	}
	return c.serial(ctx)
}

// name is the name of the version of the store that is offset after the newest.
func (c *job) name(offset int) string {
	minor := offset
	if list, err := c.dataset.Stores(); err == nil && len(list) > 0 {
		minor += list[len(list)-1].Minor + 1
	}
	ext := ".parq"
	if c.doc.Compute.Format == "json" {
		ext = ".json"
	}
	return c.dataset.StoreName(minor, ext)
}

// published finds the newest store and reports whether this plan made it.
func (c *job) published() (string, bool) {
	latest, err := c.dataset.LatestStore()
	if err != nil {
		return "", false
	}
	s, err := stores.Open(latest.Path)
	if err != nil {
		return "", false
	}
	defer s.Close()
	ds := s.Dataset()
	return latest.Path, len(ds.Groups) > 0 && cdm.Lookup(ds.Groups[0].Attributes, planAttribute) == c.digest
}

// publish gives a finished parquet store its name, in the format of the plan.
func (c *job) publish(ctx context.Context, dir string) (string, error) {
	for {
		final := c.dataset.Path(workdirs.StoresDir, c.name(0))
		err := c.place(ctx, dir, final)
		if errors.Is(err, fs.ErrExist) { // another attempt was faster
			if path, ok := c.published(); ok {
				return path, c.link(path)
			}
			continue
		}
		if err != nil {
			return "", &phases.Error{Class: phases.IO, Err: err}
		}
		if err := c.link(final); err != nil {
			return "", err
		}
		return final, c.note(final)
	}
}

func (c *job) place(ctx context.Context, dir, final string) error {
	if c.doc.Compute.Format != "json" {
		return workdirs.PublishDir(dir, final)
	}
	s, err := refparquet.Open(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	text := filepath.Join(dir, ".zstore.json") // in the folder, which is removed whatever happens
	if err := workdirs.WriteFile(text, func(w io.Writer) error { return refjson.Write(ctx, w, s) }); err != nil {
		return err
	}
	return workdirs.PublishDir(text, final)
}

// link lets stores/latest point to the store.
func (c *job) link(path string) error {
	if err := workdirs.Link(c.dataset.Rel(path), c.dataset.Path(workdirs.StoresDir, "latest")); err != nil {
		return &phases.Error{Class: phases.IO, Err: err}
	}
	return nil
}
