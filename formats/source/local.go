package source

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
)

// local is a file read by pread. It isn't mapped into memory: a file that shrinks, or a server that
// goes away, must be an error and not a signal.
type local struct {
	file            *os.File
	path            string
	id              Identity
	requests, bytes atomic.Int64
}

// ErrIrregular refuses folders, pipes and devices.
var ErrIrregular = errors.New("not a regular file")

func openLocal(path string) (Source, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	// Opening a named pipe would wait for a writer: look before.
	info, err := os.Stat(abs)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open %s: %w", abs, ErrIrregular)
	}
	file, err := os.Open(abs)
	if err != nil {
		return nil, err
	}
	if info, err = file.Stat(); err != nil {
		file.Close()
		return nil, err
	}
	return &local{file: file, path: abs, id: Identity{Size: info.Size(), MTime: info.ModTime()}}, nil
}

func (l *local) ReadAt(p []byte, off int64) (int, error) {
	n, err := l.file.ReadAt(p, off)
	l.requests.Add(1)
	l.bytes.Add(int64(n))
	return n, err
}

func (l *local) Size() int64        { return l.id.Size }
func (l *local) URL() string        { return l.path }
func (l *local) Identity() Identity { return l.id }
func (l *local) Stats() Stats       { return Stats{l.requests.Load(), l.bytes.Load()} }
func (l *local) Close() error       { return l.file.Close() }
