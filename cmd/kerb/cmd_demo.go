package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/verify"
	"github.com/cedadev/kerchunk-builder/showcase"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

type demoOptions struct {
	dir       string
	scheduler string
	site      string
}

func newDemoCommand(env environment) *cli.Command {
	var opts demoOptions
	return &cli.Command{
		Name:  "demo",
		Usage: "the whole pipeline on packaged example files",
		Description: `Unpacks two small datasets of NetCDF-4 files, one of them with units of time that differ from file to file, and takes them
from a CSV to tested and catalogued stores.

Example:
   kerb demo
   kerb demo --dir /tmp/demo --scheduler slurm`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dir", Value: "kerb-demo", Usage: "the `DIR` to work in; a new one is made", Destination: &opts.dir},
			&cli.StringFlag{Name: "scheduler", Value: "local", Usage: "`local` or slurm", Destination: &opts.scheduler},
			&cli.StringFlag{Name: "site", Usage: "the profile of the cluster, by name or as a `FILE`", Value: "default", Destination: &opts.site},
		},
		Action: func(c *cli.Context) error {
			if _, err := positionals(c, 0, 0); err != nil {
				return err
			}
			return runDemo(c.Context, opts, env)
		},
	}
}

func runDemo(ctx context.Context, opts demoOptions, env environment) error {
	dir, err := freshDir(opts.dir)
	if err != nil {
		return &phases.Error{Class: phases.Input, Err: err, Remedy: "choose another folder with --dir"}
	}
	if err := unpack(dir); err != nil {
		return &phases.Error{Class: phases.Input, Err: err, Remedy: "choose another folder with --dir"}
	}
	work := filepath.Join(dir, "work")
	const group = "showcase"
	began := time.Now()
	fmt.Fprintf(env.stdout, "$ kerb init %s -d %s -w %s\n", group, shownPath(filepath.Join(dir, "datasets.csv")), shownPath(work))
	if err := runInit(ctx, group, initOptions{workdir: work, csv: filepath.Join(dir, "datasets.csv")}, env); err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "\n$ kerb submit %s -w %s --scheduler %s --wait\n", group, shownPath(work), opts.scheduler)
	err = runSubmit(ctx, group, submitOptions{workdir: work, from: "scan", to: "catalog", scheduler: opts.scheduler, site: opts.site, wait: true}, env)
	if err != nil {
		return err
	}
	took := time.Since(began)
	page := filepath.Join(dir, "report.html")
	if err := runReport(ctx, group, reportOptions{workdir: work, output: page, full: 10}, environment{io.Discard, env.stderr}); err != nil {
		return err
	}
	return showResults(work, group, page, took, env)
}

// freshDir makes the folder, or one beside it with a number when it exists.
func freshDir(name string) (string, error) {
	for n := 1; ; n++ {
		dir := name
		if n > 1 {
			dir = fmt.Sprintf("%s-%d", name, n)
		}
		err := os.Mkdir(dir, 0o777)
		if err == nil {
			return filepath.Abs(dir)
		}
		if !os.IsExist(err) || n == 1000 {
			return "", err
		}
	}
}

// unpack writes the example files to dir.
func unpack(dir string) error {
	return fs.WalkDir(showcase.Files, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := showcase.Files.ReadFile(path)
		if err != nil {
			return err
		}
		return workdirs.WriteFile(filepath.Join(dir, path), func(w io.Writer) error { _, err := w.Write(text); return err })
	})
}

// showResults says where everything is.
func showResults(work, group, page string, took time.Duration, env environment) error {
	w, err := workdirs.Open(work)
	if err != nil {
		return err
	}
	g, err := w.Group(group)
	if err != nil {
		return err
	}
	info, err := g.Info()
	if err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "\nDone in %s.\n", took.Round(100*time.Millisecond))
	store := ""
	for _, code := range info.Codes {
		d, err := w.Dataset(code)
		if err != nil {
			return err
		}
		latest, err := d.LatestStore()
		if err != nil {
			return err
		}
		store = shownPath(latest.Path)
		test := func(name string) string { return shownPath(d.Path(workdirs.TestDir, name)) }
		fmt.Fprintf(env.stdout, "\n%s\n  store    %s\n  pictures %s\n           %s\n  report   %s\n", code, store,
			test(verify.SmallPlotFile), test(verify.LargePlotFile), test(verify.TextFile))
	}
	fmt.Fprintf(env.stdout, "\ncatalogue  %s\nall of it  %s\n", shownPath(filepath.Join(w.CatalogDir(), "catalog.json")), shownPath(page))
	fmt.Fprintf(env.stdout, "\nOpen a store in Python:\n  import xarray\n  ds = xarray.open_dataset(%q,\n                            engine=\"kerchunk\")\n", store)
	return nil
}
