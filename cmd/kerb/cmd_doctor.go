package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/scheduler/slurm"
)

type doctorOptions struct {
	workdir string
	site    string
	json    bool
}

func newDoctorCommand(env environment) *cli.Command {
	var opts doctorOptions
	return &cli.Command{
		Name:      "doctor",
		Usage:     "say what works here: SLURM, the workdir's file system, the site's limits",
		ArgsUsage: " ",
		Description: `Tries what kerb needs, and says what it found and what to do about what is missing.

Example:
   kerb doctor -w /gws/me/work --site lotus2`,
		Flags: []cli.Flag{
			workdirFlag(&opts.workdir),
			&cli.StringFlag{Name: "site", Usage: "the profile of the cluster, by name or as a `FILE`", Value: "default", Destination: &opts.site},
			jsonFlag(&opts.json),
		},
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

func runDoctor(ctx context.Context, opts doctorOptions, env environment) error {
	findings := []finding{{"machine", true, fmt.Sprintf("%s/%s, %d CPUs, kerb %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), version), ""}}
	findings = append(findings, checkSite(ctx, opts.site))
	findings = append(findings, checkSlurm(ctx)...)
	if opts.workdir != "" {
		findings = append(findings, checkWorkdir(opts.workdir)...)
	} else {
		findings = append(findings, finding{"workdir", false, "none given", "give -w DIR or set KERB_WORKDIR"})
	}
	if opts.json {
		return writeJSON(env.stdout, findings)
	}
	t := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		mark := "ok"
		if !f.OK {
			mark = "no"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", mark, f.Check, f.Found)
		if f.Remedy != "" && !f.OK {
			fmt.Fprintf(t, "\t\t-> %s\n", f.Remedy)
		}
	}
	return t.Flush()
}

func checkSite(ctx context.Context, name string) finding {
	s, err := scheduler.LoadSite(siteName(name))
	if err != nil {
		return finding{"site", false, err.Error(), "give --site a name or a file; deploy/sites/default.yaml explains the keys"}
	}
	ctx, cancel := context.WithTimeout(ctx, slurmPatience)
	defer cancel()
	if e, err := slurm.New(slurm.Options{}); err == nil {
		if full, err := e.Complete(ctx, *s); err == nil {
			s = &full
		}
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
	return finding{"site", true, found, ""}
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

// slurmPatience is how long a SLURM command may take here.
const slurmPatience = 10 * time.Second

func checkSlurm(ctx context.Context) []finding {
	var missing []string
	for _, c := range []string{"sbatch", "squeue", "scancel", "scontrol"} {
		if _, err := exec.LookPath(c); err != nil {
			missing = append(missing, c)
		}
	}
	if len(missing) > 0 {
		return []finding{{"slurm", false, "not on PATH: " + strings.Join(missing, ", "), "log in to a submit host, or use --scheduler local"}}
	}
	ask := func(name string, args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, slurmPatience)
		defer cancel()
		out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	var list []finding
	out, err := ask("sbatch", "--version")
	list = append(list, finding{"slurm", err == nil, strings.ReplaceAll(out, "\n", "; "), "see that sbatch works by itself"})
	out, err = ask("scontrol", "ping")
	list = append(list, finding{"controller", err == nil && strings.Contains(out, "UP"), strings.ReplaceAll(out, "\n", "; "), "slurmctld does not answer: wait, or ask the site"})
	if out, err = ask("scontrol", "show", "config"); err == nil {
		var found []string
		for line := range strings.Lines(out) {
			key, value, ok := strings.Cut(line, "=")
			switch key = strings.TrimSpace(key); key {
			case "MaxArraySize", "MinJobAge", "SLURM_VERSION", "ClusterName", "AccountingStorageType":
				if ok {
					found = append(found, key+"="+strings.TrimSpace(value))
				}
			}
		}
		list = append(list, finding{"limits", true, strings.Join(found, " "), ""})
	}
	_, err = ask("sacct", "--noheader", "--allocations", "--starttime=now-1minutes")
	f := finding{"accounting", err == nil, "sacct answers", "runs work without it; what a killed task could not say is then known for MinJobAge only"}
	if err != nil {
		f.Found = "no sacct"
	}
	list = append(list, f)
	if e, err := slurm.New(slurm.Options{}); err == nil {
		if n, err := e.Calls(); err == nil {
			list = append(list, finding{"poll budget", true, fmt.Sprintf("%d calls to the scheduler in the last hour", n), ""})
		}
	}
	return list
}

// checkWorkdir tries what the workdir's file system must be able to do.
func checkWorkdir(dir string) []finding {
	probe, err := os.MkdirTemp(dir, ".doctor-*")
	if err != nil {
		return []finding{{"workdir", false, err.Error(), "choose a workdir that you may write to"}}
	}
	defer os.RemoveAll(probe)
	a, b := filepath.Join(probe, "a"), filepath.Join(probe, "b")
	list := []finding{{"workdir", true, dir + " is writable", ""}}
	try := func(what, remedy string, err error) {
		f := finding{what, err == nil, "works", remedy}
		if err != nil {
			f.Found = err.Error()
		}
		list = append(list, f)
	}
	start := time.Now()
	err = os.WriteFile(a, []byte("x"), 0o600)
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(a, os.O_WRONLY, 0); err == nil {
			err = f.Sync()
			f.Close()
		}
	}
	try("fsync", "records could be lost in a crash: use another file system", err)
	list[len(list)-1].Found += fmt.Sprintf(" (%s)", time.Since(start).Round(time.Microsecond))
	try("hard links", "leases need link(2): use another file system for the workdir", os.Link(a, b))
	try("rename", "atomic writes need rename(2)", os.Rename(b, filepath.Join(probe, "c")))
	info, err := os.Stat(a)
	if err == nil {
		if skew := time.Since(info.ModTime()).Abs(); skew > 5*time.Second {
			list = append(list, finding{"clock", false, fmt.Sprintf("this machine and the file server differ by %s", skew.Round(time.Second)), "have the clocks set; times shown will be off"})
		}
	}
	return list
}
