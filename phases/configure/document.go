package configure

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/profile"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Document is configure.json: the plan of a dataset as a person reads it. It depends on the inputs alone, so that
// the same inputs give the same bytes.
type Document struct {
	Code    string                     `json:"proj_code"`
	Compute Compute                    `json:"compute"`
	Mean    *Reduction                 `json:"mean,omitempty"` // that the test draws; nil when there is none
	Kind    profile.Kind               `json:"kind,omitzero"`  // of the source files
	Axes    []axisJSON                 `json:"concatenated"`
	Stacks  []virtual.Stack            `json:"stacked,omitempty"` // dimensions that the files don't have
	Arrays  []arrayJSON                `json:"variables"`
	Rules   json.RawMessage            `json:"rules,omitempty"` // of the user's, about joining: the store says them too
	Notes   []virtual.Note             `json:"decisions"`
	Meta    map[string]json.RawMessage `json:"metadata"` // as .zmetadata will have it
	Order   []string                   `json:"metadata_order"`
	Files   []fileJSON                 `json:"files"`
}

// Compute is how the store is built.
type Compute struct {
	Mode       string `json:"mode"` // "serial" or "parallel"
	Parts      int    `json:"parts,omitempty"`
	Combines   int    `json:"combines,omitempty"` // tasks that put the parts together, where it takes more than one
	Format     string `json:"format"`             // "parquet" or "json"
	RecordSize int64  `json:"record_size"`
	Links      *Links `json:"links,omitempty"`
	References int64  `json:"references"` // expected at most; unwritten chunks have none

	Predicted   profile.Prediction `json:"predicted"`
	Memory      int64              `json:"memory_bytes"`           // that a task should ask for
	Seconds     int64              `json:"seconds"`                // that the whole compute may take in one process
	TaskSeconds int64              `json:"task_seconds,omitempty"` // that a task should ask for, where the user decides it
	From        string             `json:"from"`                   // "evidence", "profile" or "user"
	Because     string             `json:"because"`
}

// TaskTime is the time that a task of the compute should ask for.
func (c Compute) TaskTime() time.Duration {
	if c.TaskSeconds > 0 {
		return time.Duration(c.TaskSeconds) * time.Second
	}
	return time.Duration(c.Seconds) * time.Second / time.Duration(max(1, c.Parts))
}

// Work is what the compute of the plan has to do.
func (d *Document) Work() profile.Work {
	return profile.Work{Files: int64(len(d.Files)), Arrays: int64(len(d.Arrays)), References: d.Compute.References, Format: d.Compute.Format}
}

// Links rewrites the places of source files in the store: a url that begins with From begins with To there.
type Links struct {
	From string `json:"from" yaml:"from"`
	To   string `json:"to" yaml:"to"`
}

type axisJSON struct {
	Path   string `json:"dimension"`
	Length int64  `json:"length"`
}

type arrayJSON struct {
	Path     string       `json:"variable"`
	Role     virtual.Role `json:"role"`
	Axes     []int        `json:"axes"` // index in "concatenated" of each axis, -1 for none
	Units    string       `json:"units,omitempty"`
	Calendar string       `json:"calendar,omitempty"`
	TimeOf   string       `json:"time_of,omitempty"`
}

type fileJSON struct {
	URL    string    `json:"url"`
	Size   int64     `json:"size"`
	MTime  time.Time `json:"mtime,omitzero"`
	Start  []int64   `json:"start,omitempty"`
	Length []int64   `json:"length,omitempty"`
	Lacks  []string  `json:"lacks,omitempty"`
}

// NewDocument writes a plan down.
func NewDocument(code string, p *virtual.Plan, c Compute) (*Document, error) {
	meta, err := zarr.NewMetadata(p.Dataset)
	if err != nil {
		return nil, &phases.Error{Class: phases.Unsupported, Err: fmt.Errorf("dataset %s: %w", code, err)}
	}
	d := &Document{Code: code, Compute: c, Stacks: p.Stacks, Notes: p.Notes, Rules: json.RawMessage(p.Rules), Meta: map[string]json.RawMessage{}}
	for _, e := range meta {
		d.Meta[e.Key] = pythonless(e.JSON)
		d.Order = append(d.Order, e.Key)
	}
	for _, a := range p.Axes {
		d.Axes = append(d.Axes, axisJSON(a))
	}
	for i, l := range p.Layouts {
		d.Arrays = append(d.Arrays, arrayJSON{p.Dataset.Arrays[i].Path, l.Role, l.Axes, l.Units, l.Calendar, l.TimeOf})
	}
	for _, f := range p.Files {
		d.Files = append(d.Files, fileJSON(f))
	}
	return d, nil
}

// pythonless keeps JSON that holds Python's literals NaN and Infinity, which encoding/json refuses, as a string.
func pythonless(text []byte) json.RawMessage {
	if json.Valid(text) {
		return text
	}
	quoted, _ := json.Marshal(string(text))
	return quoted
}

// Plan is the inverse of NewDocument.
func (d *Document) Plan() (*virtual.Plan, error) {
	p := &virtual.Plan{Notes: d.Notes, Stacks: d.Stacks}
	var rules bytes.Buffer // without the spaces that the document has
	if len(d.Rules) > 0 {
		if err := json.Compact(&rules, d.Rules); err != nil {
			return nil, fmt.Errorf("dataset %s: configure.json: rules: %w", d.Code, err)
		}
	}
	p.Rules = rules.String()
	var meta zarr.Metadata
	for _, key := range d.Order {
		text := d.Meta[key]
		var quoted string
		if json.Unmarshal(text, &quoted) == nil {
			text = json.RawMessage(quoted)
		}
		meta = append(meta, zarr.Entry{Key: key, JSON: text})
	}
	var err error
	if p.Dataset, err = meta.Dataset(); err != nil {
		return nil, fmt.Errorf("dataset %s: configure.json: %w", d.Code, err)
	}
	for _, a := range d.Axes {
		p.Axes = append(p.Axes, virtual.Axis(a))
	}
	layouts := map[string]virtual.Layout{}
	for _, a := range d.Arrays {
		layouts[a.Path] = virtual.Layout{Role: a.Role, Axes: a.Axes, Units: a.Units, Calendar: a.Calendar, TimeOf: a.TimeOf}
	}
	for _, a := range p.Dataset.Arrays {
		lay, ok := layouts[a.Path]
		if !ok || len(lay.Axes) != len(a.Grid.Shape) {
			return nil, fmt.Errorf("dataset %s: configure.json: variable %s has no layout: run configure again", d.Code, a.Path)
		}
		p.Layouts = append(p.Layouts, lay)
	}
	for _, f := range d.Files {
		if len(f.Start) != len(p.Axes) || len(f.Length) != len(p.Axes) {
			return nil, fmt.Errorf("dataset %s: configure.json: file %s has no place: run configure again", d.Code, f.URL)
		}
		p.Files = append(p.Files, virtual.File(f))
	}
	return p, nil
}

// Digest identifies the store that the document leads to: what has no influence on its bytes, such as the number of parts and
// the reasons for the plan, is left out.
func (d *Document) Digest() (string, error) {
	of := *d
	of.Notes = d.skipped()
	of.Kind, of.Mean = profile.Kind{}, nil
	of.Compute = Compute{Format: d.Compute.Format, RecordSize: d.Compute.RecordSize, Links: d.Compute.Links}
	b, err := json.Marshal(&of)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// skipped are the notes that the store itself holds.
func (d *Document) skipped() []virtual.Note {
	var out []virtual.Note
	for _, n := range d.Notes {
		if n.Decision == virtual.Skipped {
			out = append(out, n)
		}
	}
	return out
}

// Load reads a dataset's configure.json.
func Load(d *workdirs.Dataset) (*Document, error) {
	doc := &Document{}
	err := workdirs.ReadJSON(d.Path(workdirs.ConfigureFile), doc)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, phases.Errorf(phases.Input, "run `kerb run configure "+d.Code+"` first", "dataset %s is not configured", d.Code)
	}
	return doc, err
}
