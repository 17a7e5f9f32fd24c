package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// shelf is the items of a group as they were when it was last looked at.
type shelf struct {
	dir  string
	held map[string]held // by project code
}

type held struct {
	info fs.FileInfo
	item *item
}

// look reads the items that are new or have been replaced, several at once, and reports whether there were any.
func (s *shelf) look() (changed bool, err error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !e.IsDir() })
	seen := make([]held, len(entries))
	var g errgroup.Group
	g.SetLimit(4 * runtime.GOMAXPROCS(0))
	for i, e := range entries {
		g.Go(func() (err error) {
			seen[i], err = s.read(e.Name())
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return false, err
	}
	now := make(map[string]held, len(seen))
	for i, e := range entries {
		if seen[i].item == nil {
			continue // a folder without an item yet
		}
		now[e.Name()] = seen[i]
		changed = changed || s.held[e.Name()].item != seen[i].item
	}
	changed = changed || len(now) != len(s.held)
	s.held = now
	return changed, nil
}

// read answers an item as it is held, or as it is now when its file is another.
func (s *shelf) read(code string) (held, error) {
	file := filepath.Join(s.dir, code, code+".json")
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return held{}, nil
	}
	if err != nil {
		return held{}, err
	}
	if h := s.held[code]; h.item != nil && os.SameFile(h.info, info) && h.info.Size() == info.Size() && h.info.ModTime().Equal(info.ModTime()) {
		return h, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return held{}, err
	}
	it := new(item)
	if err := json.Unmarshal(b, it); err != nil {
		return held{}, fmt.Errorf("%s: %w; remove it and run the catalog phase for %s again", file, err, code)
	}
	return held{info, it}, nil
}

// items are the items in order of their codes.
func (s *shelf) items() []*item {
	var out []*item
	for _, code := range slices.Sorted(maps.Keys(s.held)) {
		out = append(out, s.held[code].item)
	}
	return out
}
