package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

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
	t := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "DATASET\tFILES\tSIZE\tFIRST\tLAST")
	for _, d := range list {
		size := byteSize(d.Definition.Bytes)
		if d.Definition.Bytes == 0 { // servers are not asked before scan
			size = "-"
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\n", d.Definition.Code, d.Definition.Files, size,
			d.Sources[0].URL, d.Sources[len(d.Sources)-1].URL)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if !opts.dryRun {
		datasets := "1 dataset"
		if len(list) != 1 {
			datasets = fmt.Sprintf("%d datasets", len(list))
		}
		fmt.Fprintf(env.stdout, "group %s has %s; next: kerb submit %s -w %s (on this machine: --scheduler local)\n", group, datasets, group, opts.workdir)
	}
	return nil
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
