package verify

import (
	"context"
	"fmt"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/source"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Subject is a store with all that is needed to verify it.
type Subject struct {
	Name  string // of the store, for the report
	Store zarr.Store
	Plan  *virtual.Plan // that the store was made by
	Fetch zarr.Fetch    // reads what references point to
	Open  phases.Opener // opens source files afresh
}

// Check does all checks: of the sources, of the arrays, of the references, and of about n chunks of
// values (see [Values]). When the arrays are wrong nothing more can be said, and the last two are left out.
func (s Subject) Check(ctx context.Context, n int64, seed uint64) (*Report, error) {
	sources := NewSources(planned(s.Plan, s.Open))
	stale, err := Stale(ctx, s.Plan.Files, sources)
	if err != nil {
		return nil, fmt.Errorf("%s: sources: %w", s.Name, err)
	}
	arrays := Arrays(s.Store.Dataset(), s.Plan.Dataset)
	if len(arrays.Faults) > 0 {
		return NewReport(s.Name, seed, stale, arrays), nil
	}
	locator := FromPlan(s.Plan)
	reader, err := NewReader(s.Store, s.Fetch)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	references, err := References(ctx, s.Store, locator, sources)
	if err != nil {
		return nil, fmt.Errorf("%s: references: %w", s.Name, err)
	}
	values, err := Values(ctx, s.Store, reader, locator, sources, n, seed)
	if err != nil {
		return nil, fmt.Errorf("%s: values: %w", s.Name, err)
	}
	return NewReport(s.Name, seed, stale, arrays, references, values), nil
}

// planned opens files as the plan sees them.
func planned(p *virtual.Plan, open phases.Opener) phases.Opener {
	if len(p.Stacks) == 0 {
		return open
	}
	index := make(map[string]int, len(p.Files))
	for f := range p.Files {
		index[p.Files[f].URL] = f
	}
	return func(ctx context.Context, url string) (*phases.SourceFile, error) {
		src, err := open(ctx, url)
		f, ok := index[url]
		if err != nil || !ok {
			return src, err
		}
		return &phases.SourceFile{File: p.View(f, src.File), Size: src.Size, MTime: src.MTime, Stats: src.Stats}, nil
	}
}

// NewReader is the Reader of a store.
func NewReader(store zarr.Store, fetch zarr.Fetch) (Reader, error) {
	r := storeReader{}
	for _, a := range store.Dataset().Arrays {
		array, err := zarr.OpenArray(store, a.Path, fetch)
		if err != nil {
			return nil, err
		}
		r[a.Path] = array
	}
	return r, nil
}

type storeReader map[string]*zarr.Array

func (r storeReader) ReadChunk(ctx context.Context, array string, index int64) ([]byte, error) {
	a := r[array]
	if a == nil {
		return nil, fmt.Errorf("the store has no array %q", array)
	}
	return a.ReadChunk(ctx, index)
}

// NewSources are source files opened by open.
func NewSources(open phases.Opener) Sources { return sourceFiles{open} }

type sourceFiles struct{ open phases.Opener }

func (s sourceFiles) Open(ctx context.Context, url string) (cdm.File, error) {
	f, err := s.open(ctx, url)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (s sourceFiles) Stat(ctx context.Context, url string) (Stat, error) {
	src, err := source.Open(ctx, url, source.Options{})
	if err != nil {
		return Stat{}, err
	}
	id := src.Identity()
	return Stat{Size: id.Size, MTime: id.MTime}, src.Close()
}
