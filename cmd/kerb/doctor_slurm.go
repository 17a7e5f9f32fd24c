package main

import (
	"context"
	"os/exec"
	"strings"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler/slurm"
)

// slurmPatience is how long a SLURM command may take here.
const slurmPatience = 10 * time.Second

func (d *doctor) slurm(ctx context.Context) {
	var missing []string
	for _, c := range []string{"sbatch", "squeue", "scancel", "scontrol"} {
		if _, err := exec.LookPath(c); err != nil {
			missing = append(missing, c)
		}
	}
	if len(missing) > 0 {
		d.say("slurm", false, "not on PATH: "+strings.Join(missing, ", "), "log in to a submit host, or use --scheduler local")
		return
	}
	ask := func(name string, args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, slurmPatience)
		defer cancel()
		out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	out, err := ask("sbatch", "--version")
	d.say("slurm", err == nil, strings.ReplaceAll(out, "\n", "; "), "see that sbatch works by itself, or use --scheduler local")
	if err != nil {
		return // nothing else will
	}
	out, err = ask("scontrol", "ping")
	d.say("controller", err == nil && strings.Contains(out, "UP"), strings.ReplaceAll(out, "\n", "; "), "slurmctld does not answer: wait, or ask the site")
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
		d.say("limits", true, strings.Join(found, " "), "")
	}
	_, err = ask("sacct", "--noheader", "--allocations", "--starttime=now-1minutes")
	said := "sacct answers"
	if err != nil {
		said = "no sacct"
	}
	d.say("accounting", err == nil, said, "runs work without it; what a killed task could not say is then known for MinJobAge only")
	if e, err := slurm.New(slurm.Options{}); err == nil {
		if n, err := e.Calls(); err == nil {
			d.say("poll budget", true, count(n, "call")+" to the scheduler in the last hour", "")
		}
	}
}
