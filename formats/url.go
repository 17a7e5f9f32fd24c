package formats

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/netcdf4"
	"github.com/cedadev/kerchunk-builder/formats/source"
)

// Info is what is known of an opened file besides what it holds.
type Info struct {
	Size  int64
	MTime time.Time // zero where the source has none

	// Stats counts the round trips and bytes that reading the file has cost so far.
	Stats func() (requests, bytes int64)
}

// OpenURL opens a local file or an http(s) URL.
func OpenURL(ctx context.Context, location string, opts Options) (cdm.File, Info, error) {
	src, err := open(ctx, location)
	if err != nil {
		return nil, Info{}, err
	}
	f, err := Open(ctx, src, opts)
	if err != nil {
		return nil, Info{}, errors.Join(err, src.Close())
	}
	stats := func() (int64, int64) { s := src.Stats(); return s.Requests, s.Bytes }
	return f, Info{Size: src.Size(), MTime: src.Identity().MTime, Stats: stats}, nil
}

// open opens a source; remote ones behind a block cache, since their round trips are dear. The readers of formats keep what
// they need of local ones.
func open(ctx context.Context, location string) (source.Source, error) {
	src, err := source.Open(ctx, location, source.Options{})
	if err != nil {
		return nil, err
	}
	if remote(location) {
		return source.Cache(src, source.CacheOptions{}), nil
	}
	return src, nil
}

func remote(location string) bool {
	return strings.HasPrefix(location, "http://") || strings.HasPrefix(location, "https://")
}

// siblings opens the files that a file names: an absolute path, or one relative to the folder of the file that names it.
func siblings(ctx context.Context, from netcdf4.Source, name string) (netcdf4.Source, error) {
	base := from.URL()
	if remote(base) {
		u, err := url.Parse(base)
		if err != nil {
			return nil, err
		}
		ref, err := u.Parse(filepath.ToSlash(name))
		if err != nil {
			return nil, err
		}
		if !remote(ref.String()) {
			return nil, fmt.Errorf("%s: a remote file must not name local ones", name)
		}
		return open(ctx, ref.String())
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(base), name)
	}
	return open(ctx, name)
}
