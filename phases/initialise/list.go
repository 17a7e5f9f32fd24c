// Package initialise is the init phase: from a list of datasets to groups and datasets in a workdir.
package initialise

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Entry is one dataset of a list.
type Entry struct {
	Line     int    // in the list; 0 when it was given on the command line
	Code     string // the project code
	Pattern  string // a glob, or the path of a .txt or .csv list of files
	Updates  string // path of a JSON object of attributes to set; may be empty
	Removals string // path of a JSON list of attributes to remove; may be empty
	Keep     []string
}

// columns names the columns of a list for messages.
var columns = []string{"proj_code", "pattern", "updates", "removals", "variable"}

func column(i int) string { return columns[min(i, len(columns)-1)] }

// ParseCSV reads a list of datasets: proj_code, pattern, updates, removals and any number of variables to keep. A first line
// that begins with proj_code is a header. Blanks around values don't count.
func ParseCSV(name string, text []byte) ([]Entry, error) {
	refuse := func(line, col int, format string, a ...any) error {
		return phases.Errorf(phases.Input, "correct the line and run init again: nothing was created",
			"%s: line %d, column %d (%s): %s", name, line, col+1, column(col), fmt.Sprintf(format, a...))
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	r.Comment = '#'
	var entries []Entry
	seen := map[string]int{}
	for first := true; ; first = false {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if bad := (*csv.ParseError)(nil); errors.As(err, &bad) {
			return nil, phases.Errorf(phases.Input, "correct the line and run init again: nothing was created",
				"%s: line %d, column %d: %v", name, bad.Line, bad.Column, bad.Err)
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		for i := range rec {
			rec[i] = strings.TrimSpace(rec[i])
		}
		if first && strings.EqualFold(rec[0], "proj_code") || strings.Join(rec, "") == "" {
			continue
		}
		e := Entry{Line: line, Code: rec[0]}
		if other := strings.IndexAny(e.Code, ";\t"); other >= 0 && len(rec) == 1 {
			return nil, refuse(line, 0, "columns are separated by commas, not by %q", e.Code[other])
		}
		if err := workdirs.CheckName(e.Code); err != nil {
			return nil, refuse(line, 0, "project code %v", err)
		}
		if before, ok := seen[e.Code]; ok {
			return nil, refuse(line, 0, "%q stands on line %d already", e.Code, before)
		}
		seen[e.Code] = line
		if len(rec) < 2 || rec[1] == "" {
			return nil, refuse(line, 1, "missing")
		}
		e.Pattern = rec[1]
		for i, dst := range []*string{&e.Updates, &e.Removals} {
			if len(rec) > 2+i {
				if *dst = rec[2+i]; *dst != "" && !strings.HasSuffix(*dst, ".json") {
					return nil, refuse(line, 2+i, "%q is not the path of a .json file", *dst)
				}
			}
		}
		for _, v := range rec[min(4, len(rec)):] {
			if v != "" {
				e.Keep = append(e.Keep, v)
			}
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, phases.Errorf(phases.Input, "a line reads: proj_code, pattern", "%s: no dataset in it", name)
	}
	return entries, nil
}

// ParsePatterns reads a list of patterns, one a line, as the old pipeline took them: the project code is the path with
// '/' turned into '_'. A path that names no file stands for the NetCDF files in it.
func ParsePatterns(name string, text []byte) ([]Entry, error) {
	var entries []Entry
	seen := map[string]int{}
	sc := bufio.NewScanner(bytes.NewReader(text))
	for line := 1; sc.Scan(); line++ {
		p := strings.TrimSpace(sc.Text())
		if p == "" || p[0] == '#' {
			continue
		}
		dir := p
		if !strings.ContainsAny(path.Base(p), "*?[") && path.Ext(p) != ".nc" {
			p = path.Join(p, "*.nc")
		} else {
			dir = path.Dir(p)
		}
		code := strings.Trim(strings.ReplaceAll(strings.TrimSuffix(path.Clean(dir), "/latest"), "/", "_"), "_")
		code = strings.NewReplacer("*", "", "?", "", "[", "", "]", "").Replace(code)
		if err := workdirs.CheckName(code); err != nil {
			return nil, phases.Errorf(phases.Input, "use a CSV and name the dataset", "%s: line %d, column 1: %v", name, line, err)
		}
		if before, ok := seen[code]; ok {
			remedy := "use a CSV and name the datasets"
			if path.Ext(p) == ".nc" {
				remedy = "a list of the files of one dataset is given as -p CODE=" + name
			}
			return nil, phases.Errorf(phases.Input, remedy, "%s: line %d, column 1: %q stands on line %d already", name, line, code, before)
		}
		seen[code] = line
		entries = append(entries, Entry{Line: line, Code: code, Pattern: p})
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(entries) == 0 {
		return nil, phases.Errorf(phases.Input, "write one path or pattern a line", "%s: no pattern in it", name)
	}
	return entries, nil
}

// ParsePattern reads a dataset given as CODE=GLOB.
func ParsePattern(arg string) (Entry, error) {
	code, glob, ok := strings.Cut(arg, "=")
	if !ok || glob == "" {
		return Entry{}, phases.Errorf(phases.Input, "write CODE=GLOB and quote it for the shell", "pattern %q has no '='", arg)
	}
	if err := workdirs.CheckName(code); err != nil {
		return Entry{}, phases.Errorf(phases.Input, "", "pattern %q: project code %v", arg, err)
	}
	return Entry{Code: code, Pattern: glob}, nil
}
