package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

type rerunOptions struct {
	workdir string
	failed  bool
	job     string
	indices string
	memory  string
	time    string
	place   placeOptions
	wait    bool
	json    bool
}

func newRerunCommand(env environment) *cli.Command {
	var opts rerunOptions
	return &cli.Command{
		Name:      "rerun",
		Usage:     "run failed array indices again, and rebuild what followed",
		ArgsUsage: "GROUP|RUN",
		Description: `Submits exactly the failed indices of the newest run, or those named, as new arrays. What waits for them is re-pointed;
what followed them is run again; finished parts are not computed again. It works also when the scheduler has forgotten the jobs.
--account, --partition and --qos hold for all that the run submits from then on.

Example:
   kerb rerun ocean -w /gws/me/work
   kerb rerun ocean -w /gws/me/work --job compute --indices 3,7-9 --mem 8G --time 2h`,
		Flags: slices.Concat([]cli.Flag{
			workdirFlag(&opts.workdir),
			&cli.BoolFlag{Name: "failed", Usage: "all that failed (what is meant when no --job is given)", Destination: &opts.failed},
			&cli.StringFlag{Name: "job", Usage: "the `JOB`: its key in the plan (compute, parts.CODE) or the scheduler's id", Destination: &opts.job},
			&cli.StringFlag{Name: "indices", Usage: "array indices of the job, as `3,7-9`; without: those that failed", Destination: &opts.indices},
			&cli.StringFlag{Name: "mem", Usage: "memory of each task, as `8G`", Destination: &opts.memory},
			&cli.StringFlag{Name: "time", Usage: "wall time of each task, as `2h` or 02:00:00", Destination: &opts.time},
		}, opts.place.flags(), []cli.Flag{
			&cli.BoolFlag{Name: "wait", Usage: "drive the run from here and wait for its end", Destination: &opts.wait},
			jsonFlag(&opts.json),
		}),
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 1, 1)
			if err != nil {
				return err
			}
			return runRerun(c.Context, args[0], opts, env)
		},
	}
}

func runRerun(ctx context.Context, group string, opts rerunOptions, env environment) error {
	if opts.failed && opts.indices != "" {
		return usagef("rerun: give either --failed or --indices")
	}
	if opts.indices != "" && opts.job == "" {
		return usagef("rerun: --indices needs --job")
	}
	order := scheduler.RerunOrder{Job: opts.job}
	var err error
	if opts.indices != "" {
		if order.Indices, _, err = scheduler.ParseIndices(opts.indices); err != nil {
			return usagef("rerun: %v", err)
		}
	}
	if opts.memory != "" {
		if order.Request.Memory, err = scheduler.ParseMemory(opts.memory); err != nil {
			return usagef("rerun: %v", err)
		}
	}
	if opts.time != "" {
		if order.Request.Time, err = scheduler.ParseTime(opts.time); err != nil {
			return usagef("rerun: %v", err)
		}
	}
	o, err := openLatest(opts.workdir, group)
	if err != nil {
		return err
	}
	ctx, lease, err := o.acquire(ctx, shortWait)
	if err != nil {
		return err
	}
	defer lease.Release()
	d := o.driver(lease)
	seen, err := d.Observe(ctx)
	if err != nil {
		return err
	}
	entries, err := scheduler.Rerun(*seen, order)
	if err != nil {
		return refused("see `kerb status "+group+"`", "%w", err)
	}
	if len(entries) == 0 && opts.json {
		return printSubmitted(o, scheduler.Look(*seen), len(seen.Ledger.Submissions), true, env)
	}
	if len(entries) == 0 {
		fmt.Fprintf(env.stdout, "run %s of group %s: nothing has failed\n", o.info.ID, o.info.Group)
		return nil
	}
	if err := o.move(ctx, opts.place); err != nil {
		return err
	}
	if err := o.run.Unstop(); err != nil {
		return err
	}
	for _, e := range entries {
		e.Time, e.Fence = time.Now().UTC(), lease.Revision
		if err := o.run.AppendJournal(e); err != nil {
			return err
		}
	}
	if !opts.json {
		for _, e := range entries {
			if e.Ref.Key == "" {
				fmt.Fprintf(env.stdout, "run %s %s\n", o.info.ID, e.Reason)
				continue
			}
			fmt.Fprintf(env.stdout, "%s: %s %s\n", e.Ref.Key, e.Reason, scheduler.FormatIndices(e.Indices))
		}
	}
	if opts.wait || o.local != nil {
		return follow(ctx, o, lease, opts.json, env)
	}
	pic, _, err := o.once(ctx, lease)
	if err != nil {
		return err
	}
	return printSubmitted(o, pic, len(seen.Ledger.Submissions), opts.json, env)
}
