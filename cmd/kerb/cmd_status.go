package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases"
)

type statusOptions struct {
	workdir string
	by      string
	watch   bool
	json    bool
}

func newStatusCommand(env environment) *cli.Command {
	var opts statusOptions
	return &cli.Command{
		Name:      "status",
		Usage:     "show how runs stand, in squeue's manner",
		ArgsUsage: "[GROUP|RUN]",
		Description: `Shows the newest run of a group, or of every group. What the tasks recorded themselves comes first; the scheduler is
asked only for what is left open, with one call and not more often than the site's poll interval.
ST is PD (waiting), R (running), CD (done), F (failed), RT (failed, to be tried again), BL (what it needs failed), CA (cancelled).

Example:
   kerb status ocean -w /gws/me/work
   kerb status ocean -w /gws/me/work --by error`,
		Flags: []cli.Flag{
			workdirFlag(&opts.workdir),
			&cli.StringFlag{Name: "by", Usage: "a line per `job`, dataset or error", Value: "job", Destination: &opts.by},
			&cli.BoolFlag{Name: "watch", Usage: "refresh until the run has ended", Destination: &opts.watch},
			jsonFlag(&opts.json),
		},
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 0, 1)
			if err != nil {
				return err
			}
			return runStatus(c.Context, args, opts, env)
		},
	}
}

func runStatus(ctx context.Context, args []string, opts statusOptions, env environment) error {
	if !slices.Contains([]string{"job", "dataset", "error"}, opts.by) {
		return usagef("status: --by is job, dataset or error, not %q", opts.by)
	}
	var names []string
	if len(args) == 1 {
		names = args
	} else {
		w, err := openWorkdir(opts.workdir)
		if err != nil {
			return err
		}
		groups, err := w.Groups()
		if err != nil {
			return err
		}
		for _, g := range groups {
			if runs, err := g.Runs(); err != nil {
				return err
			} else if len(runs) > 0 {
				names = append(names, g.Name)
			}
		}
		if len(names) == 0 && !opts.json {
			fmt.Fprintln(env.stdout, "no runs in this workdir; start one with `kerb submit GROUP`")
		}
	}
	if opts.watch {
		return watchStatus(ctx, names, opts, env)
	}
	reports, err := opts.look(ctx, names)
	if err != nil {
		return err
	}
	return opts.print(reports, env)
}

// look finds out how the newest runs of the groups named stand, or the runs named.
func (opts *statusOptions) look(ctx context.Context, names []string) ([]*report, error) {
	reports := []*report{}
	for _, name := range names {
		o, err := openLatest(opts.workdir, name)
		if err != nil {
			return nil, err
		}
		r, err := look(ctx, o)
		if err != nil {
			return nil, err
		}
		reports = append(reports, r)
	}
	return reports, nil
}

// print writes reports.
func (opts *statusOptions) print(reports []*report, env environment) error {
	for _, r := range reports {
		if err := r.update(opts.by); err != nil {
			return err
		}
	}
	if opts.json {
		if err := writeJSON(env.stdout, reports); err != nil {
			return err
		}
	} else {
		for i, r := range reports {
			if i > 0 {
				fmt.Fprintln(env.stdout)
			}
			for _, line := range r.lines(opts.by, width(env.stdout), 0) {
				fmt.Fprintln(env.stdout, line)
			}
		}
	}
	return nil
}

// refused makes an error of what the user asked for.
func refused(remedy, format string, a ...any) error {
	return phases.Errorf(phases.Input, remedy, format, a...)
}
