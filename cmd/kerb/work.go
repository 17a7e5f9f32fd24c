package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/catalog"
	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/phases/scan"
	"github.com/cedadev/kerchunk-builder/phases/verify"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// worker does the steps of a run: the one place where the scheduler's steps meet the phases.
type worker struct {
	workdir *workdirs.Workdir
	run     string // that the tasks are of
}

// do runs one step for a dataset, or for one part of it. progress, which may be nil, is called as the work goes on.
func (w *worker) do(ctx context.Context, step scheduler.Step, code string, part int, progress func(phases.Progress)) error {
	d, err := w.workdir.Dataset(code)
	if err != nil {
		return &phases.Error{Class: phases.Input, Err: err}
	}
	if err := d.RemoveLeftovers(); err != nil {
		return &phases.Error{Class: phases.IO, Err: err}
	}
	open, err := configure.Opener(d)
	if err != nil {
		return err
	}
	c := compute.Options{Open: open, Version: version, Progress: progress}
	switch step {
	case scheduler.Scan:
		_, err = scan.Run(ctx, d, scan.Options{Open: open, Version: version})
	case scheduler.Configure:
		_, err = configure.Run(ctx, d, configure.Options{Open: open, Progress: progress})
	case scheduler.Compute:
		_, err = compute.Run(ctx, d, c)
	case scheduler.Parts:
		err = compute.Part(ctx, d, part, c)
	case scheduler.Combine:
		err = compute.Combine(ctx, d, max(0, part), c)
	case scheduler.Correct:
		_, err = compute.Correct(ctx, d, c)
	case scheduler.Reduce:
		var said string
		said, err = verify.Reduce(ctx, d, part, verify.Options{Memory: taskMemory(), Progress: progress})
		if said != "" {
			fmt.Fprintln(os.Stderr, said)
		}
	case scheduler.Test:
		var report *verify.Report
		report, err = verify.Run(ctx, d, verify.Options{Open: open, Memory: taskMemory(), Progress: progress})
		if report != nil && report.Large != nil {
			fmt.Fprintln(os.Stderr, report.Large.Throughput())
		}
	case scheduler.Client:
		err = w.client(ctx, d)
	case scheduler.Catalog:
		err = w.catalog(ctx, d)
	default:
		err = phases.Errorf(phases.Internal, "", "no step %q", step)
	}
	return err
}

// client lets the Python that the run's site names read a dataset's store.
func (w *worker) client(ctx context.Context, d *workdirs.Dataset) error {
	run, err := w.workdir.FindRun(w.run)
	if err != nil {
		return &phases.Error{Class: phases.Input, Err: err}
	}
	var site scheduler.Site
	if err := run.ReadSite(&site); err != nil {
		return err
	}
	_, err = verify.RunClient(ctx, d, verify.ClientOptions{Python: site.ClientPython, Dask: site.ClientDask})
	return err
}

// catalog enters a dataset into the catalogue under every group that it belongs to; finish does the rest.
func (w *worker) catalog(ctx context.Context, d *workdirs.Dataset) error {
	groups, err := w.workdir.GroupsOf(d.Code)
	if err != nil {
		return err
	}
	return catalog.Enter(ctx, w.workdir, d, groups, catalog.Options{Version: version})
}

// finish does what a step leaves for the end of a task: codes are the datasets for which it was done. It may be repeated.
func (w *worker) finish(ctx context.Context, step scheduler.Step, codes []string) error {
	if step != scheduler.Catalog || len(codes) == 0 {
		return nil
	}
	opts, err := stacOptions{url: os.Getenv(stacAPI), base: os.Getenv(stacBase), tokenFile: os.Getenv(stacTokenFile)}.catalog()
	if err != nil {
		return err
	}
	members := map[string][]string{}
	for _, code := range codes {
		groups, err := w.workdir.GroupsOf(code)
		if err != nil {
			return err
		}
		for _, g := range groups {
			members[g] = append(members[g], code)
		}
	}
	for _, g := range slices.Sorted(maps.Keys(members)) {
		if err := catalog.Finish(ctx, w.workdir, g, members[g], opts); err != nil {
			return err
		}
	}
	return nil
}

// The environment's names of what a STAC API is reached by.
const (
	stacAPI       = "KERB_STAC_API"
	stacBase      = "KERB_STAC_BASE"
	stacTokenFile = "KERB_STAC_TOKEN_FILE"
	stacToken     = "KERB_STAC_TOKEN"
)

// stacOptions are where and how the catalogue is posted; without a url it is not.
type stacOptions struct{ url, base, tokenFile string }

func (o stacOptions) catalog() (catalog.Options, error) {
	out := catalog.Options{Version: version, Base: o.base}
	if o.url == "" {
		return out, nil
	}
	token, err := catalog.Token(o.tokenFile, stacToken)
	if err == nil {
		out.API, err = catalog.NewAPI(o.url, token)
	}
	return out, err
}

// taskMemory is what the mean of a whole variable may use: half of what the scheduler gave the task, and the default where none did.
func taskMemory() int64 {
	megabytes, err := strconv.ParseInt(os.Getenv("SLURM_MEM_PER_NODE"), 10, 64)
	if err != nil || megabytes <= 0 {
		return verify.DefaultMemory
	}
	return megabytes << 20 / 2
}
