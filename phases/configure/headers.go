package configure

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cedadev/kerchunk-builder/formats"
	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// eager is the size up to which the values of a variable are read with the header, in the same visit of the file.
const eager = 16 << 10

// readers bounds how many files are open at once: enough to hide the latency of an archive.
func readers() int { return max(8, 2*runtime.GOMAXPROCS(0)) }

// Reader reads headers. Those of alike files share their variables.
type Reader struct {
	open phases.Opener

	mu     sync.Mutex
	intern map[string]*virtual.Variable
	notes  map[string][]formats.Note // by url
	format map[string]bool           // that the files have
}

// NewReader returns a reader that opens files with open.
func NewReader(open phases.Opener) *Reader {
	return &Reader{open: open, intern: map[string]*virtual.Variable{}, notes: map[string][]formats.Note{}, format: map[string]bool{}}
}

// Headers reads the headers of all files, several at once. progress, which may be nil, is called after each.
func (r *Reader) Headers(ctx context.Context, urls []string, progress func(phases.Progress)) ([]*virtual.Header, error) {
	headers := make([]*virtual.Header, len(urls))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readers())
	var mu sync.Mutex
	at := phases.Progress{Total: int64(len(urls))}
	for i, url := range urls {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			f, err := r.open(ctx, url)
			if err != nil {
				return err
			}
			defer f.Close()
			if headers[i], err = r.header(ctx, f, url); err != nil {
				return err
			}
			r.mu.Lock()
			r.format[f.Format()] = true
			if len(f.Notes) > 0 {
				r.notes[url] = f.Notes
			}
			r.mu.Unlock()
			if progress != nil {
				mu.Lock()
				at.Done++
				progress(at)
				mu.Unlock()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return headers, nil
}

func (r *Reader) header(ctx context.Context, f *phases.SourceFile, url string) (*virtual.Header, error) {
	h := virtual.NewHeader(url, f.Size, f.MTime, f.Root())
	vars := map[string]*cdm.Variable{}
	for g := range f.Root().Walk() {
		for _, v := range g.Variables {
			vars[v.Path] = v
		}
	}
	for i, v := range h.Variables {
		if v.Refused == nil && wantsValues(v) {
			raw, sum, err := content(ctx, f, vars[v.Path], h.TimeOf(v), v.Coordinate() || len(v.Shape) == 0)
			if err != nil {
				return nil, phases.SourceError(url, v.Path, err)
			}
			v.Content, v.Raw = sum, raw
		}
		h.Variables[i] = r.share(v)
	}
	return h, nil
}

// share returns the one variable that stands for all that are alike.
func (r *Reader) share(v *virtual.Variable) *virtual.Variable {
	key := v.Signature() + v.Content
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.intern[key]; ok {
		return s
	}
	r.intern[key] = v
	return v
}

// wantsValues reports whether a variable's values are read with the header: coordinates, whose values order the files, and small
// variables that probably have to be the same in all files.
func wantsValues(v *virtual.Variable) bool {
	if v.Coordinate() {
		return true
	}
	for _, u := range v.Unlimited {
		if u {
			return false
		}
	}
	return v.Cells()*int64(max(v.Type.Size, 16)) <= eager
}

// slabBytes bounds what is held of a variable while it is digested.
const slabBytes = 32 << 20

// content digests the values of a variable, slab by slab along its first axis; of times, whose unit timeOf states, what they mean.
// With keep it returns the values as well.
func content(ctx context.Context, f cdm.File, v *cdm.Variable, timeOf *virtual.Variable, keep bool) (raw []byte, sum string, err error) {
	h := sha256.New()
	start, count := make([]int64, len(v.Shape)), append([]int64(nil), v.Shape...)
	rows, step := int64(1), int64(1)
	if len(v.Shape) > 0 {
		rows = v.Shape[0]
		perRow := int64(max(v.Type.Size, 16))
		for _, n := range v.Shape[1:] {
			perRow *= max(n, 1)
		}
		step = max(1, slabBytes/perRow/v.Chunks[0]) * v.Chunks[0]
	}
	for at := int64(0); at < rows; at += step {
		if len(v.Shape) > 0 {
			start[0], count[0] = at, min(step, rows-at)
		}
		slab, err := cdm.Read(ctx, f, v, start, count)
		if err != nil {
			return nil, "", err
		}
		if keep {
			raw = append(raw, slab...)
		}
		if timeOf != nil {
			if instants, ok := virtual.Instants(slab, &virtual.Variable{Variable: *v}, timeOf); ok {
				slab = instants
			}
		}
		h.Write(slab)
	}
	return raw, hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// Contents reads the values of the variables that the joiner still has to compare.
func (r *Reader) Contents(ctx context.Context, j *virtual.Joiner) error {
	byFile := map[int][]string{}
	for _, c := range j.Unread() {
		byFile[c.File] = append(byFile[c.File], c.Path)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readers())
	for file, paths := range byFile {
		h := j.Headers()[file]
		g.Go(func() error {
			f, err := r.open(ctx, h.URL)
			if err != nil {
				return err
			}
			defer f.Close()
			for _, path := range paths {
				v := f.Root().Variable(path)
				if v == nil {
					return phases.Errorf(phases.Damaged, "run configure again when the archive is at rest", "%s: variable %s is gone", h.URL, path)
				}
				_, sum, err := content(ctx, f, v, h.TimeOf(h.Variable(path)), false)
				if err != nil {
					return phases.SourceError(h.URL, path, err)
				}
				h.SetContent(path, sum, r.share)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("comparing variables that should be identical: %w", err)
	}
	return nil
}
