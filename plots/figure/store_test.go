package figure

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"testing"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// packed is a store of one array of packed integers in two chunks, one of them missing.
type packed struct{ array virtual.Array }

func (p packed) Dataset() virtual.Dataset { return virtual.Dataset{Arrays: []virtual.Array{p.array}} }
func (p packed) Close() error             { return nil }

func (p packed) Reference(_ string, index int64) (virtual.Reference, bool, error) {
	return virtual.Reference{URL: "f", Offset: 100, Size: 6}, index == 0, nil
}

func (p packed) References(context.Context, string) iter.Seq2[zarr.Row, error] {
	return func(func(zarr.Row, error) bool) {}
}

func TestFromStoreDecodes(t *testing.T) {
	fill := binary.LittleEndian.AppendUint16(nil, 0xffff) // -1
	s := FromStore(packed{virtual.Array{
		Path: "v", Type: cdm.DType{Kind: cdm.Int, Size: 2}, Dimensions: []string{"x"}, Fill: fill,
		Grid:       virtual.Grid{Shape: []int64{5}, Chunks: []int64{3}},
		Attributes: []cdm.Attribute{{Name: "scale_factor", Value: 0.5}, {Name: "add_offset", Value: 10.0}},
	}}, func(_ context.Context, url string, off, size int64) ([]byte, error) {
		if url != "f" || off != 100 || size != 6 {
			return nil, fmt.Errorf("fetched %d bytes at %d of %s", size, off, url)
		}
		return []byte{2, 0, 0xff, 0xff, 4, 0}, nil
	})
	got, err := s.Floats(t.Context(), "v", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{11, math.NaN(), 12, math.NaN(), math.NaN()}
	for i := range want {
		if got[i] != want[i] && !(math.IsNaN(got[i]) && math.IsNaN(want[i])) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	if got, err := s.Floats(t.Context(), "v", []int64{2}, []int64{1}); err != nil || len(got) != 1 || got[0] != 12 {
		t.Errorf("element 2 is %v, %v", got, err)
	}
	if _, err := s.Floats(t.Context(), "w", nil, nil); err == nil {
		t.Error("an unknown array has numbers")
	}
}
