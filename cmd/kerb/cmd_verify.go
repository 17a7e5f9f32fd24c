package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/verify"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/virtual"
)

type verifyOptions struct {
	sample  int64
	all     bool
	seed    uint64
	sources []string
	allow   string
	rules   virtual.Rules
	json    bool
}

func newVerifyCommand(env environment) *cli.Command {
	var opts verifyOptions
	var sources cli.StringSlice
	var joining ruleFlags
	return &cli.Command{
		Name:      "verify",
		Usage:     "hold a store against the files that it stands for",
		ArgsUsage: "STORE",
		Description: `Checks that every reference leads to where its file has the chunk, that every chunk is accounted for, that attributes and
coordinates are those of every file, and that values read through the store are bit for bit those of the files, read afresh:
a sample of them, or --all. What is wrong in the store itself is found without --all; a source that was damaged where neither its
size nor its time of change tell is found only in the chunks that are read, and there only when they are compressed. The files
are those of the plan, when the store lies in the workdir that it was made in; otherwise those that its references name, joined as
the store records that they were. A store that was made by something else records nothing: say it with the flags.

Example:
   kerb verify sst.parq
   kerb verify sst.parq --all --json`,
		Flags: append([]cli.Flag{
			&cli.Int64Flag{Name: "sample", Value: verify.DefaultSample, Usage: "compare the values of about `N` chunks", Destination: &opts.sample},
			&cli.BoolFlag{Name: "all", Usage: "compare the values of every chunk", Destination: &opts.all},
			&cli.Uint64Flag{Name: "seed", Usage: "choose another sample", Destination: &opts.seed},
			&cli.StringSliceFlag{Name: "source", Usage: "a source `FILE`, or a pattern of files, that no reference names, since all their values are stored inline; may be repeated", Destination: &sources},
			&cli.StringFlag{Name: "allow", Usage: "accept the faults that a `REPORT` lists (of kerb verify --json, or a test's report.json)", Destination: &opts.allow},
			jsonFlag(&opts.json),
		}, joining.flags()...),
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 1, 1)
			if err != nil {
				return err
			}
			opts.sources, opts.rules = sources.Value(), joining.read()
			return runVerify(c.Context, args[0], opts, env)
		},
	}
}

func runVerify(ctx context.Context, store string, opts verifyOptions, env environment) error {
	s, err := openStore(store)
	if err != nil {
		return err
	}
	defer s.Close()
	others, err := sourceFiles(opts.sources)
	if err != nil {
		return err
	}
	var known []verify.Fault
	if opts.allow != "" {
		if known, err = verify.ReadKnown(opts.allow); err != nil {
			return err
		}
	}
	files := stores.NewFiles()
	defer files.Close()
	n := opts.sample
	if opts.all {
		n = verify.All
	}
	subject := verify.Subject{Name: filepath.Base(strings.TrimSuffix(store, "/")), Store: s, Fetch: files.Fetch, Open: phases.SourceOpener(phases.MaxInlineLimit), Known: known}
	busy := startWorking(ctx, env.stderr, "verifying "+subject.Name)
	var report *verify.Report
	if plan, open, ok := verify.Made(store, s.Dataset()); ok && len(others) == 0 {
		subject.Plan, subject.Open = plan, open
		report, err = subject.Check(ctx, n, opts.seed)
	} else {
		report, err = subject.Alone(ctx, others, opts.rules, n, opts.seed)
	}
	busy.stop()
	if err != nil {
		return err
	}
	if opts.json {
		if err := writeJSON(env.stdout, report); err != nil {
			return err
		}
	} else {
		fmt.Fprint(env.stdout, report.String())
	}
	if report.Verdict != verify.Passed {
		return phases.Errorf(phases.Fault, "", "%s: faults: %d", store, report.Faults)
	}
	return nil
}

// sourceFiles are the files that --source names.
func sourceFiles(list []string) ([]string, error) {
	var out []string
	for _, name := range list {
		names := []string{name}
		if _, err := os.Stat(name); err != nil && strings.ContainsAny(name, "*?[") {
			if names, err = filepath.Glob(name); err != nil || len(names) == 0 {
				return nil, usagef("verify: --source %q matches no file", name)
			}
		}
		for _, n := range names {
			url, err := sourceURL(n)
			if err != nil {
				return nil, err
			}
			out = append(out, url)
		}
	}
	return out, nil
}
