package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

func newCancelCommand(env environment) *cli.Command {
	var workdir string
	return &cli.Command{
		Name:      "cancel",
		Usage:     "cancel a group's run",
		ArgsUsage: "GROUP|RUN",
		Description: `Cancels all jobs of the newest run of a group, or of the run named. What is done stays; ` + "`kerb rerun`" + ` goes on from there.

Example:
   kerb cancel ocean -w /gws/me/work`,
		Flags: []cli.Flag{workdirFlag(&workdir)},
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 1, 1)
			if err != nil {
				return err
			}
			return runCancel(c.Context, args[0], workdir, env)
		},
	}
}

func runCancel(ctx context.Context, group, workdir string, env environment) error {
	o, err := openLatest(workdir, group)
	if err != nil {
		return err
	}
	if err := o.run.RequestStop(); err != nil {
		return err
	}
	ctx, lease, err := o.acquire(ctx, shortWait)
	if held, ok := errors.AsType[*workdirs.HeldError](err); ok {
		fmt.Fprintf(env.stdout, "run %s of group %s is driven by process %d on %s, which cancels it\n", o.info.ID, o.info.Group, held.Holder.PID, held.Holder.Host)
		return nil
	}
	if err != nil {
		return err
	}
	defer lease.Release()
	pic, _, err := o.once(ctx, lease)
	if err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "run %s of group %s is cancelled: %s\n", o.info.ID, o.info.Group, scheduler.Count(pic))
	fmt.Fprintln(env.stdout, "to go on:", commandLine(o.workdir.Root(), "rerun", o.info.Group))
	return nil
}
