package netcdf4

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkChunkIndex walks the chunk index of every variable of the files in the folder that KERB_INDEX_FILES
// names (testdata/large.py makes some), opening included.
func BenchmarkChunkIndex(b *testing.B) {
	files, _ := filepath.Glob(filepath.Join(os.Getenv("KERB_INDEX_FILES"), "*.h5"))
	if os.Getenv("KERB_INDEX_FILES") == "" || len(files) == 0 {
		b.Skip("KERB_INDEX_FILES names no folder with files; testdata/large.py DIR N makes them")
	}
	for _, name := range files {
		b.Run(filepath.Base(name), func(b *testing.B) {
			b.ReportAllocs()
			chunks := 0
			for b.Loop() {
				src, err := openDisk(name)
				if err != nil {
					b.Fatal(err)
				}
				f, err := Open(context.Background(), src, Options{})
				if err != nil {
					b.Fatal(err)
				}
				for g := range f.Root().Walk() {
					for _, v := range g.Variables {
						for _, err := range f.Chunks(context.Background(), v) {
							if err != nil {
								b.Fatal(err)
							}
							chunks++
						}
					}
				}
				if err := f.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(chunks)/b.Elapsed().Seconds(), "chunks/s")
		})
	}
}
