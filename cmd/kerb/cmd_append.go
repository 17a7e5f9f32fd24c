package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/phases/initialise"
)

type appendOptions struct {
	workdir string
	json    bool
}

func newAppendCommand(env environment) *cli.Command {
	var opts appendOptions
	return &cli.Command{
		Name:      "append",
		Usage:     "add new source files to a dataset",
		ArgsUsage: "PROJ_CODE",
		Description: `Expands the dataset's pattern again, or reads its list again, and adds the files that are new as the next version of its
store. Records that are full are shared with the version before, which stays. The result is the same as computing all
of it again. Where it can't be (a file that comes before the end, or that has changed), nothing is done and the reason is given.

Example:
   kerb append sst-daily -w /gws/me/work
   kerb run test,catalog sst-daily -w /gws/me/work`,
		Flags: []cli.Flag{workdirFlag(&opts.workdir), jsonFlag(&opts.json)},
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 1, 1)
			if err != nil {
				return err
			}
			return runAppend(c.Context, args[0], opts, env)
		},
	}
}

func runAppend(ctx context.Context, code string, opts appendOptions, env environment) error {
	d, err := openDataset(opts.workdir, code)
	if err != nil {
		return err
	}
	def, err := d.Definition()
	if err != nil {
		return err
	}
	found, err := initialise.Find(ctx, def.Pattern)
	if err != nil {
		return phases.Errorf(phases.Input, "", "dataset %s: %w", code, err)
	}
	open, err := configure.Opener(d)
	if err != nil {
		return err
	}
	path, n, err := compute.Append(ctx, d, found, compute.Options{Open: open, Version: version})
	if err != nil {
		return err
	}
	if opts.json {
		return writeJSON(env.stdout, map[string]any{"proj_code": code, "store": path, "added": n})
	}
	if n == 0 {
		fmt.Fprintf(env.stdout, "%s: no new files; the store is %s\n", code, path)
		return nil
	}
	fmt.Fprintf(env.stdout, "%s: %d files added; store: %s\n", code, n, path)
	return nil
}
