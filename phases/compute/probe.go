package compute

import (
	"context"
	"errors"
	"fmt"

	"github.com/cedadev/kerchunk-builder/formats/source"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/stores"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// probe looks at about n of the files that the store at made links to, spread over all of them. Each must be there, as large as
// the file that the link led to before this edit, and long enough for its last reference. sizes has what is known of the source files; of others
// the old place is asked, where it answers. It answers how many it has looked at.
func (v *view) probe(ctx context.Context, made string, n int, sizes map[string]int64) (checked int, err error) {
	s, err := stores.Open(made)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	ends := map[string]int64{}
	var urls []string
	ds := s.Dataset()
	for i := range ds.Arrays {
		for row, err := range s.References(ctx, ds.Arrays[i].Path) {
			if err != nil {
				return 0, err
			}
			if ref := row.Reference; ref.Inline == nil {
				end, seen := ends[ref.URL]
				if !seen {
					urls = append(urls, ref.URL)
				}
				ends[ref.URL] = max(end, ref.Offset+ref.Size)
			}
		}
	}
	steps, err := Steps(v.dataset)
	if err != nil {
		return 0, err
	}
	opts := source.Options{Client: source.NewClient(4), Retries: 1}
	n = min(n, len(urls))
	for i := range n {
		url := urls[i*len(urls)/n]
		there, err := source.Stat(ctx, url, opts)
		if err != nil {
			return i, phases.SourceError(url, "", fmt.Errorf("a link of the store leads nowhere: %w", err))
		}
		size, known := sizes[Source(steps, url)]
		if before := v.back(url); !known && before != url {
			if old, err := source.Stat(ctx, before, opts); err == nil { // it may have moved away
				size, known = old.Size, true
			}
		}
		switch {
		case known && there.Size != size:
			return i, phases.Errorf(phases.Fault, "see whether it is the same file", "%s has %d bytes, and the source file has %d", url, there.Size, size)
		case there.Size < ends[url]:
			return i, phases.Errorf(phases.Fault, "", "%s has %d bytes, and the store refers to its byte %d", url, there.Size, ends[url]-1)
		}
	}
	return n, nil
}

// sizesOf are the sizes of the source files of the workdir's dataset that a store belongs to; none for a store that is nowhere in one.
func sizesOf(store string) (map[string]int64, error) {
	d, ok := workdirs.DatasetOf(store)
	if !ok {
		return nil, nil
	}
	list, err := d.Sources()
	if err != nil {
		return nil, &phases.Error{Class: phases.IO, Err: err}
	}
	sizes := make(map[string]int64, len(list))
	for _, f := range list {
		if f.Size > 0 {
			sizes[f.URL] = f.Size
		}
	}
	return sizes, nil
}
