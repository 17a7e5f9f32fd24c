// Package scan is the scan phase: it opens a spread sample of a dataset's files, keeps a test reference set of it that
// opens as a store, and predicts what the whole will cost.
package scan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/phases/profile"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// sampleSize is how many files are looked at.
const sampleSize = 8

// Options are what the caller of scan decides.
type Options struct {
	Open    phases.Opener
	Version string
}

// Report is scan.json. Sizes are in bytes.
type Report struct {
	Code        string     `json:"proj_code"`
	Formats     []string   `json:"formats"`
	Files       int        `json:"files"`
	SourceBytes int64      `json:"source_bytes"`
	Sample      []string   `json:"sample"`
	SampleStore string     `json:"sample_store"`          // relative to the dataset's folder
	SampleNote  string     `json:"sample_note,omitempty"` // why the sample store holds the first file only
	Variables   []Variable `json:"variables"`

	Nc          float64 `json:"chunks_per_file"`
	Tc          float64 `json:"mean_chunk_bytes"`
	Tk          int64   `json:"reference_set_bytes"` // expected
	TotalChunks int64   `json:"total_chunks"`

	Predicted profile.Prediction `json:"predicted"`
	Profile   string             `json:"profile,omitempty"` // whose figures it was predicted with
}

// Variable is what the sample says of one variable.
type Variable struct {
	Name          string   `json:"name"`
	Type          string   `json:"dtype"`
	Shape         []int64  `json:"shape"` // in the first file
	Chunks        []int64  `json:"chunks"`
	Codecs        []string `json:"codecs"`
	ChunksPerFile float64  `json:"chunks_per_file"`
	BytesPerFile  float64  `json:"bytes_per_file"`
	Refused       string   `json:"refused,omitempty"`
}

// Run scans a dataset and writes scan.json.
func Run(ctx context.Context, d *workdirs.Dataset, opts Options) (*Report, error) {
	def, err := d.Definition()
	if err != nil {
		return nil, &phases.Error{Class: phases.Input, Err: err}
	}
	sources, err := d.Sources()
	if err != nil {
		return nil, err
	}
	r := &Report{Code: d.Code, Files: len(sources), SourceBytes: def.Bytes}
	var chunks []float64
	var looking time.Duration
	total := 0.0
	volume := 0.0
	vars := map[string]int{}
	for _, i := range spread(len(sources), sampleSize) {
		url := sources[i].URL
		r.Sample = append(r.Sample, url)
		began := time.Now()
		n, bytes, err := r.look(ctx, opts.Open, url, vars)
		if err != nil {
			return nil, fmt.Errorf("dataset %s: %w", d.Code, err)
		}
		looking += time.Since(began)
		chunks = append(chunks, n)
		total += n
		volume += bytes
	}
	k := float64(len(r.Sample))
	for i := range r.Variables {
		r.Variables[i].ChunksPerFile /= k
		r.Variables[i].BytesPerFile /= k
	}
	r.Nc = total / k
	if total > 0 {
		r.Tc = volume / total
	}
	r.TotalChunks = int64(math.Round(r.Nc * float64(r.Files)))
	sample, err := r.keep(ctx, d, opts)
	if err != nil {
		return nil, fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	sample.Seconds += looking.Seconds() // for compute may find the files as cold as they were here at first
	used, err := configure.ProfileFor(d, r.kind())
	if err != nil {
		return nil, fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	figures := profile.BuiltIn()
	if used != nil {
		r.Profile, figures = used.Name, used.Figures
	} else {
		figures = figures.Learn([]profile.Cost{sample})
	}
	r.Predicted = predict(figures, sample.Work, int64(r.Files), scale(chunks, float64(r.Files)))
	r.Tk = profile.Whole(r.Predicted.StoreBytes.Mid)
	if err := workdirs.WriteJSON(d.Path(workdirs.ScanFile), r); err != nil {
		return nil, &phases.Error{Class: phases.IO, Err: err}
	}
	return r, d.Note("scan", map[string]any{"sample": len(r.Sample), "chunks_per_file": r.Nc, "mean_chunk_bytes": r.Tc, "reference_set_bytes": r.Tk})
}

// spread chooses k of n files: the first, the last, and one from the middle of each stratum between.
func spread(n, k int) []int {
	if n <= k {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all
	}
	out := make([]int, k)
	for i := range out {
		out[i] = int(math.Round(float64(i) * float64(n-1) / float64(k-1)))
	}
	return out
}

// look reads one file's header and chunk indexes.
func (r *Report) look(ctx context.Context, open phases.Opener, url string, vars map[string]int) (chunks, bytes float64, err error) {
	f, err := open(ctx, url)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	if !slices.Contains(r.Formats, f.Format()) {
		r.Formats = append(r.Formats, f.Format())
	}
	for g := range f.Root().Walk() {
		for _, v := range g.Variables {
			i, ok := vars[v.Path]
			if !ok {
				i = len(r.Variables)
				vars[v.Path] = i
				out := Variable{Name: v.Path, Type: v.Type.String(), Shape: v.Shape, Chunks: v.Chunks, Codecs: []string{}}
				for _, c := range v.Codecs {
					out.Codecs = append(out.Codecs, c.Name())
				}
				if v.Refused != nil {
					out.Type, out.Refused = "", v.Refused.Error()
				}
				r.Variables = append(r.Variables, out)
			}
			if v.Refused != nil {
				continue
			}
			for c, err := range f.Chunks(ctx, v) {
				if err != nil {
					return 0, 0, phases.SourceError(url, v.Path, err)
				}
				size := float64(max(c.Size, int64(len(c.Inline))))
				r.Variables[i].ChunksPerFile++
				r.Variables[i].BytesPerFile += size
				chunks++
				bytes += size
			}
		}
	}
	return chunks, bytes, nil
}

// kind is what the sample has in common with the files of other datasets.
func (r *Report) kind() profile.Kind {
	var variables []profile.Variable
	for _, v := range r.Variables {
		if v.Refused != "" {
			variables = append(variables, profile.Variable{Path: v.Name})
			continue
		}
		variables = append(variables, profile.Variable{Path: v.Name, Type: v.Type, Codecs: v.Codecs})
	}
	return profile.KindOf(r.Formats, variables)
}

// predict is what all files will cost, with bounds from the figures and from the spread of the number of references.
func predict(f profile.Figures, sample profile.Work, files int64, references profile.Interval) profile.Prediction {
	at := func(references float64) profile.Prediction {
		w := sample
		w.Files, w.References = files, profile.Whole(references)
		return f.Predict(w)
	}
	low, p, high := at(references.Low), at(references.Mid), at(references.High)
	p.StoreBytes.Low, p.StoreBytes.High = low.StoreBytes.Low, high.StoreBytes.High
	p.Seconds.Low, p.Seconds.High = low.Seconds.Low, high.Seconds.High
	p.Memory.Low, p.Memory.High = low.Memory.Low, high.Memory.High
	return p
}

// keep builds a store of the sample, and answers what that took. Files of the sample that don't join
// are configure's to report: the store then holds the first file only.
func (r *Report) keep(ctx context.Context, d *workdirs.Dataset, opts Options) (cost profile.Cost, err error) {
	rules := virtual.Rules{SkipRefused: true}
	plan, err := configure.Join(ctx, configure.Options{Open: opts.Open}, r.Sample, rules)
	if errors.Is(err, virtual.ErrDrift) && len(r.Sample) > 1 {
		r.SampleNote = err.Error()
		plan, err = configure.Join(ctx, configure.Options{Open: opts.Open}, r.Sample[:1], rules)
	}
	if err != nil {
		return cost, err
	}
	r.SampleStore = filepath.Join("scan", d.Code+".sample.parq")
	final := d.Path(r.SampleStore)
	began := time.Now()
	dir, err := d.ScanBuildDir()
	if err != nil {
		return cost, &phases.Error{Class: phases.IO, Err: err}
	}
	defer os.RemoveAll(dir)
	const recordSize = 10_000
	if err := compute.Build(ctx, plan, dir, recordSize, "", compute.Options{Open: opts.Open, Version: opts.Version}); err != nil {
		return cost, err
	}
	if err := os.RemoveAll(final); err != nil {
		return cost, err
	}
	if err := workdirs.PublishDir(dir, final); err != nil {
		return cost, err
	}
	cost.Seconds = time.Since(began).Seconds()
	cost.Work = profile.Work{Files: int64(len(plan.Files)), Arrays: int64(len(plan.Dataset.Arrays)), Format: "parquet"}
	for _, a := range plan.Dataset.Arrays {
		cost.References += a.Grid.Count()
	}
	err = filepath.WalkDir(final, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			cost.Bytes += info.Size()
		}
		return err
	})
	return cost, err
}

// scale is the mean of the sample times n, with bounds from its spread: twice the standard error of the mean, and at least
// a tenth, since a small sample may miss what is rare.
func scale(sample []float64, n float64) profile.Interval {
	mean, dev := 0.0, 0.0
	for _, v := range sample {
		mean += v / float64(len(sample))
	}
	for _, v := range sample {
		dev += (v - mean) * (v - mean)
	}
	if len(sample) > 1 {
		dev = math.Sqrt(dev / float64(len(sample)-1) / float64(len(sample)))
	}
	margin := max(2*dev, mean/10)
	return profile.Interval{Low: max(0, mean-margin) * n, Mid: mean * n, High: (mean + margin) * n}
}
