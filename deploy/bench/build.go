package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/virtual"
)

const days = 200

// measured is what a peer, or a step of ours, says of itself.
type measured struct {
	Wall, CPU float64 // seconds
	RSS       int64
	Refs      int64
	Requests  int64
	Bytes     int64
}

func (m measured) cpu() time.Duration  { return time.Duration(m.CPU * float64(time.Second)) }
func (m measured) wall() time.Duration { return time.Duration(m.Wall * float64(time.Second)) }

// daily makes the daily files; only the peers can.
func (b *bench) daily(ctx context.Context) (string, error) {
	dir := filepath.Join(b.dir, "daily")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	var made struct{ Files int }
	_, err := b.peers.python(ctx, &made, "daily.py", dir, fmt.Sprint(days))
	return dir, err
}

// build measures files to references to store: a folder of daily files, one core.
func (b *bench) build(ctx context.Context) error {
	work := fmt.Sprintf("%d daily files to a parquet store, one core", days)
	dir, err := b.daily(ctx)
	if errors.Is(err, errNoPeer) {
		b.add(work, "skipped", "", "", "python3 with netCDF4 makes the files, and it is not here")
		return nil
	}
	if err != nil {
		return err
	}
	n := 0
	var m measured
	ours, err := best(5, func() (usage, error) {
		n++
		return self(ctx, &m, []string{"GOMAXPROCS=1"}, "build", dir, filepath.Join(b.dir, fmt.Sprintf("ours%d.parq", n)))
	})
	if err != nil {
		return err
	}
	var k measured
	for i := range 2 {
		var r measured
		if _, err = b.peers.python(ctx, &r, "kerchunk_store.py", dir, filepath.Join(b.dir, fmt.Sprintf("kerchunk%d.parq", i))); err != nil {
			break
		}
		if i == 0 || r.CPU < k.CPU {
			k = r
		}
	}
	if errors.Is(err, errNoPeer) {
		b.add(work, ours.String(), "kerchunk: not here", "", "")
		return nil
	}
	if err != nil {
		return err
	}
	peer := usage{wall: k.wall(), cpu: k.cpu(), rss: k.RSS}
	b.add(work, ours.String(), "kerchunk: "+peer.String(), times(peer.cpu, ours.cpu),
		fmt.Sprintf("%d references; wall %s; ours whole process, kerchunk's without imports", m.Refs, times(peer.wall, ours.wall)))
	return nil
}

// stepBuild makes a store of the files of a folder.
func stepBuild(ctx context.Context, dir, out string) (measured, error) {
	urls, err := filepath.Glob(filepath.Join(dir, "*.nc"))
	if err != nil {
		return measured{}, err
	}
	plan, err := configure.Join(ctx, configure.Options{Open: phases.OpenSource}, urls, virtual.Rules{})
	if err != nil {
		return measured{}, err
	}
	m := measured{}
	for _, a := range plan.Dataset.Arrays {
		m.Refs += a.Grid.Count()
	}
	return m, compute.Build(ctx, plan, out, 100_000, "", compute.Options{Open: phases.OpenSource, Version: "bench"})
}
