package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// byteSize writes a number of bytes for people, in powers of 1000.
func byteSize(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, units := float64(n)/1000, "kMGTPE"
	for v >= 999.95 && len(units) > 1 {
		v, units = v/1000, units[1:]
	}
	return fmt.Sprintf("%.1f %cB", v, units[0])
}

// count writes a number of things for people.
func count[T int | int64](n T, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// commandLine is a command line of kerb for people to copy, with the workdir unless the environment names it.
func commandLine(workdir string, words ...string) string {
	line := "kerb " + strings.Join(words, " ")
	if absolute(os.Getenv("KERB_WORKDIR")) == workdir {
		return line
	}
	workdir = shownPath(workdir)
	if strings.ContainsAny(workdir, " \t'\"$") {
		workdir = strconv.Quote(workdir)
	}
	return line + " -w " + workdir
}

// absolute is a path from the root on, where that can be told.
func absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}

// openWorkdir opens the workdir that -w or KERB_WORKDIR names.
func openWorkdir(dir string) (*workdirs.Workdir, error) {
	if dir == "" {
		return nil, usagef("no workdir: give -w DIR or set KERB_WORKDIR")
	}
	w, err := workdirs.Open(dir)
	if err != nil {
		return nil, &phases.Error{Class: phases.Input, Err: err}
	}
	return w, nil
}

// createWorkdir is openWorkdir for the one command that may make it.
func createWorkdir(dir string) (*workdirs.Workdir, error) {
	if dir == "" {
		return nil, usagef("no workdir: give -w DIR or set KERB_WORKDIR")
	}
	w, err := workdirs.Create(dir)
	if err == nil {
		var probe *os.File
		if probe, err = os.CreateTemp(w.Root(), ".probe-*"); err == nil {
			err = probe.Close()
			os.Remove(probe.Name())
		}
	}
	if err != nil {
		return nil, &phases.Error{Class: phases.Input, Err: err, Remedy: "choose a workdir that you may write to"}
	}
	return w, nil
}

// openStore opens a finished store.
func openStore(name string) (zarr.Store, error) {
	s, err := stores.Open(name)
	if err == nil {
		return s, nil
	}
	if info, serr := os.Stat(name); strings.Contains(name, "://") || serr == nil && !info.IsDir() && !strings.HasSuffix(name, ".json") {
		err = fmt.Errorf("%s is no store, which would be a folder of parquet records or a JSON file here", name)
		return nil, &phases.Error{Class: phases.Input, Err: err, Remedy: "if it is a source file, `kerb inspect` shows it and `kerb refs` makes a store of it"}
	}
	return nil, &phases.Error{Class: phases.Input, Err: err}
}

// openDataset opens a dataset that init has recorded.
func openDataset(dir, code string) (*workdirs.Dataset, error) {
	w, err := openWorkdir(dir)
	if err != nil {
		return nil, err
	}
	d, err := w.Dataset(code)
	if err != nil {
		return nil, &phases.Error{Class: phases.Input, Err: err}
	}
	if !d.Exists() {
		return nil, phases.Errorf(phases.Input, "add it with `kerb init`, or see `kerb status`", "dataset %s is not in %s", code, w.Root())
	}
	return d, nil
}
