package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/stores/refjson"
	"github.com/cedadev/kerchunk-builder/stores/refparquet"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

type refsOptions struct {
	output        string
	rules         virtual.Rules
	onUnsupported string
	recordSize    int64
	inlineLimit   int64 // of the readers; 0 when none was given
	overwrite     bool
	stats         bool
}

func newRefsCommand(env environment) *cli.Command {
	var opts refsOptions
	var joining ruleFlags
	var keep cli.StringSlice
	return &cli.Command{
		Name:      "refs",
		Usage:     "references straight from files, without a workdir",
		ArgsUsage: "FILE...",
		Description: `Writes a store of references into the files. Several files are concatenated along the dimensions whose
coordinates tell them apart. Files may be paths or http(s) URLs;
KERB_TOKEN=HOST=TOKEN in the environment is a bearer token for one server.

Example:
   kerb refs sst-*.nc -o sst.parq
   kerb refs https://data.example.org/sst.nc -o sst.json --stats
   python -c 'import xarray; print(xarray.open_dataset("sst.parq", engine="kerchunk"))'`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "the store: `OUT.parq` (a folder of parquet records) or OUT.json", Required: true, Destination: &opts.output},
			&cli.StringSliceFlag{Name: "variable", Usage: "keep `VAR` and what it needs; may be repeated", Destination: &keep},
			&cli.StringFlag{Name: "on-unsupported", Value: "fail", Usage: "what to do with variables that references can't stand for: `fail`, skip, or inline (store by value what can be decoded)", Destination: &opts.onUnsupported},
			&cli.Int64Flag{Name: "record-size", Value: 100_000, Usage: "references a parquet record", Destination: &opts.recordSize},
			&cli.BoolFlag{Name: "overwrite", Usage: "replace a store that exists", Destination: &opts.overwrite},
			&cli.BoolFlag{Name: "stats", Usage: "print requests, bytes and times", Destination: &opts.stats},
		}, joining.flags()...),
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 1, -1)
			if err != nil {
				return err
			}
			opts.rules = joining.read()
			opts.rules.Keep = keep.Value()
			if c.IsSet("inline-limit") {
				opts.inlineLimit = opts.rules.InlineLimit
			}
			opts.rules.SkipRefused = opts.onUnsupported == "skip"
			return runRefs(c.Context, args, opts, env)
		},
	}
}

// rareGC lets the heap grow to five times what lives in it, which stays below 100 MB for hundreds of files.
const rareGC = 400

func runRefs(ctx context.Context, files []string, opts refsOptions, env environment) error {
	json := strings.HasSuffix(opts.output, ".json")
	switch {
	case !json && !strings.HasSuffix(opts.output, ".parq") && !strings.HasSuffix(opts.output, ".parquet"):
		return usagef("refs: output %q must end in .parq or .json", opts.output)
	case !slices.Contains([]string{"fail", "skip", "inline"}, opts.onUnsupported):
		return usagef("refs: --on-unsupported takes fail, skip or inline, not %q", opts.onUnsupported)
	}
	output, err := filepath.Abs(opts.output)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(output); err == nil && !opts.overwrite {
		return phases.Errorf(phases.Input, "remove it, or use --overwrite", "%s exists already", opts.output)
	}
	urls := make([]string, len(files))
	for i, f := range files {
		if urls[i], err = sourceURL(f); err != nil {
			return err
		}
		if info, err := os.Stat(urls[i]); err == nil && info.IsDir() {
			return refused("give its files, as "+filepath.Join(f, "*.nc"), "%s is a folder", f)
		}
	}
	// Little of what is read lives on, and seldom for long: a tenth of the time goes into collecting it as often as usual.
	defer debug.SetGCPercent(debug.SetGCPercent(rareGC))
	began := time.Now()
	source := configure.SourceOpener(opts.onUnsupported, opts.inlineLimit)
	meter := newMeter(func(_ context.Context, url string) (*phases.SourceFile, error) { return source(ctx, url) })
	defer meter.Close()
	busy := startWorking(ctx, env.stderr, "reading headers")
	plan, err := configure.Join(ctx, configure.Options{Open: meter.open, Progress: busy.reach}, urls, opts.rules)
	busy.stop()
	if err != nil {
		return withoutWorkdir(err)
	}
	joined := time.Now()
	if err := workdirs.RemoveLeftovers(filepath.Dir(output), filepath.Base(output)); err != nil {
		return &phases.Error{Class: phases.Input, Err: err, Remedy: "choose an output folder that is there and that you may write to"}
	}
	dir, err := os.MkdirTemp(filepath.Dir(output), workdirs.TempPattern(output))
	if err != nil {
		return &phases.Error{Class: phases.Input, Err: err, Remedy: "choose an output folder that is there and that you may write to"}
	}
	defer os.RemoveAll(dir)
	store := filepath.Join(dir, "store.parq")
	busy = startWorking(ctx, env.stderr, "reading references")
	err = compute.Build(ctx, plan, store, opts.recordSize, "", compute.Options{Open: meter.open, Version: version, Progress: busy.reach})
	busy.stop()
	if err != nil {
		return err
	}
	if err := place(ctx, store, output, json, opts.overwrite); err != nil {
		return &phases.Error{Class: phases.IO, Err: err}
	}
	for _, n := range plan.Notes {
		switch n.Decision {
		case virtual.Skipped:
			fmt.Fprintf(env.stderr, "kerb: left out %s: %s\n", n.Subject, n.Evidence)
		case configure.NotShown:
			fmt.Fprintf(env.stderr, "kerb: not in the store: %s: %s\n", n.Subject, n.Evidence)
		}
	}
	references := int64(0)
	for _, a := range plan.Dataset.Arrays {
		references += a.Grid.Count()
	}
	fmt.Fprintf(env.stdout, "%s: %d files, %d variables, %d chunks\n", opts.output, len(plan.Files), len(plan.Dataset.Arrays), references)
	if err := meter.Close(); err != nil {
		return &phases.Error{Class: phases.IO, Err: err}
	}
	if opts.stats {
		fmt.Fprintf(env.stdout, "read %d requests, %s of %s; headers %.3f s, references %.3f s\n",
			meter.requests, byteSize(meter.bytes), byteSize(plan.SourceBytes()), joined.Sub(began).Seconds(), time.Since(joined).Seconds())
	}
	return nil
}

// place gives a finished store its name.
func place(ctx context.Context, store, output string, json, overwrite bool) error {
	if json {
		s, err := refparquet.Open(store)
		if err != nil {
			return err
		}
		defer s.Close()
		whole := filepath.Join(filepath.Dir(store), "store.json")
		if err := workdirs.WriteFile(whole, func(w io.Writer) error { return refjson.Write(ctx, w, s) }); err != nil {
			return err
		}
		if err := os.Rename(whole, output); err != nil {
			return err
		}
		return workdirs.SyncDir(filepath.Dir(output))
	}
	err := workdirs.PublishDir(store, output)
	if !errors.Is(err, fs.ErrExist) || !overwrite {
		return err
	}
	old := store + ".old" // goes with the folder that both are in
	if err := os.Rename(output, old); err != nil {
		return err
	}
	return workdirs.PublishDir(store, output)
}

// sourceURL is how a source file is named in a store: its absolute path, or its URL.
func sourceURL(name string) (string, error) {
	if strings.Contains(name, "://") {
		return strings.TrimPrefix(name, "file://"), nil
	}
	return filepath.Abs(name)
}

// withoutWorkdir gives files that disagree the remedies that a command without a workdir has.
func withoutWorkdir(err error) error {
	e, ok := errors.AsType[*phases.Error](err)
	if !ok || e.Class != phases.Drift {
		return err
	}
	return &phases.Error{Class: e.Class, Err: e.Err, Remedy: configure.Remedy(e.Err, true)}
}
