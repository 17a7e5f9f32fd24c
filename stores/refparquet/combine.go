package refparquet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
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
	src       string // where whole is, "" when it is in place already; or where what was merged lies until all is proven
	fragments []fragmentOf
}

type fragmentOf struct {
	part int
	Fragment
}

// Combine makes one store's records in dst of those of its parts. First it proves that they are
// complete: each chunk of each array from exactly one part. Only then are they put into place: whole records
// by a rename, those that parts share as merged. It never reads a whole record (but for Digests), so its cost is that of a
// rename for each record, and of writing those anew that parts share, at most one for each array and part. What
// concerns other arrays than the given is left alone, so that several calls, also at the same time, may share the arrays of
// one store; [FinishCombine] tells whether all have done their share.
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
	c := &combiner{dst: filepath.Clean(dst), parts: parts, opts: opts}
	var shared []merge
	defer func() {
		for _, m := range shared {
			if m.claim.src != "" {
				_ = os.Remove(m.claim.src) // it never got its place
			}
		}
	}()
	for i, a := range arrays {
		list, err := c.check(ctx, a, claims[i], &sum)
		if err != nil {
			return sum, err
		}
		shared = append(shared, list...)
	}
	if err := c.mergeAll(ctx, shared); err != nil {
		return sum, err
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
	dst   string
	parts []Part
	opts  CombineOptions
}

// check proves that array a is complete, from the manifests and the sizes of the files. It answers the records that parts share,
// which are to be merged.
func (c *combiner) check(ctx context.Context, a virtual.Array, claims map[int64]*claim, sum *Summary) (shared []merge, err error) {
	count := a.Grid.Count()
	var g errgroup.Group
	g.SetLimit(16)
	for n := range recordsOf(count, c.opts.RecordSize) {
		if err := ctx.Err(); err != nil {
			return nil, cmp.Or(g.Wait(), err)
		}
		want := rowsOf(count, n, c.opts.RecordSize)
		k := claims[n]
		switch {
		case k == nil:
			err = fmt.Errorf("variable %s, record %d (chunks from %s): no part has it", a.Path, n, zarr.AppendKey(nil, a.Grid, n*int64(c.opts.RecordSize)))
		case k.whole != nil && len(k.fragments) > 0:
			err = fmt.Errorf("variable %s, record %d: part %s has all of it and part %s some", a.Path, n, c.parts[k.part].Name, c.parts[k.fragments[0].part].Name)
		case k.whole != nil && k.whole.Rows != want:
			err = fmt.Errorf("variable %s, record %d: part %s has %d chunks in it, and there must be %d: make the part again", a.Path, n, c.parts[k.part].Name, k.whole.Rows, want)
		case k.whole != nil:
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
			m := merge{a, n, k}
			if rows != want {
				err = c.explain(m, rows, want)
				break
			}
			shared = append(shared, m)
		}
		if err != nil {
			return nil, cmp.Or(g.Wait(), err)
		}
	}
	return shared, g.Wait()
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

// place renames the records of a to their places, in ascending order.
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
	for _, n := range slices.Sorted(maps.Keys(claims)) {
		if err := ctx.Err(); err != nil {
			return cmp.Or(g.Wait(), err)
		}
		k := claims[n]
		if k.whole != nil {
			sum.Moved++
		} else {
			sum.Merged++
		}
		if k.src == "" {
			continue
		}
		g.Go(func() error {
			if k.whole == nil {
				if err := syncFile(k.src); err != nil {
					return fmt.Errorf("combine: %w", err)
				}
			}
			err := os.Rename(k.src, filepath.Join(c.dst, recordPath(a.Path, n)))
			if errors.Is(err, fs.ErrNotExist) && k.whole != nil { // another call may have been faster
				var at string
				if at, err = c.locate(k); err == nil && at != "" {
					err = fmt.Errorf("%s can't be renamed: %w", at, fs.ErrNotExist)
				}
			}
			if err != nil {
				return fmt.Errorf("variable %s, record %d: %w", a.Path, n, err)
			}
			k.src = ""
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

// FinishCombine ends the combining of arrays in dst. It proves that each array has all its records, and no others, by their names:
// [Combine] has put them there whole. What is left of calls that were killed is removed.
func FinishCombine(dst string, arrays []virtual.Array, recordSize int) error {
	for _, a := range arrays {
		dir := filepath.Join(dst, filepath.FromSlash(a.Path))
		want := recordsOf(a.Grid.Count(), recordSize)
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) && want == 0 {
			continue
		}
		if err != nil {
			return fmt.Errorf("variable %s: %w", a.Path, err)
		}
		there := make(map[string]bool, len(entries))
		for _, e := range entries {
			switch name := e.Name(); {
			case strings.HasPrefix(name, ".") && strings.Contains(name, temporary):
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					return fmt.Errorf("variable %s: %w", a.Path, err)
				}
			case e.Type().IsRegular():
				there[name] = true
			}
		}
		for n := range want {
			if name := recordName(n); !there[name] {
				return fmt.Errorf("variable %s: %s is missing, of %d records", a.Path, name, want)
			}
		}
		if int64(len(there)) > want {
			return fmt.Errorf("variable %s: there are %d files instead of %d records", a.Path, len(there), want)
		}
	}
	return nil
}
