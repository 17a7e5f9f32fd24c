package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/source"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/compute"
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
	Known []Fault       // that are accepted
}

// Check does all checks: of the sources, of the arrays, of the metadata, of the references, and of about n chunks of
// values (see [Values]). Edits that the store records are seen through: what they have changed must be as they say, and all else as
// it was. An array that is not the plan's is left out of the others, which can say nothing about it.
func (s Subject) Check(ctx context.Context, n int64, seed uint64) (*Report, error) {
	results, err := s.check(ctx, compute.Unlinked(s.Store), n, seed)
	if err != nil {
		return nil, err
	}
	return newReport(s.Name, seed, s.Known, results), nil
}

// check reads references from linked, which is s.Store with links to the files of the plan.
func (s Subject) check(ctx context.Context, linked zarr.Store, n int64, seed uint64) ([]*Result, error) {
	fail := func(check string, err error) ([]*Result, error) {
		return nil, fmt.Errorf("%s: %s: %w", s.Name, check, err)
	}
	made, err := normalPlan(s.Plan, nil)
	if err != nil {
		return fail("plan", err)
	}
	unedited, edits := withoutEdits(linked, made.Dataset)
	plan, err := normalPlan(s.Plan, compute.Dropped(unedited.steps))
	if err != nil {
		return fail("plan", err)
	}
	sources := NewSources(planned(s.Plan, s.Open))
	stale, err := Stale(ctx, plan.Files, sources)
	if err != nil {
		return fail("sources", err)
	}
	arrays, sound := Arrays(unedited.Dataset(), plan.Dataset)
	store := subset{unedited, sound}
	locator := FromPlan(plan)
	reader, err := NewReader(store, s.Fetch)
	if err != nil {
		return fail("arrays", err)
	}
	metadata, places, err := Metadata(ctx, store, reader, plan, sources)
	if err != nil {
		return fail("metadata", err)
	}
	references, err := References(ctx, store, locator, sources)
	if err != nil {
		return fail("references", err)
	}
	if err := references.beyond(ctx, s.Store); err != nil {
		return fail("references", err)
	}
	values, err := Values(ctx, store, reader, locator, sources, n, seed)
	if err != nil {
		return fail("values", err)
	}
	results := []*Result{stale, arrays, metadata, places, references, values}
	unedited.rename(results)
	if edits != nil {
		results = slices.Insert(results, 1, edits)
	}
	return results, nil
}

// subset is a store of which some arrays are left out.
type subset struct {
	zarr.Store
	dataset virtual.Dataset
}

func (s subset) Dataset() virtual.Dataset { return s.dataset }

// normalPlan is a plan whose dataset is as it is read back from a store: attributes have the types that JSON keeps. The dropped
// variables are left out.
func normalPlan(p *virtual.Plan, dropped []string) (*virtual.Plan, error) {
	out := *p
	out.Dataset.Arrays = slices.DeleteFunc(slices.Clone(p.Dataset.Arrays), func(a virtual.Array) bool { return slices.Contains(dropped, a.Path) })
	m, err := zarr.NewMetadata(out.Dataset)
	if err != nil {
		return nil, err
	}
	if out.Dataset, err = m.Dataset(); err != nil {
		return nil, err
	}
	out.Layouts = make([]virtual.Layout, len(out.Dataset.Arrays))
	for i, a := range out.Dataset.Arrays {
		if was := p.Dataset.Array(a.Path); was < len(p.Layouts) {
			out.Layouts[i] = p.Layouts[was]
		}
	}
	return &out, nil
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
