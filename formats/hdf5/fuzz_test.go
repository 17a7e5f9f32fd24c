package hdf5

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/codecs"
)

// look walks everything in a file that may be damaged, and says what it came to: nil or the first error.
// Whatever the bytes, each error must be one that callers know.
func look(t testing.TB, data []byte) error {
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		known(t, err)
		return err
	}
	w := walker{f: f, chunks: true, limit: 2000}
	if err := w.walk(); err != nil && len(w.errs) == 0 {
		known(t, err)
		return err
	}
	for _, err := range w.errs {
		known(t, err)
	}
	if len(w.errs) > 0 {
		return w.errs[0]
	}
	return nil
}

func known(t testing.TB, err error) {
	t.Helper()
	for _, k := range []error{cdm.ErrFormat, cdm.ErrUnsupported, codecs.ErrCorrupt, codecs.ErrNoDecoder} {
		if errors.Is(err, k) {
			return
		}
	}
	t.Errorf("an error of no known kind: %v", err)
}

// mend sets the checksum that err complains of right, so that damage gets past the checksums.
func mend(data []byte, err error) bool {
	var at *cdm.FormatError
	if !errors.As(err, &at) || at.Offset < 0 || at.Offset >= int64(len(data)) {
		return false
	}
	var stored, want uint32
	if _, err := fmt.Sscanf(at.Msg, "checksum is %v, its bytes give %v", &stored, &want); err != nil {
		return false
	}
	i := bytes.Index(data[at.Offset:], binary.LittleEndian.AppendUint32(nil, stored))
	if i < 0 {
		return false
	}
	binary.LittleEndian.PutUint32(data[int(at.Offset)+i:], want)
	return true
}

func fixtures(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.h5")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	return files
}

// corpus gives the HDF5 files of the public test suites that may lie beside the checkout.
func corpus(t testing.TB) []string {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "corpus")
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && slices.Contains([]string{".h5", ".nc", ".nc4", ".hdf5", ".he5"}, filepath.Ext(path)) {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Skipf("the corpus of public test files is not at %s: %v", root, err)
	}
	return files
}

func FuzzOpen(f *testing.F) {
	for _, name := range fixtures(f) {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 40<<10 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for range 8 {
			if err := look(t, data); !mend(data, err) {
				return
			}
		}
	})
}

// damage overwrites a few bytes of data: random ones, extreme ones, or bytes of another place.
func damage(r *rand.Rand, data []byte) {
	for range 1 + r.IntN(4) {
		at, n := r.IntN(len(data)), 1+r.IntN(8)
		place := data[at:min(at+n, len(data))]
		switch r.IntN(4) {
		case 0:
			for i := range place {
				place[i] = byte(r.Uint32())
			}
		case 1:
			for i := range place {
				place[i] = 0xff
			}
		case 2:
			place[0] += byte(1 + r.IntN(255))
		case 3:
			copy(place, data[r.IntN(len(data)):])
		}
	}
}

func testDamaged(t *testing.T, files []string, rounds int) {
	refused := 0
	for _, name := range files {
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(whole) == 0 || len(whole) > 1<<20 {
			continue
		}
		r := rand.New(rand.NewPCG(1, uint64(len(whole))))
		for round := range rounds {
			data := bytes.Clone(whole)
			if round%8 == 7 {
				data = data[:r.IntN(len(data))]
			} else {
				// Metadata lies mostly at the front.
				damage(r, data[:max(1, len(data)>>(round%4))])
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range 8 {
				err := look(t, data)
				if err != nil {
					refused++
				}
				if !mend(data, err) {
					break
				}
			}
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 128<<20+200*uint64(len(data)) {
				t.Errorf("%s, round %d: %d bytes allocated for a file of %d", name, round, got, len(data))
			}
			if t.Failed() {
				t.Fatalf("%s, round %d", name, round)
			}
		}
	}
	if refused == 0 {
		t.Error("no damage was noticed")
	}
	t.Logf("%d files, %d walks met an error", len(files), refused)
}

func TestDamagedFixtures(t *testing.T) { testDamaged(t, fixtures(t), 300) }

func TestDamagedCorpus(t *testing.T) { testDamaged(t, corpus(t), 40) }
