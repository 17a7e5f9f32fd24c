package stores

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cedadev/kerchunk-builder/stores/refparquet"
)

// Digest identifies the store at path by a SHA-256 in hexadecimal: that of its file for a JSON store, and for a parquet store that
// of its metadata. Those of a store of this program name the plan and the edits that its records follow from; of another
// program's store they tell only a description from another.
func Digest(path string) (string, error) {
	folder, err := isFolder(path)
	if err != nil {
		return "", fmt.Errorf("digest of store: %w", err)
	}
	if folder {
		path = filepath.Join(path, refparquet.MetadataFile)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("digest of store: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("digest of store: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
