package verify

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// altered is a store in which some references of temp are others.
type altered struct {
	zarr.Store
	refs map[int64]virtual.Reference
}

func (s altered) Reference(array string, index int64) (virtual.Reference, bool, error) {
	if r, ok := s.refs[index]; ok && array == "temp" {
		return r, true, nil
	}
	return s.Store.Reference(array, index)
}

func (s altered) References(ctx context.Context, array string) iter.Seq2[zarr.Row, error] {
	return func(yield func(zarr.Row, error) bool) {
		for row, err := range s.Store.References(ctx, array) {
			if r, ok := s.refs[row.Index]; ok && array == "temp" {
				row.Reference = r
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// Whatever is wrong about where a reference leads is found and named without any sample of values.
func TestEveryMisplacedReferenceIsFound(t *testing.T) {
	files := written(t)
	s := built(t, files)
	const chunks = nFiles * nTimes
	original := make([]virtual.Reference, chunks)
	for i := range original {
		var err error
		if original[i], _, err = s.Store.Reference("temp", int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		i := rapid.Int64Range(0, chunks-1).Draw(r, "chunk")
		other := (i + rapid.Int64Range(1, chunks-1).Draw(r, "other")) % chunks
		ref, kind := original[i], Misplaced
		changed := map[int64]virtual.Reference{}
		switch rapid.SampledFrom([]string{"offset", "length", "file", "swap", "inline", "same inline"}).Draw(r, "fault") {
		case "offset":
			ref.Offset += rapid.SampledFrom([]int64{-ref.Size, -1, 1, ref.Size}).Draw(r, "by")
		case "length":
			ref.Size += rapid.SampledFrom([]int64{-1, 1}).Draw(r, "by")
		case "file":
			ref.URL = files[(i/nTimes+1)%nFiles]
		case "swap":
			ref = original[other]
			changed[other] = original[i]
		case "inline", "same inline":
			raw, err := s.Fetch(t.Context(), ref.URL, ref.Offset, ref.Size)
			if err != nil {
				r.Fatal(err)
			}
			ref, kind = virtual.Reference{Inline: slices.Clone(raw)}, ""
			if rapid.Bool().Draw(r, "flip") {
				ref.Inline[rapid.IntRange(0, len(raw)-1).Draw(r, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(r, "bit")
				kind = Value
			}
		}
		changed[i] = ref
		other2 := s
		other2.Store = altered{s.Store, changed}
		report, err := other2.Check(t.Context(), 0, 1)
		if err != nil {
			r.Fatal(err)
		}
		places := result(t, report, "places")
		named := map[string]Kind{}
		for _, f := range places.Faults {
			named[fmt.Sprint(f.Variable, f.Chunk, f.File)] = f.Kind
		}
		want := map[string]Kind{}
		for k := range changed {
			if kind != "" {
				want[fmt.Sprint("temp", []int64{k, 0, 0}, files[k/nTimes])] = kind
			}
		}
		if fmt.Sprint(named) != fmt.Sprint(want) {
			r.Fatalf("found %v, want %v", places.Faults, want)
		}
	})
}

// A reference for what its source never wrote: no reader sees that it should be empty.
func TestReferenceOfAnUnwrittenChunk(t *testing.T) {
	a := newArchive(t)
	a.sparse["day1.nc"] = 2
	_, places, err := Metadata(t.Context(), a, a, &a.plan, a)
	if err != nil {
		t.Fatal(err)
	}
	found(t, places, []string{"misplaced temp chunk 5.0.0 of day1.nc", "the source's chunk is unwritten"})
	if len(places.Faults) != 1 || places.Checked != 1+nFiles*nTimes {
		t.Error(places)
	}
}

// Chunks leaves the unwritten chunk out.
func (f sparseFile) Chunks(ctx context.Context, v *cdm.Variable) iter.Seq2[cdm.Chunk, error] {
	return func(yield func(cdm.Chunk, error) bool) {
		for c, err := range f.File.Chunks(ctx, v) {
			if err == nil && v.Path == "temp" && c.Index == f.unwritten {
				continue
			}
			if !yield(c, err) {
				return
			}
		}
	}
}
