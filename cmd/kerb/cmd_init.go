package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/initialise"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

type initOptions struct {
	workdir  string
	csv      string
	patterns []string
	dryRun   bool
	json     bool
}

func newInitCommand(env environment) *cli.Command {
	var opts initOptions
	var patterns cli.StringSlice
	return &cli.Command{
		Name:      "init",
		Usage:     "create a group of datasets from a CSV or from patterns",
		ArgsUsage: "GROUP",
		Description: `Reads the list of datasets, finds their files and records them in the workdir.
Nothing is created unless all of it is valid.

Example:
   kerb init ocean -d datasets.csv -w /gws/me/work
   kerb init ocean -p 'sst-daily=/archive/sst/**/*.nc' -w /gws/me/work --dry-run`,
		Flags: []cli.Flag{
			workdirFlag(&opts.workdir),
			&cli.StringFlag{Name: "datasets", Aliases: []string{"d"}, Usage: "the `CSV`: proj_code, pattern or list, updates.json, removals.json, variables...", Destination: &opts.csv},
			&cli.StringSliceFlag{Name: "pattern", Aliases: []string{"p"}, Usage: "a dataset as `CODE=GLOB`; may be repeated", Destination: &patterns},
			&cli.BoolFlag{Name: "dry-run", Usage: "list what would be created, and create nothing", Destination: &opts.dryRun},
			jsonFlag(&opts.json),
		},
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 1, 1)
			if err != nil {
				return err
			}
			opts.patterns = patterns.Value()
			return runInit(c.Context, args[0], opts, env)
		},
	}
}

func runInit(ctx context.Context, group string, opts initOptions, env environment) error {
	if err := workdirs.CheckName(group); err != nil {
		return phases.Errorf(phases.Input, "", "group %w", err)
	}
	if (opts.csv == "") == (len(opts.patterns) == 0) {
		return usagef("init: give either -d datasets.csv or one or more -p CODE=GLOB")
	}
	base, err := filepath.Abs(filepath.Dir(opts.csv)) // of the list, or where we are
	if err != nil {
		return err
	}
	var entries []initialise.Entry
	var text []byte
	if opts.csv != "" {
		if text, err = os.ReadFile(opts.csv); err != nil {
			return phases.Errorf(phases.Input, "see that the file is there", "%w", err)
		}
		if filepath.Ext(opts.csv) == ".txt" {
			entries, err = initialise.ParsePatterns(opts.csv, text)
		} else {
			entries, err = initialise.ParseCSV(opts.csv, text)
		}
		if err != nil {
			return err
		}
	} else if entries, text, err = patternEntries(opts.patterns); err != nil {
		return err
	}
	list, err := initialise.Expand(ctx, opts.csv, entries, base)
	if err != nil {
		return err
	}
	if !opts.dryRun {
		w, err := createWorkdir(opts.workdir)
		if err != nil {
			return err
		}
		if err := initialise.Create(w, group, text, list); err != nil {
			return err
		}
	}
	if opts.json {
		defs := make([]workdirs.Definition, len(list))
		for i := range list {
			defs[i] = list[i].Definition
		}
		return writeJSON(env.stdout, defs)
	}
	for _, line := range initTable(list, width(env.stdout)) {
		fmt.Fprintln(env.stdout, line)
	}
	if !opts.dryRun {
		w, err := openWorkdir(opts.workdir)
		if err != nil {
			return err
		}
		fmt.Fprintf(env.stdout, "group %s has %s; next: %s (on this machine: --scheduler local)\n", group, count(len(list), "dataset"), commandLine(w.Root(), "submit", group))
	}
	return nil
}

// initTable lists datasets with their first and last files. Where the window is too narrow for the paths, their beginnings go.
func initTable(list []initialise.Dataset, columns int) []string {
	cells := [][]string{{"DATASET", "FILES", "SIZE", "FIRST", "LAST"}}
	longest := 0
	for _, d := range list {
		first, last := shownPath(d.Sources[0].URL), shownPath(d.Sources[len(d.Sources)-1].URL)
		if filepath.Dir(first) == filepath.Dir(last) {
			last = filepath.Base(last)
		}
		cells = append(cells, []string{d.Definition.Code, strconv.Itoa(d.Definition.Files), byteSize(d.Definition.Bytes), first, last})
		longest = max(longest, utf8.RuneCountInString(first), utf8.RuneCountInString(last))
	}
	lines := table(cells, 2)
	for columns > 0 && longest > 12 && slices.ContainsFunc(lines, func(s string) bool { return utf8.RuneCountInString(s) > columns }) {
		longest--
		for _, row := range cells[1:] {
			row[3], row[4] = cutLeft(row[3], longest), cutLeft(row[4], longest)
		}
		lines = table(cells, 2)
	}
	return lines
}

// patternEntries reads datasets given on the command line, and writes them down as the CSV that says the same.
func patternEntries(patterns []string) ([]initialise.Entry, []byte, error) {
	var entries []initialise.Entry
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	for _, p := range patterns {
		e, err := initialise.ParsePattern(p)
		if err != nil {
			return nil, nil, err
		}
		for _, o := range entries {
			if o.Code == e.Code {
				return nil, nil, phases.Errorf(phases.Input, "name each dataset once", "pattern %q: %s is given twice", p, e.Code)
			}
		}
		entries = append(entries, e)
		if err := w.Write([]string{e.Code, e.Pattern, "", ""}); err != nil {
			return nil, nil, err
		}
	}
	w.Flush()
	return entries, text.Bytes(), w.Error()
}
