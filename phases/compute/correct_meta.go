package compute

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/stores/refparquet"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// The attributes that say where a store comes from. They depend on its inputs alone.
const (
	versionAttribute = "kerchunk_builder_version"
	sourcesAttribute = "kerchunk_builder_sources"
	planAttribute    = "kerchunk_builder_plan"
	rulesAttribute   = "kerchunk_builder_rules"   // how the user wanted the sources joined
	skippedAttribute = "kerchunk_builder_skipped" // variables of the sources that the store lacks, and why
)

// correctMeta writes the metadata of a store whose records are complete: the true shapes, the corrected attributes, and
// where the store comes from. It makes the folder a store and is written last.
func correctMeta(dir string, p *virtual.Plan, recordSize int64, digest string, opts Options) error {
	ds := described(p, digest, opts)
	if opts.Links != nil {
		if err := record(&ds.Groups[0].Attributes, []Step{linking(*opts.Links)}); err != nil {
			return err
		}
	}
	return refparquet.WriteMetadata(dir, ds, int(recordSize))
}

// described is the description of the dataset of a plan with where its store comes from.
func described(p *virtual.Plan, digest string, opts Options) virtual.Dataset {
	ds := p.Dataset
	ds.Groups = slices.Clone(ds.Groups)
	root := &ds.Groups[0]
	root.Attributes = append(slices.Clone(root.Attributes),
		cdm.Attribute{Name: versionAttribute, Value: opts.Version},
		cdm.Attribute{Name: sourcesAttribute, Value: sourcesDigest(p)})
	if p.Rules != "" {
		root.Attributes = append(root.Attributes, cdm.Attribute{Name: rulesAttribute, Value: p.Rules})
	}
	var skipped []string
	for _, n := range p.Notes {
		if n.Decision == virtual.Skipped {
			skipped = append(skipped, n.Subject+": "+n.Evidence)
		}
	}
	if skipped != nil {
		root.Attributes = append(root.Attributes, cdm.Attribute{Name: skippedAttribute, Value: skipped})
	}
	if digest != "" {
		root.Attributes = append(root.Attributes, cdm.Attribute{Name: planAttribute, Value: digest})
	}
	return ds
}

// sourcesDigest names the source files by their number, bytes and a digest of their names and sizes.
func sourcesDigest(p *virtual.Plan) string {
	h := sha256.New()
	for i := range p.Files {
		fmt.Fprintf(h, "%s\t%d\n", p.Files[i].URL, p.Files[i].Size)
	}
	return fmt.Sprintf("%d files, %d bytes, sha256:%x", len(p.Files), p.SourceBytes(), h.Sum(nil)[:16])
}

// Correct gives a combined store its coordinates and its metadata, and publishes it. It answers the store's path.
func Correct(ctx context.Context, d *workdirs.Dataset, opts Options) (string, error) {
	c, err := load(d, opts)
	if err != nil {
		return "", err
	}
	if path, ok := c.published(); ok {
		return path, c.done(path)
	}
	if err := c.complete(); err != nil {
		return "", err
	}
	if err := c.correctTime(ctx); err != nil {
		return "", fmt.Errorf("dataset %s: correct time: %w", d.Code, err)
	}
	if err := correctMeta(c.combined(), c.plan, c.doc.Compute.RecordSize, c.digest, c.opts); err != nil {
		return "", fmt.Errorf("dataset %s: correct metadata: %w", d.Code, err)
	}
	path, err := c.publish(ctx, c.combined())
	if err != nil {
		return "", err
	}
	return path, c.done(path)
}

// done ends a compute in parts: the store is linked, and what it was made of is removed.
func (c *job) done(path string) error {
	if err := c.link(path); err != nil {
		return err
	}
	if err := os.RemoveAll(c.partsDir()); err != nil {
		return &phases.Error{Class: phases.IO, Err: err}
	}
	return nil
}
