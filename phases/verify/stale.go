package verify

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// Stale finds source files that are gone, or whose size or time of change is not what it was when
// the store was made: what the store says of them may be wrong.
func Stale(ctx context.Context, files []virtual.File, sources Sources) (*Result, error) {
	stats, errs := statAll(ctx, len(files), func(i int) string { return files[i].URL }, sources)
	result := &Result{Check: "sources", Unit: "files", Checked: int64(len(files))}
	for i, f := range files {
		fault := Fault{File: f.URL, Kind: Changed}
		switch now := stats[i]; {
		case errs[i] != nil && transient(ctx, errs[i]):
			return nil, fmt.Errorf("%s: %w", f.URL, errs[i])
		case errs[i] != nil:
			fault.Kind, fault.Expected, fault.Found = Source, "a file", errs[i].Error()
		case now.Size != f.Size:
			fault.Expected, fault.Found = fmt.Sprintf("%d bytes", f.Size), fmt.Sprintf("%d bytes", now.Size)
		case !now.MTime.IsZero() && !f.MTime.IsZero() && !now.MTime.Equal(f.MTime):
			fault.Expected, fault.Found = "changed "+f.MTime.UTC().Format(time.RFC3339Nano), "changed "+now.MTime.UTC().Format(time.RFC3339Nano)
		default:
			continue
		}
		result.add(fault)
	}
	return result, nil
}

// statsAtOnce is how many files are asked for at a time: the file system of a cluster answers
// slowly, but many at once.
const statsAtOnce = 16

// statAll asks for n files.
func statAll(ctx context.Context, n int, url func(int) string, sources Sources) ([]Stat, []error) {
	stats, errs := make([]Stat, n), make([]error, n)
	var g errgroup.Group
	g.SetLimit(statsAtOnce)
	for i := range n {
		g.Go(func() error {
			if errs[i] = ctx.Err(); errs[i] == nil {
				stats[i], errs[i] = sources.Stat(ctx, url(i))
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	return stats, errs
}
