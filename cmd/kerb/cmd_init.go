package main

import (
	"context"

	"github.com/urfave/cli/v2"
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
	return nil
}
