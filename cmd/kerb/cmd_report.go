package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases"
	reports "github.com/cedadev/kerchunk-builder/report"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

type reportOptions struct {
	workdir string
	output  string
	full    int
}

func newReportCommand(env environment) *cli.Command {
	var opts reportOptions
	return &cli.Command{
		Name:      "report",
		Usage:     "write one HTML page about a group: what failed, when it ran, every dataset",
		ArgsUsage: "GROUP|RUN",
		Description: `Writes a page that needs no other file and no network: what failed with the command that runs it again, when the
tasks ran, and of every dataset its verdict, its plan, what was predicted and what it became, and its pictures.

Example:
   kerb report ocean -w /gws/me/work -o ocean.html`,
		Flags: []cli.Flag{
			workdirFlag(&opts.workdir),
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "the page: `OUT.html`", Value: "report.html", Destination: &opts.output},
			&cli.IntFlag{Name: "full", Usage: "describe `N` datasets in full, with pictures: those that failed first", Value: 50, Destination: &opts.full},
		},
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 1, 1)
			if err != nil {
				return err
			}
			if opts.full < 0 {
				return usagef("report: --full takes a number from 0, not %d", opts.full)
			}
			return runReport(c.Context, args[0], opts, env)
		},
	}
}

func runReport(ctx context.Context, groupOrRun string, opts reportOptions, env environment) error {
	busy := startWorking(ctx, env.stderr, "gathering")
	defer busy.stop()
	w, group, run, note, err := observe(ctx, opts.workdir, groupOrRun)
	if err != nil {
		return err
	}
	page, err := reports.Gather(w, group, run, reports.Options{Version: version, Note: note, Full: opts.full})
	if err != nil {
		return err
	}
	if err := workdirs.WriteFile(opts.output, page.Write); err != nil {
		return err
	}
	busy.stop()
	t := page.Totals
	fmt.Fprintf(env.stdout, "%s: %d of %d datasets passed, %d failed, %d not done\n", opts.output, t.Passed, len(page.Datasets), t.Failed, t.Open)
	return nil
}

// observe reads a group and what is known of a run of it: of the newest, or of the one that is named. A group without a run has
// datasets all the same, and a scheduler that does not answer leaves a note.
func observe(ctx context.Context, dir, groupOrRun string) (w *workdirs.Workdir, group workdirs.GroupInfo, run *reports.Submitted, note string, err error) {
	if w, err = openWorkdir(dir); err != nil {
		return nil, group, nil, "", err
	}
	if g, gerr := w.Group(groupOrRun); gerr == nil && g.Exists() {
		if group, err = g.Info(); err != nil {
			return nil, group, nil, "", err
		}
		if runs, err := g.Runs(); err != nil || len(runs) == 0 {
			return w, group, nil, "", err
		}
	}
	o, err := openLatest(dir, groupOrRun)
	if err != nil {
		return nil, group, nil, "", err
	}
	if group, err = o.group.Info(); err != nil {
		return nil, group, nil, "", &phases.Error{Class: phases.Input, Err: err}
	}
	seen, err := o.driver(nil).Observe(ctx)
	if errors.Is(err, scheduler.ErrUnreachable) {
		note = "The scheduler does not answer: this is what was known without it."
	} else if err != nil {
		return nil, group, nil, "", err
	}
	return w, group, &reports.Submitted{Info: o.info, Observed: seen}, note, nil
}
