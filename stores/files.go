package stores

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/cedadev/kerchunk-builder/formats/source"
)

// maxOpen is how many source files are kept open.
const maxOpen = 32

// Files fetches byte ranges of the files that references point into, and keeps those open that were used last. It may be
// used from several goroutines.
type Files struct {
	opts source.Options

	mu     sync.Mutex
	open   map[string]*list.Element // of *opened
	recent *list.List
}

type opened struct {
	url   string
	ready chan struct{} // closed when src and err are set
	src   source.Source
	err   error
	users int
	stale bool // dropped from the list: closed by its last user
}

// NewFiles returns Files of which none is open.
func NewFiles() *Files {
	return &Files{opts: source.Options{Client: source.NewClient(maxOpen)}, open: map[string]*list.Element{}, recent: list.New()}
}

// Fetch reads size bytes of url from off on; the whole rest when size is -1.
func (f *Files) Fetch(ctx context.Context, url string, off, size int64) ([]byte, error) {
	o := f.acquire(ctx, url)
	defer f.release(o)
	if o.err != nil {
		return nil, o.err
	}
	if size < 0 {
		size = o.src.Size() - off
	}
	if off < 0 || size < 0 || off > o.src.Size()-size {
		return nil, fmt.Errorf("%s: bytes %d to %d of a file of %d: %w", url, off, off+size, o.src.Size(), io.ErrUnexpectedEOF)
	}
	buf := make([]byte, size)
	if n, err := o.src.ReadAt(buf, off); n < len(buf) {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return buf, nil
}

// acquire finds or opens a file; one goroutine opens it, and the others wait.
func (f *Files) acquire(ctx context.Context, url string) *opened {
	f.mu.Lock()
	if e, ok := f.open[url]; ok {
		f.recent.MoveToFront(e)
		o := e.Value.(*opened)
		o.users++
		f.mu.Unlock()
		<-o.ready
		return o
	}
	o := &opened{url: url, ready: make(chan struct{}), users: 1}
	f.open[url] = f.recent.PushFront(o)
	for f.recent.Len() > maxOpen {
		f.drop(f.recent.Back())
	}
	f.mu.Unlock()
	// The file outlives the call that opens it.
	o.src, o.err = source.Open(context.WithoutCancel(ctx), url, f.opts)
	close(o.ready)
	return o
}

func (f *Files) release(o *opened) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if o.users--; o.err != nil && !o.stale {
		f.drop(f.open[o.url]) // the next one tries again
		return
	}
	if o.stale && o.users == 0 && o.src != nil {
		o.src.Close()
	}
}

// drop forgets a file; f.mu is held.
func (f *Files) drop(e *list.Element) {
	o := f.recent.Remove(e).(*opened)
	delete(f.open, o.url)
	o.stale = true
	if o.users == 0 && o.src != nil {
		o.src.Close()
	}
}

// Close closes all files. None may be in use.
func (f *Files) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	for e := f.recent.Front(); e != nil; e = e.Next() {
		if o := e.Value.(*opened); o.src != nil {
			err = errors.Join(err, o.src.Close())
		}
	}
	f.open, f.recent = map[string]*list.Element{}, list.New()
	return err
}
