package source

import (
	"container/list"
	"io"
	"sync"
)

// CacheOptions size a block cache. Zero values are what suits the source: for files behind HTTP, whose
// round trips are dear, blocks of 64 KiB, read ahead by up to 1 MiB, 16 MiB kept; for local files
// blocks of 16 KiB, no reading ahead (the kernel does), 1 MiB kept.
type CacheOptions struct {
	Block     int // bytes; the unit of alignment and the least that is read
	ReadAhead int // bytes; the most that is read for one miss, in whole blocks
	Memory    int // bytes kept; at the least one read
}

// Cache puts a block cache before a source, for metadata: small structures, close together. What is
// missing is read in one request. Misses that follow one another double how much is read at once;
// any other miss halves it again. A read that is longer than ReadAhead goes straight to the source
// and isn't kept: it is data. Close closes the source.
func Cache(src Source, opts CacheOptions) Source {
	fitted := CacheOptions{Block: 16 << 10, ReadAhead: 16 << 10, Memory: 1 << 20}
	if _, ok := src.(*remote); ok {
		fitted = CacheOptions{Block: headSize, ReadAhead: 1 << 20, Memory: 16 << 20}
	}
	if opts.Block > 0 {
		fitted.Block = opts.Block
	}
	fitted.ReadAhead = max(orElse(opts.ReadAhead, fitted.ReadAhead), fitted.Block)
	fitted.Memory = orElse(opts.Memory, fitted.Memory)
	return &cached{
		Source: src, opts: fitted, block: int64(fitted.Block), window: 1, next: -1,
		segments: make(map[int64]*segment), recent: list.New(),
	}
}

// cached is a Source whose small reads are served from segments: runs of whole blocks, each read by
// one request.
type cached struct {
	Source
	opts  CacheOptions
	block int64

	mu       sync.Mutex
	segments map[int64]*segment // by every block that they cover
	recent   *list.List         // of *segment, the most recently used first
	memory   int                // bytes of all segments
	next     int64              // the block after the last miss's segment
	window   int64              // blocks to read at the next miss
}

// segment is length bytes from block first on. data and err are set once ready is closed.
type segment struct {
	first, blocks int64
	length        int
	element       *list.Element
	ready         chan struct{}
	data          []byte
	err           error
}

func (c *cached) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= c.Size() || len(p) > c.opts.ReadAhead {
		return c.Source.ReadAt(p, off)
	}
	n := 0
	for n < len(p) && off < c.Size() {
		s, mine := c.segment(off/c.block, (off+int64(len(p)-n)-1)/c.block)
		if mine {
			c.fill(s)
		}
		<-s.ready
		if s.err != nil {
			return n, s.err
		}
		got := copy(p[n:], s.data[off-s.first*c.block:])
		n += got
		off += int64(got)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// segment finds the segment that holds block no or, if there is none, enters a new one that the
// caller must fill: from no on, to last at the least where no other segment is in the way.
func (c *cached) segment(no, last int64) (s *segment, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.segments[no]; s != nil {
		c.recent.MoveToFront(s.element)
		return s, false
	}
	most := int64(c.opts.ReadAhead) / c.block
	if no == c.next {
		c.window = min(2*c.window, most)
	} else {
		c.window = max(c.window/2, 1)
	}
	end := min(max(no+c.window, last+1), (c.Size()+c.block-1)/c.block)
	s = &segment{first: no, ready: make(chan struct{})}
	for b := no; b < end && c.segments[b] == nil; b++ {
		c.segments[b] = s
		s.blocks++
	}
	c.next = no + s.blocks
	s.length = int(min(s.blocks*c.block, c.Size()-no*c.block))
	s.element = c.recent.PushFront(s)
	c.memory += s.length
	for c.memory > c.opts.Memory && c.recent.Len() > 1 {
		c.drop(c.recent.Back().Value.(*segment))
	}
	return s, true
}

// fill reads a segment; its ready is closed whatever comes of it. One that failed isn't kept, so that
// the next read tries again.
func (c *cached) fill(s *segment) {
	defer close(s.ready)
	data := make([]byte, s.length)
	n, err := c.Source.ReadAt(data, s.first*c.block)
	if n == len(data) {
		s.data = data
		return
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF // the file has become shorter
	}
	s.err = err
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(s)
}

// drop forgets a segment; c.mu is held. Those who wait for it or copy from it still have it.
func (c *cached) drop(s *segment) {
	if c.segments[s.first] != s {
		return
	}
	for b := s.first; b < s.first+s.blocks; b++ {
		delete(c.segments, b)
	}
	c.recent.Remove(s.element)
	c.memory -= s.length
}
