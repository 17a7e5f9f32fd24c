package verify

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// endless is a store of one array of n chunks, a thousand in a file.
type endless struct {
	archive
	n    int64
	urls []string
}

func (e *endless) References(context.Context, string) iter.Seq2[zarr.Row, error] {
	return func(yield func(zarr.Row, error) bool) {
		for i := range e.n {
			ref := virtual.Reference{URL: e.urls[i/1000], Offset: 1000 + i%1000*4096, Size: 4000}
			if !yield(zarr.Row{Index: i, Reference: ref}, nil) {
				return
			}
		}
	}
}

func (e *endless) Stat(context.Context, string) (Stat, error) { return Stat{Size: 1 << 30}, nil }

func BenchmarkReferences(b *testing.B) {
	const n = 1_000_000
	e := &endless{n: n}
	for i := range n/1000 + 1 {
		e.urls = append(e.urls, fmt.Sprintf("/archive/file%06d.nc", i))
	}
	e.plan.Dataset.Arrays = []virtual.Array{{Path: "a", Grid: virtual.Grid{Shape: []int64{n}, Chunks: []int64{1}}}}
	b.ReportAllocs()
	for b.Loop() {
		r, err := References(context.Background(), e, nil, e)
		if err != nil || len(r.Faults) > 0 {
			b.Fatal(err, r)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/ref")
}
