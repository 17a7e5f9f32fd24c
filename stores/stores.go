// Package stores opens finished virtual stores of either kind, and fetches what their references point to.
package stores

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/cedadev/kerchunk-builder/stores/refjson"
	"github.com/cedadev/kerchunk-builder/stores/refparquet"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
)

// Open opens the store at path by what is there: a folder with .zmetadata is a parquet store, a file is a
// JSON store.
func Open(path string) (zarr.Store, error) {
	folder, err := isFolder(path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if folder {
		return refparquet.Open(path)
	}
	return refjson.Open(path)
}

func isFolder(path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	if !info.IsDir() {
		return false, nil
	}
	if _, err := os.Stat(filepath.Join(path, refparquet.MetadataFile)); err != nil {
		return false, fmt.Errorf("%s is no parquet store: %w", path, err)
	}
	return true, nil
}
