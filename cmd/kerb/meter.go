package main

import (
	"context"
	"sync/atomic"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
)

// meter counts what reading source files costs.
type meter struct {
	source          phases.Opener
	requests, bytes atomic.Int64
}

func (m *meter) open(ctx context.Context, url string) (*phases.SourceFile, error) {
	f, err := m.source(ctx, url)
	if err != nil {
		return nil, err
	}
	f.File = &metered{File: f.File, of: m, stats: f.Stats}
	return f, nil
}

// metered adds what a file cost when it is closed.
type metered struct {
	cdm.File
	of    *meter
	stats func() (requests, bytes int64)
}

func (f *metered) Close() error {
	requests, bytes := f.stats()
	f.of.requests.Add(requests)
	f.of.bytes.Add(bytes)
	return f.File.Close()
}
