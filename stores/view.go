package stores

import (
	"context"
	"fmt"
	"sync"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/source"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// View is an open store with the files that it points into: arrays read as any reader of the store would read them.
type View struct {
	zarr.Store
	files *Files

	mu     sync.Mutex
	arrays map[string]*zarr.Array
}

// OpenView opens the store at path for reading arrays.
func OpenView(path string) (*View, error) {
	s, err := Open(path)
	if err != nil {
		return nil, err
	}
	return &View{Store: s, files: NewFiles(source.Options{}), arrays: map[string]*zarr.Array{}}, nil
}

// Close closes the store and the files.
func (v *View) Close() error {
	err := v.files.Close()
	if cerr := v.Store.Close(); err == nil {
		err = cerr
	}
	return err
}

// Array opens an array.
func (v *View) Array(path string) (*zarr.Array, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if a, ok := v.arrays[path]; ok {
		return a, nil
	}
	a, err := zarr.OpenArray(v.Store, path, v.files.Fetch)
	if err == nil {
		v.arrays[path] = a
	}
	return a, err
}

// Read reads a box of an array, in C order and its own type; missing chunks as the fill value, strings in vlen-utf8
// framing.
func (v *View) Read(ctx context.Context, array string, start, count []int64) ([]byte, error) {
	a, err := v.Array(array)
	if err != nil {
		return nil, err
	}
	if a.Type.Kind != cdm.Object {
		return a.Read(ctx, start, count)
	}
	return cdm.Read(ctx, chunked{a: a}, &cdm.Variable{Path: a.Path, Type: a.Type, Shape: a.Grid.Shape, Chunks: a.Grid.Chunks}, start, count)
}

// chunked lets cdm.Read assemble an array of a store: of a File it needs the chunks only.
type chunked struct {
	cdm.File
	a *zarr.Array
}

func (c chunked) ReadChunk(ctx context.Context, _ *cdm.Variable, index int64) ([]byte, error) {
	return c.a.ReadChunk(ctx, index)
}

// Floats reads a box of an array with scale, offset and missing values (as NaN) applied.
func (v *View) Floats(ctx context.Context, array string, start, count []int64) ([]float64, error) {
	a, err := v.Array(array)
	if err != nil {
		return nil, err
	}
	decode, err := zarr.NewCF(a.Array)
	if err != nil {
		return nil, err
	}
	raw, err := a.Read(ctx, start, count)
	if err != nil {
		return nil, err
	}
	return decode.Decode(make([]float64, len(raw)/a.Type.Size), raw), nil
}

// Find returns the array at path.
func (v *View) Find(path string) (*virtual.Array, error) {
	ds := v.Dataset()
	if i := ds.Array(path); i >= 0 {
		return &ds.Arrays[i], nil
	}
	return nil, fmt.Errorf("the store has no variable %q", path)
}
