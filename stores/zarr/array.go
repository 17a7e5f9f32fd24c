package zarr

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/codecs"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Fetch reads size bytes of url from off on; the whole rest when size is -1. It is called from
// several goroutines.
type Fetch func(ctx context.Context, url string, off, size int64) ([]byte, error)

// maxChunk is the largest decoded chunk that is read; Blosc and the readers of the field stop there too.
const maxChunk = 1<<31 - 1

// Array is an array of a store, read through its references. It may be used from several goroutines.
type Array struct {
	virtual.Array
	store Store
	fetch Fetch
	chunk int // bytes of a decoded chunk
}

// OpenArray opens the array at path. Strings of variable length are no array of fixed elements:
// only ReadChunk reads them.
func OpenArray(s Store, path string, fetch Fetch) (*Array, error) {
	for _, a := range s.Dataset().Arrays {
		if a.Path != path {
			continue
		}
		size := int64(a.Type.Size)
		if a.Type.Kind == cdm.Object {
			size = 1
		}
		for _, c := range a.Grid.Chunks {
			if size > maxChunk/c {
				return nil, fmt.Errorf("variable %s: chunks of %v are larger than 2 GiB", path, a.Grid.Chunks)
			}
			size *= c
		}
		return &Array{Array: a, store: s, fetch: fetch, chunk: int(size)}, nil
	}
	return nil, fmt.Errorf("the store has no variable %q", path)
}

// ReadChunk returns one chunk decoded: the whole chunk shape in C order, whatever of it lies in the
// array; nil when the chunk is missing. Chunks of strings are in vlen-utf8 framing.
func (a *Array) ReadChunk(ctx context.Context, index int64) ([]byte, error) {
	ref, ok, err := a.store.Reference(a.Path, index)
	if err != nil || !ok {
		return nil, err
	}
	return a.decode(ctx, index, ref)
}

// decode fetches and decodes a chunk.
func (a *Array) decode(ctx context.Context, index int64, ref virtual.Reference) ([]byte, error) {
	raw := ref.Inline
	if raw == nil {
		size := ref.Size
		if ref.Offset == 0 && size == 0 {
			size = -1
		}
		var err error
		if raw, err = a.fetch(ctx, ref.URL, ref.Offset, size); err != nil {
			return nil, a.chunkError(index, err)
		}
		if size >= 0 && int64(len(raw)) != size {
			return nil, a.chunkError(index, fmt.Errorf("%s: %d bytes at %d, not %d", ref.URL, len(raw), ref.Offset, size))
		}
	}
	limit := a.chunk
	if a.Type.Kind == cdm.Object {
		limit = maxChunk
	}
	out, err := codecs.Decode(a.Codecs, 0, raw, limit)
	if err != nil {
		return nil, a.chunkError(index, fmt.Errorf("%s at byte %d: %w", ref.URL, ref.Offset, err))
	}
	if a.Type.Kind != cdm.Object && len(out) != a.chunk {
		return nil, a.chunkError(index, fmt.Errorf("%s at byte %d: decodes to %d bytes, not %d", ref.URL, ref.Offset, len(out), a.chunk))
	}
	return out, nil
}

func (a *Array) chunkError(index int64, err error) error {
	return fmt.Errorf("variable %s, chunk %s: %w", a.Path, AppendKey(nil, a.Grid, index), err)
}

// Block is what of one chunk lies in a region.
type Block struct {
	Index int64   // of the chunk
	Start []int64 // of the block, in the array
	Shape []int64
	Data  []byte // its elements in C order; filled when the chunk is missing
	// Missing says that the chunk has no reference, so that all of Data is the fill value.
	Missing bool
}

// checkRegion makes nil the whole array and refuses what is not inside it.
func (a *Array) checkRegion(start, count []int64) ([]int64, []int64, error) {
	if a.Type.Kind == cdm.Object {
		return nil, nil, fmt.Errorf("variable %s: strings of variable length are read by chunk", a.Path)
	}
	if start == nil && count == nil {
		return make([]int64, len(a.Grid.Shape)), a.Grid.Shape, nil
	}
	if len(start) != len(a.Grid.Shape) || len(count) != len(a.Grid.Shape) {
		return nil, nil, fmt.Errorf("variable %s has %d axes: start %v, count %v", a.Path, len(a.Grid.Shape), start, count)
	}
	for d, n := range a.Grid.Shape {
		if start[d] < 0 || count[d] < 0 || start[d] > n || count[d] > n-start[d] {
			return nil, nil, fmt.Errorf("variable %s has the shape %v: start %v, count %v", a.Path, a.Grid.Shape, start, count)
		}
	}
	return start, count, nil
}

// chunksOf yields the chunks that touch a region, in C order, with the part of the array that they
// share with it. The slices are the yielder's.
func chunksOf(g virtual.Grid, start, count []int64) iter.Seq2[int64, region] {
	return func(yield func(int64, region) bool) {
		rank := len(g.Shape)
		first, last, c := make([]int64, rank), make([]int64, rank), make([]int64, rank)
		for d := range rank {
			if count[d] == 0 {
				return
			}
			first[d], last[d] = start[d]/g.Chunks[d], (start[d]+count[d]-1)/g.Chunks[d]
		}
		copy(c, first)
		for {
			r := region{make([]int64, rank), make([]int64, rank)}
			for d := range rank {
				r.start[d] = max(start[d], c[d]*g.Chunks[d])
				r.shape[d] = min(start[d]+count[d], (c[d]+1)*g.Chunks[d]) - r.start[d]
			}
			if !yield(g.Index(c), r) {
				return
			}
			d := rank - 1
			for ; d >= 0; d-- {
				if c[d]++; c[d] <= last[d] {
					break
				}
				c[d] = first[d]
			}
			if d < 0 {
				return
			}
		}
	}
}

// region is a box of an array.
type region struct{ start, shape []int64 }

func (r region) size() int64 { return product(r.shape) }

func product(s []int64) int64 {
	n := int64(1)
	for _, v := range s {
		n *= v
	}
	return n
}

// within returns r's start relative to the chunk that it lies in.
func (r region) within(g virtual.Grid) []int64 {
	at := make([]int64, len(r.start))
	for d := range at {
		at[d] = r.start[d] % g.Chunks[d]
	}
	return at
}

// copyBox copies a box of elements of size bytes from src, an array of srcShape, at srcAt, to dst at dstAt.
func copyBox(dst []byte, dstShape, dstAt []int64, src []byte, srcShape, srcAt, box []int64, size int) {
	rank := len(box)
	// Trailing axes that are whole in both are one run.
	run, d := int64(size), rank
	for d > 0 {
		d--
		run *= box[d]
		if box[d] != dstShape[d] || box[d] != srcShape[d] {
			break
		}
	}
	outer := box[:d]
	c := make([]int64, len(outer))
	for {
		so, do := int64(0), int64(0)
		for i := range rank {
			x := int64(0)
			if i < len(c) {
				x = c[i]
			}
			so = so*srcShape[i] + srcAt[i] + x
			do = do*dstShape[i] + dstAt[i] + x
		}
		copy(dst[do*int64(size):do*int64(size)+run], src[so*int64(size):so*int64(size)+run])
		i := len(c) - 1
		for ; i >= 0; i-- {
			if c[i]++; c[i] < outer[i] {
				break
			}
			c[i] = 0
		}
		if i < 0 {
			return
		}
	}
}

// fillWith makes b repeat the fill value; zeros when that is null.
func (a *Array) fillWith(b []byte) {
	if a.Fill == nil || len(bytes.Trim(a.Fill, "\x00")) == 0 {
		clear(b)
		return
	}
	n := copy(b, a.Fill)
	for n > 0 && n < len(b) {
		n += copy(b[n:], b[:n])
	}
}

// block makes a Block of a decoded chunk, nil when missing.
func (a *Array) block(index int64, r region, chunk []byte) Block {
	b := Block{Index: index, Start: r.start, Shape: r.shape, Data: chunk, Missing: chunk == nil}
	size := int64(a.Type.Size)
	switch n := r.size() * size; {
	case chunk == nil:
		b.Data = make([]byte, n)
		a.fillWith(b.Data)
	case n != int64(len(chunk)):
		b.Data = make([]byte, n)
		copyBox(b.Data, r.shape, make([]int64, len(r.shape)), chunk, a.Grid.Chunks, r.within(a.Grid), r.shape, a.Type.Size)
	}
	return b
}

// Read returns a region of the array in C order: count elements of each axis from start on; the whole
// array when both are nil. Missing chunks are filled. All cores fetch and decode; besides the result,
// memory is a few chunks a core.
func (a *Array) Read(ctx context.Context, start, count []int64) ([]byte, error) {
	start, count, err := a.checkRegion(start, count)
	if err != nil {
		return nil, err
	}
	n := int64(a.Type.Size)
	for _, c := range count {
		if c > 0 && n > 1<<46/c {
			return nil, fmt.Errorf("variable %s: a region of %v is more than memory holds", a.Path, count)
		}
		n *= c
	}
	out := make([]byte, n)
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for index, r := range chunksOf(a.Grid, start, count) {
		if within.Err() != nil {
			break
		}
		g.Go(func() error {
			chunk, err := a.ReadChunk(within, index)
			if err != nil {
				return err
			}
			at := make([]int64, len(start))
			for d := range at {
				at[d] = r.start[d] - start[d]
			}
			if chunk == nil {
				b := a.block(index, r, nil)
				copyBox(out, count, at, b.Data, r.shape, make([]int64, len(at)), r.shape, a.Type.Size)
			} else {
				copyBox(out, count, at, chunk, a.Grid.Chunks, r.within(a.Grid), r.shape, a.Type.Size)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return out, ctx.Err() // the loop may have ended before its time
}

// Blocks yields a region chunk by chunk, in C order of the chunk grid; the whole array when start
// and count are nil. Chunks are fetched and decoded ahead on all cores, in at most memory bytes (but
// always one chunk). Data is the receiver's to keep. After an error nothing more is yielded.
func (a *Array) Blocks(ctx context.Context, start, count []int64, memory int64) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		start, count, err := a.checkRegion(start, count)
		if err != nil {
			yield(Block{}, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		type result struct {
			block Block
			err   error
		}
		ahead := a.workers(memory)
		queue := make(chan chan result, ahead) // in order; its length bounds what is decoded ahead
		var g errgroup.Group
		g.SetLimit(ahead)
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer close(queue)
			for index, r := range chunksOf(a.Grid, start, count) {
				one := make(chan result, 1)
				select {
				case queue <- one:
				case <-ctx.Done():
					return
				}
				g.Go(func() error {
					chunk, err := a.ReadChunk(ctx, index)
					if err != nil {
						one <- result{err: err}
						return nil
					}
					one <- result{block: a.block(index, r, chunk)}
					return nil
				})
			}
		}()
		defer func() { // no goroutine outlives the loop
			cancel()
			<-done
			_ = g.Wait()
		}()
		for one := range queue {
			res := <-one
			if !yield(res.block, res.err) || res.err != nil {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(Block{}, err)
		}
	}
}

// workers is how many chunks may be in work at once within memory bytes: each is there encoded, decoded,
// and in between.
func (a *Array) workers(memory int64) int {
	n := memory / (3*int64(a.chunk) + 1)
	return int(max(1, min(n, int64(runtime.GOMAXPROCS(0)))))
}
