package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var modified = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

func randomBytes(n int) []byte {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// server serves one file well; wrap may spoil the answer to request number i (from 1 on).
type server struct {
	*httptest.Server
	requests atomic.Int64
	content  atomic.Pointer[[]byte]
	etag     atomic.Value
}

func serve(t *testing.T, content []byte, wrap func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler)) *server {
	t.Helper()
	s := new(server)
	s.content.Store(&content)
	s.etag.Store(`"one"`)
	good := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("Accept-Encoding is %q", r.Header.Get("Accept-Encoding"))
		}
		if tag := s.etag.Load().(string); tag != "" {
			w.Header().Set("ETag", tag)
		}
		http.ServeContent(w, r, "file.nc", modified, bytes.NewReader(*s.content.Load()))
	})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := s.requests.Add(1)
		if wrap == nil {
			good.ServeHTTP(w, r)
			return
		}
		wrap(i, w, r, good)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) options() Options {
	return Options{Client: s.Client(), WaitMin: time.Millisecond, WaitMax: 2 * time.Millisecond, Stall: 200 * time.Millisecond}
}

func (s *server) open(t *testing.T) Source {
	t.Helper()
	src, err := Open(t.Context(), s.URL+"/file.nc", s.options())
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// cut lets only the first n bytes of a body through, under the headers of the whole.
type cut struct {
	http.ResponseWriter
	n int
}

func (c *cut) Write(p []byte) (int, error) {
	if len(p) > c.n {
		c.ResponseWriter.Write(p[:c.n])
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	c.n -= len(p)
	return c.ResponseWriter.Write(p)
}

func mustRead(t *testing.T, src Source, want []byte, off, n int) {
	t.Helper()
	p := make([]byte, n)
	got, err := src.ReadAt(p, int64(off))
	whole := want[min(off, len(want)):min(off+n, len(want))]
	if !bytes.Equal(p[:got], whole) {
		t.Fatalf("%d bytes at %d: %d bytes, of other content or length than the %d there are; %v", n, off, got, len(whole), err)
	}
	if got < n && !errors.Is(err, io.EOF) || got == n && n > 0 && err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("%d bytes at %d: %d bytes, %v", n, off, got, err)
	}
}

func TestOpenNeedsOneRequest(t *testing.T) {
	for _, size := range []int{0, 1, 100, headSize, headSize + 1, 3*headSize + 5} {
		content := randomBytes(size)
		s := serve(t, content, nil)
		src := s.open(t)
		if src.Size() != int64(size) {
			t.Errorf("size %d, want %d", src.Size(), size)
		}
		mustRead(t, src, content, 0, min(size, headSize))
		if got := s.requests.Load(); got != 1 {
			t.Errorf("%d requests to open a file of %d bytes and read its head", got, size)
		}
		mustRead(t, src, content, 0, size+10)
		mustRead(t, src, content, size/2, size)
		mustRead(t, src, content, size+1, 4)
		// Of an empty file, Last-Modified and ETag come with the error that says so, or not at all.
		if id := src.Identity(); size > 0 && (id.ETag != `"one"` || !id.MTime.Equal(modified)) {
			t.Errorf("identity %+v", id)
		}
		if st := src.Stats(); st.Requests != s.requests.Load() {
			t.Errorf("%d requests counted, the server saw %d", st.Requests, s.requests.Load())
		}
	}
}

// What goes wrong for a while doesn't matter: the same bytes come.
func TestPassingTroubles(t *testing.T) {
	content := randomBytes(5*headSize + 77)
	troubles := map[string]func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler){
		"503 every other time": func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
			if i%2 == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			good.ServeHTTP(w, r)
		},
		"429 with Retry-After": func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
			if i == 1 {
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			good.ServeHTTP(w, r)
		},
		"every body cut": func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
			good.ServeHTTP(&cut{w, 9000}, r)
		},
		"some bodies empty": func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
			if i%3 != 0 {
				good.ServeHTTP(&cut{w, 0}, r)
				return
			}
			good.ServeHTTP(w, r)
		},
		"bodies that stall": func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
			if i%2 == 1 {
				w.Header().Set("ETag", `"one"`)
				var from, to int
				fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to)
				to = min(to, len(content)-1)
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(content)))
				w.WriteHeader(http.StatusPartialContent)
				w.Write(content[from : from+1])
				w.(http.Flusher).Flush()
				<-r.Context().Done()
				return
			}
			good.ServeHTTP(w, r)
		},
		"connections closed": func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
			if i%2 == 1 {
				panic(http.ErrAbortHandler)
			}
			good.ServeHTTP(w, r)
		},
		"less than asked for": func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
			var from, to int
			fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to)
			r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, min(to, from+9999)))
			good.ServeHTTP(w, r)
		},
		"parts without ETag and time": func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
			if i == 1 {
				good.ServeHTTP(w, r)
				return
			}
			http.ServeContent(w, r, "file.nc", time.Time{}, bytes.NewReader(content))
		},
	}
	for name, wrap := range troubles {
		t.Run(name, func(t *testing.T) {
			if name == "parts without ETag and time" {
				// ServeContent answers If-Match by the ETag that it was told of, which is none here.
				inner := wrap
				wrap = func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
					r.Header.Del("If-Match")
					inner(i, w, r, good)
				}
			}
			src := serve(t, content, wrap).open(t)
			mustRead(t, src, content, 0, len(content))
			mustRead(t, src, content, headSize+3, 40000)
		})
	}
}

// A server that never sends more than a few bytes is given up.
func TestDribble(t *testing.T) {
	s := serve(t, randomBytes(2*headSize), func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
		good.ServeHTTP(&cut{w, 10}, r)
	})
	for retries, want := range map[int]int64{-1: 1, 0: 5, 2: 3} {
		s.requests.Store(0)
		opts := s.options()
		opts.Retries = retries
		if _, err := Open(t.Context(), s.URL, opts); !errors.Is(err, errShort) {
			t.Fatal(err)
		}
		if n := s.requests.Load(); n != want {
			t.Errorf("%d retries allowed: %d requests, want %d", retries, n, want)
		}
	}
}

// What can't be right is an error, never other bytes.
func TestRefusals(t *testing.T) {
	content := randomBytes(3 * headSize)
	header := func(key, value string) func(int64, http.ResponseWriter, *http.Request, http.Handler) {
		return func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
			w.Header().Set(key, value)
			w.WriteHeader(http.StatusPartialContent)
			w.(http.Flusher).Flush() // so that no Content-Length contradicts
			w.Write(content[:100])
		}
	}
	status := func(code int) func(int64, http.ResponseWriter, *http.Request, http.Handler) {
		return func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) { w.WriteHeader(code) }
	}
	refusals := map[string]struct {
		wrap func(int64, http.ResponseWriter, *http.Request, http.Handler)
		want error
	}{
		"whole instead of part": {func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
			r.Header.Del("Range")
			good.ServeHTTP(w, r)
		}, ErrNoRanges},
		"no Content-Range":         {header("X", "y"), ErrNoRanges},
		"Content-Range off by one": {header("Content-Range", fmt.Sprintf("bytes 1-100/%d", len(content))), ErrNoRanges},
		"Content-Range too long":   {header("Content-Range", fmt.Sprintf("bytes 0-%d/%d", headSize, len(content))), ErrNoRanges},
		"Content-Range of other size": {func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
			var from int
			fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, from+98, len(content)))
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusPartialContent)
			w.Write(content[from:][:100])
		}, ErrNoRanges},
		"size unknown":        {header("Content-Range", "bytes 0-99/*"), ErrNoRanges},
		"size less than part": {header("Content-Range", "bytes 0-99/50"), ErrNoRanges},
		"size beyond 63 bits": {header("Content-Range", "bytes 0-99/18446744073709551615"), ErrNoRanges},
		"several parts":       {header("Content-Type", "multipart/byteranges; boundary=x"), ErrNoRanges},
		"compressed": {func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
			w.Header().Set("Content-Encoding", "gzip")
			good.ServeHTTP(w, r)
		}, ErrNoRanges},
		"missing":      {status(404), fs.ErrNotExist},
		"forbidden":    {status(403), fs.ErrPermission},
		"unauthorised": {status(401), fs.ErrPermission},
		"503 for ever": {status(503), nil},
		"416":          {status(416), nil},
		"cut for ever": {func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
			good.ServeHTTP(&cut{w, 0}, r)
		}, errShort},
	}
	for name, r := range refusals {
		t.Run(name, func(t *testing.T) {
			s := serve(t, content, r.wrap)
			_, err := Open(t.Context(), s.URL+"/file.nc", s.options())
			if err == nil || r.want != nil && !errors.Is(err, r.want) {
				t.Fatalf("error %v, want %v", err, r.want)
			}
			if !strings.Contains(err.Error(), s.URL) {
				t.Errorf("%v doesn't name the file", err)
			}
			if got := s.requests.Load(); got > 5 {
				t.Errorf("%d requests", got)
			}
		})
		// The same once the file is open.
		if name == "416" {
			continue // of an open file that means that it has changed: TestChangedFiles
		}
		t.Run(name+" later", func(t *testing.T) {
			s := serve(t, content, func(i int64, w http.ResponseWriter, req *http.Request, good http.Handler) {
				if i == 1 {
					good.ServeHTTP(w, req)
					return
				}
				r.wrap(i, w, req, good)
			})
			p := make([]byte, 1000)
			if n, err := s.open(t).ReadAt(p, headSize+5); err == nil || n != 0 || r.want != nil && !errors.Is(err, r.want) {
				t.Fatalf("%d bytes, error %v, want %v", n, err, r.want)
			}
		})
	}
}

func TestChangedFiles(t *testing.T) {
	content := randomBytes(3 * headSize)
	changes := map[string]func(*server){
		"other ETag": func(s *server) { s.etag.Store(`"two"`) },
		"longer":     func(s *server) { longer := randomBytes(4 * headSize); s.content.Store(&longer) },
		"shorter":    func(s *server) { shorter := content[:10]; s.content.Store(&shorter) },
		"gone weak":  func(s *server) { s.etag.Store(`W/"one"`) },
	}
	for name, change := range changes {
		for _, honoured := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " If-Match honoured ", honoured), func(t *testing.T) {
				s := serve(t, content, func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
					if !honoured {
						r.Header.Del("If-Match")
					}
					good.ServeHTTP(w, r)
				})
				src := s.open(t)
				change(s)
				n, err := src.ReadAt(make([]byte, 100), 2*headSize)
				if n != 0 || !errors.Is(err, ErrChanged) {
					t.Fatalf("%d bytes, error %v, want %v", n, err, ErrChanged)
				}
			})
		}
	}
}

// A file that changes between two halves of one read mustn't be mixed.
func TestChangeAfterCut(t *testing.T) {
	content := randomBytes(3 * headSize)
	var s *server
	s = serve(t, content, func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
		if i == 2 {
			defer s.etag.Store(`"two"`)
			good.ServeHTTP(&cut{w, 500}, r)
			return
		}
		good.ServeHTTP(w, r)
	})
	if _, err := s.open(t).ReadAt(make([]byte, 5000), headSize); !errors.Is(err, ErrChanged) {
		t.Fatal(err)
	}
}

// The server is asked for the pinned content, if it can be asked so.
func TestIfMatch(t *testing.T) {
	for tag, want := range map[string]string{`"one"`: `"one"`, `W/"one"`: "", "": ""} {
		var got []string
		s := serve(t, randomBytes(2*headSize), func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
			got = append(got, r.Header.Get("If-Match"))
			good.ServeHTTP(w, r)
		})
		s.etag.Store(tag)
		if _, err := s.open(t).ReadAt(make([]byte, 10), headSize); err != nil {
			t.Fatal(err)
		}
		if len(got) != 2 || got[0] != "" || got[1] != want {
			t.Errorf("ETag %s: If-Match %q", tag, got)
		}
	}
}

// A body that is slow but steady isn't taken for one that stalls.
func TestSlowBody(t *testing.T) {
	content := randomBytes(2 * headSize)
	s := serve(t, content, func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
		if i == 1 {
			good.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", headSize, headSize+5, len(content)))
		w.WriteHeader(http.StatusPartialContent)
		for _, b := range content[headSize:][:6] {
			w.Write([]byte{b})
			w.(http.Flusher).Flush()
			time.Sleep(60 * time.Millisecond)
		}
	})
	mustRead(t, s.open(t), content, headSize, 6)
	if n := s.requests.Load(); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestTokenAndHeaders(t *testing.T) {
	s := serve(t, randomBytes(10), func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
		if r.Header.Get("Authorization") != "Bearer secret" || r.Header.Get("X-Site") != "ceda" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		good.ServeHTTP(w, r)
	})
	opts := s.options()
	opts.Token, opts.Header = "secret", http.Header{"X-Site": {"ceda"}}
	if _, err := Open(t.Context(), s.URL, opts); err != nil {
		t.Fatal(err)
	}
	if len(opts.Header) != 1 {
		t.Error("the caller's headers were changed")
	}
	if _, err := Open(t.Context(), s.URL, s.options()); err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

// Certificates are verified: a server with one that nobody trusts isn't read.
func TestUntrustedServer(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains that it isn't trusted
	s.StartTLS()
	defer s.Close()
	client := NewClient(1)
	defer client.CloseIdleConnections()
	_, err := Open(t.Context(), s.URL, Options{Client: client, WaitMin: time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Fatal(err)
	}
}

func TestContextEndsReads(t *testing.T) {
	content := randomBytes(3 * headSize)
	started := make(chan struct{})
	s := serve(t, content, func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
		if i == 1 {
			good.ServeHTTP(w, r)
			return
		}
		close(started)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	src, err := Open(ctx, s.URL, s.options())
	if err != nil {
		t.Fatal(err)
	}
	go func() { <-started; cancel() }()
	if _, err := src.ReadAt(make([]byte, 10), 2*headSize); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestConcurrentReads(t *testing.T) {
	content := randomBytes(9*headSize + 13)
	s := serve(t, content, func(i int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
		if i%5 == 0 {
			good.ServeHTTP(&cut{w, 100}, r)
			return
		}
		good.ServeHTTP(w, r)
	})
	// Which reader meets the cut bodies is chance: none may give up.
	patient := s.options()
	patient.Retries = 100
	open := func() Source {
		src, err := Open(t.Context(), s.URL, patient)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { src.Close() })
		return src
	}
	for name, src := range map[string]Source{"plain": open(), "cached": Cache(open(), CacheOptions{Memory: 4 * headSize})} {
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(g), 1))
				for range 30 {
					off, n := r.IntN(len(content)), 1+r.IntN(3*headSize)
					p := make([]byte, n)
					got, err := src.ReadAt(p, int64(off))
					if !bytes.Equal(p[:got], content[off:min(off+n, len(content))]) {
						t.Errorf("%s: wrong bytes at %d: %v", name, off, err)
					}
				}
			})
		}
		wg.Wait()
	}
}
