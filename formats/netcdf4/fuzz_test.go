package netcdf4

import (
	"bytes"
	"context"
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// memory is a file's bytes as a Source.
type memory struct{ *bytes.Reader }

func (memory) URL() string { return "memory" }

// FuzzOpen walks and reads all of a file: no panic, no endless walk.
func FuzzOpen(f *testing.F) {
	for _, name := range []string{"index_v4.h5", "index_v1.h5", "layout_v4.h5", "types.h5", "scales.h5", "virtual.h5", "filters.h5", "attrs_v4.h5", "links.h5"} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(_ *testing.T, content []byte) {
		_ = walk(memory{bytes.NewReader(content)}, 1<<20)
	})
}

// TestMutations walks fixtures with a few bytes changed: no panic, no endless walk, and what is yielded
// is in order and inside of the file.
func TestMutations(t *testing.T) {
	rng := rand.New(rand.NewSource(7))
	names, err := filepath.Glob("testdata/*.h5")
	if err != nil || len(names) == 0 {
		t.Fatal("no fixtures", err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rounds := 60
		if len(content) > 60<<10 {
			rounds = 2
		}
		for range rounds {
			bad := bytes.Clone(content)
			for range 1 + rng.Intn(8) {
				bad[rng.Intn(len(bad))] = byte(rng.Intn(256))
			}
			if err := walk(memory{bytes.NewReader(bad)}, 1<<20); err == nil {
				checkInside(t, name, bad)
			}
		}
	}
}

func checkInside(t *testing.T, name string, content []byte) {
	t.Helper()
	f, err := Open(context.Background(), memory{bytes.NewReader(content)}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for g := range f.Root().Walk() {
		for _, v := range g.Variables {
			last := int64(-1)
			for c, err := range f.Chunks(context.Background(), v) {
				if err != nil {
					break
				}
				if c.Index <= last || c.Inline == nil && (c.Offset < 0 || c.Size < 0 || c.Offset+c.Size > int64(len(content))) {
					t.Fatalf("%s: %s: chunk %+v after %d in a file of %d bytes", name, v.Path, cdm.Chunk{Index: c.Index, Offset: c.Offset, Size: c.Size}, last, len(content))
				}
				last = c.Index
			}
		}
	}
}
