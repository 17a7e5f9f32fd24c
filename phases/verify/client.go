package verify

import (
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Client is the check through xarray in the user's Python: that it reads the same values through the store as this program does.
type Client struct {
	Verdict Verdict `json:"verdict"`
	Message string  `json:"message"`
}

func (c *Client) String() string { return string(c.Verdict) + ": " + c.Message }

//go:embed client.py
var clientScript string

// closeEnough is how far values may differ, relative to the largest: xarray unpacks to float32 where the scale is one.
const closeEnough = 1e-5

// longestOutput is how much is kept of what a failed client writes.
const longestOutput = 2000

// request is what the script is asked for.
type request struct {
	Store     string           `json:"store"`
	Protocol  string           `json:"protocol"`
	Variable  string           `json:"variable"`
	Slice     map[string]int64 `json:"slice"`
	Dimension *string          `json:"dimension"`
	Address   *string          `json:"address"`
	Output    string           `json:"output"`
}

// client is the user's Python, and the address of its dask scheduler, empty for none.
type client struct{ python, address string }

// check reads the last slice of main through xarray, and its mean, nil when there is none, and compares them.
func (c client) check(ctx context.Context, store string, s zarr.Store, fetch zarr.Fetch, main virtual.Array, m *mean) (*Client, error) {
	dir, err := os.MkdirTemp("", "kerb-client-")
	if err != nil {
		return nil, &phases.Error{Class: phases.IO, Err: err}
	}
	defer os.RemoveAll(dir)
	ask := request{Store: store, Protocol: "file", Variable: main.Path, Slice: map[string]int64{}, Output: filepath.Join(dir, "values")}
	if c.address != "" {
		ask.Address = &c.address
	}
	// The slice is the last position of all axes but the last two.
	start, count := make([]int64, len(main.Grid.Shape)), append([]int64(nil), main.Grid.Shape...)
	for d := range len(start) - 2 {
		start[d], count[d] = main.Grid.Shape[d]-1, 1
		ask.Slice[main.Dimensions[d]] = start[d]
	}
	ours, err := readFloats(ctx, s, fetch, main, start, count)
	if err != nil {
		return nil, err
	}
	if m != nil {
		ask.Dimension = &m.dimension
		ours = append(ours, m.values...)
	}
	for row, err := range s.References(ctx, main.Path) {
		if err != nil {
			return nil, err
		}
		if scheme, _, ok := strings.Cut(row.Reference.URL, "://"); ok {
			ask.Protocol = scheme
		}
		break
	}
	said, err := c.run(ctx, ask)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return &Client{Failed, err.Error()}, nil
	}
	theirs, err := readValues(ask.Output, len(ours))
	if err != nil {
		return &Client{Failed, err.Error()}, nil
	}
	if at := firstDifference(ours, theirs); at >= 0 {
		return &Client{Failed, fmt.Sprintf("%s reads %v as value %d of %s where this program reads %v", said, theirs[at], at, main.Path, ours[at])}, nil
	}
	return &Client{Passed, fmt.Sprintf("%s reads the same %d values of %s", said, len(ours), main.Path)}, nil
}

func (c client) run(ctx context.Context, ask request) (said string, err error) {
	text, err := json.Marshal(ask)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, c.python, "-c", clientScript, string(text))
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(errs.String())
		if len(text) > longestOutput { // the exception stands at the end
			text = "..." + strings.ToValidUTF8(text[len(text)-longestOutput:], "")
		}
		return "", fmt.Errorf("%s: %w: %s", c.python, err, text)
	}
	return strings.TrimSpace(out.String()), nil
}

func readFloats(ctx context.Context, s zarr.Store, fetch zarr.Fetch, main virtual.Array, start, count []int64) ([]float64, error) {
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

// readValues reads n values of a file that must hold as many.
func readValues(path string, n int) ([]float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw := make([]byte, 8*n)
	if _, err := io.ReadFull(f, raw); err != nil {
		return nil, fmt.Errorf("the client wrote fewer than %d values", n)
	}
	if _, err := f.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the client wrote more than %d values", n)
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	return out, nil
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
