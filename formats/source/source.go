// Package source is where the bytes of source files come from: local files and HTTP(S) servers,
// behind one interface of positioned reads that counts what it costs.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// Source is one open source file. It is safe for concurrent use; ReadAt follows [io.ReaderAt] and
// is bounded by the context given at Open.
type Source interface {
	io.ReaderAt
	io.Closer

	// Size is the length of the file in bytes, as it was when the file was opened.
	Size() int64

	// URL is what a reference calls the file: an absolute path, or the http(s) URL as given.
	URL() string

	// Identity tells one content of the file from another.
	Identity() Identity

	// Stats says what reading has cost so far.
	Stats() Stats
}

// Identity is what a file system or a server tells of a file's content without reading it.
type Identity struct {
	Size  int64
	MTime time.Time // zero when the server doesn't say
	ETag  string    // empty for local files
}

// Same reports whether two identities are those of one content. ETags decide where both have one.
func (i Identity) Same(other Identity) bool {
	if i.Size != other.Size {
		return false
	}
	if i.ETag != "" && other.ETag != "" {
		return i.ETag == other.ETag
	}
	return i.MTime.Equal(other.MTime)
}

// Stats counts round trips (preads, or HTTP requests with every retry) and bytes received.
type Stats struct {
	Requests, Bytes int64
}

// Errors that callers tell apart. Missing files match [fs.ErrNotExist], refused ones [fs.ErrPermission].
var (
	ErrChanged  = errors.New("file changed while it was being read")
	ErrNoRanges = errors.New("server doesn't serve byte ranges as asked")
)

// Options say how remote files are asked for. Local files need none of them.
type Options struct {
	Client *http.Client // nil: one on [http.DefaultTransport]; see [NewClient] for many files at once
	Header http.Header  // sent with every request
	Token  string       // bearer token, sent with every request; empty: what TokenVariable says
	Logger *slog.Logger // retries are logged here; nil: nowhere

	Retries int           // after the first try, without progress between them; 0: 4, negative: none
	WaitMin time.Duration // before the first retry, doubling; 0: 1 s
	WaitMax time.Duration // between retries, except where a server asks for more; 0: 30 s
	Stall   time.Duration // a body from which nothing comes for so long is cut; 0: 1 min
}

// Open opens a local path (absolute, relative, or as a file URL) or an http(s) URL. ctx bounds every
// read of the source, not only Open.
func Open(ctx context.Context, location string, opts Options) (Source, error) {
	scheme, _, found := strings.Cut(location, "://")
	if !found {
		return openLocal(location)
	}
	switch strings.ToLower(scheme) {
	case "http", "https":
		return openHTTP(ctx, location, opts)
	case "file":
		u, err := url.Parse(location)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", location, err)
		}
		if u.Host != "" && u.Host != "localhost" || !filepath.IsAbs(u.Path) {
			return nil, fmt.Errorf("open %s: a file URL must be file:///absolute/path", location)
		}
		return openLocal(u.Path)
	}
	return nil, fmt.Errorf("open %s: scheme %q is not supported; give a path, or a file, http or https URL", location, scheme)
}
