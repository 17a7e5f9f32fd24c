package refparquet

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Part is what one task wrote: the folder of a Writer and the manifest that it gave.
type Part struct {
	Name     string // for messages; a second part of the same name is a second attempt, and refused
	Dir      string
	Manifest Manifest
}

// CombineOptions are how parts are combined.
type CombineOptions struct {
	RecordSize int
	Digests    bool // read every whole record and compare its digest, besides its size
}

// Summary is what a combination holds.
type Summary struct {
	Moved, Merged       int64 // records put in place by rename, and written from fragments
	References, Missing int64 // chunks with and without a reference
}

// claim is who has a record, of one array.
type claim struct {
	whole     *Record
	part      int    // of whole
	src       string // where whole is, "" when it is in place already
	fragments []fragmentOf
}

type fragmentOf struct {
	part int
	Fragment
}

// Combine makes one store's records in dst of those of its parts. First it proves that they are
// complete: each chunk of each array from exactly one part. Only then are whole records renamed into
// place and shared ones merged. It never reads a whole record (but for Digests), so its cost
// is that of the renames and fragments. What concerns other arrays than the given is left alone,
// so that several calls may share the arrays of one store.
//
// A call that was interrupted may be made again and ends with the same files.
func Combine(ctx context.Context, dst string, parts []Part, arrays []virtual.Array, opts CombineOptions) (Summary, error) {
	var sum Summary
	if err := (Options{RecordSize: opts.RecordSize}).check(); err != nil {
		return sum, err
	}
	claims, err := collect(parts, arrays, opts.RecordSize)
	if err != nil {
		return sum, err
	}
	dst = filepath.Clean(dst)
	c := &combiner{dst: dst, parts: parts, opts: opts}
	if c.coder, err = newCoder(); err != nil {
		return sum, err
	}
	if c.encoder, err = newEncoder(); err != nil {
		return sum, err
	}
	for i, a := range arrays {
		if err := c.check(ctx, a, claims[i], &sum); err != nil {
			return sum, err
		}
	}
	for i, a := range arrays {
		if err := c.place(ctx, a, claims[i], &sum); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// collect sorts the manifests' claims by array and record.
func collect(parts []Part, arrays []virtual.Array, recordSize int) ([]map[int64]*claim, error) {
	number := make(map[string]int, len(arrays))
	claims := make([]map[int64]*claim, len(arrays))
	for i, a := range arrays {
		if err := zarr.CheckPath(a.Path); err != nil {
			return nil, err
		}
		if _, twice := number[a.Path]; twice {
			return nil, fmt.Errorf("variable %s is there twice", a.Path)
		}
		number[a.Path] = i
		claims[i] = map[int64]*claim{}
	}
	names := make(map[string]bool, len(parts))
	for p := range parts {
		m := &parts[p].Manifest
		if names[parts[p].Name] {
			return nil, fmt.Errorf("part %s is there twice: take one attempt of it", parts[p].Name)
		}
		names[parts[p].Name] = true
		if m.RecordSize != recordSize {
			return nil, fmt.Errorf("part %s has records of %d chunks, the store of %d: make the part again", parts[p].Name, m.RecordSize, recordSize)
		}
		of := func(array string, n int64) (*claim, error) {
			i, ok := number[array]
			if !ok {
				return nil, nil
			}
			if n < 0 || n >= recordsOf(arrays[i].Grid.Count(), recordSize) {
				return nil, fmt.Errorf("part %s: variable %s has no record %d", parts[p].Name, array, n)
			}
			c := claims[i][n]
			if c == nil {
				c = &claim{}
				claims[i][n] = c
			}
			return c, nil
		}
		for k := range m.Records {
			r := &m.Records[k]
			c, err := of(r.Array, r.N)
			if err != nil {
				return nil, err
			}
			if c == nil {
				continue
			}
			if c.whole != nil {
				return nil, fmt.Errorf("variable %s, record %d: parts %s and %s both have it", r.Array, r.N, parts[c.part].Name, parts[p].Name)
			}
			c.whole, c.part = r, p
		}
		for _, g := range m.Fragments {
			c, err := of(g.Array, g.N)
			if err != nil {
				return nil, err
			}
			if c != nil {
				c.fragments = append(c.fragments, fragmentOf{p, g})
			}
		}
	}
	return claims, nil
}

type combiner struct {
	dst     string
	parts   []Part
	opts    CombineOptions
	coder   *coder
	encoder *encoder
	buf     bytes.Buffer
	rows    rows
}

// check proves that array a is complete, from the manifests and the sizes of the files, and merges
// the records that parts share.
func (c *combiner) check(ctx context.Context, a virtual.Array, claims map[int64]*claim, sum *Summary) error {
	count := a.Grid.Count()
	var g errgroup.Group
	g.SetLimit(16)
	for n := range recordsOf(count, c.opts.RecordSize) {
		if err := ctx.Err(); err != nil {
			return err
		}
		want := rowsOf(count, n, c.opts.RecordSize)
		k := claims[n]
		switch {
		case k == nil:
			return fmt.Errorf("variable %s, record %d (chunks from %s): no part has it", a.Path, n, zarr.AppendKey(nil, a.Grid, n*int64(c.opts.RecordSize)))
		case k.whole != nil && len(k.fragments) > 0:
			return fmt.Errorf("variable %s, record %d: part %s has all of it and part %s some", a.Path, n, c.parts[k.part].Name, c.parts[k.fragments[0].part].Name)
		case k.whole != nil:
			if k.whole.Rows != want {
				return fmt.Errorf("variable %s, record %d: part %s has %d chunks in it, and there must be %d: make the part again", a.Path, n, c.parts[k.part].Name, k.whole.Rows, want)
			}
			sum.Missing += int64(k.whole.Missing)
			sum.References += int64(k.whole.Rows - k.whole.Missing)
			g.Go(func() (err error) {
				k.src, err = c.locate(k)
				return err
			})
		default:
			rows := 0
			for _, f := range k.fragments {
				rows += f.Rows
				sum.Missing += int64(f.Missing)
				sum.References += int64(f.Rows - f.Missing)
			}
			if rows != want {
				return c.explain(a, n, k, rows, want)
			}
			if err := c.writeMerged(a, n, k); err != nil {
				return err
			}
		}
	}
	return g.Wait()
}

// explain says which chunk is missing, or in two parts.
func (c *combiner) explain(a virtual.Array, n int64, k *claim, have, want int) error {
	if err := c.merge(a, n, k); err != nil {
		return err
	}
	next := int32(0)
	for _, w := range c.rows.list {
		if w.n != next {
			break
		}
		next++
	}
	chunk := zarr.AppendKey(nil, a.Grid, n*int64(c.opts.RecordSize)+int64(next))
	return fmt.Errorf("variable %s, chunk %s: no part has it; record %d has %d of %d chunks", a.Path, chunk, n, have, want)
}

// merge reads the fragments of a record into c.rows, in order.
func (c *combiner) merge(a virtual.Array, n int64, k *claim) error {
	c.rows.reset()
	for _, f := range k.fragments {
		if err := c.readFragment(f, &c.rows); err != nil {
			return err
		}
	}
	if err := c.rows.sort(); err != nil {
		if d, ok := err.(*duplicate); ok {
			return c.both(a, n, k, d)
		}
		return fmt.Errorf("variable %s, record %d: %w", a.Path, n, err)
	}
	if want := rowsOf(a.Grid.Count(), n, c.opts.RecordSize); len(c.rows.list) > 0 && int(c.rows.list[len(c.rows.list)-1].n) >= want {
		return fmt.Errorf("variable %s, record %d: a fragment has a row beyond the grid", a.Path, n)
	}
	return nil
}

func (c *combiner) readFragment(f fragmentOf, r *rows) error {
	s, err := openFragments(c.parts[f.part].Dir, c.coder)
	if err != nil {
		return fmt.Errorf("part %s: %w", c.parts[f.part].Name, err)
	}
	defer func() { _ = s.close() }() // it was only read
	if err := s.read(f.Fragment, r); err != nil {
		return fmt.Errorf("part %s: %w", c.parts[f.part].Name, err)
	}
	return nil
}

// both says which parts have a chunk.
func (c *combiner) both(a virtual.Array, n int64, k *claim, d *duplicate) error {
	var who []string
	for _, f := range k.fragments {
		var r rows
		if err := c.readFragment(f, &r); err != nil {
			return err
		}
		if slices.ContainsFunc(r.list, func(w row) bool { return w.n == d.n }) {
			who = append(who, c.parts[f.part].Name)
		}
	}
	chunk := zarr.AppendKey(nil, a.Grid, n*int64(c.opts.RecordSize)+int64(d.n))
	return fmt.Errorf("variable %s, chunk %s: parts %s both have it: %s, and %s", a.Path, chunk, strings.Join(who, " and "), d.first, d.second)
}

// temporary ends the names of merged records until all is proven.
const temporary = ".tmp"

// writeMerged merges a shared record and leaves it beside its place.
func (c *combiner) writeMerged(a virtual.Array, n int64, k *claim) error {
	if err := c.merge(a, n, k); err != nil {
		return err
	}
	name := filepath.Join(c.dst, recordPath(a.Path, n)) + temporary
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return fmt.Errorf("combine: %w", err)
	}
	if _, err := writeRecord(name, c.encoder, &c.buf, &c.rows, 0); err != nil {
		return fmt.Errorf("variable %s, record %d: %w", a.Path, n, err)
	}
	return nil
}

// locate checks that a whole record is where its part says, or already in place, and returns its
// place; "" for the latter.
func (c *combiner) locate(k *claim) (string, error) {
	name := filepath.Join(c.parts[k.part].Dir, recordPath(k.whole.Array, k.whole.N))
	at, placed := name, false
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		at, placed = filepath.Join(c.dst, recordPath(k.whole.Array, k.whole.N)), true
		if info, err = os.Lstat(at); errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("part %s: %s is missing: make the part again", c.parts[k.part].Name, name)
		}
	}
	if err != nil {
		return "", fmt.Errorf("part %s: %w", c.parts[k.part].Name, err)
	}
	if !info.Mode().IsRegular() || info.Size() != k.whole.Bytes {
		return "", fmt.Errorf("part %s: %s has %d bytes, not the manifest's %d: make the part again", c.parts[k.part].Name, at, info.Size(), k.whole.Bytes)
	}
	// What is in place already is identified by its digest; an earlier call's leftovers of another attempt could have its size.
	if c.opts.Digests || placed {
		b, err := os.ReadFile(at)
		if err != nil {
			return "", fmt.Errorf("part %s: %w", c.parts[k.part].Name, err)
		}
		if digest(b) != k.whole.Digest {
			return "", fmt.Errorf("part %s: %s is not what the manifest describes (digest %x): make the part again", c.parts[k.part].Name, at, xxhash.Sum64(b))
		}
	}
	if placed {
		return "", nil
	}
	return name, nil
}

// place renames and merges the records of a, in ascending order.
func (c *combiner) place(ctx context.Context, a virtual.Array, claims map[int64]*claim, sum *Summary) error {
	if len(claims) == 0 {
		return nil
	}
	dir := filepath.Join(c.dst, filepath.FromSlash(a.Path))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("combine: %w", err)
	}
	var g errgroup.Group
	g.SetLimit(16)
	order := make([]int64, 0, len(claims))
	for n := range claims {
		order = append(order, n)
	}
	slices.Sort(order)
	for _, n := range order {
		if err := ctx.Err(); err != nil {
			return cmp.Or(g.Wait(), err)
		}
		k := claims[n]
		name := filepath.Join(c.dst, recordPath(a.Path, n))
		if k.whole != nil {
			sum.Moved++
			if k.src == "" {
				continue
			}
			g.Go(func() error {
				if err := os.Rename(k.src, name); err != nil {
					return fmt.Errorf("part %s: %w", c.parts[k.part].Name, err)
				}
				return nil
			})
			continue
		}
		sum.Merged++
		g.Go(func() error {
			err := syncFile(name + temporary)
			if err == nil {
				err = os.Rename(name+temporary, name)
			}
			if err != nil {
				return fmt.Errorf("combine: %w", err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for d := dir; ; d = filepath.Dir(d) {
		if err := syncFile(d); err != nil {
			return fmt.Errorf("combine: %w", err)
		}
		if d == c.dst {
			return nil
		}
	}
}
