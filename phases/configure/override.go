package configure

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"go.yaml.in/yaml/v4"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Override is override.yaml: what a user decides instead of configure. A key that is not here is an error.
type Override struct {
	Concat      []string       `yaml:"concat"`        // dimensions to concatenate along
	NewDim      string         `yaml:"new_dimension"` // a dimension that no file has, to concatenate all files along
	Stack       []string       `yaml:"stack"`         // variables that differ from file to file, to be stacked along the concatenated dimension
	Identical   []string       `yaml:"identical"`     // variables that differ a little: the first file's values stand for all
	Variables   []string       `yaml:"variables"`     // to keep
	Attributes  map[string]any `yaml:"attributes"`    // to set: "attr" or "variable.attr"
	Remove      []string       `yaml:"remove"`        // attributes to remove
	Compute     string         `yaml:"compute"`       // serial or parallel
	Parts       int            `yaml:"parts"`         // number of parts
	Format      string         `yaml:"format"`        // parquet or json
	RecordSize  int64          `yaml:"record_size"`   // references a record
	Memory      string         `yaml:"memory"`        // of a compute task: 4G
	Time        string         `yaml:"time"`          // of a compute task: 2h
	InlineLimit int64          `yaml:"inline_limit"`  // the most bytes of an array stored by value
	Unsupported string         `yaml:"unsupported"`   // fail, skip or inline
	Drift       string         `yaml:"drift"`         // fail or exclude
	Links       *Links         `yaml:"links"`         // from: and to: prefixes of the places of source files in the store
}

// loadOverride reads a dataset's override.yaml; the zero Override when there is none.
func loadOverride(d *workdirs.Dataset) (Override, error) {
	var o Override
	path := d.Path(workdirs.OverrideFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return o, nil
	}
	if err != nil {
		return o, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&o); err != nil && !errors.Is(err, io.EOF) {
		return o, phases.Errorf(phases.Input, "correct the file", "%s: %w", path, err)
	}
	for _, c := range []struct {
		key, value string
		allowed    []string
	}{
		{"compute", o.Compute, []string{"", "serial", "parallel"}},
		{"format", o.Format, []string{"", "parquet", "json"}},
		{"unsupported", o.Unsupported, []string{"", "fail", "skip", "inline"}},
		{"drift", o.Drift, []string{"", "fail", "exclude"}},
	} {
		ok := false
		for _, a := range c.allowed {
			ok = ok || a == c.value
		}
		if !ok {
			return o, phases.Errorf(phases.Input, "correct the file", "%s: %s: %q is none of %v", path, c.key, c.value, c.allowed[1:])
		}
	}
	if o.Links != nil && (o.Links.From == "" || o.Links.To == "" || o.Links.From == o.Links.To) {
		return o, phases.Errorf(phases.Input, "correct the file", "%s: links: from %q to %q: give two different prefixes", path, o.Links.From, o.Links.To)
	}
	if o.Parts < 0 || o.RecordSize < 0 || o.InlineLimit < 0 {
		return o, phases.Errorf(phases.Input, "correct the file", "%s: %s", path, fmt.Sprintf("negative number (parts %d, record_size %d, inline_limit %d)", o.Parts, o.RecordSize, o.InlineLimit))
	}
	return o, nil
}

// Opener is how a dataset's source files are opened, in every phase: as its override.yaml says.
func Opener(d *workdirs.Dataset) (phases.Opener, error) {
	o, err := loadOverride(d)
	if err != nil {
		return nil, err
	}
	return SourceOpener(o.Unsupported, o.InlineLimit), nil
}

// SourceOpener opens source files for a user who wants "fail", "skip" or "inline" for what references can't stand for, and
// perhaps set a limit himself.
func SourceOpener(unsupported string, inlineLimit int64) phases.Opener {
	if unsupported == "inline" && inlineLimit == 0 {
		inlineLimit = phases.MaxInlineLimit
	}
	return phases.SourceOpener(inlineLimit)
}
