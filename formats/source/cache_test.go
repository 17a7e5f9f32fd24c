package source

import (
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"
)

// memory is a source in memory that counts, and fails when it is told to.
type memory struct {
	Source
	content []byte
	stats   Stats
	fail    bool
}

var errBroken = errors.New("broken")

func (m *memory) Size() int64  { return int64(len(m.content)) }
func (m *memory) Stats() Stats { return m.stats }

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if m.fail {
		return 0, errBroken
	}
	if off >= int64(len(m.content)) {
		return 0, io.EOF
	}
	n := copy(p, m.content[off:])
	m.stats.Requests++
	m.stats.Bytes += int64(n)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Any reads give the bytes of the file, through any cache, and memory stays within its bound.
func TestCacheGivesTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := randomBytes(rapid.IntRange(0, 5000).Draw(t, "size"))
		opts := CacheOptions{
			Block: rapid.IntRange(1, 300).Draw(t, "block"), ReadAhead: rapid.IntRange(1, 1000).Draw(t, "ahead"),
			Memory: rapid.IntRange(1, 3000).Draw(t, "memory"),
		}
		c := Cache(&memory{content: content}, opts).(*cached)
		for range rapid.IntRange(1, 40).Draw(t, "reads") {
			off := rapid.IntRange(0, len(content)+10).Draw(t, "off")
			p := make([]byte, rapid.IntRange(0, 1500).Draw(t, "n"))
			n, err := c.ReadAt(p, int64(off))
			want := content[min(off, len(content)):min(off+len(p), len(content))]
			if string(p[:n]) != string(want) || n < len(p) && err != io.EOF {
				t.Fatalf("%d bytes at %d: %d, %v, want %d", len(p), off, n, err, len(want))
			}
			sum, blocks := 0, 0
			for e := c.recent.Front(); e != nil; e = e.Next() {
				sum += e.Value.(*segment).length
				blocks += int(e.Value.(*segment).blocks)
			}
			if sum != c.memory || blocks != len(c.segments) {
				t.Fatalf("%d bytes in %d blocks are kept, counted as %d in %d", sum, blocks, c.memory, len(c.segments))
			}
			if c.memory > c.opts.Memory && c.recent.Len() > 1 {
				t.Fatalf("%d bytes kept, %d allowed", c.memory, c.opts.Memory)
			}
		}
	})
}

func TestCacheSavesRequests(t *testing.T) {
	m := &memory{content: randomBytes(1 << 20)}
	c := Cache(m, CacheOptions{Block: 1 << 10, ReadAhead: 64 << 10, Memory: 1 << 20})
	p := make([]byte, 100)
	for off := 0; off < len(m.content); off += 100 {
		mustRead(t, c, m.content, off, len(p))
	}
	// 1, 16, then 64 KiB each: 18 requests, and nothing twice.
	if m.stats.Requests > 18 || m.stats.Bytes != 1<<20 {
		t.Errorf("a sequential reader cost %+v", m.stats)
	}
	before := m.stats
	for off := 0; off < len(m.content); off += 5000 {
		mustRead(t, c, m.content, off, len(p))
	}
	if m.stats != before {
		t.Errorf("reading again cost %+v", m.stats)
	}
	// Backwards costs no more.
	m.stats = Stats{}
	c = Cache(m, CacheOptions{Block: 1 << 10, ReadAhead: 64 << 10, Memory: 1 << 20})
	for off := len(m.content) - 100; off >= 0; off -= 100 {
		mustRead(t, c, m.content, off, len(p))
	}
	if m.stats.Requests > 19 || m.stats.Bytes != 1<<20 {
		t.Errorf("a backward reader cost %+v", m.stats)
	}
	// A jumping reader isn't read ahead for.
	m.stats = Stats{}
	c = Cache(m, CacheOptions{Block: 1 << 10, ReadAhead: 64 << 10, Memory: 1 << 20})
	for i := range 10 {
		mustRead(t, c, m.content, (i*7%10)*100_000, 10)
	}
	if m.stats.Bytes > 11<<10 {
		t.Errorf("a jumping reader cost %+v", m.stats)
	}
}

func TestCacheForgetsErrors(t *testing.T) {
	m := &memory{content: randomBytes(1000), fail: true}
	c := Cache(m, CacheOptions{})
	if _, err := c.ReadAt(make([]byte, 10), 0); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	m.fail = false
	mustRead(t, c, m.content, 0, 10)
	// A file that has become shorter than it said is an error, not zeros.
	short := &shrunk{memory{content: randomBytes(1000)}}
	if n, err := Cache(short, CacheOptions{}).ReadAt(make([]byte, 10), 995); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(n, err)
	}
}

type shrunk struct{ memory }

func (s *shrunk) Size() int64 { return int64(len(s.content)) + 100 }

// The head that came with Open isn't asked for again.
func TestCacheUsesTheHead(t *testing.T) {
	content := randomBytes(10 * headSize)
	s := serve(t, content, nil)
	c := Cache(s.open(t), CacheOptions{})
	mustRead(t, c, content, 5, 1000)
	mustRead(t, c, content, headSize-100, 100)
	if n := s.requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
	mustRead(t, c, content, headSize-100, 200)
	if n := s.requests.Load(); n != 2 {
		t.Errorf("%d requests", n)
	}
}
