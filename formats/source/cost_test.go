package source

import (
	"net/http"
	"testing"
)

// readAhead is the policy that fsspec reads HTTP files with by default: one buffer, and 5 MiB
// read beyond every miss; before it, one request for the size.
type readAhead struct {
	size, from, to  int64
	requests, bytes int64
}

func (r *readAhead) read(off, n int64) {
	if off >= r.from && off+n <= r.to {
		return
	}
	end := min(off+n+5<<20, r.size)
	r.requests++
	if off >= r.from && off <= r.to { // it goes on where the buffer ends
		r.bytes += end - r.to
		r.to = end
		return
	}
	r.bytes += end - off
	r.from, r.to = off, end
}

// spread gives n offsets of structures, every so many bytes from the first on.
func spread(first, every int64, n int) []int64 {
	offsets := make([]int64, n)
	for i := range offsets {
		offsets[i] = first + int64(i)*every
	}
	return offsets
}

// Where metadata lie in files of archives, reading them costs less than with fsspec's default. A round
// trip is counted as the 1 MiB that a connection could have brought meanwhile (30 ms at 300 Mbit/s).
func TestCostsLessThanReadingAhead5MiB(t *testing.T) {
	const mib = 1 << 20
	header := spread(0, 600, 100)
	patterns := map[string]struct {
		size    int64
		offsets []int64
	}{
		"a header, then data":                          {300 * mib, header},
		"an index node every 3.5 MiB, for 4 variables": {140 * mib, append(header, spread(mib, 7*mib/2, 39)...)},
		"index nodes every 300 KiB":                    {60 * mib, append(header, spread(mib, 300<<10, 190)...)},
		"the index at the end":                         {300 * mib, append(header, spread(299*mib, 8<<10, 100)...)},
		"the index at the end, read backwards":         {300 * mib, append(header, spread(300*mib-8<<10, -8<<10, 100)...)},
		"two far places in turn":                       {900 * mib, []int64{0, 400 * mib, 4096, 400*mib + 4096, 8192, 400*mib + 8192}},
	}
	for name, p := range patterns {
		t.Run(name, func(t *testing.T) {
			file := &blank{size: p.size}
			// What a cache over HTTP is set to; that comes from a remote source otherwise.
			ours := Cache(file, CacheOptions{Block: 64 << 10, ReadAhead: 8 << 20, Memory: 16 << 20})
			theirs := &readAhead{size: p.size, requests: 1}
			for _, off := range p.offsets {
				if _, err := ours.ReadAt(make([]byte, 512), off); err != nil {
					t.Fatal(err)
				}
				theirs.read(off, 512)
			}
			t.Logf("%d requests and %d bytes; with fsspec's policy %d and %d", file.requests, file.bytes, theirs.requests, theirs.bytes)
			if file.requests*mib+file.bytes >= theirs.requests*mib+theirs.bytes {
				t.Error("that costs no less")
			}
		})
	}
}

// blank is a file of zeros that counts.
type blank struct {
	Source
	size, requests, bytes int64
}

func (b *blank) Size() int64 { return b.size }

func (b *blank) ReadAt(p []byte, off int64) (int, error) {
	b.requests++
	b.bytes += int64(len(p))
	return len(p), nil
}

// The settings that the test above assumes are those of remote sources.
func TestRemoteCacheSettings(t *testing.T) {
	s := serve(t, randomBytes(10), func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) { good.ServeHTTP(w, r) })
	if got, want := Cache(s.open(t), CacheOptions{}).(*cached).opts, (CacheOptions{Block: 64 << 10, ReadAhead: 8 << 20, Memory: 16 << 20}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
