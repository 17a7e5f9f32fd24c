// Package verify is the test phase: it holds a finished store against the files that it stands for.
//
//   - [References] looks at every reference, and at no data: it lies inside its file, no two share
//     bytes, and a chunk without one is unwritten in its source.
//   - [Metadata] opens every file once: its header, its coordinates, and where it has each chunk are
//     what the store says.
//   - [Values] looks at data: chunks are read through the store, and bit for bit compared with the
//     source files read afresh at their own indexes.
//   - [Stale] finds sources that have changed since the store was made.
//
// Each answers a [Result]; a [Report] joins them. A fault is a finding and no error: an error says
// that the check itself could not be done.
package verify

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"time"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/codecs"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Store is what the checks need of a store; [zarr.Store] has it.
type Store interface {
	Dataset() virtual.Dataset
	Reference(array string, index int64) (virtual.Reference, bool, error)
	References(ctx context.Context, array string) iter.Seq2[zarr.Row, error]
}

// Reader reads arrays through the store, by references alone.
type Reader interface {
	// ReadChunk returns one chunk decoded: the whole chunk shape in C order, in the array's type;
	// strings in vlen-utf8 framing. Nil is a missing chunk.
	ReadChunk(ctx context.Context, array string, index int64) ([]byte, error)
}

// Sources gives access to source files. Its methods may be called from several goroutines.
type Sources interface {
	Stat(ctx context.Context, url string) (Stat, error)
	Open(ctx context.Context, url string) (cdm.File, error)
}

// Stat is what tells that a file has changed.
type Stat struct {
	Size  int64
	MTime time.Time // zero when it is not known
}

// Locator says which files hold a box of an array of the store.
type Locator interface {
	// Locate cuts the box into pieces that lie in one file each. Together they cover it once.
	Locate(array string, start, count []int64) ([]Piece, error)
}

// Piece is a part of an array that one file holds.
type Piece struct {
	URL       string
	Variable  string  // path in the file
	FileStart []int64 // the piece's first element in the file's variable
	Start     []int64 // and in the array
	Count     []int64

	// Time is set when the store states times in another unit than the file.
	Time *Retiming
}

// Retiming says how times were re-encoded.
type Retiming struct {
	Units, Calendar string // of the store
	Of              string // the variable of the file whose attributes state the file's unit
}

// transient reports whether an error says nothing about the store or the file: a later try may
// go well, so that the check is broken off.
func transient(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	for _, finding := range []error{cdm.ErrFormat, cdm.ErrUnsupported, codecs.ErrCorrupt, codecs.ErrNoDecoder, io.ErrUnexpectedEOF, fs.ErrNotExist, fs.ErrPermission} {
		if errors.Is(err, finding) {
			return false
		}
	}
	return true
}
