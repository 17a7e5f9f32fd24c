package formats

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// TestMutatedFiles opens fixtures with a few bytes changed and looks at all that is in them: no panic, an end within ten
// seconds, and no more memory than what a file justifies. KERB_MUTATIONS sets how often for each file, KERB_FILES names a
// folder of further files.
func TestMutatedFiles(t *testing.T) {
	rounds := 2
	if n, err := strconv.Atoi(os.Getenv("KERB_MUTATIONS")); err == nil {
		rounds = n
	}
	dirs := []string{"netcdf3/testdata", "netcdf4/testdata", "hdf5/testdata"}
	if more := os.Getenv("KERB_FILES"); more != "" {
		dirs = append(dirs, more)
	}
	files, mutants := 0, 0
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if ext := filepath.Ext(name); err != nil || d.IsDir() || ext != ".h5" && !strings.HasPrefix(ext, ".nc") {
				return err
			}
			content, err := os.ReadFile(name)
			if err != nil || len(content) > 1<<20 {
				return err
			}
			files++
			for round := range rounds {
				mutants++
				bad := mutate(content, rand.New(rand.NewPCG(uint64(files), uint64(round))))
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				done := make(chan struct{})
				go func() {
					defer close(done)
					look(ctx, bad)
				}()
				select {
				case <-done:
				case <-time.After(20 * time.Second):
					t.Fatalf("%s, mutant %d: no end", name, round)
				}
				if ctx.Err() != nil {
					t.Errorf("%s, mutant %d: not done after 10 s", name, round)
				}
				cancel()
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.Sys > 1<<30 {
		t.Errorf("%d MiB were taken from the system", m.Sys>>20)
	}
	t.Logf("%d files, %d mutants, %d MiB", files, mutants, m.Sys>>20)
}

// mutate changes some bytes, mostly near the beginning, where the structures are; or cuts the file.
func mutate(content []byte, rng *rand.Rand) []byte {
	bad := bytes.Clone(content)
	if len(bad) == 0 {
		return bad
	}
	if rng.IntN(10) == 0 {
		return bad[:rng.IntN(len(bad))]
	}
	for range 1 + rng.IntN(8) {
		at := rng.IntN(len(bad))
		if rng.IntN(2) == 0 {
			at = rng.IntN(min(len(bad), 4096))
		}
		bad[at] = [...]byte{0, 1, 0x7f, 0x80, 0xff, byte(rng.IntN(256))}[rng.IntN(6)]
	}
	return bad
}

// look walks a file, and reads the first chunks of its variables.
func look(ctx context.Context, content []byte) {
	f, err := Open(ctx, memory{bytes.NewReader(content)}, Options{InlineLimit: 1 << 20})
	if err != nil {
		return
	}
	defer f.Close()
	for g := range f.Root().Walk() {
		for _, v := range g.Variables {
			if v.Refused != nil {
				continue
			}
			n := 0
			for c, err := range f.Chunks(ctx, v) {
				if n++; err != nil || n > 10_000 {
					break
				}
				if bytes := chunkBytes(v); n <= 4 && bytes <= 4<<20 {
					if _, err := f.ReadChunk(ctx, v, c.Index); err != nil {
						_ = fmt.Sprint(err)
					}
				}
			}
		}
	}
}

func chunkBytes(v *cdm.Variable) int64 {
	n := int64(max(v.Type.Size, 1))
	for _, c := range v.Chunks {
		if n *= c; n > 1<<40 || n < 0 {
			return 1 << 40
		}
	}
	return n
}
