// Package configure is the configure phase: it reads every header and writes a plan, with reasons, that a person can
// read and that compute carries out.
package configure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Options are what the caller of configure decides.
type Options struct {
	Open     phases.Opener
	Progress func(phases.Progress) // after each header, from one goroutine at a time; may be nil
}

// Join reads the headers of files and joins them into one plan.
func Join(ctx context.Context, opts Options, urls []string, rules virtual.Rules) (*virtual.Plan, error) {
	r := NewReader(opts.Open)
	headers, err := r.Headers(ctx, urls, opts.Progress)
	if err != nil {
		return nil, err
	}
	return r.join(ctx, headers, rules)
}

func (r *Reader) join(ctx context.Context, headers []*virtual.Header, rules virtual.Rules) (*virtual.Plan, error) {
	j, err := virtual.NewJoiner(headers, rules)
	if err != nil {
		return nil, classify(err)
	}
	if err := r.Contents(ctx, j); err != nil {
		return nil, err
	}
	p, err := j.Plan()
	if err != nil {
		return nil, classify(err)
	}
	p.Notes = append(p.Notes, r.unshown(j.Headers())...)
	p.Rules, err = rules.Record()
	return p, err
}

// classify gives a refusal of the joiner its class and its remedy.
func classify(err error) error {
	switch {
	case errors.Is(err, virtual.ErrDrift):
		return &phases.Error{Class: phases.Drift, Err: err, Remedy: Remedy(err, false)}
	case errors.Is(err, cdm.ErrUnsupported):
		return &phases.Error{Class: phases.Unsupported, Err: err, Remedy: "set `unsupported: skip` in override.yaml (--on-unsupported skip) to leave such variables out, or `inline` to store by value what can be decoded"}
	}
	return &phases.Error{Class: phases.Input, Err: err}
}

// Run configures a dataset and writes configure.json.
func Run(ctx context.Context, d *workdirs.Dataset, opts Options) (*Document, error) {
	sources, err := d.Sources()
	if err != nil {
		return nil, err
	}
	doc, err := Prepare(ctx, d, sources, opts)
	if err != nil {
		return nil, err
	}
	if err := workdirs.WriteJSON(d.Path(workdirs.ConfigureFile), doc); err != nil {
		return nil, &phases.Error{Class: phases.IO, Err: err}
	}
	return doc, d.Note("configure", map[string]any{"files": len(doc.Files), "variables": len(doc.Arrays)})
}

// Prepare configures a dataset for the given files, and writes nothing.
func Prepare(ctx context.Context, d *workdirs.Dataset, sources []workdirs.Source, opts Options) (*Document, error) {
	def, err := d.Definition()
	if err != nil {
		return nil, &phases.Error{Class: phases.Input, Err: err}
	}
	urls := make([]string, len(sources))
	for i, s := range sources {
		urls[i] = s.URL
	}
	r := NewReader(opts.Open)
	headers, err := r.Headers(ctx, urls, opts.Progress)
	if err != nil {
		return nil, fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	if err := unchanged(sources, headers); err != nil {
		return nil, fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	kind := r.kind(headers)
	c, err := choose(d, kind)
	if err != nil {
		return nil, fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	over := c.override
	rules := over.rules(def)
	plan, excluded, err := r.joinWithout(ctx, headers, rules, over.Drift == "exclude")
	if err != nil {
		return nil, fmt.Errorf("dataset %s: %w", d.Code, err)
	}
	plan.Notes = append(plan.Notes, excluded...)
	plan.Notes = append(plan.Notes, c.notes()...)
	doc, err := NewDocument(d.Code, plan, decide(plan, c))
	if err != nil {
		return nil, err
	}
	doc.Kind, doc.Mean = kind, reductionOf(plan.Dataset, c)
	return doc, nil
}

func (o Override) rules(def workdirs.Definition) virtual.Rules {
	rules := virtual.Rules{Concat: o.Concat, Keep: def.Keep, Set: map[string]any{}, Remove: slices.Concat(def.Removals, o.Remove),
		InlineLimit: o.InlineLimit, SkipRefused: o.Unsupported == "skip", Identical: o.Identical, Stack: o.Stack, NewDimension: o.NewDim}
	if len(o.Variables) > 0 {
		rules.Keep = o.Variables
	}
	for k, v := range def.Updates {
		rules.Set[k] = attributeValue(v)
	}
	for k, v := range o.Attributes {
		rules.Set[k] = attributeValue(v)
	}
	return rules
}

// attributeValue turns what JSON or YAML decoded into a value that an attribute may have.
func attributeValue(v any) any {
	switch v := v.(type) {
	case string, float64, bool:
		return v
	case int:
		return int64(v)
	case int64, uint64:
		return v
	case []any:
		var texts []string
		var numbers []float64
		for _, e := range v {
			switch e := attributeValue(e).(type) {
			case string:
				texts = append(texts, e)
			case float64:
				numbers = append(numbers, e)
			case int64:
				numbers = append(numbers, float64(e))
			}
		}
		if len(numbers) == len(v) {
			return numbers
		}
		if len(texts) == len(v) {
			return texts
		}
	}
	return fmt.Sprint(v)
}

// unchanged compares the files with what init recorded.
func unchanged(sources []workdirs.Source, headers []*virtual.Header) error {
	for i, s := range sources {
		if s.Size != 0 && s.Size != headers[i].Size {
			return phases.Errorf(phases.Damaged, "run init again for the dataset", "%s has %d bytes, but had %d when it was listed", s.URL, headers[i].Size, s.Size)
		}
	}
	return nil
}

// joinWithout joins the files; with exclude it leaves out those that drift, one after the other, and notes each.
func (r *Reader) joinWithout(ctx context.Context, headers []*virtual.Header, rules virtual.Rules, exclude bool) (*virtual.Plan, []virtual.Note, error) {
	var notes []virtual.Note
	for {
		plan, err := r.join(ctx, headers, rules)
		var drift *virtual.DriftError
		if err == nil || !exclude || !errors.As(err, &drift) {
			return plan, notes, err
		}
		left := headers[:0:0]
		for _, h := range headers {
			i := slices.IndexFunc(drift.Drifts, func(d virtual.Drift) bool { return d.File == h.URL })
			if i < 0 {
				left = append(left, h)
				continue
			}
			notes = append(notes, virtual.Note{Subject: h.URL, Decision: "excluded", Evidence: drift.Drifts[i].String(), From: "user"})
		}
		if len(left) == len(headers) || len(left) == 0 {
			return nil, nil, err
		}
		headers = left
	}
}

// recordSize is the greatest size up to the default for which records end where files end, on as many arrays as
// possible: parts of a large compute then write whole records only.
func recordSize(p *virtual.Plan) int64 {
	size := int64(1)
	for i, a := range p.Dataset.Arrays {
		lay := p.Layouts[i]
		if lay.Role != virtual.Concatenated || lay.Axes[0] < 0 || len(p.Files) == 0 {
			continue
		}
		perFile := (p.Files[0].Length[lay.Axes[0]] + a.Grid.Chunks[0] - 1) / a.Grid.Chunks[0]
		counts := a.Grid.Counts()
		for _, n := range counts[1:] {
			perFile *= n
		}
		if perFile < 1 {
			continue
		}
		if m := lcm(size, perFile); m <= defaultRecordSize {
			size = m
		}
	}
	return max(1, defaultRecordSize/size) * size
}

func lcm(a, b int64) int64 {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	return a / x * b
}

// Explain writes the plan's decisions for people, one a line.
func (d *Document) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d files, %d variables\n", d.Code, len(d.Files), len(d.Arrays))
	for _, a := range d.Axes {
		fmt.Fprintf(&b, "  dimension %s: %d\n", a.Path, a.Length)
	}
	for _, a := range d.Arrays {
		fmt.Fprintf(&b, "  variable %s: %s\n", a.Path, a.Role)
	}
	fmt.Fprintf(&b, "  compute: %s", d.Compute.Mode)
	if d.Compute.Parts > 0 {
		fmt.Fprintf(&b, " in %d parts", d.Compute.Parts)
	}
	if d.Compute.Combines > 1 {
		fmt.Fprintf(&b, " that %d tasks combine", d.Compute.Combines)
	}
	fmt.Fprintf(&b, ", %s, record size %d (%s: %s)\n", d.Compute.Format, d.Compute.RecordSize, d.Compute.From, d.Compute.Because)
	if d.Mean != nil {
		fmt.Fprintf(&b, "  test: %s\n", d.Mean)
	}
	for _, n := range d.Notes {
		fmt.Fprintf(&b, "  %s: %s (%s: %s)\n", n.Subject, n.Decision, n.From, n.Evidence)
	}
	return b.String()
}
