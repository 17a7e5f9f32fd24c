package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

type submitOptions struct {
	workdir   string
	from, to  string
	scheduler string
	site      string
	place     placeOptions
	dryRun    bool
	wait      bool
	json      bool
}

func newSubmitCommand(env environment) *cli.Command {
	var opts submitOptions
	return &cli.Command{
		Name:      "submit",
		Usage:     "run the phases of a group as batch jobs",
		ArgsUsage: "GROUP",
		Description: `Submits one job array per phase and step over the datasets of the group, chained by dependencies. With SLURM
you may log out: the jobs lead on by themselves where the site lets jobs submit jobs, and by ` + "`kerb advance`" + ` or --wait elsewhere.
With --scheduler local this process runs the jobs, and so always waits.

Example:
   kerb submit ocean -w /gws/me/work --dry-run
   kerb submit ocean -w /gws/me/work --site lotus2 --account mygws
   kerb submit ocean -w /gws/me/work --scheduler local --from compute`,
		Flags: slices.Concat([]cli.Flag{
			workdirFlag(&opts.workdir),
			&cli.StringFlag{Name: "from", Usage: "the first `PHASE`: scan, configure, compute, test or catalog", Value: "scan", Destination: &opts.from},
			&cli.StringFlag{Name: "to", Usage: "the last `PHASE`", Value: "catalog", Destination: &opts.to},
			&cli.StringFlag{Name: "scheduler", Usage: "`slurm` or local", Value: "slurm", Destination: &opts.scheduler},
			&cli.StringFlag{Name: "site", Usage: "the profile of the cluster, by name or as a `FILE`", Value: "default", Destination: &opts.site},
		}, opts.place.flags(), []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Usage: "print what would be submitted, and submit nothing", Destination: &opts.dryRun},
			&cli.BoolFlag{Name: "wait", Usage: "drive the run from here and wait for its end", Destination: &opts.wait},
			jsonFlag(&opts.json),
		}),
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 1, 1)
			if err != nil {
				return err
			}
			return runSubmit(c.Context, args[0], opts, env)
		},
	}
}

func runSubmit(ctx context.Context, group string, opts submitOptions, env environment) error {
	w, g, info, err := openGroup(opts.workdir, group)
	if err != nil {
		return err
	}
	site := opts.site
	if _, err := os.Stat(site); err == nil {
		if site, err = filepath.Abs(site); err != nil { // jobs run elsewhere
			return err
		}
	}
	id, err := workdirs.NewRunID()
	if err != nil {
		return err
	}
	run := workdirs.RunInfo{
		ID: id, Group: group, Created: time.Now().UTC(), From: opts.from, To: opts.to, Scheduler: opts.scheduler, Site: site,
	}
	if u, err := user.Current(); err == nil {
		run.User = u.Username
	}
	o, err := newOrchestra(w, g.Run(id), run)
	if err != nil {
		return err
	}
	unknown := o.settle(ctx, opts.place) // what the profile itself says is checked first
	if unknown != nil && !errors.Is(unknown, scheduler.ErrUnreachable) {
		return unknown
	}
	plan, err := scheduler.NewPlan(group, scheduler.Step(opts.from), scheduler.Step(opts.to), info.Codes, o.limits())
	if err != nil {
		return usagef("submit: %v", err)
	}
	plan.Client = o.site.ClientPython != ""
	if plan, err = o.planned(ctx, plan); err != nil {
		return err
	}
	if opts.dryRun {
		if unknown != nil {
			fmt.Fprintf(env.stderr, "the cluster's own limits are not known: %v\n", unknown)
		}
		return runDry(o, plan, opts, env)
	}
	for _, s := range firstJobs(o, plan) { // what the site could never run is refused before anything is there
		if _, err := o.render(s); err != nil {
			return err
		}
	}
	if unknown != nil {
		return unknown
	}
	ctx, lease, err := o.acquire(ctx, shortWait)
	if err != nil {
		return err
	}
	defer lease.Release()
	if err := refuseSecond(ctx, o, lease); err != nil {
		return err
	}
	if err := o.run.WriteSite(o.site); err != nil {
		return err
	}
	if o.run, err = g.NewRun(run, plan); err != nil {
		return err
	}
	if opts.wait || o.local != nil {
		return follow(ctx, o, lease, opts.json, env)
	}
	pic, _, err := o.once(ctx, lease)
	if err != nil {
		return fmt.Errorf("run %s: %w; to go on: %s", id, err, commandLine(w.Root(), "advance", group))
	}
	return printSubmitted(o, pic, 0, opts.json, env)
}

// planned plans all that is known when a run begins.
func (o *orchestra) planned(ctx context.Context, plan scheduler.Plan) (scheduler.Plan, error) {
	if plan.From == scheduler.Scan || plan.From == scheduler.Configure {
		light, err := o.light(plan.Codes)
		return plan.Begin(light), err
	}
	needs, err := o.needs(ctx, plan.Codes)
	return plan.Extend(needs), err
}

// refuseSecond refuses to start a run beside one that goes on.
func refuseSecond(ctx context.Context, o *orchestra, lease *workdirs.Lease) error {
	runs, err := o.group.Runs()
	if err != nil || len(runs) == 0 {
		return err
	}
	last := runs[len(runs)-1]
	info, err := last.Info()
	if err != nil {
		return err
	}
	before, err := newOrchestra(o.workdir, last, info)
	if err != nil {
		return err
	}
	if before.local != nil {
		// Nobody drives it, or the lease would not be ours: its queue died with the process that held it.
		if err := last.RequestStop(); err != nil {
			return err
		}
		_, _, err := before.once(ctx, lease)
		return err
	}
	d := before.driver(lease)
	seen, err := d.Observe(ctx)
	if err != nil {
		return err
	}
	if t := scheduler.Count(scheduler.Look(*seen)); !seen.Ledger.Stopped && t.Running+t.Queued+t.Failing+t.Idle > 0 {
		return phases.Errorf(phases.Input, fmt.Sprintf("wait for it, or `kerb cancel %s` first", o.info.Group), "run %s of group %s goes on: %s", info.ID, o.info.Group, t)
	}
	return d.Clear(ctx)
}

// follow drives a run to its end from here, and shows how it goes.
func follow(ctx context.Context, o *orchestra, lease *workdirs.Lease, asJSON bool, env environment) error {
	p := newProgress(env.stderr, o)
	p.live = watchLive(ctx, o, true, env.stderr)
	defer p.live.close()
	stop := every(ctx, time.Second, func() { p.again(ctx, o) })
	var last *scheduler.Picture
	err := o.follow(ctx, lease, func(pic *scheduler.Picture) {
		last = pic
		p.show(pic)
	})
	stop()
	if err != nil {
		fmt.Fprintln(env.stderr, "the run is not finished; to go on:", commandLine(o.workdir.Root(), "advance", o.info.Group))
		return err
	}
	return printOutcome(o, last, asJSON, env)
}

// printOutcome says how a run ended.
func printOutcome(o *orchestra, pic *scheduler.Picture, asJSON bool, env environment) error {
	t := scheduler.Count(pic)
	failures := failuresOf(pic)
	if asJSON {
		err := writeJSON(env.stdout, struct {
			Run      string          `json:"run"`
			Group    string          `json:"group"`
			Tasks    scheduler.Tally `json:"tasks"`
			Failures []failure       `json:"failures"`
		}{o.info.ID, o.info.Group, t, failures})
		if err != nil {
			return err
		}
	} else {
		for _, line := range outcomeLines(o, t, failures, width(env.stdout)) {
			fmt.Fprintln(env.stdout, line)
		}
	}
	switch {
	case !t.Bad():
		return nil
	case asJSON:
		return errors.Join(errSomeFailed, errReported)
	}
	return errSomeFailed
}

// shownFailures is of how many failures the end of a run tells; the rest are found by status.
const shownFailures = 5

func outcomeLines(o *orchestra, t scheduler.Tally, failures []failure, columns int) []string {
	lines := wrap(fmt.Sprintf("run %s of group %s: %s", o.info.ID, o.info.Group, t), "", columns)
	for _, f := range failures[:min(shownFailures, len(failures))] {
		message := strings.TrimPrefix(oneLine(f.Message), "dataset "+f.Dataset+": ")
		lines = append(lines, wrap(fmt.Sprintf("%s of %s failed: %s", f.Step, f.Dataset, message), "  ", columns)...)
	}
	if more := len(failures) - shownFailures; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more: %s", more, commandLine(o.workdir.Root(), "status", o.info.Group, "--by", "error")))
	}
	if len(failures) > 0 {
		lines = append(lines, "when the cause is gone: "+commandLine(o.workdir.Root(), "rerun", o.info.Group))
	}
	return lines
}

// printSubmitted says what was submitted after the first so many submissions of the run.
func printSubmitted(o *orchestra, pic *scheduler.Picture, before int, asJSON bool, env environment) error {
	t := scheduler.Count(pic)
	ledger, err := scheduler.ReadLedger(o.run)
	if err != nil {
		return err
	}
	submitted := ledger.Submissions[min(before, len(ledger.Submissions)):]
	if asJSON {
		type job struct {
			Name string          `json:"name"`
			Job  scheduler.JobID `json:"job"`
		}
		jobs := []job{}
		for _, s := range submitted {
			jobs = append(jobs, job{s.Name, s.Job})
		}
		return writeJSON(env.stdout, struct {
			Run   string          `json:"run"`
			Tasks scheduler.Tally `json:"tasks"`
			Jobs  []job           `json:"jobs"`
		}{o.info.ID, t, jobs})
	}
	fmt.Fprintf(env.stdout, "run %s of group %s: %s submitted\n", o.info.ID, o.info.Group, count(len(submitted), "job"))
	command := func(words ...string) string { return commandLine(o.workdir.Root(), append(words, o.info.Group)...) }
	if o.site.SubmitFromJobs {
		fmt.Fprintf(env.stdout, "you may log out; to look: %s\n", command("status"))
	} else {
		fmt.Fprintf(env.stdout, "this site's jobs may not submit jobs: use --wait, or repeat by hand or from cron: %s\n", command("advance"))
	}
	return nil
}

// firstJobs are the submissions with which a run begins.
func firstJobs(o *orchestra, plan scheduler.Plan) []scheduler.Submit {
	d := o.driver(nil)
	var list []scheduler.Submit
	for _, a := range scheduler.Reconcile(scheduler.Observed{Plan: &plan, Ledger: scheduler.NewLedger(nil), Now: time.Now(), Policy: d.Policy, Chain: d.Chain}) {
		if s, ok := a.(scheduler.Submit); ok {
			list = append(list, s)
		}
	}
	return list
}

// dryJob is one job as --dry-run shows it.
type dryJob struct {
	Name       string   `json:"name"`
	Array      string   `json:"array,omitempty"`
	Dependency string   `json:"dependency,omitempty"`
	Memory     string   `json:"memory"`
	Time       string   `json:"time"`
	CPUs       int      `json:"cpus"`
	CoreHours  float64  `json:"core_hours"` // at most
	Script     string   `json:"script"`
	Changed    []string `json:"changed,omitempty"` // lines that differ from the last run's script
}

// runDry prints all that would be submitted. Of datasets that are not configured yet the later jobs are not known.
func runDry(o *orchestra, plan scheduler.Plan, opts submitOptions, env environment) error {
	submits := firstJobs(o, plan)
	last := map[string]string{}
	if runs, err := o.group.Runs(); err != nil {
		return err
	} else if len(runs) > 0 {
		if last, err = runs[len(runs)-1].Scripts(); err != nil {
			return err
		}
	}
	jobs := []dryJob{}
	for _, s := range submits {
		text, err := o.render(s)
		if err != nil {
			return err
		}
		j := dryJob{
			Name: s.Name, Memory: scheduler.FormatMemory(s.Request.Memory), Time: scheduler.FormatTime(s.Request.Time), CPUs: s.Request.CPUs,
			CoreHours: s.Request.Time.Hours() * float64(s.Request.CPUs*len(s.Indices)), Script: text,
		}
		if s.Array {
			j.Array = scheduler.FormatIndices(s.Indices)
		}
		var after []string
		for _, l := range s.After {
			after = append(after, string(l.Kind)+":"+l.Ref.Key)
		}
		between := ","
		if s.Any {
			between = "?"
		}
		j.Dependency = strings.Join(after, between)
		if old, ok := last[s.Ref.String()]; ok {
			j.Changed = difference(old, text)
		}
		jobs = append(jobs, j)
	}
	if opts.json {
		return writeJSON(env.stdout, jobs)
	}
	t := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tARRAY\tDEPENDENCY\tMEMORY\tTIME\tCORE-HOURS\tCHANGED")
	total := 0.0
	for _, j := range jobs {
		changed := ""
		if len(j.Changed) > 0 {
			changed = fmt.Sprintf("%d lines", len(j.Changed))
		}
		total += j.CoreHours
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%.1f\t%s\n", j.Name, j.Array, j.Dependency, j.Memory, j.Time, j.CoreHours, changed)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "%d jobs, at most %.1f core-hours; nothing was submitted; --json shows the scripts\n", len(jobs), total)
	if n := len(plan.Missing()); n > 0 {
		fmt.Fprintf(env.stdout, "what the %d datasets need after configure is known, and submitted, when they are configured\n", n)
	}
	for _, j := range jobs {
		for _, line := range j.Changed {
			fmt.Fprintf(env.stdout, "%s: %s\n", j.Name, line)
		}
	}
	return nil
}

// difference lists the lines of the old script that are gone (-) and those of the new that have come (+). The run's own names,
// which always differ, don't count.
func difference(old, text string) []string {
	a, b := strings.Split(old, "\n"), strings.Split(text, "\n")
	own := func(line string) bool {
		return strings.HasPrefix(line, "# Run ") || strings.HasPrefix(line, "#SBATCH --output=") || strings.HasPrefix(line, "exec ")
	}
	var lines []string
	for _, line := range a {
		if !own(line) && !slices.Contains(b, line) {
			lines = append(lines, "- "+line)
		}
	}
	for _, line := range b {
		if !own(line) && !slices.Contains(a, line) {
			lines = append(lines, "+ "+line)
		}
	}
	return lines
}

// failure is a dataset that failed for good.
type failure struct {
	Dataset string `json:"dataset"`
	Step    string `json:"step"`
	Job     string `json:"job"` // key of the job, and index
	Index   int    `json:"index"`
	Class   string `json:"class"`
	Message string `json:"message"`
	Reason  string `json:"reason,omitempty"` // why it is not tried again
	Tries   int    `json:"tries"`
}

// failuresOf lists the datasets and parts that failed for good, in the plan's order.
func failuresOf(pic *scheduler.Picture) []failure {
	list := []failure{}
	for _, v := range pic.Jobs {
		for i := range v.Tasks {
			t := &v.Tasks[i]
			if !t.HasFailed() {
				continue
			}
			f := failure{Dataset: itemNames(v.Job.Tasks[i]), Step: string(v.Job.Step), Job: v.Job.Key, Index: i, Reason: t.Decision.Reason, Tries: len(t.Failures)}
			if t.Record == nil {
				f.Message = t.Decision.Reason
				list = append(list, f)
				continue
			}
			f.Class, f.Message = t.Record.Class, t.Record.Message
			if len(t.Record.Items) == 0 {
				list = append(list, f)
			}
			for k, item := range t.Record.Items {
				if item.State == workdirs.Failed && k < len(v.Job.Tasks[i]) {
					g := f
					g.Dataset, g.Class, g.Message = itemNames(v.Job.Tasks[i][k:k+1]), item.Class, item.Message
					list = append(list, g)
				}
			}
		}
	}
	return list
}
