package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/plots"
	"github.com/cedadev/kerchunk-builder/plots/figure"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Options are what the caller of the test phase decides.
type Options struct {
	Open   phases.Opener
	Sample int64  // about how many chunks have their values compared; All for every one, 0 for DefaultSample
	Seed   uint64 // of the sample
	Memory int64  // bytes that the large plot may use; 0 for DefaultMemory
	Allow  string // a report whose faults are accepted; empty for AllowFile of the dataset, where that is there

	Progress func(phases.Progress) // called after each chunk of the large plot, from one goroutine at a time; may be nil
}

// Defaults of Options.
const (
	DefaultSample = 200
	DefaultMemory = 1 << 30
)

// The files that the test phase leaves in the dataset's test folder, and the one that it finds there: the known faults.
const (
	AllowFile     = "allow.json"
	ReportFile    = "report.json"
	TextFile      = "report.txt"
	SmallPlotFile = "slice.png"
	LargePlotFile = "mean.png"
	MeanFile      = "mean.npy" // the values of the large plot, for the client to compare its own with

	ClientFile     = "client.json" // what the client check leaves
	ClientPlotFile = "client.png"
)

// Run tests a dataset's newest store: every reference, a sample of values, a small plot of one slice and a large plot that
// reads a whole variable. Faults are an error of class Fault, after the report is written.
func Run(ctx context.Context, d *workdirs.Dataset, opts Options) (*Report, error) {
	doc, err := configure.Load(d)
	if err != nil {
		return nil, err
	}
	plan, err := doc.Plan()
	if err != nil {
		return nil, err
	}
	latest, err := d.LatestStore()
	if err != nil {
		return nil, &phases.Error{Class: phases.Input, Err: err}
	}
	linked, err := stores.Open(latest.Path)
	if err != nil {
		return nil, &phases.Error{Class: phases.Fault, Err: err, Remedy: "compute it again"}
	}
	defer linked.Close()
	digest, err := stores.Digest(latest.Path)
	if err != nil {
		return nil, &phases.Error{Class: phases.IO, Err: err}
	}
	s := compute.Unlinked(linked)
	files := stores.NewFiles()
	defer files.Close()
	if opts.Sample == 0 {
		opts.Sample = DefaultSample
	}
	if opts.Memory == 0 {
		opts.Memory = DefaultMemory
	}
	known, err := allowed(d, opts.Allow)
	if err != nil {
		return nil, err
	}
	for _, old := range []string{SmallPlotFile, LargePlotFile, MeanFile, ClientFile, ClientPlotFile} {
		if err := os.Remove(d.Path(workdirs.TestDir, old)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, &phases.Error{Class: phases.IO, Err: err}
		}
	}
	subject := Subject{Name: d.Rel(latest.Path), Store: linked, Plan: plan, Fetch: files.Fetch, Open: opts.Open, Known: known}
	report, err := subject.Check(ctx, opts.Sample, opts.Seed)
	if err != nil {
		return nil, fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	report.Digest = digest
	if report.Verdict == Passed { // pictures of wrong data would only mislead
		shown := &shown{d: d, path: latest.Path, store: s, fetch: files.Fetch, tasks: doc.Mean.Array(), opts: opts, report: report}
		if err := shown.all(ctx); err != nil {
			if transient(ctx, err) {
				return nil, fmt.Errorf("dataset %s: %w", d.Code, err)
			}
			report.join(&Result{Check: "plots", Unit: "pictures", Faults: []Fault{{Kind: Unreadable, Expected: "chunks that can be read through the store", Found: err.Error()}}})
		}
	}
	if err := save(d, report); err != nil {
		return nil, &phases.Error{Class: phases.IO, Err: err}
	}
	note := map[string]any{"store": report.Store, "verdict": report.Verdict, "faults": report.Faults}
	if report.Large != nil {
		note["large_plot_bytes"], note["large_plot_seconds"] = report.Large.Bytes, report.Large.Seconds
	}
	if err := d.Note("test", note); err != nil {
		return nil, err
	}
	if report.Verdict != Passed {
		return report, phases.Errorf(phases.Fault, "see "+d.Path(workdirs.TestDir, TextFile), "dataset %s: the test found faults: %d", d.Code, report.Faults)
	}
	return report, nil
}

// save writes the report, for people first, since programs take the other for the sign that all is there.
func save(d *workdirs.Dataset, r *Report) error {
	write := func(name string, text []byte) error {
		return workdirs.WriteFile(d.Path(workdirs.TestDir, name), func(w io.Writer) error { _, err := w.Write(text); return err })
	}
	if err := write(TextFile, []byte(r.String())); err != nil {
		return err
	}
	text, err := r.JSON()
	if err != nil {
		return err
	}
	return write(ReportFile, text)
}

// allowed are the known faults: those of path, or of the dataset's own list.
func allowed(d *workdirs.Dataset, path string) ([]Fault, error) {
	if path == "" {
		path = d.Path(workdirs.TestDir, AllowFile)
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
	}
	return ReadKnown(path)
}

// shown is a store that has passed, of which pictures are drawn.
type shown struct {
	d      *workdirs.Dataset
	path   string // of the store
	store  zarr.Store
	fetch  zarr.Fetch
	tasks  int // that may have reduced the variable already
	opts   Options
	report *Report
}

// all draws the small and the large plot of the variable that a person would look at first. A dataset without any such variable
// has none.
func (v *shown) all(ctx context.Context) error {
	ds := v.store.Dataset()
	main, ok := plots.Choose(ds)
	if !ok {
		return nil
	}
	src := figure.FromStore(v.store, v.fetch)
	if err := v.draw(ctx, SmallPlotFile, src, figure.Request{Variable: main.Path, Dataset: v.d.Code}); err != nil {
		return fmt.Errorf("small plot: %w", err)
	}
	r, err := reducing(v.d, v.path, v.store, v.fetch, v.tasks, v.opts)
	if err != nil || r == nil {
		return err
	}
	took, err := r.ensure(ctx, 0, len(r.boxes))
	if err != nil {
		return fmt.Errorf("large plot: %w", err)
	}
	v.report.Large = &Large{Variable: main.Path, Bytes: took.Bytes, Memory: r.memory, Seconds: took.Seconds}
	name := fmt.Sprintf("%s  ·  mean of %d times", v.d.Code, main.Grid.Shape[r.axis])
	whole := reduced{src, r}
	if err := v.draw(ctx, LargePlotFile, whole, figure.Request{Variable: main.Path, Dataset: name}); err != nil {
		return fmt.Errorf("large plot: %w", err)
	}
	if err := v.keepMean(ctx, whole, main, r.axis); err != nil {
		return fmt.Errorf("large plot: %w", err)
	}
	if err := os.RemoveAll(v.d.Path(workdirs.TestDir, reductionDir)); err != nil {
		return &phases.Error{Class: phases.IO, Err: err}
	}
	return nil
}

// keepMean writes as much of the mean as the client will compare.
func (v *shown) keepMean(ctx context.Context, whole reduced, main virtual.Array, axis int) error {
	start, count := meanSlice(main, axis)
	values, err := whole.Floats(ctx, main.Path, start, count)
	if err != nil {
		return err
	}
	return workdirs.WriteFile(v.d.Path(workdirs.TestDir, MeanFile), func(w io.Writer) error { return writeNpy(w, count, values) })
}

func (v *shown) draw(ctx context.Context, name string, src figure.Source, req figure.Request) error {
	return workdirs.WriteFile(v.d.Path(workdirs.TestDir, name), func(w io.Writer) error {
		_, err := figure.Draw(ctx, w, src, req)
		return err
	})
}
