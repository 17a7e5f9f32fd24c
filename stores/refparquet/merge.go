package refparquet

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// merge is a record of an array that several parts have rows of.
type merge struct {
	array virtual.Array
	n     int64
	claim *claim
}

// merger merges records, one at a time. Nearly all of the time is parquet's: some 20 ms for a record of 100,000 rows.
type merger struct {
	*combiner
	coder   *coder
	encoder *encoder
	buf     bytes.Buffer
	rows    rows
}

func (c *combiner) newMerger() (*merger, error) {
	coder, err := newCoder()
	if err != nil {
		return nil, err
	}
	encoder, err := newEncoder()
	if err != nil {
		return nil, err
	}
	return &merger{combiner: c, coder: coder, encoder: encoder}, nil
}

// mergedRows is how many rows are in memory at once when records are merged side by side: each takes some 0.6 kB until it is in a file.
const mergedRows = 1 << 18

// mergeAll merges records on several cores, and leaves each beside its place, claim.src.
func (c *combiner) mergeAll(ctx context.Context, list []merge) error {
	g, ctx := errgroup.WithContext(ctx)
	queue := make(chan merge)
	g.Go(func() error {
		defer close(queue)
		for _, m := range list {
			select {
			case queue <- m:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range min(len(list), runtime.GOMAXPROCS(0), max(1, mergedRows/c.opts.RecordSize)) {
		m, err := c.newMerger()
		if err != nil {
			return err
		}
		g.Go(func() error {
			for next := range queue {
				if err := m.write(next); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// temporary stands in the names of merged records until all is proven.
const temporary = ".tmp-"

// write merges a record and leaves it beside its place, under a name that no other call gives.
func (m *merger) write(next merge) error {
	if err := m.merge(next); err != nil {
		return err
	}
	name := filepath.Join(m.dst, recordPath(next.array.Path, next.n))
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return fmt.Errorf("combine: %w", err)
	}
	next.claim.src = filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+temporary+rand.Text())
	if _, err := writeRecord(next.claim.src, m.encoder, &m.buf, &m.rows, os.O_EXCL); err != nil {
		return fmt.Errorf("variable %s, record %d: %w", next.array.Path, next.n, err)
	}
	return nil
}

// merge reads the fragments of a record into m.rows, in order.
func (m *merger) merge(next merge) error {
	a, n := next.array, next.n
	m.rows.reset()
	for _, f := range next.claim.fragments {
		if err := m.readFragment(f, m.coder, &m.rows); err != nil {
			return err
		}
	}
	if err := m.rows.sort(); err != nil {
		if d, ok := err.(*duplicate); ok {
			return m.both(next, d)
		}
		return fmt.Errorf("variable %s, record %d: %w", a.Path, n, err)
	}
	if want := rowsOf(a.Grid.Count(), n, m.opts.RecordSize); len(m.rows.list) > 0 && int(m.rows.list[len(m.rows.list)-1].n) >= want {
		return fmt.Errorf("variable %s, record %d: a fragment has a row beyond the grid", a.Path, n)
	}
	return nil
}

func (c *combiner) readFragment(f fragmentOf, with *coder, r *rows) error {
	s, err := openFragments(c.parts[f.part].Dir, with)
	if err != nil {
		return fmt.Errorf("part %s: %w", c.parts[f.part].Name, err)
	}
	defer func() { _ = s.close() }() // it was only read
	if err := s.read(f.Fragment, r); err != nil {
		return fmt.Errorf("part %s: %w", c.parts[f.part].Name, err)
	}
	return nil
}

// explain says which chunk of a record is missing, or in two parts.
func (c *combiner) explain(next merge, have, want int) error {
	m, err := c.newMerger()
	if err != nil {
		return err
	}
	if err := m.merge(next); err != nil {
		return err
	}
	missing := int32(0)
	for _, w := range m.rows.list {
		if w.n != missing {
			break
		}
		missing++
	}
	chunk := zarr.AppendKey(nil, next.array.Grid, next.n*int64(c.opts.RecordSize)+int64(missing))
	return fmt.Errorf("variable %s, chunk %s: no part has it; record %d has %d of %d chunks", next.array.Path, chunk, next.n, have, want)
}

// both says which parts have a chunk.
func (m *merger) both(next merge, d *duplicate) error {
	var who []string
	for _, f := range next.claim.fragments {
		var r rows
		if err := m.readFragment(f, m.coder, &r); err != nil {
			return err
		}
		if slices.ContainsFunc(r.list, func(w row) bool { return w.n == d.n }) {
			who = append(who, m.parts[f.part].Name)
		}
	}
	chunk := zarr.AppendKey(nil, next.array.Grid, next.n*int64(m.opts.RecordSize)+int64(d.n))
	return fmt.Errorf("variable %s, chunk %s: parts %s both have it: %s, and %s", next.array.Path, chunk, strings.Join(who, " and "), d.first, d.second)
}
