package figure

import (
	"context"
	"fmt"

	"github.com/cedadev/kerchunk-builder/stores/zarr"
)

// FromStore makes a store a source: its numbers are read through its references, by fetch.
func FromStore(s zarr.Store, fetch zarr.Fetch) Source { return &store{s, fetch} }

type store struct {
	zarr.Store
	fetch zarr.Fetch
}

func (s *store) Floats(ctx context.Context, array string, start, count []int64) ([]float64, error) {
	a, err := zarr.OpenArray(s.Store, array, s.fetch)
	if err != nil {
		return nil, err
	}
	c, err := zarr.NewCF(a.Array)
	if err != nil {
		return nil, err
	}
	raw, err := a.Read(ctx, start, count)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", array, err)
	}
	return c.Decode(make([]float64, len(raw)/a.Type.Size), raw), nil
}
