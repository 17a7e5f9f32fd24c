package verify

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

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

// reductionDir is the folder, below the dataset's test folder, of reductions that have no picture yet.
const reductionDir = "reduction"

// reduction is the mean over time of a whole variable, which may be larger than memory: as may be the mean itself. It is computed
// box by box, in this process or by an array of tasks, each box once. What there is of several boxes lies in files, under the name of
// what it was computed from, so that another version of the store never sees it.
//
// However many tasks there are, the boxes over the same cells are merged in the order of time. The sums are exact, and so the
// same bits as without boxes, as far as [zarr.Reduction] says; else they may differ in the last one.
type reduction struct {
	array    *zarr.Array
	axis     int
	boxes    []zarr.Box
	columns  int // boxes over the same cells are so many apart
	dir      string
	memory   int64
	tell     func(phases.Progress) // may be nil
	progress func()                // of the chunks that are being read; may be nil

	only *zarr.Reduction // of a single box, which is kept in memory
	took cost            // for it
}

// reducing prepares the reduction of the store of a dataset by so many tasks; nil when there is nothing to reduce.
func reducing(d *workdirs.Dataset, path string, s zarr.Store, fetch zarr.Fetch, tasks int, opts Options) (*reduction, error) {
	ds := s.Dataset()
	main, axis, ok := plots.ChooseMean(ds)
	if !ok {
		return nil, nil
	}
	a, err := zarr.OpenArray(s, main.Path, fetch)
	if err != nil {
		return nil, err
	}
	tasks = max(1, tasks)
	r := &reduction{array: a, axis: axis, boxes: zarr.Cut(a.Grid, axis, tasks), memory: cmp.Or(opts.Memory, DefaultMemory), tell: opts.Progress}
	for _, b := range r.boxes {
		if b.Start[axis] == 0 {
			r.columns++
		}
	}
	state, err := storeState(path, main.Path)
	if err != nil {
		return nil, &phases.Error{Class: phases.IO, Err: err}
	}
	r.dir = d.Path(workdirs.TestDir, reductionDir, fmt.Sprintf("%s-%s-%d", d.Rel(path), state, tasks))
	return r, nil
}

// storeState names what a store holds of an array, by the names, sizes and times of its files.
func storeState(path, array string) (string, error) {
	h := sha256.New()
	add := func(name string, info fs.FileInfo) {
		fmt.Fprintf(h, "%s\t%d\t%d\n", name, info.Size(), info.ModTime().UnixNano())
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		add(array, info)
		return hex.EncodeToString(h.Sum(nil)[:8]), nil
	}
	if info, err = os.Stat(filepath.Join(path, ".zmetadata")); err != nil {
		return "", err
	}
	add(array, info)
	entries, err := os.ReadDir(filepath.Join(path, filepath.FromSlash(array)))
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if info, err = e.Info(); err != nil {
			return "", err
		}
		add(e.Name(), info)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// Reduce computes one task's share of the mean that the test phase will draw, and leaves it in the workdir. What is there already is
// not computed again. What can't be read is left to the test, which says so in its report. It answers what it has to say for a log.
func Reduce(ctx context.Context, d *workdirs.Dataset, task int, opts Options) (said string, err error) {
	doc, err := configure.Load(d)
	if err != nil {
		return "", err
	}
	tasks := doc.Mean.Array()
	if task < 0 || task >= tasks {
		return "", phases.Errorf(phases.Input, "", "the mean of dataset %s is computed by an array of %d tasks, of which none is %d", d.Code, tasks, task)
	}
	latest, err := d.LatestStore()
	if err != nil {
		return "", &phases.Error{Class: phases.Input, Err: err}
	}
	linked, err := stores.Open(latest.Path)
	if err != nil {
		return "", &phases.Error{Class: phases.Fault, Err: err, Remedy: "compute it again"}
	}
	defer linked.Close()
	files := stores.NewFiles()
	defer files.Close()
	r, err := reducing(d, latest.Path, compute.Unlinked(linked), files.Fetch, tasks, opts)
	if err != nil || r == nil {
		return "", err
	}
	took, err := r.ensure(ctx, len(r.boxes)*task/tasks, len(r.boxes)*(task+1)/tasks)
	if err == nil {
		return (&Large{Variable: r.array.Path, Bytes: took.Bytes, Seconds: took.Seconds}).Throughput(), nil
	}
	err = fmt.Errorf("dataset %s: mean of %s: %w", d.Code, r.array.Path, err)
	if transient(ctx, err) {
		return "", err
	}
	return "left to the test: " + err.Error(), nil
}

// cost is what a box has taken.
type cost struct {
	Bytes   int64   `json:"bytes"` // decoded
	Seconds float64 `json:"seconds"`
}

func (r *reduction) path(box int, ext string) string {
	return filepath.Join(r.dir, fmt.Sprintf("%05d.%s", box, ext))
}

// ensure computes the boxes from up to but not including to, as far as they are not there yet, and answers what they have taken.
func (r *reduction) ensure(ctx context.Context, from, to int) (took cost, err error) {
	var missing []int
	chunks := int64(0)
	for i := from; i < to; i++ {
		if _, err := os.Stat(r.path(i, "sums")); err != nil && r.only == nil {
			missing = append(missing, i)
			chunks += r.chunks(i)
		}
	}
	r.progress = counting(r.tell, chunks)
	for _, i := range missing {
		if _, err := r.compute(ctx, i); err != nil {
			return took, err
		}
	}
	r.progress = nil
	if r.only != nil {
		return r.took, nil
	}
	for i := from; i < to; i++ {
		var c cost
		if err := workdirs.ReadJSON(r.path(i, "json"), &c); err != nil {
			return took, &phases.Error{Class: phases.IO, Err: err}
		}
		took.Bytes += c.Bytes
		took.Seconds += c.Seconds
	}
	return took, nil
}

// chunks is how many chunks a box touches.
func (r *reduction) chunks(box int) int64 {
	n := int64(1)
	for d, start := range r.boxes[box].Start {
		c := r.array.Grid.Chunks[d]
		n *= (start+r.boxes[box].Count[d]+c-1)/c - start/c
	}
	return n
}

func (r *reduction) compute(ctx context.Context, box int) (*zarr.Reduction, error) {
	b, began := r.boxes[box], time.Now()
	out, err := r.array.Reduce(ctx, r.axis, b.Start, b.Count, r.memory, r.progress)
	if err != nil {
		return nil, err
	}
	took := cost{elements(b.Count) * int64(r.array.Type.Size), time.Since(began).Seconds()}
	if len(r.boxes) == 1 {
		r.only, r.took = out, took
		return out, nil
	}
	if err := workdirs.WriteJSON(r.path(box, "json"), took); err != nil {
		return nil, &phases.Error{Class: phases.IO, Err: err}
	}
	if err := workdirs.WriteFile(r.path(box, "sums"), out.Write); err != nil {
		return nil, &phases.Error{Class: phases.IO, Err: err}
	}
	return out, nil
}

// box is the reduction of a box, as it lies there, or computed now.
func (r *reduction) box(ctx context.Context, box int) (*zarr.Reduction, error) {
	if r.only != nil {
		return r.only, nil
	}
	f, err := os.Open(r.path(box, "sums"))
	if errors.Is(err, fs.ErrNotExist) {
		return r.compute(ctx, box)
	}
	if err != nil {
		return nil, &phases.Error{Class: phases.IO, Err: err}
	}
	defer f.Close()
	out, err := zarr.ReadReduction(bufio.NewReaderSize(f, 1<<20), r.boxes[box].Cells(r.axis))
	if err != nil { // the disk is not what it was
		return r.compute(ctx, box)
	}
	return out, nil
}

// mean is the variable without its axis of time: what the mean's values are shown as.
func (r *reduction) mean() virtual.Array {
	a := r.array.Array
	a.Dimensions = without(a.Dimensions, r.axis)
	a.Grid = virtual.Grid{Shape: without(a.Grid.Shape, r.axis), Chunks: without(a.Grid.Chunks, r.axis)}
	return a
}

// values are the mean's in a region. What it holds at once besides is one column of boxes.
func (r *reduction) values(ctx context.Context, start, count []int64) ([]float64, error) {
	if start == nil {
		count = r.mean().Grid.Shape
		start = make([]int64, len(count))
	}
	out := make([]float64, elements(count))
	for c := range r.columns {
		// What the cells of the column and the region share.
		origin, cells := without(r.boxes[c].Start, r.axis), r.boxes[c].Cells(r.axis)
		inCells, inOut, shared := make([]int64, len(count)), make([]int64, len(count)), make([]int64, len(count))
		for d := range shared {
			from, to := max(start[d], origin[d]), min(start[d]+count[d], origin[d]+cells[d])
			inCells[d], inOut[d], shared[d] = from-origin[d], from-start[d], max(0, to-from)
		}
		if elements(shared) == 0 {
			continue
		}
		sums, err := r.column(ctx, c)
		if err != nil {
			return nil, err
		}
		mean := sums.Mean()
		var places []int64 // in out of each run
		runs(count, inOut, shared, func(_, in, _ int64) bool { places = append(places, in); return true })
		runs(cells, inCells, shared, func(_, in, n int64) bool {
			copy(out[places[0]:], mean[in:in+n])
			places = places[1:]
			return true
		})
	}
	return out, nil
}

// column merges the boxes over the same cells, in the order of time.
func (r *reduction) column(ctx context.Context, c int) (*zarr.Reduction, error) {
	sums, err := r.box(ctx, c)
	if err != nil {
		return nil, err
	}
	for i := c + r.columns; i < len(r.boxes); i += r.columns {
		next, err := r.box(ctx, i)
		if err != nil {
			return nil, err
		}
		if err := sums.Merge(next); err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// reduced is a source in which the variable is replaced by its mean.
type reduced struct {
	figure.Source
	*reduction
}

func (r reduced) Dataset() virtual.Dataset {
	ds := r.Source.Dataset()
	ds.Arrays = slices.Clone(ds.Arrays)
	ds.Arrays[ds.Array(r.array.Path)] = r.mean()
	return ds
}

func (r reduced) Floats(ctx context.Context, array string, start, count []int64) ([]float64, error) {
	if array != r.array.Path {
		return r.Source.Floats(ctx, array, start, count)
	}
	return r.values(ctx, start, count)
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
