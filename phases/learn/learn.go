// Package learn makes profiles from finished datasets: what they cost, and what their users chose.
package learn

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/phases/profile"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// learned are the keys of override.yaml that say how a store is built. What says what the one dataset is (its attributes, its
// parts), or gives something up (drift, unsupported, identical, variables), is for its user to say each time.
var learned = [...]string{"compute", "concat", "format", "memory", "new_dimension", "record_size", "stack", "time"}

// finished is what a dataset teaches.
type finished struct {
	kind     profile.Kind
	cost     profile.Cost
	read     reading // by its test; zero when it read nothing
	settings map[string]any
}

// reading is what the test phase has read of a dataset's values, in how many seconds of all its processes.
type reading struct {
	Bytes   float64 `json:"large_plot_bytes"`
	Seconds float64 `json:"large_plot_seconds"`
}

// leastReading is how many seconds of reading say how fast it is.
const leastReading = 10

// Run makes the profile name from those datasets that have been computed, and saves it. Left lists the others. It depends on the
// datasets' plans, overrides and histories alone.
func Run(w *workdirs.Workdir, codes []string, name string) (p profile.Profile, left []string, err error) {
	if _, err := w.ProfilePath(name); err != nil || name == "none" {
		return p, nil, phases.Errorf(phases.Input, "choose another with --name", "%q can't be the name of a profile", name)
	}
	all := map[string]finished{}
	for _, code := range codes {
		d, err := w.Dataset(code)
		if err != nil {
			return p, nil, &phases.Error{Class: phases.Input, Err: err}
		}
		f, ok, err := read(d)
		if err != nil {
			return p, nil, fmt.Errorf("dataset %s: %w", code, err)
		}
		if !ok {
			left = append(left, code)
			continue
		}
		all[code] = f
	}
	if p, err = derive(name, all); err != nil {
		return p, left, err
	}
	return p, left, profile.Save(w, p)
}

// derive is what finished datasets have in common.
func derive(name string, all map[string]finished) (profile.Profile, error) {
	p := profile.Profile{Name: name, From: map[string]profile.Cost{}}
	codes := slices.Sorted(maps.Keys(all))
	if len(codes) == 0 {
		return p, phases.Errorf(phases.Input, "run them first", "none of the datasets has been computed by this version of kerb")
	}
	p.Family = profile.Family(codes)
	p.Kind = all[codes[0]].kind
	p.Settings = maps.Clone(all[codes[0]].settings)
	var costs []profile.Cost
	var read reading
	for _, code := range codes {
		f := all[code]
		if f.kind.Format != p.Kind.Format {
			return p, phases.Errorf(phases.Input, "learn from datasets of one format at a time", "datasets %s and %s have files of different formats (%s and %s)",
				codes[0], code, p.Kind.Format, f.kind.Format)
		}
		if !f.kind.Equal(p.Kind) {
			p.Kind.Variables = nil
		}
		maps.DeleteFunc(p.Settings, func(key string, v any) bool { return !reflect.DeepEqual(f.settings[key], v) })
		p.From[code] = f.cost
		costs = append(costs, f.cost)
		read.Bytes += f.read.Bytes
		read.Seconds += f.read.Seconds
	}
	p.Figures = profile.BuiltIn().Learn(costs)
	if read.Seconds >= leastReading && read.Bytes > 0 {
		p.Figures.Reading = read.Bytes / read.Seconds
	}
	return p, nil
}

// read reads what a dataset teaches; false when it has not been computed.
func read(d *workdirs.Dataset) (f finished, ok bool, err error) {
	if !d.Exists() {
		return f, false, phases.Errorf(phases.Input, "add it with `kerb init`", "it is not in this workdir")
	}
	if ok, err = f.history(d); err != nil || !ok {
		return f, false, err
	}
	var doc struct { // without its list of files, which may be long
		Kind profile.Kind `json:"kind"`
	}
	err = workdirs.ReadJSON(d.Path(workdirs.ConfigureFile), &doc)
	if errors.Is(err, fs.ErrNotExist) || err == nil && doc.Kind.Format == "" {
		return f, false, nil
	}
	if err != nil {
		return f, false, phases.Errorf(phases.Input, "run configure again", "%w", err)
	}
	f.kind = doc.Kind
	given, err := configure.Settings(d)
	if err != nil {
		return f, false, err
	}
	f.settings = map[string]any{}
	for _, key := range learned {
		if v, there := given[key]; there {
			f.settings[key] = v
		}
	}
	return f, true, nil
}

// history reads what the last compute of a dataset took, of which that is known, and the last test.
func (f *finished) history(d *workdirs.Dataset) (computed bool, err error) {
	err = workdirs.ReadLines(d.Path(workdirs.HistoryFile), func(line []byte) error {
		var e struct {
			Event  string          `json:"event"`
			Detail json.RawMessage `json:"detail"` // each event has its own
		}
		err := json.Unmarshal(line, &e)
		if err == nil && e.Event == "compute" {
			var detail struct {
				Cost *profile.Cost `json:"cost"`
			}
			if err = json.Unmarshal(e.Detail, &detail); err == nil && detail.Cost != nil {
				f.cost, computed = *detail.Cost, true
			}
		}
		if err == nil && e.Event == "test" {
			var read reading
			if err = json.Unmarshal(e.Detail, &read); err == nil && read.Seconds > 0 {
				f.read = read
			}
		}
		if err != nil {
			return phases.Errorf(phases.Input, "remove the line", "damaged: %w", err)
		}
		return nil
	})
	return computed, err
}

// Names are the project codes that a word stands for: those of the group of that name, or itself.
func Names(w *workdirs.Workdir, word string) ([]string, error) {
	groups, err := w.Groups()
	if err != nil {
		return nil, &phases.Error{Class: phases.IO, Err: err}
	}
	var names []string
	for _, g := range groups {
		if g.Name == word {
			info, err := g.Info()
			return info.Codes, err
		}
		names = append(names, g.Name)
	}
	if d, err := w.Dataset(word); err == nil && d.Exists() {
		return []string{word}, nil
	}
	return nil, phases.Errorf(phases.Input, "there are the groups "+strings.Join(names, ", "), "no group or dataset %s in %s", word, w.Root())
}
