package hdf5

import (
	"os"
	"path/filepath"
	"testing"
)

// countingReader counts the calls and bytes that reach the file.
type countingReader struct {
	r     *os.File
	calls int
	bytes int64
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	c.calls++
	c.bytes += int64(len(p))
	return c.r.ReadAt(p, off)
}

// BenchmarkHeader reads all that a header has, from the superblock to every attribute, out of
// the page cache. KERB_BENCH_FILE names another file than the fixture.
func BenchmarkHeader(b *testing.B) {
	path := os.Getenv("KERB_BENCH_FILE")
	if path == "" {
		path = filepath.Join("testdata", "types_earliest.h5")
	}
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		b.Fatal(err)
	}
	r := &countingReader{r: file}
	b.ReportAllocs()
	for b.Loop() {
		*r = countingReader{r: file}
		f, err := Open(r, info.Size())
		if err != nil {
			b.Fatal(err)
		}
		w := walker{f: f}
		if err := w.walk(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(r.calls), "reads/op")
	b.ReportMetric(float64(r.bytes), "bytes/op")
}
