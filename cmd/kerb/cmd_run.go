package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/catalog"
	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/phases/scan"
	"github.com/cedadev/kerchunk-builder/phases/verify"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

type runOptions struct {
	workdir string
	explain bool
	sample  int64
	all     bool
	seed    uint64
	allow   string
	client  verify.ClientOptions
	stac    stacOptions
	json    bool
}

func newRunCommand(env environment) *cli.Command {
	var opts runOptions
	return &cli.Command{
		Name:      "run",
		Usage:     "run phases for one dataset, here and now",
		ArgsUsage: "PHASE[,PHASE...]|all PROJ_CODE",
		Description: `The phases are scan, configure, compute, test and catalog, in that order; all is every one of them. A phase that finds
its result there for the same inputs does nothing.

Example:
   kerb run all sst-daily -w /gws/me/work
   kerb run configure sst-daily -w /gws/me/work --explain
   kerb run compute,test sst-daily -w /gws/me/work --all`,
		Flags: []cli.Flag{
			workdirFlag(&opts.workdir),
			&cli.BoolFlag{Name: "explain", Usage: "configure: print every decision of the plan with its reason", Destination: &opts.explain},
			&cli.Int64Flag{Name: "sample", Value: verify.DefaultSample, Usage: "test: compare the values of about `N` chunks", Destination: &opts.sample},
			&cli.BoolFlag{Name: "all", Usage: "test: compare the values of every chunk", Destination: &opts.all},
			&cli.Uint64Flag{Name: "seed", Usage: "test: choose another sample", Destination: &opts.seed},
			&cli.StringFlag{Name: "allow", Usage: "test: accept the faults that a `REPORT` lists, instead of those in the dataset's test/allow.json", Destination: &opts.allow},
			&cli.StringFlag{Name: "client", Usage: "test: read the store through xarray in this `PYTHON` too", Destination: &opts.client.Python},
			&cli.StringFlag{Name: "dask", Usage: "test: the `ADDRESS` of a dask scheduler (tcp://...) or dask-gateway (https://...) for the client, or gateway", Destination: &opts.client.Dask},
			&cli.StringFlag{Name: "stac-api", Usage: "catalog: post to the STAC API at `URL` too; a token is taken from " + stacToken, EnvVars: []string{stacAPI}, Destination: &opts.stac.url},
			&cli.StringFlag{Name: "stac-token-file", Usage: "catalog: the `FILE` that holds the API's token", EnvVars: []string{stacTokenFile}, Destination: &opts.stac.tokenFile},
			&cli.StringFlag{Name: "stac-base", Usage: "catalog: the `URL` under which the catalogue's folder is published", EnvVars: []string{stacBase}, Destination: &opts.stac.base},
			jsonFlag(&opts.json),
		},
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 2, 2)
			if err != nil {
				return err
			}
			return runRun(c.Context, args[0], args[1], opts, env)
		},
	}
}

// phasesNamed reads a list of phases, and answers them in pipeline order.
func phasesNamed(list string) ([]phases.Phase, error) {
	if list == "all" {
		return phases.All()[1:], nil
	}
	var want []phases.Phase
	for name := range strings.SplitSeq(list, ",") {
		p := phases.Phase(strings.TrimSpace(name))
		if p == phases.Init {
			return nil, usagef("run: init is a command of its own: kerb init GROUP -d datasets.csv")
		}
		if !slices.Contains(phases.All(), p) {
			return nil, usagef("run: no phase %q; there are scan, configure, compute, test, catalog, and all", p)
		}
		want = append(want, p)
	}
	slices.SortFunc(want, func(a, b phases.Phase) int { return slices.Index(phases.All(), a) - slices.Index(phases.All(), b) })
	return slices.Compact(want), nil
}

func runRun(ctx context.Context, list, code string, opts runOptions, env environment) error {
	want, err := phasesNamed(list)
	if err != nil {
		return err
	}
	if opts.client.Dask != "" && opts.client.Python == "" {
		return usagef("run: --dask needs --client, the Python that is to connect to it")
	}
	d, err := openDataset(opts.workdir, code)
	if err != nil {
		return err
	}
	w, err := openWorkdir(opts.workdir)
	if err != nil {
		return err
	}
	if err := d.RemoveLeftovers(); err != nil {
		return &phases.Error{Class: phases.IO, Err: err}
	}
	for _, p := range want {
		began := time.Now()
		busy := startWorking(ctx, env.stderr, code+": "+string(p))
		result, text, err := runPhase(ctx, &worker{workdir: w}, p, d, opts, busy.reach)
		busy.stop()
		if text != "" && !opts.json {
			fmt.Fprint(env.stdout, text)
		}
		if err != nil {
			return err
		}
		if opts.json {
			if err := writeJSON(env.stdout, map[string]any{"phase": p, "result": result}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(env.stdout, "%s: %s done in %s\n", code, p, time.Since(began).Round(time.Millisecond))
	}
	return nil
}

// runPhase runs one phase, and answers what it found, for programs and for people.
func runPhase(ctx context.Context, w *worker, p phases.Phase, d *workdirs.Dataset, opts runOptions, progress func(phases.Progress)) (result any, text string, err error) {
	open, err := configure.Opener(d)
	if err != nil {
		return nil, "", err
	}
	switch p {
	case phases.Scan:
		r, err := scan.Run(ctx, d, scan.Options{Open: open, Version: version})
		if err != nil {
			return nil, "", err
		}
		return r, fmt.Sprintf("%d files, %s (%s): Nc %.1f chunks a file, Tc %s a chunk, Tk %s of references\n",
			r.Files, byteSize(r.SourceBytes), strings.Join(r.Formats, ", "), r.Nc, byteSize(int64(r.Tc)), byteSize(r.Tk)), nil
	case phases.Configure:
		doc, err := configure.Run(ctx, d, configure.Options{Open: open, Progress: progress})
		if err != nil {
			return nil, "", err
		}
		if opts.explain {
			text = doc.Explain()
		}
		return doc, text, nil
	case phases.Compute:
		path, err := compute.Run(ctx, d, compute.Options{Open: open, Version: version, Progress: progress})
		if err != nil {
			return nil, "", err
		}
		return path, fmt.Sprintf("store: %s\n", path), nil
	case phases.Test:
		r, err := verify.Run(ctx, d, verify.Options{Open: open, Sample: sampleOf(opts), Seed: opts.seed, Memory: taskMemory(), Progress: progress, Allow: opts.allow})
		if r != nil {
			text = r.String()
			if r.Large != nil {
				text += r.Large.Throughput() + "\n"
			}
		}
		if err != nil || opts.client.Python == "" {
			return r, text, err
		}
		c, err := verify.RunClient(ctx, d, opts.client)
		if c != nil {
			text += fmt.Sprintf("client %s\n", c)
		}
		return struct {
			*verify.Report
			Client *verify.Client `json:"client"`
		}{r, c}, text, err
	default:
		how, err := opts.stac.catalog()
		if err != nil {
			return nil, "", err
		}
		groups, err := w.workdir.GroupsOf(d.Code)
		if err != nil {
			return nil, "", err
		}
		if err := catalog.Run(ctx, w.workdir, d, groups, how); err != nil {
			return nil, "", err
		}
		path := filepath.Join(w.workdir.CatalogDir(), "catalog.json")
		return path, fmt.Sprintf("catalogue: %s\n", path), nil
	}
}

func sampleOf(opts runOptions) int64 {
	if opts.all {
		return verify.All
	}
	return opts.sample
}
