package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// groupSizes are how many small datasets are led through all phases.
var groupSizes = []int{30, 100}

// orchestrate measures what it costs to have the program lead a group through SLURM: beside it, arrays written by hand run the
// same phases, one element for each dataset, chained by aftercorr. Each has a private cluster with nothing else on it.
func (b *bench) orchestrate(ctx context.Context) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	l := &lab{dir: filepath.Join(b.dir, "slurm"), root: root, kerb: filepath.Join(b.dir, "kerb")}
	if _, err := process(ctx, nil, nil, "go", "build", "-o", l.kerb, "./cmd/kerb"); err != nil {
		return err
	}
	for _, n := range groupSizes {
		work := fmt.Sprintf("%d small datasets through SLURM", n)
		ours, err := l.measure(ctx, n, l.submit)
		if err != nil {
			b.add(work, "-", "-", "-", err.Error())
			continue
		}
		byHand, err := l.measure(ctx, n, l.submitByHand)
		if err != nil {
			return err
		}
		b.add(work, "wall "+seconds(ours.wall), "wall "+seconds(byHand.wall), times(byHand.wall, ours.wall), fmt.Sprintf("submit to catalogue; %d and %d tasks for SLURM to start", ours.tasks, byHand.tasks))
	}
	return nil
}

// lab is a private SLURM cluster, started afresh for each measurement.
type lab struct{ dir, root, kerb string }

// through is what it took to lead a group through SLURM.
type through struct {
	wall  time.Duration // from the submit to the last change of the catalogue
	tasks int
}

func (l *lab) workdir() string { return filepath.Join(l.dir, "work") }

func (l *lab) run(ctx context.Context, name string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, name, args...)
	cluster := filepath.Join(l.dir, "c")
	c.Env = append(os.Environ(), "CLUSTER_DIR="+cluster, "CLUSTER_PORT=25800", "SLURM_CONF="+filepath.Join(cluster, "etc", "slurm.conf"), "XDG_CACHE_HOME="+filepath.Join(l.dir, "cache"))
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(name), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), nil
}

// measure makes a group of n datasets on a new cluster, submits it, and waits for its end.
func (l *lab) measure(ctx context.Context, n int, submit func(ctx context.Context, codes []string) error) (through, error) {
	if err := os.RemoveAll(l.dir); err != nil {
		return through{}, err
	}
	if err := os.MkdirAll(l.workdir(), 0o755); err != nil {
		return through{}, err
	}
	if _, err := l.run(ctx, filepath.Join(l.root, "deploy", "slurm-cluster", "up")); err != nil {
		return through{}, err
	}
	defer func() {
		_, _ = l.run(context.WithoutCancel(ctx), filepath.Join(l.root, "deploy", "slurm-cluster", "down"), "--purge")
	}()
	var codes []string
	table := "proj_code, pattern\n"
	for i := range n {
		codes = append(codes, fmt.Sprintf("d%03d", i))
		table += fmt.Sprintf("%s, %s\n", codes[i], filepath.Join(l.root, "showcase", "data", "sst-monthly", "*.nc"))
	}
	csv := filepath.Join(l.dir, "datasets.csv")
	if err := os.WriteFile(csv, []byte(table), 0o644); err != nil {
		return through{}, err
	}
	if _, err := l.run(ctx, l.kerb, "init", "g", "-d", csv, "-w", l.workdir()); err != nil {
		return through{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Minute)
	defer cancel()
	began := time.Now()
	if err := submit(ctx, codes); err != nil {
		return through{}, err
	}
	for {
		time.Sleep(time.Second)
		queue, err := l.run(ctx, "squeue", "--noheader", "--array", "--states=all", "--format=%T")
		if err != nil {
			return through{}, err
		}
		states := strings.Fields(queue)
		open := 0
		for _, s := range states {
			if s == "PENDING" || s == "RUNNING" || s == "COMPLETING" || s == "CONFIGURING" {
				open++
			}
		}
		if len(states) == 0 || open > 0 {
			continue
		}
		entered, err := filepath.Glob(filepath.Join(l.workdir(), "catalog", "g", "d*"))
		if err == nil && len(entered) < n {
			err = fmt.Errorf("%d of %d datasets are in the catalogue", len(entered), n)
		}
		if err != nil {
			return through{}, err
		}
		last, err := lastChange(filepath.Join(l.workdir(), "catalog"))
		return through{last.Sub(began), len(states)}, err
	}
}

func (l *lab) submit(ctx context.Context, _ []string) error {
	_, err := l.run(ctx, l.kerb, "submit", "g", "-w", l.workdir())
	return err
}

// submitByHand does what a careful person would.
func (l *lab) submitByHand(ctx context.Context, codes []string) error {
	before := ""
	for _, phase := range []string{"scan", "configure", "compute", "test", "catalog"} {
		script := fmt.Sprintf(`#!/bin/bash
#SBATCH --job-name=%s --array=0-%d --ntasks=1 --mem=1G --time=30 --output=%s/%%a.%[1]s.log
codes=(%[4]s)
exec %[5]s run %[1]s ${codes[SLURM_ARRAY_TASK_ID]} -w %[6]s
`, phase, len(codes)-1, l.dir, strings.Join(codes, " "), l.kerb, l.workdir())
		path := filepath.Join(l.dir, phase+".sbatch")
		if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
			return err
		}
		args := []string{"--parsable"}
		if before != "" {
			args = append(args, "--dependency=aftercorr:"+before)
		}
		id, err := l.run(ctx, "sbatch", append(args, path)...)
		if err != nil {
			return err
		}
		before = strings.TrimSpace(id)
	}
	return nil
}

// lastChange is when a file below a folder was changed last.
func lastChange(dir string) (last time.Time, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
		return err
	})
	return last, err
}
