package main

import (
	"context"
	"os"
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
type worker struct{ workdir *workdirs.Workdir }

func newWorker(w *workdirs.Workdir) *worker { return &worker{workdir: w} }

// do runs one step for a dataset, or for one part of it. progress, which may be nil, is called after each source file.
func (w *worker) do(ctx context.Context, step scheduler.Step, code string, part int, progress func()) error {
	d, err := w.workdir.Dataset(code)
	if err != nil {
		return &phases.Error{Class: phases.Input, Err: err}
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
		err = compute.Combine(ctx, d, c)
	case scheduler.Correct:
		_, err = compute.Correct(ctx, d, c)
	case scheduler.Test:
		_, err = verify.Run(ctx, d, verify.Options{Open: open, Memory: taskMemory(), Progress: progress, Client: os.Getenv("KERB_CLIENT"), Dask: os.Getenv("KERB_DASK")})
	case scheduler.Catalog:
		err = w.catalog(ctx, d)
	default:
		err = phases.Errorf(phases.Internal, "", "no step %q", step)
	}
	return err
}

// catalog adds a dataset to the catalogue under every group that it belongs to.
func (w *worker) catalog(ctx context.Context, d *workdirs.Dataset) error {
	groups, err := w.workdir.GroupsOf(d.Code)
	if err != nil {
		return err
	}
	return catalog.Run(ctx, w.workdir, d, groups, version)
}

// taskMemory is what the large plot may use: half of what the scheduler gave the task, and the default where none did.
func taskMemory() int64 {
	megabytes, err := strconv.ParseInt(os.Getenv("SLURM_MEM_PER_NODE"), 10, 64)
	if err != nil || megabytes <= 0 {
		return verify.DefaultMemory
	}
	return megabytes << 20 / 2
}
