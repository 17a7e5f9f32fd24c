package verify

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Where a store says of how many files it was made, "12 files, ...", by which plan, how the user wanted the files to be joined, and what
// of them was left out.
const (
	sourcesAttribute = provenance + "sources"
	planAttribute    = provenance + "plan"
	rulesAttribute   = provenance + "rules"
	skippedAttribute = provenance + "skipped"
)

// Alone verifies a store of which nothing but the store is there: the files that its references name, and others whose values are
// all inline, are joined again as configure does, by the rules that the store records and by the given ones, which win; and the store is held
// against that. s.Open should not refuse what was stored by value; s.Plan is not used.
func (s Subject) Alone(ctx context.Context, others []string, rules virtual.Rules, n int64, seed uint64) (*Report, error) {
	urls, err := s.named(ctx, others)
	if err != nil {
		return nil, err
	}
	if len(urls) == 0 {
		return nil, phases.Errorf(phases.Input, "name the files with --source", "%s has no reference to any file", s.Name)
	}
	files := &Result{Check: "files", Unit: "files", Checked: int64(len(urls))}
	ds := s.Store.Dataset()
	if made := madeOf(ds); made > 0 && made != len(urls) {
		files.add(Fault{Kind: Source, Expected: fmt.Sprintf("the %d files that the store says it was made of", made),
			Found: fmt.Sprintf("%d that its references name; files whose values are all inline must be named with --source", len(urls))})
	}
	made, err := madeBy(ds)
	if err != nil {
		return nil, phases.Errorf(phases.Input, "", "%s: %w", s.Name, err)
	}
	rules = rules.With(made)
	rules.SkipRefused = made.SkipRefused
	rules.InlineLimit = max(rules.InlineLimit, phases.MaxInlineLimit) // by value is what needs it, and the store shows what that is
	if rules.Keep, err = kept(ds, made); err != nil {
		return nil, phases.Errorf(phases.Input, "", "%s: %w", s.Name, err)
	}
	s.Plan, err = configure.Join(ctx, configure.Options{Open: s.Open}, urls, rules)
	if err != nil {
		switch phases.ClassOf(err) {
		case phases.Damaged, phases.Drift, phases.Unsupported, phases.Input:
		default:
			return nil, fmt.Errorf("%s: joining the files that the store refers to: %w", s.Name, err)
		}
		files.add(Fault{Kind: Source, Expected: "files that can be joined", Found: err.Error()})
		return newReport(s.Name, seed, s.Known, []*Result{files}), nil
	}
	results, err := s.check(ctx, s.Store, n, seed)
	if err != nil {
		return nil, err
	}
	return newReport(s.Name, seed, s.Known, append([]*Result{files}, results...)), nil
}

// Made is the plan that the store at path was made by, and how its files are opened: of a store in a workdir whose plan is still
// the one that the store names. All others are verified alone.
func Made(path string, ds virtual.Dataset) (*virtual.Plan, phases.Opener, bool) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil || len(ds.Groups) == 0 {
		return nil, nil, false
	}
	d, ok := workdirs.DatasetOf(real)
	if !ok {
		return nil, nil, false
	}
	doc, err := configure.Load(d)
	if err != nil {
		return nil, nil, false
	}
	digest, err := doc.Digest()
	if err != nil || cdm.Lookup(ds.Groups[0].Attributes, planAttribute) != digest {
		return nil, nil, false
	}
	plan, err := doc.Plan()
	if err != nil {
		return nil, nil, false
	}
	open, err := configure.Opener(d)
	return plan, open, err == nil
}

// named lists the files that references name, and the others, once each.
func (s Subject) named(ctx context.Context, others []string) ([]string, error) {
	seen := map[string]bool{}
	var out []string
	add := func(url string) {
		if url != "" && !seen[url] {
			seen[url] = true
			out = append(out, url)
		}
	}
	for _, a := range s.Store.Dataset().Arrays {
		for row, err := range s.Store.References(ctx, a.Path) {
			if err != nil && damaged(ctx, err) {
				break // what is missing now will be found by the checks
			}
			if err != nil {
				return nil, fmt.Errorf("%s: references of %s: %w", s.Name, a.Path, err)
			}
			add(row.Reference.URL)
		}
	}
	for _, url := range others {
		add(url)
	}
	return out, nil
}

// madeBy are the rules that a store says it was made by.
func madeBy(ds virtual.Dataset) (virtual.Rules, error) {
	if len(ds.Groups) == 0 {
		return virtual.Rules{}, nil
	}
	root := ds.Groups[0].Attributes
	text, _ := cdm.Lookup(root, rulesAttribute).(string)
	rules, err := virtual.ReadRules(text)
	rules.SkipRefused = cdm.Lookup(root, skippedAttribute) != nil
	return rules, err
}

// kept are the variables that are to be in a store, edits aside; nil for all. A store that doesn't say how it was made, or that
// left some out, can only be taken at its word.
func kept(ds virtual.Dataset, made virtual.Rules) ([]string, error) {
	steps, err := compute.Steps(ds)
	if err != nil || madeOf(ds) > 0 && !made.SkipRefused {
		return made.Keep, err
	}
	keep := compute.Dropped(steps)
	for _, a := range ds.Arrays {
		keep = append(keep, compute.Origin(steps, a.Path))
	}
	return keep, nil
}

// madeOf is how many files a store says it was made of; 0 when it does not say.
func madeOf(ds virtual.Dataset) (n int) {
	if len(ds.Groups) > 0 {
		if s, ok := cdm.Lookup(ds.Groups[0].Attributes, sourcesAttribute).(string); ok {
			if _, err := fmt.Sscanf(s, "%d files", &n); err != nil {
				return 0
			}
		}
	}
	return n
}

// damaged reports whether an error of reading a store's references says that the store is damaged: all but those of the machine.
func damaged(ctx context.Context, err error) bool {
	var machine interface{ Timeout() bool } // of *fs.PathError and syscall.Errno too
	return ctx.Err() == nil && !errors.As(err, &machine)
}
