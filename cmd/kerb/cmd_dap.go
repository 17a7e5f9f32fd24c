package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases/compute"
)

type dapOptions struct {
	from, to, out string
	undo          bool
	check         int
}

func newDapCommand(env environment) *cli.Command {
	var opts dapOptions
	return &cli.Command{
		Name:      "dap",
		Usage:     "rewrite the links of a store, so that readers elsewhere find the files",
		ArgsUsage: "STORE",
		Description: `Replaces the prefix of every link that lies below --from: /neodc is not a prefix of /neodc2/a.nc. Where a path becomes a URL its
characters are escaped as URLs need it. The new store is made beside the old one, which it replaces in one step, or is left
with --out. The attribute kerchunk_builder_edits of the store records what was rewritten, and --undo takes the last rewriting
back; what kerb append adds later leads to the same place. To have it in every version of a dataset, also after a new
compute, put links: {from: PREFIX, to: URL} into its override.yaml.

--check looks at some of the files: each must be there, as large as the source file. Servers are asked by HEAD.

Example:
   kerb dap sst.parq --from /neodc --to https://dap.ceda.ac.uk/neodc --check 20
   kerb dap sst.parq --undo`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "the `PREFIX` to replace", Destination: &opts.from},
			&cli.StringFlag{Name: "to", Usage: "what replaces it: a `URL` or a path", Destination: &opts.to},
			&cli.StringFlag{Name: "out", Usage: "leave the store as it is, and write the new one to `COPY`", Destination: &opts.out},
			&cli.BoolFlag{Name: "undo", Usage: "take the last rewriting back", Destination: &opts.undo},
			&cli.IntFlag{Name: "check", Usage: "look at `N` of the files at their new place, by HEAD, before anything is changed", Destination: &opts.check},
		},
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 1, 1)
			if err != nil {
				return err
			}
			return runDap(c.Context, args[0], opts, env)
		},
	}
}

func runDap(ctx context.Context, store string, opts dapOptions, env environment) error {
	switch {
	case opts.undo && (opts.from != "" || opts.to != ""):
		return usagef("dap: --undo takes back what the store says was rewritten; it goes without --from and --to")
	case !opts.undo && (opts.from == "" || opts.to == ""):
		return usagef("dap: give --from and --to, or --undo")
	case opts.check < 0:
		return usagef("dap: --check %d", opts.check)
	}
	e := compute.Edit{Undo: opts.undo, Check: opts.check}
	if !opts.undo {
		e.Steps = []compute.Step{{Links: compute.Rewriting{{From: opts.from, To: opts.to}}}}
	}
	return change(ctx, store, opts.out, e, env)
}

// change edits a store and says what was done.
func change(ctx context.Context, store, out string, e compute.Edit, env environment) error {
	store = strings.TrimRight(store, "/")
	edits, checked, err := compute.Change(ctx, store, out, e)
	if err != nil {
		return err
	}
	if out == "" {
		out = store
	}
	for _, edit := range edits {
		fmt.Fprintf(env.stdout, "%s: %s\n", out, edit)
	}
	if e.Check > 0 {
		fmt.Fprintf(env.stdout, "%s: looked at %d of the files that it links to\n", out, checked)
	}
	return nil
}
