package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/scheduler/slurm"
)

type doctorOptions struct {
	workdir string
	site    string
	place   placeOptions
	probe   bool
	json    bool
}

func newDoctorCommand(env environment) *cli.Command {
	var opts doctorOptions
	return &cli.Command{
		Name:      "doctor",
		Usage:     "say what works here: SLURM, the site's limits, the bus, the workdir's file system",
		ArgsUsage: " ",
		Description: `Tries what kerb needs, and says what it found and what to do about what is missing. With --probe it also runs a job of
one minute, and says whether a compute node has the workdir and this program, and reaches the bus.

Example:
   kerb doctor -w /gws/me/work --site lotus2
   kerb doctor -w /gws/me/work --site mysite.yaml --account mygws --probe`,
		Flags: append(append([]cli.Flag{
			workdirFlag(&opts.workdir),
			&cli.StringFlag{Name: "site", Usage: "the profile of the cluster, by name or as a `FILE`", Value: "default", Destination: &opts.site},
			&cli.BoolFlag{Name: "probe", Usage: "try a compute node, by a job of a minute", Destination: &opts.probe},
		}, opts.place.flags()...), jsonFlag(&opts.json)),
		Action: func(c *cli.Context) error {
			if _, err := positionals(c, 0, 0); err != nil {
				return err
			}
			return runDoctor(c.Context, opts, env)
		},
	}
}

// finding is what one check found.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Found  string `json:"found"`
	Remedy string `json:"remedy,omitempty"`
}

// doctor gathers findings, and writes each when it comes: some take a while.
type doctor struct {
	w        io.Writer // nil: they are only gathered
	findings []finding
}

func (d *doctor) say(check string, ok bool, found, remedy string) {
	if ok {
		remedy = ""
	}
	d.findings = append(d.findings, finding{check, ok, found, remedy})
	if d.w == nil {
		return
	}
	mark := "no"
	if ok {
		mark = "ok"
	}
	const indent = "                 " // under what was found
	lines := wrap(found, indent, width(d.w))
	lines[0] = fmt.Sprintf("%s  %-11s  %s", mark, check, lines[0][len(indent):])
	if remedy != "" {
		lines = append(lines, wrap("-> "+remedy, indent, width(d.w))...)
	}
	for _, line := range lines {
		fmt.Fprintln(d.w, line)
	}
}

func runDoctor(ctx context.Context, opts doctorOptions, env environment) error {
	d := &doctor{w: env.stdout}
	if opts.json {
		d.w, d.findings = nil, []finding{}
	}
	d.say("machine", true, fmt.Sprintf("%s/%s, %d CPUs, kerb %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), version), "")
	d.slurm(ctx)
	site := d.site(ctx, opts)
	if opts.workdir != "" {
		d.workdir(opts.workdir)
	} else {
		d.say("workdir", false, "none given", "give -w DIR or set KERB_WORKDIR")
	}
	if site != nil {
		d.bus(ctx, site, opts)
	}
	if opts.json {
		return writeJSON(env.stdout, d.findings)
	}
	return ctx.Err()
}

// site reads the site's profile, and what the cluster adds to it; nil when there is none.
func (d *doctor) site(ctx context.Context, opts doctorOptions) *scheduler.Site {
	s, err := scheduler.LoadSite(siteName(opts.site))
	if err != nil {
		d.say("site", false, err.Error(), "give --site a name or a file; deploy/sites/default.yaml explains the keys")
		return nil
	}
	if opts.place.account != "" {
		s.Account = opts.place.account
	}
	asked, cancel := context.WithTimeout(ctx, slurmPatience)
	defer cancel()
	if e, err := slurm.New(slurm.Options{}); err == nil {
		if full, err := e.Complete(asked, *s); err == nil {
			s = &full
		}
	}
	if err := s.Narrow(opts.place.partition, opts.place.qos); err != nil {
		d.say("site", false, err.Error(), "ask for one that is there")
		return nil
	}
	chain := "jobs submit jobs"
	if !s.SubmitFromJobs {
		chain = "jobs don't submit jobs: use --wait, or kerb advance from cron"
	}
	found := fmt.Sprintf("%s: %s; %s; one poll per %s; %s", s.Name, namesOf("partition", s.Partitions, func(p scheduler.Partition) string { return p.Name }),
		namesOf("QoS", s.QoS, func(q scheduler.QoS) string { return q.Name }), s.PollInterval, chain)
	if most := s.MaxQueued(); most > 0 {
		found += fmt.Sprintf("; at most %d tasks queued", most)
	}
	if s.Account != "" {
		found += "; account " + s.Account
	}
	ok := s.Account != "" || !s.AccountRequired
	d.say("site", ok, found, "it requires an account: give it with --account, or as account in the site's file")
	return s
}

// namesOf writes what a site has for people.
func namesOf[T any](what string, list []T, name func(T) string) string {
	if len(list) == 0 {
		return "no " + what + " known"
	}
	var all []string
	for _, x := range list {
		all = append(all, name(x))
	}
	return what + " " + strings.Join(all, ", ")
}
