package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
)

// index measures the walk through files' chunk indexes.
func (b *bench) index(ctx context.Context) error {
	chunkIter, err := b.peers.compiled(ctx, "chunk_iter.c")
	if err != nil {
		if !errors.Is(err, errNoPeer) {
			return err
		}
		chunkIter = ""
	}
	dir, err := b.daily(ctx)
	if err == nil {
		var files []string
		if files, err = filepath.Glob(filepath.Join(dir, "*.nc")); err == nil {
			err = b.walk(ctx, fmt.Sprintf("chunk indexes of %d daily files", days), files, chunkIter, true)
		}
	}
	if err != nil {
		return b.skip("chunk indexes of the daily files", err)
	}
	var made struct{ Chunks int64 }
	dir = filepath.Join(b.dir, "large")
	if _, err := b.peers.python(ctx, &made, "large.py", dir, fmt.Sprint(b.chunks)); err != nil {
		return b.skip("chunk indexes of large files", err)
	}
	for _, f := range []struct{ kind, file string }{{"v1 B-tree", "btree1"}, {"fixed array", "fixed"}, {"extensible array", "extensible"}} {
		work := fmt.Sprintf("chunk index: %s of %d chunks", f.kind, made.Chunks)
		if err := b.walk(ctx, work, []string{filepath.Join(dir, f.file+".h5")}, chunkIter, f.file == "btree1"); err != nil {
			return b.skip(work, err)
		}
	}
	return nil
}

// skip says in the table what is missing, and hands on every other error.
func (b *bench) skip(work string, err error) error {
	if !errors.Is(err, errNoPeer) {
		return err
	}
	b.add(work, "skipped", "", "", "python3 with netCDF4 and h5py makes the files, and it is not here")
	return nil
}

// walk measures ours, libhdf5 and, where it bears it, kerchunk on the same files. All tell the time without what it takes to start.
func (b *bench) walk(ctx context.Context, work string, files []string, chunkIter string, kerchunk bool) error {
	var m measured
	var err error
	for i := range 5 {
		var r measured
		if _, err = self(ctx, &r, []string{"GOMAXPROCS=1"}, append([]string{"index"}, files...)...); err != nil {
			return err
		}
		if i == 0 || r.CPU < m.CPU {
			m = r
		}
	}
	peer, ratio := "libhdf5: not here", ""
	if chunkIter != "" {
		var c measured
		for i := range 5 {
			var r measured
			if _, err := b.peers.command(ctx, &r, chunkIter, files...); err != nil {
				return err
			}
			if i == 0 || r.CPU < c.CPU {
				c = r
			}
		}
		if c.Refs != m.Refs {
			return fmt.Errorf("%s: libhdf5 finds %d chunks, and ours %d", work, c.Refs, m.Refs)
		}
		peer, ratio = fmt.Sprintf("libhdf5 in C: cpu %s", seconds(c.cpu())), times(c.cpu(), m.cpu())
	}
	more := fmt.Sprintf("%d chunks; %.1f reads and %d kB a file", m.Refs, float64(m.Requests)/float64(len(files)), m.Bytes/int64(len(files))/1000)
	if kerchunk {
		var k measured
		if _, err := b.peers.python(ctx, &k, "kerchunk_index.py", files...); err == nil {
			more += fmt.Sprintf("; kerchunk: cpu %s, %s", seconds(k.cpu()), times(k.cpu(), m.cpu()))
		} else if !errors.Is(err, errNoPeer) {
			return err
		}
	}
	b.add(work, fmt.Sprintf("cpu %s", seconds(m.cpu())), peer, ratio, more)
	return nil
}

// place is what is kept of a chunk, by ours as by the peer.
type place struct{ at, bytes int64 }

// stepIndex collects the places of all chunks of all chunked variables of the files.
func stepIndex(ctx context.Context, files []string) (measured, error) {
	wall, cpu := time.Now(), processorTime()
	var m measured
	var places []place
	for _, name := range files {
		f, err := phases.OpenSource(ctx, name)
		if err != nil {
			return m, err
		}
		if places, err = collect(ctx, f, places); err != nil {
			return m, err
		}
		requests, bytes := f.Stats()
		m.Requests, m.Bytes = m.Requests+requests, m.Bytes+bytes
		if err := f.Close(); err != nil {
			return m, err
		}
	}
	m.Wall, m.CPU = time.Since(wall).Seconds(), (processorTime() - cpu).Seconds()
	m.Refs = int64(len(places))
	return m, nil
}

func collect(ctx context.Context, f cdm.File, places []place) ([]place, error) {
	for g := range f.Root().Walk() {
		for _, v := range g.Variables {
			if v.Contiguous {
				continue
			}
			for c, err := range f.Chunks(ctx, v) {
				if err != nil {
					return nil, err
				}
				places = append(places, place{c.Offset, c.Size})
			}
		}
	}
	return places, nil
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
