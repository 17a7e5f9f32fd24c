package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/stores/refparquet"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

const (
	parts      = 16
	recordSize = 100_000 // as configure chooses it here
)

// large measures compute without the source files: one process, and the steps of a compute in parts.
func (b *bench) large(ctx context.Context) error {
	for _, refs := range b.refs {
		if err := b.simulated(ctx, refs); err != nil {
			return err
		}
	}
	return b.combineOnly(ctx, 100_000_000)
}

func (b *bench) simulated(ctx context.Context, refs int64) error {
	n := fmt.Sprint(refs)
	rate := func(u usage) string { return fmt.Sprintf("%.1f M references/s", float64(refs)/1e6/u.cpu.Seconds()) }
	serial, inParts := filepath.Join(b.dir, "serial"+n), filepath.Join(b.dir, "parts"+n)
	if err := configured(serial, refs, 0); err != nil {
		return err
	}
	u, err := self(ctx, nil, nil, "serial", serial, n)
	if err != nil {
		return err
	}
	b.add(fmt.Sprintf("%s references of %d files, one process", n, files), u.String(), "", "", rate(u))
	if err := configured(inParts, refs, parts); err != nil {
		return err
	}
	var all usage
	for i := range parts {
		u, err := self(ctx, nil, nil, "part", inParts, n, fmt.Sprint(i))
		if err != nil {
			return err
		}
		all = usage{all.wall + u.wall, all.cpu + u.cpu, max(all.rss, u.rss)}
	}
	b.add(fmt.Sprintf("  in %d parts, one after the other", parts), all.String(), "", "", rate(all))
	if u, err = self(ctx, nil, nil, "combine", inParts, n); err != nil {
		return err
	}
	how := "whole records are renamed"
	if refs/variables/parts < recordSize {
		how = "parts are smaller than a record, so that all is merged"
	}
	b.add("  combine", u.String(), "", "", rate(u)+"; "+how)
	if u, err = self(ctx, nil, nil, "correct", inParts, n); err != nil {
		return err
	}
	b.add("  correct time and metadata", u.String(), "", "", fmt.Sprintf("%d files opened for their times", files))
	same, err := sameStores(serial, inParts)
	if err != nil {
		return err
	}
	if !same {
		return fmt.Errorf("%s references: the store made in parts is not the one made in one process", n)
	}
	return os.RemoveAll(serial)
}

// configured makes a workdir with one configured dataset of the simulated archive.
func configured(root string, refs int64, parts int) error {
	w, err := workdirs.Create(root)
	if err != nil {
		return err
	}
	d, err := w.Dataset("set")
	if err != nil {
		return err
	}
	c := configure.Compute{Mode: "serial", Format: "parquet", RecordSize: recordSize}
	if parts > 0 {
		c.Mode, c.Parts = "parallel", parts
	}
	doc, err := configure.NewDocument("set", simulatedPlan(refs), c)
	if err != nil {
		return err
	}
	return workdirs.WriteJSON(d.Path(workdirs.ConfigureFile), doc)
}

func sameStores(a, b string) (bool, error) {
	count := 0
	same := true
	store := func(root string) string { return filepath.Join(root, "datasets", "set", "stores", "set.kr1.0.parq") }
	err := filepath.WalkDir(store(a), func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(store(a), name)
		if err != nil {
			return err
		}
		x, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		y, err := os.ReadFile(filepath.Join(store(b), rel))
		if err != nil {
			return err
		}
		count++
		same = same && string(x) == string(y)
		return nil
	})
	return same && count > variables, err
}

// step runs one step of ours; it prints what it has measured, if anything.
func step(ctx context.Context, args []string) error {
	var m measured
	var err error
	switch args[0] {
	case "build":
		m, err = stepBuild(ctx, args[1], args[2])
	case "index":
		m, err = stepIndex(ctx, args[1:])
	case "hundred":
		m, err = stepHundred(ctx, args[1])
	case "serial", "part", "combine", "correct":
		err = stepCompute(ctx, args)
	default:
		err = fmt.Errorf("no step %q", args[0])
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(m)
}

func stepCompute(ctx context.Context, args []string) error {
	w, err := workdirs.Open(args[1])
	if err != nil {
		return err
	}
	d, err := w.Dataset("set")
	if err != nil {
		return err
	}
	refs, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return err
	}
	opts := compute.Options{Open: simulated(refs / files / variables), Version: "bench"}
	switch args[0] {
	case "serial":
		_, err = compute.Run(ctx, d, opts)
	case "part":
		var i int
		if i, err = strconv.Atoi(args[3]); err == nil {
			err = compute.Part(ctx, d, i, opts)
		}
	case "combine":
		err = compute.Combine(ctx, d, 0, opts)
	case "correct":
		_, err = compute.Correct(ctx, d, opts)
	}
	return err
}

// combineOnly measures the combine of parts that were never computed: whole records that are one file under many names, and a
// shared record wherever two parts meet.
func (b *bench) combineOnly(ctx context.Context, refs int64) error {
	dir := filepath.Join(b.dir, "hundred")
	if err := generate(dir, refs); err != nil {
		return err
	}
	var m measured
	u, err := self(ctx, &m, nil, "hundred", dir)
	if err != nil {
		return err
	}
	verdict := "under 256 MB"
	if u.rss > 256<<20 {
		verdict = "over 256 MB"
	}
	b.add(fmt.Sprintf("combine of %d simulated references in %d parts", refs, hundredParts), u.String(), "", "", fmt.Sprintf("%s; %d references found", verdict, m.Refs))
	return os.RemoveAll(dir)
}

const (
	hundredRecord = 100_000
	hundredParts  = 333 // that end in the middle of records
)

func hundredArray(refs int64) virtual.Array {
	return virtual.Array{Path: "v", Type: float4, Dimensions: []string{"time"}, Grid: virtual.Grid{Shape: []int64{refs}, Chunks: []int64{1}}}
}

// generate makes the folders and manifests of the parts. Part i has the rows from i/hundredParts of all on.
func generate(dir string, refs int64) error {
	array := hundredArray(refs)
	one := filepath.Join(dir, "one") // a part with one whole record, which stands for all
	record, err := writePart(one, array, 0, hundredRecord)
	if err != nil {
		return err
	}
	for p := range int64(hundredParts) {
		from, to := refs*p/hundredParts, refs*(p+1)/hundredParts
		folder := filepath.Join(dir, fmt.Sprintf("part%02d", p))
		first, last := (from+hundredRecord-1)/hundredRecord, to/hundredRecord // whole records
		m, err := writePart(folder, array, from, first*hundredRecord, last*hundredRecord, to)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(folder, "v"), 0o755); err != nil {
			return err
		}
		for n := first; n < last; n++ {
			r := record.Records[0]
			r.N = n
			m.Records = append(m.Records, r)
			if err := os.Link(filepath.Join(one, "v", "refs.0.parq"), filepath.Join(folder, "v", fmt.Sprintf("refs.%d.parq", n))); err != nil {
				return err
			}
		}
		if err := workdirs.WriteJSON(filepath.Join(folder, "manifest.json"), m); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "refs"), []byte(fmt.Sprint(refs)), 0o644)
}

// writePart writes a part of the rows in each of the ranges [from, to).
func writePart(dir string, array virtual.Array, ranges ...int64) (refparquet.Manifest, error) {
	w, err := refparquet.Create(dir, []virtual.Array{array}, refparquet.Options{RecordSize: hundredRecord})
	if err != nil {
		return refparquet.Manifest{}, err
	}
	defer w.Close()
	for k := 0; k < len(ranges); k += 2 {
		for i := ranges[k]; i < ranges[k+1]; i++ {
			ref := virtual.Reference{URL: fmt.Sprintf("/archive/day%05d.nc", i/5000), Offset: 8192 + i%5000*1500, Size: 1000 + i*7919%1000}
			if err := w.Put(0, i, ref); err != nil {
				return refparquet.Manifest{}, err
			}
		}
	}
	return w.FinishPart()
}

func stepHundred(ctx context.Context, dir string) (measured, error) {
	began := time.Now()
	text, err := os.ReadFile(filepath.Join(dir, "refs"))
	if err != nil {
		return measured{}, err
	}
	refs, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return measured{}, err
	}
	var list []refparquet.Part
	for p := range hundredParts {
		folder := filepath.Join(dir, fmt.Sprintf("part%02d", p))
		part := refparquet.Part{Name: fmt.Sprint(p), Dir: folder}
		if err := workdirs.ReadJSON(filepath.Join(folder, "manifest.json"), &part.Manifest); err != nil {
			return measured{}, err
		}
		list = append(list, part)
	}
	sum, err := refparquet.Combine(ctx, filepath.Join(dir, "combined"), list, []virtual.Array{hundredArray(refs)}, refparquet.CombineOptions{RecordSize: hundredRecord})
	return measured{Wall: time.Since(began).Seconds(), Refs: sum.References}, err
}
