package main

import (
	"context"
	"errors"
	"sync"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
)

// maxKept is how many files a meter keeps open: as many as cost little memory and few descriptors.
const maxKept = 256

// meter opens source files for one command and counts what reading them costs. A file that is closed is kept for when it
// is opened again: what was read of it, perhaps from far away, is read once, and is of one version of the file.
type meter struct {
	source phases.Opener // its files must live on when the context of their opening ends

	mu              sync.Mutex
	kept            map[string]*phases.SourceFile // by url
	requests, bytes int64                         // of files that are closed for good
}

func newMeter(source phases.Opener) *meter {
	return &meter{source: source, kept: map[string]*phases.SourceFile{}}
}

func (m *meter) open(ctx context.Context, url string) (*phases.SourceFile, error) {
	m.mu.Lock()
	f := m.kept[url]
	delete(m.kept, url)
	m.mu.Unlock()
	if f == nil {
		var err error
		if f, err = m.source(ctx, url); err != nil {
			return nil, err
		}
	}
	out := *f
	out.File = &metered{File: f.File, of: m, whole: f, url: url}
	return &out, nil
}

// close ends a file's life, unless it is worth keeping.
func (m *meter) close(url string, f *phases.SourceFile) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, other := m.kept[url]; !other && len(m.kept) < maxKept {
		m.kept[url] = f
		return nil
	}
	return m.end(f)
}

func (m *meter) end(f *phases.SourceFile) error {
	requests, bytes := f.Stats()
	m.requests += requests
	m.bytes += bytes
	return f.File.Close()
}

// Close closes what was kept.
func (m *meter) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var err error
	for url, f := range m.kept {
		err = errors.Join(err, m.end(f))
		delete(m.kept, url)
	}
	return err
}

// metered is a file that its meter takes back.
type metered struct {
	cdm.File
	of    *meter
	whole *phases.SourceFile
	url   string
}

func (f *metered) Close() error { return f.of.close(f.url, f.whole) }
