package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/phases/verify"
	"github.com/cedadev/kerchunk-builder/plots/figure"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Options are what the caller of the catalog phase decides.
type Options struct {
	Version string
	API     *API   // that holds the products too; nil for none
	Base    string // the address under which the catalogue is published, for the API; empty for its folder
}

// Run puts a dataset's newest store, which must have passed its test, into the catalogue of the workdir under each of the
// given groups.
func Run(ctx context.Context, w *workdirs.Workdir, d *workdirs.Dataset, groups []string, opts Options) error {
	if err := Enter(ctx, w, d, groups, opts); err != nil {
		return err
	}
	for _, g := range groups {
		if err := Finish(ctx, w, g, []string{d.Code}, opts); err != nil {
			return err
		}
	}
	return nil
}

// Enter writes a dataset's items only. Who enters many finishes each group once at the end, since that reads all its items.
func Enter(ctx context.Context, w *workdirs.Workdir, d *workdirs.Dataset, groups []string, opts Options) error {
	p, err := gather(ctx, d, opts.Version)
	if err != nil {
		return err
	}
	for _, g := range groups {
		p.Group = g
		if err := Add(w.CatalogDir(), p); err != nil {
			return err
		}
	}
	return d.Note("catalog", map[string]any{"store": d.Rel(p.Store), "groups": groups})
}

// Finish rebuilds a group's part of the catalogue from the items that were entered, and posts those of the given datasets.
func Finish(ctx context.Context, w *workdirs.Workdir, group string, codes []string, opts Options) error {
	if err := Rebuild(w.CatalogDir(), group); err != nil {
		return err
	}
	if opts.API == nil {
		return nil
	}
	for _, code := range codes {
		if _, _, err := opts.API.Post(ctx, w.CatalogDir(), opts.Base, group, code); err != nil {
			return fmt.Errorf("dataset %s: %w", code, err)
		}
	}
	return nil
}

// gather collects what the catalogue says of a dataset.
func gather(ctx context.Context, d *workdirs.Dataset, version string) (Product, error) {
	latest, err := d.LatestStore()
	if err != nil {
		return Product{}, &phases.Error{Class: phases.Input, Err: err}
	}
	digest, err := stores.Digest(latest.Path)
	if err != nil {
		return Product{}, err
	}
	report, err := tested(d, latest.Path, digest)
	if err != nil {
		return Product{}, err
	}
	doc, err := configure.Load(d)
	if err != nil {
		return Product{}, err
	}
	s, err := stores.Open(latest.Path)
	if err != nil {
		return Product{}, err
	}
	defer s.Close()
	files := stores.NewFiles()
	defer files.Close()
	p := Product{Code: d.Code, Title: d.Code, Store: latest.Path, StoreDigest: digest, Kind: Parquet, Dataset: s.Dataset(), Faults: int(report.Faults), Version: version,
		Report: d.Path(workdirs.TestDir, verify.ReportFile), Sources: d.Path(workdirs.SourcesFile), RemoteProtocol: "file", SourceFiles: len(doc.Files)}
	if strings.HasSuffix(latest.Path, ".json") {
		p.Kind = JSON
	}
	entitle(&p, &p.Dataset)
	steps, err := compute.Steps(p.Dataset)
	if err != nil {
		return Product{}, fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	for _, f := range doc.Files {
		p.SourceBytes += f.Size
		if f.MTime.After(p.Newest) {
			p.Newest = f.MTime
		}
		home, err := compute.Home(steps, f.URL)
		if err != nil {
			return Product{}, fmt.Errorf("dataset %s: %w", d.Code, err)
		}
		if scheme, _, ok := strings.Cut(home, "://"); ok {
			p.RemoteProtocol = scheme
		}
	}
	if plot := d.Path(workdirs.TestDir, verify.SmallPlotFile); exists(plot) {
		p.Plot = plot
	}
	if client, err := verify.ReadClient(d, latest.Path); err != nil {
		return Product{}, err
	} else if client != nil {
		p.Client = d.Path(workdirs.TestDir, verify.ClientFile)
	}
	if p.StoreBytes, err = size(latest.Path); err != nil {
		return Product{}, err
	}
	if p.Cover, err = Describe(ctx, figure.FromStore(compute.Unlinked(s), files.Fetch)); err != nil {
		return Product{}, fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	return p, nil
}

// entitle takes the title and summary from the dataset's own attributes (ACDD 1.3).
func entitle(p *Product, ds *virtual.Dataset) {
	if len(ds.Groups) == 0 {
		return
	}
	for name, dst := range map[string]*string{"title": &p.Title, "summary": &p.Description, "license": &p.License} {
		if s, ok := cdm.Lookup(ds.Groups[0].Attributes, name).(string); ok && s != "" && (name != "license" || !strings.ContainsAny(s, " /")) {
			*dst = s
		}
	}
}

// tested reads the report of the test phase and sees that it is of this store as it is now.
func tested(d *workdirs.Dataset, store, digest string) (*verify.Report, error) {
	text, err := os.ReadFile(d.Path(workdirs.TestDir, verify.ReportFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, phases.Errorf(phases.Input, "run `kerb run test "+d.Code+"` first", "dataset %s is not tested", d.Code)
	}
	if err != nil {
		return nil, err
	}
	r := &verify.Report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, err
	}
	if r.Store != d.Rel(store) {
		return nil, phases.Errorf(phases.Input, "run `kerb run test "+d.Code+"` first", "dataset %s: the test report is of %s, not of %s", d.Code, r.Store, d.Rel(store))
	}
	if r.Digest != digest {
		return nil, phases.Errorf(phases.Input, "run `kerb run test "+d.Code+"` again", "dataset %s: %s has been changed since it was tested", d.Code, r.Store)
	}
	return r, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// size is the bytes of a file, or of all files in a folder.
func size(path string) (n int64, err error) {
	err = filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}
