package phases

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/cedadev/kerchunk-builder/formats"
	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/codecs"
	"github.com/cedadev/kerchunk-builder/formats/source"
)

// SourceFile is an opened source file with what tells whether it has changed since.
type SourceFile struct {
	cdm.File
	Size  int64
	MTime time.Time                      // zero where the source has none
	Stats func() (requests, bytes int64) // what reading it has cost so far
	Notes []formats.Note                 // what of the file is not shown, and why
}

// Opener opens source files: phases are given one, so that tests can give them another.
type Opener func(ctx context.Context, url string) (*SourceFile, error)

// MaxInlineLimit is the limit for a user who wants stored by value what references can't stand for: it is held in memory.
const MaxInlineLimit = 1 << 30

// SourceOpener opens local files and http(s) URLs. inlineLimit is the most bytes, decoded, of a variable whose chunks no
// reader of the store could decode and which are stored by value instead; 0 is the readers' own limit.
func SourceOpener(inlineLimit int64) Opener {
	return func(ctx context.Context, url string) (*SourceFile, error) {
		var notes []formats.Note
		opts := formats.Options{InlineLimit: inlineLimit, Note: func(n formats.Note) { notes = append(notes, n) }}
		f, info, err := formats.OpenURL(ctx, url, opts)
		if err != nil {
			return nil, SourceError(url, "", err)
		}
		return &SourceFile{File: f, Size: info.Size, MTime: info.MTime, Stats: info.Stats, Notes: notes}, nil
	}
}

// OpenSource is the Opener for whom nothing else was asked.
func OpenSource(ctx context.Context, url string) (*SourceFile, error) {
	return SourceOpener(0)(ctx, url)
}

// SourceError gives an error of reading a source file its class, and names the file and the variable where the error doesn't yet.
func SourceError(url, variable string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if variable != "" && !strings.Contains(err.Error(), variable) {
		err = fmt.Errorf("%s: %w", variable, err)
	}
	if !strings.Contains(err.Error(), url) {
		err = fmt.Errorf("%s: %w", url, err)
	}
	switch {
	case errors.Is(err, source.ErrChanged):
		return &Error{Class: Damaged, Err: err, Remedy: "run it again when the archive is at rest"}
	case errors.Is(err, source.ErrNoRanges):
		return &Error{Class: Input, Err: err}
	case errors.Is(err, cdm.ErrFormat), errors.Is(err, codecs.ErrCorrupt):
		return &Error{Class: Damaged, Err: err, Remedy: "look at the file with ncdump -h; leave it out if it can't be mended"}
	case errors.Is(err, cdm.ErrUnsupported):
		return &Error{Class: Unsupported, Err: err}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, source.ErrIrregular):
		return &Error{Class: Input, Err: err, Remedy: "see that the file is there and that you may read it"}
	}
	return &Error{Class: IO, Err: err}
}
