package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/plots"
	"github.com/cedadev/kerchunk-builder/plots/figure"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

type plotOptions struct {
	output string
	sel    []string
	width  int
}

func newPlotCommand(env environment) *cli.Command {
	var opts plotOptions
	var sel cli.StringSlice
	return &cli.Command{
		Name:      "plot",
		Usage:     "draw a slice of a variable of a store",
		ArgsUsage: "STORE [VAR]",
		Description: `Draws a map where the variable has longitudes and latitudes or a known projection (grid mapping), otherwise a section or
a line. Without VAR it takes the variable that one would look at first.

Example:
   kerb plot sst.parq sst --sel time=2025-06 -o sst.png
   kerb plot sst.parq sst --sel time=#-1 --sel depth=10 -o last.png`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "the picture: `OUT.png`", Required: true, Destination: &opts.output},
			&cli.StringSliceFlag{Name: "sel", Usage: "`DIM=VALUE`: the nearest number, the beginning of a date, or an index as #3 or #-1; may be repeated", Destination: &sel},
			&cli.IntFlag{Name: "width", Usage: "width in `PIXELS`", Value: 1400, Destination: &opts.width},
		},
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 1, 2)
			if err != nil {
				return err
			}
			opts.sel = sel.Value()
			return runPlot(c.Context, args[0], strings.Join(args[1:], ""), opts, env)
		},
	}
}

func runPlot(ctx context.Context, store, variable string, opts plotOptions, env environment) error {
	if !strings.HasSuffix(opts.output, ".png") {
		return usagef("plot: output %q must end in .png", opts.output)
	}
	req := figure.Request{Variable: variable, Select: map[string]string{}, Options: plots.Options{Width: opts.width}}
	for _, s := range opts.sel {
		dim, value, ok := strings.Cut(s, "=")
		if !ok {
			return usagef("plot: --sel takes DIM=VALUE, not %q", s)
		}
		req.Select[dim] = value
	}
	s, err := openStore(store)
	if err != nil {
		return err
	}
	defer s.Close()
	files := stores.NewFiles()
	defer files.Close()
	var drawn figure.Drawn
	err = workdirs.WriteFile(opts.output, func(w io.Writer) (err error) {
		drawn, err = figure.Draw(ctx, w, figure.FromStore(s, files.Fetch), req)
		return err
	})
	if errors.Is(err, figure.ErrNothing) || errors.Is(err, figure.ErrSelection) {
		return &phases.Error{Class: phases.Input, Err: err, Remedy: "`kerb inspect " + store + "` shows what there is"}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "%s: %s, %d values, %d missing\n", opts.output, drawn.Variable, drawn.Values, drawn.Missing)
	return nil
}
