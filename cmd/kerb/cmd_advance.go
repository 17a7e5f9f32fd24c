package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

type advanceOptions struct {
	workdir string
	json    bool
	job     bool // runs as a job of the chain: nobody repeats it
}

func newAdvanceCommand(env environment) *cli.Command {
	var opts advanceOptions
	return &cli.Command{
		Name:      "advance",
		Usage:     "one step of a group's run: submit what is due, recover what failed",
		ArgsUsage: "GROUP",
		Description: `Looks at what is done and what failed, and submits what is due. It is safe to repeat, from a shell or from cron;
where the site lets jobs submit jobs, jobs of the run itself do it. A run with --scheduler local that was interrupted goes on
to its end.

Example:
   kerb advance ocean -w /gws/me/work`,
		Flags: []cli.Flag{workdirFlag(&opts.workdir), jsonFlag(&opts.json)},
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 1, 1)
			if err != nil {
				return err
			}
			return runAdvance(c.Context, opts, args[0], env)
		},
	}
}

// The rounds that a job of the chain tries again when the step failed (the scheduler was away, the disk full), and looks again when
// the scheduler's answer is older than the job, or the record of a task that ended is still on its way through the file system: nobody
// else may come after it.
const (
	advanceRounds = 20
	advancePause  = 30 * time.Second // at most, after a failure: some 8 minutes in all
)

func runAdvance(ctx context.Context, opts advanceOptions, groupOrRun string, env environment) error {
	o, err := openLatest(opts.workdir, groupOrRun)
	if err != nil {
		return err
	}
	began := time.Now()
	wait := shortWait
	if opts.job {
		wait = leaseWait
	}
	if o.local != nil { // its jobs need a process to run them
		ctx, lease, err := o.acquire(ctx, wait)
		if err != nil {
			return err
		}
		defer lease.Release()
		return follow(ctx, o, lease, opts.json, env)
	}
	pic, finished, err := o.step(ctx, wait)
	for round := 0; opts.job && round < advanceRounds && (err != nil || !finished && unsettled(pic, began)); round++ {
		pause := max(o.site.PollInterval/2, time.Second)
		if err != nil {
			pause = max(pause, min(time.Second<<round, advancePause))
		}
		if serr := sleep(ctx, pause); serr != nil {
			return errors.Join(err, serr)
		}
		pic, finished, err = o.step(ctx, wait)
	}
	if err != nil {
		return err
	}
	t := scheduler.Count(pic)
	if opts.json {
		return writeJSON(env.stdout, struct {
			Run      string          `json:"run"`
			Finished bool            `json:"finished"`
			Tasks    scheduler.Tally `json:"tasks"`
		}{o.info.ID, finished, t})
	}
	fmt.Fprintf(env.stdout, "run %s of group %s: %s\n", o.info.ID, o.info.Group, t)
	return nil
}

// unsettled reports whether what the scheduler said may be behind the times.
func unsettled(pic *scheduler.Picture, began time.Time) bool {
	for _, v := range pic.Jobs {
		for i := range v.Tasks {
			t := &v.Tasks[i]
			if t.Stand != scheduler.Live || t.Queue == nil {
				continue
			}
			if t.Queue.State.Ended() || t.Queue.State == scheduler.Running && t.Queue.Seen.Before(began) {
				return true
			}
		}
	}
	return false
}
