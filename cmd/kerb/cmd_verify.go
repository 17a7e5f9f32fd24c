package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/phases/verify"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/virtual"
)

type verifyOptions struct {
	sample  int64
	all     bool
	seed    uint64
	sources []string
	json    bool
}

func newVerifyCommand(env environment) *cli.Command {
	var opts verifyOptions
	var sources cli.StringSlice
	return &cli.Command{
		Name:      "verify",
		Usage:     "hold a store against the files that it stands for",
		ArgsUsage: "STORE",
		Description: `Checks that every reference lies inside its file, that every chunk is accounted for, and that values read through the
store are bit for bit those of the files, read afresh. The files are those that the store's references name.

Example:
   kerb verify sst.parq
   kerb verify sst.parq --all --json`,
		Flags: []cli.Flag{
			&cli.Int64Flag{Name: "sample", Value: verify.DefaultSample, Usage: "compare the values of about `N` chunks", Destination: &opts.sample},
			&cli.BoolFlag{Name: "all", Usage: "compare the values of every chunk", Destination: &opts.all},
			&cli.Uint64Flag{Name: "seed", Usage: "choose another sample", Destination: &opts.seed},
			&cli.StringSliceFlag{Name: "source", Usage: "a source `FILE` that no reference names, since all its values are stored inline; may be repeated", Destination: &sources},
			jsonFlag(&opts.json),
		},
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 1, 1)
			if err != nil {
				return err
			}
			opts.sources = sources.Value()
			return runVerify(c.Context, args[0], opts, env)
		},
	}
}

func runVerify(ctx context.Context, store string, opts verifyOptions, env environment) error {
	s, err := stores.Open(store)
	if err != nil {
		return &phases.Error{Class: phases.Input, Err: err}
	}
	defer s.Close()
	urls := map[string]bool{}
	var list []string
	add := func(url string) {
		if url != "" && !urls[url] {
			urls[url] = true
			list = append(list, url)
		}
	}
	ds := s.Dataset()
	var keep []string
	for _, a := range ds.Arrays {
		keep = append(keep, a.Path)
		for row, err := range s.References(ctx, a.Path) {
			if err != nil {
				return phases.Errorf(phases.Fault, "compute the store again", "%s: %w", store, err)
			}
			add(row.Reference.URL)
		}
	}
	for _, f := range opts.sources {
		url, err := sourceURL(f)
		if err != nil {
			return err
		}
		add(url)
	}
	if len(list) == 0 {
		return phases.Errorf(phases.Input, "name the files with --source", "%s has no reference to any file", store)
	}
	plan, err := configure.Join(ctx, configure.Options{Open: phases.OpenSource}, list, virtual.Rules{Keep: keep})
	if err != nil {
		return fmt.Errorf("joining the files that the store refers to: %w", err)
	}
	files := stores.NewFiles()
	defer files.Close()
	n := opts.sample
	if opts.all {
		n = verify.All
	}
	subject := verify.Subject{Name: filepath.Base(strings.TrimSuffix(store, "/")), Store: s, Plan: plan, Fetch: files.Fetch, Open: phases.OpenSource}
	report, err := subject.Check(ctx, n, opts.seed)
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
