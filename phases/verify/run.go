package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/plots"
	"github.com/cedadev/kerchunk-builder/plots/figure"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/virtual/cf"
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
	s := withoutLinks(linked)
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
	subject := Subject{Name: d.Rel(latest.Path), Store: s, Plan: plan, Fetch: files.Fetch, Open: opts.Open, Known: known}
	report, err := subject.Check(ctx, opts.Sample, opts.Seed)
	if err != nil {
		return nil, fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	if report.Verdict == Passed { // pictures of wrong data would only mislead
		shown := &shown{d: d, store: s, fetch: files.Fetch, opts: opts, report: report}
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
	store  zarr.Store
	fetch  zarr.Fetch
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
	axis, ok := meanAxis(ds, main)
	if !ok {
		return nil
	}
	began := time.Now()
	m, err := timeMean(ctx, v.store, v.fetch, main, axis, v.opts.Memory, v.opts.Progress)
	if err != nil {
		return fmt.Errorf("large plot: %w", err)
	}
	v.report.Large = &Large{Variable: main.Path, Bytes: elements(main.Grid.Shape) * int64(main.Type.Size), Memory: v.opts.Memory, Seconds: time.Since(began).Seconds()}
	name := fmt.Sprintf("%s  ·  mean of %d times", v.d.Code, main.Grid.Shape[axis])
	whole := reduced{src, m.array, m.values}
	if err := v.draw(ctx, LargePlotFile, whole, figure.Request{Variable: main.Path, Dataset: name}); err != nil {
		return fmt.Errorf("large plot: %w", err)
	}
	return v.keepMean(ctx, whole, main, axis)
}

// meanAxis is the axis that the large plot is the mean over; false when it would be the mean of nothing or over nothing.
func meanAxis(ds virtual.Dataset, main virtual.Array) (int, bool) {
	axis := cf.AxesOf(&ds, &main).T
	return axis, axis >= 0 && len(main.Grid.Shape) >= 2 && main.Grid.Shape[axis] >= 2
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

type mean struct {
	array  virtual.Array // without the dimension that was reduced
	values []float64
}

// timeMean reads the whole variable, chunk by chunk, in at most memory bytes.
func timeMean(ctx context.Context, s zarr.Store, fetch zarr.Fetch, main virtual.Array, axis int, memory int64, progress func(phases.Progress)) (*mean, error) {
	a, err := zarr.OpenArray(s, main.Path, fetch)
	if err != nil {
		return nil, err
	}
	r, err := a.Reduce(ctx, axis, nil, nil, memory, counting(progress, main.Grid.Count()))
	if err != nil {
		return nil, err
	}
	out := &mean{array: main, values: r.Mean()}
	out.array.Dimensions = without(main.Dimensions, axis)
	out.array.Grid = virtual.Grid{Shape: r.Shape, Chunks: without(main.Grid.Chunks, axis)}
	return out, nil
}

// counting counts calls, of which there will be total, and tells f of each from one goroutine at a time.
func counting(f func(phases.Progress), total int64) func() {
	if f == nil {
		return nil
	}
	var mu sync.Mutex
	at := phases.Progress{Total: total}
	return func() {
		mu.Lock()
		defer mu.Unlock()
		at.Done++
		f(at)
	}
}

// reduced is a source in which one array has been replaced by what was computed of it.
type reduced struct {
	figure.Source
	array  virtual.Array
	values []float64
}

func (r reduced) Dataset() virtual.Dataset {
	ds := r.Source.Dataset()
	ds.Arrays = slices.Clone(ds.Arrays)
	ds.Arrays[ds.Array(r.array.Path)] = r.array
	return ds
}

func (r reduced) Floats(ctx context.Context, array string, start, count []int64) ([]float64, error) {
	if array != r.array.Path {
		return r.Source.Floats(ctx, array, start, count)
	}
	if start == nil {
		return r.values, nil
	}
	out := make([]float64, 0, elements(count))
	var take func(d int, base int64)
	take = func(d int, base int64) {
		if d == len(count) {
			out = append(out, r.values[base])
			return
		}
		for i := range count[d] {
			take(d+1, base*r.array.Grid.Shape[d]+start[d]+i)
		}
	}
	take(0, 0)
	return out, nil
}
