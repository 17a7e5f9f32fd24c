package source

import (
	"container/list"
	"io"
	"sync"
)

// CacheOptions size a block cache. Zero values are what suits the source: for files behind HTTP, whose
// round trips are dear, blocks of 64 KiB, read ahead by up to 8 MiB, 16 MiB kept; for local files
// blocks of 16 KiB, no reading ahead (the kernel does), 1 MiB kept.
type CacheOptions struct {
	Block     int // bytes; the unit of alignment and the least that is read
	ReadAhead int // bytes; the most that is read for one miss, in whole blocks
	Memory    int // bytes kept; at the least one read
}

// directBlocks is how many blocks a read may span at most to be served from the cache: what is longer is
// data, which isn't looked at twice.
const directBlocks = 4

// growth is how many times as much is read at every miss that is near the one before: within a
// nearby-th of ReadAhead. Over HTTP that is 1 MiB, about what a connection could have brought in the
// time of one more round trip, so that reading through the gap costs no more than going there anew.
const (
	growth = 16
	nearby = 8
)

// Cache puts a block cache before a source, for metadata: small structures that lie in clusters. What is
// missing is read in one request. A miss near the one before, on either side, shows that there is more
// to come around there, and reads more than that one did; one that is further off reads no more than it
// needs. So a file whose metadata are all over it costs few requests, and one with a few far-off
// structures costs few bytes. Long reads go straight to the source. Close closes the source.
func Cache(src Source, opts CacheOptions) Source {
	fitted := CacheOptions{Block: 16 << 10, ReadAhead: 16 << 10, Memory: 1 << 20}
	if _, ok := src.(*remote); ok {
		fitted = CacheOptions{Block: 64 << 10, ReadAhead: 8 << 20, Memory: 16 << 20}
	}
	if opts.Block > 0 {
		fitted.Block = opts.Block
	}
	fitted.ReadAhead = max(orElse(opts.ReadAhead, fitted.ReadAhead), fitted.Block)
	fitted.Memory = orElse(opts.Memory, fitted.Memory)
	c := &cached{
		Source: src, opts: fitted, block: int64(fitted.Block),
		segments: make(map[int64]*segment), recent: list.New(),
	}
	if r, ok := src.(*remote); ok {
		c.seed(r.head)
	}
	return c
}

// seed enters what is known of the beginning of the file.
func (c *cached) seed(head []byte) {
	blocks := int64(len(head)) / c.block
	if int64(len(head)) == c.Size() {
		blocks = (c.Size() + c.block - 1) / c.block
	}
	if blocks == 0 {
		return
	}
	s := c.enter(0, blocks)
	s.data = head[:s.length]
	close(s.ready)
	c.window = 1
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
	window   int64              // how many blocks the last miss was given; 0 before the first
	from, to int64              // and which: from, and before to
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
	if off < 0 || off >= c.Size() || len(p) > directBlocks*c.opts.Block {
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
// caller must fill: up to last at the least, where no other segment is in the way.
func (c *cached) segment(no, last int64) (s *segment, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.segments[no]; s != nil {
		c.recent.MoveToFront(s.element)
		return s, false
	}
	most := int64(c.opts.ReadAhead) / c.block
	near := max(most/nearby, 1)
	if c.Size() <= int64(c.opts.ReadAhead) {
		near = most // a small file is soon read whole
	}
	if c.window > 0 && no >= c.from-near && no < c.to+near {
		c.window = min(growth*c.window, most)
	} else {
		c.window = 1
	}
	end := min(max(no+c.window, last+1), (c.Size()+c.block-1)/c.block)
	from, to := no, no+1
	for to < end && c.segments[to] == nil {
		to++
	}
	// What is known already on the one side is room for more on the other.
	for from > 0 && to-from < c.window && c.segments[from-1] == nil {
		from--
	}
	return c.enter(from, to), true
}

// enter makes room for the blocks from one to before another, which aren't there; c.mu is held.
func (c *cached) enter(from, to int64) *segment {
	c.from, c.to = from, to
	s := &segment{
		first: from, blocks: to - from,
		length: int(min(to*c.block, c.Size()) - from*c.block),
		ready:  make(chan struct{}),
	}
	for b := from; b < to; b++ {
		c.segments[b] = s
	}
	s.element = c.recent.PushFront(s)
	c.memory += s.length
	for c.memory > c.opts.Memory && c.recent.Len() > 1 {
		c.drop(c.recent.Back().Value.(*segment))
	}
	return s
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
