package verify

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/plots"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Client is the verdict of the check through xarray in the user's Python: that it reads the same values through the store as this
// program does. It is no part of the test's own verdict, since it judges an environment together with the store.
type Client struct {
	Store   string  `json:"store"`
	Verdict Verdict `json:"verdict"`
	Message string  `json:"message"`
}

func (c *Client) String() string { return string(c.Verdict) + ": " + c.Message }

// ClientOptions name the Python, and the dask whose workers are to read: the address of a scheduler or (http, https) of a
// dask-gateway, "gateway" for the one that dask's own configuration names, empty for none.
type ClientOptions struct{ Python, Dask string }

// RunClient lets the Python read a dataset's newest store, which must have passed its test: a slice, which it also draws, and the
// mean over time. A verdict other than Passed is an error of class Fault, after it is written; a dask that can't be reached
// now is one of class IO.
func RunClient(ctx context.Context, d *workdirs.Dataset, opts ClientOptions) (*Client, error) {
	refuse := func(format string, a ...any) error {
		return phases.Errorf(phases.Input, "run `kerb run test "+d.Code+"` first", "dataset %s: "+format, append([]any{d.Code}, a...)...)
	}
	latest, err := d.LatestStore()
	if err != nil {
		return nil, &phases.Error{Class: phases.Input, Err: err}
	}
	var report Report
	switch err := workdirs.ReadJSON(d.Path(workdirs.TestDir, ReportFile), &report); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, refuse("it is not tested")
	case err != nil:
		return nil, err
	case report.Store != d.Rel(latest.Path):
		return nil, refuse("the test report is of %s, not of %s", report.Store, d.Rel(latest.Path))
	case report.Verdict != Passed:
		return nil, refuse("its test found faults")
	}
	store, err := stores.Open(latest.Path)
	if err != nil {
		return nil, &phases.Error{Class: phases.Fault, Err: err, Remedy: "compute it again"}
	}
	defer store.Close()
	files := stores.NewFiles()
	defer files.Close()
	dir, err := os.MkdirTemp("", "kerb-client-")
	if err != nil {
		return nil, &phases.Error{Class: phases.IO, Err: err}
	}
	defer os.RemoveAll(dir)

	c := clientCheck{ClientOptions: opts, path: latest.Path, store: store, fetch: files.Fetch, scratch: dir}
	if err := c.choose(d); err != nil {
		return nil, fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	verdict, err := c.check(ctx)
	if err != nil {
		return nil, fmt.Errorf("dataset %s: client check: %w", d.Code, err)
	}
	verdict.Store = report.Store
	if err := keepPicture(d, filepath.Join(dir, ClientPlotFile)); err != nil {
		return nil, &phases.Error{Class: phases.IO, Err: err}
	}
	if err := workdirs.WriteJSON(d.Path(workdirs.TestDir, ClientFile), verdict); err != nil {
		return nil, &phases.Error{Class: phases.IO, Err: err}
	}
	if err := d.Note("client", map[string]any{"store": verdict.Store, "verdict": verdict.Verdict}); err != nil {
		return nil, err
	}
	if verdict.Verdict != Passed {
		return verdict, phases.Errorf(phases.Fault, "", "dataset %s: the client check failed: %s", d.Code, verdict.Message)
	}
	return verdict, nil
}

// ReadClient is the client's verdict on a dataset's store; nil when there is none.
func ReadClient(d *workdirs.Dataset, store string) (*Client, error) {
	var c Client
	err := workdirs.ReadJSON(d.Path(workdirs.TestDir, ClientFile), &c)
	if errors.Is(err, fs.ErrNotExist) || err == nil && c.Store != d.Rel(store) {
		return nil, nil
	}
	return &c, err
}

// keepPicture puts what the client has drawn beside the other pictures; it may have drawn nothing.
func keepPicture(d *workdirs.Dataset, path string) error {
	picture, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return workdirs.WriteFile(d.Path(workdirs.TestDir, ClientPlotFile), func(w io.Writer) error { _, err := w.Write(picture); return err })
}

// clientCheck is what one check needs.
type clientCheck struct {
	ClientOptions
	path    string // of the store
	store   zarr.Store
	fetch   zarr.Fetch
	scratch string // a folder

	main virtual.Array // that is read; without a path when there is none
	mean []float64     // over time, of its meanSlice; nil when there is none
	axis int           // of time
}

// choose finds the variable that a person would look at first, and the mean that the test phase has left of it.
func (c *clientCheck) choose(d *workdirs.Dataset) error {
	ds := c.store.Dataset()
	main, ok := plots.Choose(ds)
	if !ok {
		return nil
	}
	c.main = main
	_, axis, ok := plots.ChooseMean(ds)
	if !ok {
		return nil
	}
	_, count := meanSlice(main, axis)
	mean, err := readNpy(d.Path(workdirs.TestDir, MeanFile), elements(count))
	c.axis, c.mean = axis, mean
	return err
}

//go:embed client.py
var clientScript string

const (
	closeEnough   = 1e-5    // how far values may differ, relative to the largest: xarray unpacks to float32 where the scale is one
	longestOutput = 2000    // how much is kept of what a failed client writes
	largestSlice  = 4 << 20 // elements
	notNow        = 75      // what the script ends with when dask can't be reached
	lastWords     = 30 * time.Second
)

// request is what the script is asked for.
type request struct {
	Store     string              `json:"store"`
	Protocol  string              `json:"protocol"`
	Variable  *string             `json:"variable"`
	Slice     map[string][2]int64 `json:"slice"`
	Dimension *string             `json:"dimension"`
	Mean      map[string][2]int64 `json:"mean"`
	Dask      *string             `json:"dask"`
	Output    string              `json:"output"`
	Picture   string              `json:"picture"`
}

// check reads the last slice of main through xarray, and its mean, and compares them.
func (c *clientCheck) check(ctx context.Context) (*Client, error) {
	ask := request{Store: c.path, Protocol: "file", Output: filepath.Join(c.scratch, "values"), Picture: filepath.Join(c.scratch, ClientPlotFile)}
	if c.Dask != "" {
		ask.Dask = &c.Dask
	}
	var ours []float64
	if c.main.Path != "" {
		ask.Variable = &c.main.Path
		start, count := lastSlice(c.main.Grid.Shape)
		ask.Slice = selection(c.main.Dimensions, start, count)
		var err error
		if ours, err = decoded(ctx, c.store, c.fetch, c.main, start, count); err != nil {
			return nil, err
		}
		if c.mean != nil {
			ask.Dimension = &c.main.Dimensions[c.axis]
			start, count := meanSlice(c.main, c.axis)
			ask.Mean = selection(without(c.main.Dimensions, c.axis), start, count)
			ours = append(ours, c.mean...)
		}
		for row, err := range c.store.References(ctx, c.main.Path) {
			if err != nil {
				return nil, err
			}
			if scheme, _, ok := strings.Cut(row.Reference.URL, "://"); ok {
				ask.Protocol = scheme
			}
			break
		}
	}
	said, err := c.run(ctx, ask)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && phases.ClassOf(err) == phases.IO:
		return nil, err
	case err != nil:
		return &Client{Verdict: Failed, Message: err.Error()}, nil
	case c.main.Path == "":
		return &Client{Verdict: Passed, Message: said + " opens it; it has no variable to look at"}, nil
	}
	theirs, err := readOutput(ask.Output, int64(len(ours)))
	if err != nil {
		return &Client{Verdict: Failed, Message: fmt.Sprintf("%s: its answer: %v", said, err)}, nil
	}
	if at := firstDifference(ours, theirs); at >= 0 {
		return &Client{Verdict: Failed, Message: fmt.Sprintf("%s reads %v as value %d of %s where this program reads %v", said, theirs[at], at, c.main.Path, ours[at])}, nil
	}
	return &Client{Verdict: Passed, Message: fmt.Sprintf("%s reads the same %d values of %s", said, len(ours), c.main.Path)}, nil
}

// lastSlice is the last position along all axes but the last two, and of these as much as is quickly read.
func lastSlice(shape []int64) (start, count []int64) {
	start, count = make([]int64, len(shape)), slices.Clone(shape)
	for d := range len(shape) - 2 {
		start[d], count[d] = shape[d]-1, 1
	}
	for d := range shape {
		count[d] = max(1, min(count[d], largestSlice/max(1, elements(count)/max(1, count[d]))))
	}
	return start, count
}

// meanSlice is the same of what is left of a variable without one axis.
func meanSlice(main virtual.Array, axis int) (start, count []int64) {
	return lastSlice(without(main.Grid.Shape, axis))
}

func without[T any](list []T, i int) []T { return slices.Delete(slices.Clone(list), i, i+1) }

// selection is what xarray selects by position: from the first up to the last.
func selection(dimensions []string, start, count []int64) map[string][2]int64 {
	out := make(map[string][2]int64, len(dimensions))
	for d, name := range dimensions {
		out[name] = [2]int64{start[d], start[d] + count[d]}
	}
	return out
}

// run asks the script, and answers the last line that it prints: libraries may print others.
func (c *clientCheck) run(ctx context.Context, ask request) (said string, err error) {
	text, err := json.Marshal(ask)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, c.Python, "-c", clientScript, string(text))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it has a dask cluster to end
	cmd.WaitDelay = lastWords
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(errs.String())
		if len(text) > longestOutput { // the exception stands at the end
			text = "..." + strings.ToValidUTF8(text[len(text)-longestOutput:], "")
		}
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == notNow {
			return "", phases.Errorf(phases.IO, "see that the dask scheduler runs and has workers", "%s", text)
		}
		if text == "" {
			return "", fmt.Errorf("%s: %w", c.Python, err)
		}
		return "", fmt.Errorf("%s: %w: %s", c.Python, err, text)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	return lines[len(lines)-1], nil
}

// decoded reads values through the store and decodes them by CF.
func decoded(ctx context.Context, s zarr.Store, fetch zarr.Fetch, main virtual.Array, start, count []int64) ([]float64, error) {
	a, err := zarr.OpenArray(s, main.Path, fetch)
	if err != nil {
		return nil, err
	}
	cf, err := zarr.NewCF(a.Array)
	if err != nil {
		return nil, err
	}
	raw, err := a.Read(ctx, start, count)
	if err != nil {
		return nil, err
	}
	return cf.Decode(make([]float64, elements(count)), raw), nil
}

func readOutput(path string, n int64) ([]float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readFloats(f, n)
}

// firstDifference is where values differ, -1 for nowhere.
func firstDifference(ours, theirs []float64) int {
	largest := 0.0
	for _, v := range ours {
		if a := math.Abs(v); a > largest && !math.IsInf(v, 0) {
			largest = a
		}
	}
	for i, v := range ours {
		w := theirs[i]
		switch {
		case v == w || v != v && w != w:
		case !(math.Abs(v-w) <= closeEnough*largest):
			return i
		}
	}
	return -1
}
