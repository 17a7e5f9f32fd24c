// Package zarr is Zarr v2 as virtual stores use it: the metadata that describes a dataset, and
// arrays read back through a store's references.
// The specification is https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html.
package zarr

import (
	"context"
	"iter"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// Row is one chunk's reference. A reference with a URL, Offset 0 and Size 0 is the whole file, as
// kerchunk has it.
type Row struct {
	Index     int64 // C-order position in the array's chunk grid
	Reference virtual.Reference
}

// Store is a virtual store that can be read. Its methods may be called from several goroutines.
type Store interface {
	// Dataset describes the store.
	Dataset() virtual.Dataset

	// Reference is the reference of one chunk; false says that the chunk is missing, so that it
	// reads as the array's fill value.
	Reference(array string, index int64) (virtual.Reference, bool, error)

	// References yields the references of one array in ascending order of Index; missing chunks
	// are left out. After an error nothing more is yielded. Memory doesn't grow with their number
	// beyond what the store itself holds.
	References(ctx context.Context, array string) iter.Seq2[Row, error]

	// Close releases the store.
	Close() error
}
