package initialise

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Dataset is an entry whose files have been found.
type Dataset struct {
	Definition workdirs.Definition
	Sources    []workdirs.Source
}

// Expand finds the files of every entry. Relative paths are taken from base. Nothing is written.
func Expand(ctx context.Context, list string, entries []Entry, base string) ([]Dataset, error) {
	out := make([]Dataset, len(entries))
	for i, e := range entries {
		where := "pattern " + e.Code
		if e.Line > 0 {
			where = fmt.Sprintf("%s: line %d", list, e.Line)
		}
		refuse := func(col int, err error) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			remedy := "nothing was created"
			if e.Line == 1 {
				remedy = "if this line is a header, begin it with proj_code; nothing was created"
			}
			return phases.Errorf(phases.Input, remedy, "%s, column %d (%s): dataset %s: %w", where, col+1, column(col), e.Code, err)
		}
		sources, err := expand(ctx, e.Pattern, base)
		if err != nil {
			return nil, refuse(1, err)
		}
		pattern := e.Pattern
		if !isURL(pattern) {
			pattern = absolute(pattern, base)
		}
		def := workdirs.Definition{Code: e.Code, Pattern: pattern, Keep: e.Keep, Files: len(sources)}
		for _, s := range sources {
			def.Bytes += s.Size
		}
		if e.Updates != "" {
			if err := readJSON(absolute(e.Updates, base), &def.Updates); err != nil {
				return nil, refuse(2, err)
			}
		}
		if e.Removals != "" {
			if err := readJSON(absolute(e.Removals, base), &def.Removals); err != nil {
				return nil, refuse(3, err)
			}
		}
		out[i] = Dataset{def, sources}
	}
	return out, nil
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Create records the datasets and then the group, which exists only when all of it is there.
func Create(w *workdirs.Workdir, name string, csv []byte, list []Dataset) error {
	group, err := w.Group(name)
	if err != nil {
		return &phases.Error{Class: phases.Input, Err: err}
	}
	if group.Exists() {
		return phases.Errorf(phases.Input, "choose another name, or remove "+group.Dir()+" first", "group %s exists already", name)
	}
	datasets := make([]*workdirs.Dataset, len(list))
	for i, d := range list {
		if datasets[i], err = w.Dataset(d.Definition.Code); err != nil {
			return &phases.Error{Class: phases.Input, Err: err}
		}
		if !datasets[i].Exists() {
			continue
		}
		old, err := datasets[i].Definition()
		if err != nil {
			return err
		}
		if fmt.Sprint(old) != fmt.Sprint(d.Definition) {
			return phases.Errorf(phases.Input, "choose another project code, or remove "+datasets[i].Dir()+" first",
				"dataset %s exists already and is defined otherwise (%s, %d files)", d.Definition.Code, old.Pattern, old.Files)
		}
	}
	info := workdirs.GroupInfo{Created: time.Now().UTC()}
	for i, d := range list {
		if err := datasets[i].Define(d.Definition, d.Sources); err != nil {
			return &phases.Error{Class: phases.IO, Err: err, Remedy: "see that " + filepath.Dir(datasets[i].Dir()) + " can be written"}
		}
		if err := datasets[i].Note("init", map[string]any{"group": name, "files": d.Definition.Files}); err != nil {
			return err
		}
		info.Codes = append(info.Codes, d.Definition.Code)
	}
	return group.Define(info, csv)
}
