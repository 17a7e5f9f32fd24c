package configure

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

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
	Combines    int            `yaml:"combines"`      // number of tasks that put the parts together
	Reduces     int            `yaml:"reduces"`       // number of tasks that compute the mean that is drawn
	PartTk      string         `yaml:"part_tk"`       // the Tk beyond which compute is split, and of a part: 1G
	PartTime    string         `yaml:"part_time"`     // the same in predicted time: 10m
	Format      string         `yaml:"format"`        // parquet or json
	RecordSize  int64          `yaml:"record_size"`   // references a record
	Memory      string         `yaml:"memory"`        // of a compute task: 4G
	Time        string         `yaml:"time"`          // of a compute task: 2h
	InlineLimit int64          `yaml:"inline_limit"`  // the most bytes of an array stored by value
	Unsupported string         `yaml:"unsupported"`   // fail, skip or inline
	Drift       string         `yaml:"drift"`         // fail or exclude
	Links       *Links         `yaml:"links"`         // from: and to: prefixes of the places of source files in the store
	Profile     string         `yaml:"profile"`       // whose figures and settings to take, or none
}

// loadOverride reads a dataset's override.yaml over what else would be; that itself when there is none.
func loadOverride(d *workdirs.Dataset, over Override) (Override, error) {
	path := d.Path(workdirs.OverrideFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return over, nil
	}
	if err != nil {
		return over, err
	}
	return parseOverride(path, text, over)
}

// Settings are the keys of a dataset's override.yaml with their values as they stand there.
func Settings(d *workdirs.Dataset) (map[string]any, error) {
	if _, err := loadOverride(d, Override{}); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(d.Path(workdirs.OverrideFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, yaml.Unmarshal(text, &out)
}

// parseOverride reads the text of an override file over what else would be.
func parseOverride(path string, text []byte, o Override) (Override, error) {
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
	if o.Parts < 0 || o.Combines < 0 || o.Reduces < 0 || o.RecordSize < 0 || o.InlineLimit < 0 {
		return o, phases.Errorf(phases.Input, "correct the file", "%s: negative number (parts %d, combines %d, reduces %d, record_size %d, inline_limit %d)",
			path, o.Parts, o.Combines, o.Reduces, o.RecordSize, o.InlineLimit)
	}
	_, memory := byteCount(o.Memory)
	_, partTk := byteCount(o.PartTk)
	_, limit := taskTime(o.Time)
	_, partTime := taskTime(o.PartTime)
	for _, c := range []struct {
		key string
		err error
	}{{"memory", memory}, {"part_tk", partTk}, {"time", limit}, {"part_time", partTime}} {
		if c.err != nil {
			return o, phases.Errorf(phases.Input, "correct the file", "%s: %s: %w", path, c.key, c.err)
		}
	}
	return o, nil
}

// byteCount reads a memory size, as "4G"; 0 when there is none.
func byteCount(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	digits := strings.TrimRight(s, "KMGT")
	shift, ok := map[string]int{"K": 10, "M": 20, "G": 30, "T": 40}[s[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n <= 0 || n > 1<<50>>shift {
		return 0, fmt.Errorf("%q: give a whole number with K, M, G or T, such as 4G", s)
	}
	return n << shift, nil
}

// taskTime reads a time limit, as "2h"; 0 when there is none.
func taskTime(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	t, err := time.ParseDuration(s)
	if err != nil || t < time.Second {
		return 0, fmt.Errorf("%q: give hours, minutes or seconds, such as 2h or 1h30m", s)
	}
	return t, nil
}

// Opener is how a dataset's source files are opened, in every phase: as its override.yaml says.
func Opener(d *workdirs.Dataset) (phases.Opener, error) {
	o, err := loadOverride(d, Override{})
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
