package netcdf4

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// TestDescribed compares any files with what the libraries say of them. KERB_EXPECTED names a JSON file of
// describe.py's descriptions by absolute file name.
func TestDescribed(t *testing.T) {
	name := os.Getenv("KERB_EXPECTED")
	if name == "" {
		t.Skip("KERB_EXPECTED names no file of descriptions; testdata/describe.py makes them")
	}
	all := readExpected(t, name)
	var names []string
	for n := range all {
		names = append(names, n)
	}
	sort.Strings(names)
	equal, refused, differ := 0, 0, 0
	for _, n := range names {
		src, err := openDisk(n)
		if err != nil {
			t.Error(err)
			continue
		}
		f, err := Open(context.Background(), src, Options{Sibling: beside})
		datasets := all[n].datasets(t)
		if err != nil {
			t.Logf("%s: %d datasets: not opened: %v (libhdf5: %.100s)", filepath.Base(n), len(datasets), err, all[n].HDF5)
			refused += len(datasets)
			continue
		}
		for path, want := range datasets {
			v := f.Root().Variable(strings.Replace(path, nonCoordinate, "", 1))
			if _, ok := datasets[nonCoordinate+path]; ok {
				continue // a dimension alone, beside a variable of its name
			}
			switch {
			case v == nil && isBareDimension(f.Root(), path):
			case v == nil:
				t.Errorf("%s: %s is not shown", n, path)
				differ++
			case v.Refused != nil:
				t.Logf("%s: %s: %v", filepath.Base(n), path, v.Refused)
				refused++
			default:
				ok := t.Run(filepath.Base(n)+":"+path, func(t *testing.T) {
					checkTable(t, f, v, want)
					checkValues(t, f, v, want)
				})
				if ok {
					equal++
				} else {
					differ++
				}
			}
		}
		var header expectedGroup
		if err := json.Unmarshal(all[n].NetCDF, &header); err == nil && header.Error == "" {
			t.Run(filepath.Base(n)+":header", func(t *testing.T) { checkHeader(t, f.Root(), header) })
		}
		f.Close()
	}
	t.Logf("%d datasets equal, %d refused, %d differ", equal, refused, differ)
}

// TestCorpus opens every file of the corpus and walks and reads everything in it: no panic, no endless
// walk, and every error is a named one.
func TestCorpus(t *testing.T) {
	root := filepath.Join("..", "..", "..", "shared", "corpus")
	if _, err := os.Stat(root); err != nil {
		t.Skip("no corpus beside the checkout:", err)
	}
	files := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		head := make([]byte, 8)
		if f, err := os.Open(name); err == nil {
			f.Read(head)
			f.Close()
		}
		if ext := filepath.Ext(name); ext != ".h5" && ext != ".hdf5" && string(head[1:4]) != "HDF" {
			return nil
		}
		files++
		src, err := openDisk(name)
		if err != nil {
			return err
		}
		if err := walk(src, 8<<20); err != nil {
			t.Logf("%s: %v", strings.TrimPrefix(name, root), err)
			if !errors.Is(err, cdm.ErrFormat) && !errors.Is(err, cdm.ErrUnsupported) && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: an error of no kind: %v", name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(files, "files")
}

// walk opens a file and looks at all that is in it: every chunk of every variable, and the values of
// those that are no larger than most.
func walk(src Source, most int64) error {
	ctx := context.Background()
	f, err := Open(ctx, src, Options{})
	if err != nil {
		return err
	}
	defer f.Close()
	var first error
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	for g := range f.Root().Walk() {
		for _, v := range g.Variables {
			if v.Refused != nil {
				continue
			}
			n := 0
			for _, err := range f.Chunks(ctx, v) {
				if err != nil {
					note(err)
				}
				if n++; n > 1<<17 {
					break
				}
			}
			bytes, ok := size(v.Shape, int64(max(v.Type.Size, 1)))
			chunk, fits := size(v.Chunks, int64(max(v.Type.Size, 1)))
			if ok && fits && bytes <= most && chunk <= most {
				if _, err := cdm.Read(ctx, f, v, nil, nil); err != nil {
					note(err)
				}
			}
		}
	}
	return first
}
