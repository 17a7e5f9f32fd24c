package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// headSize is how much the request that opens a file asks for: it gives the size, the ETag and,
// mostly, the first metadata in one round trip.
const headSize = 128 << 10

// minProgress is how many bytes a body must have brought before it was cut, if the next try isn't to
// count as a retry: a server that sends byte by byte is broken.
const minProgress = 4 << 10

// maxRetryAfter is the most that a server can make us wait.
const maxRetryAfter = 5 * time.Minute

// NewClient is a client for reading many files of few servers at once: it keeps conns connections
// to each server open, verifies certificates, and gives up on a server that doesn't begin to answer.
func NewClient(conns int) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = conns
	t.MaxIdleConns = 0
	t.ResponseHeaderTimeout = time.Minute
	return &http.Client{Transport: t}
}

// remote is a file behind HTTP, read by ranges (RFC 9110, 14). The content is pinned at Open: when the
// server says later that size, ETag or time have changed, reads are ErrChanged.
type remote struct {
	ctx             context.Context
	url             string
	client          *retryablehttp.Client
	header          http.Header
	stall           time.Duration
	retries         int
	id              Identity
	head            []byte // the first bytes of the file
	requests, bytes atomic.Int64
}

func newRemote(ctx context.Context, url string, opts Options) *remote {
	r := &remote{ctx: ctx, url: url, header: opts.Header.Clone(), stall: orElse(opts.Stall, time.Minute), retries: orElse(opts.Retries, 4)}
	if r.header == nil {
		r.header = make(http.Header)
	}
	if token := orElse(opts.Token, tokenFor(url)); token != "" {
		r.header.Set("Authorization", "Bearer "+token)
	}
	// Compressed on the way, the bytes wouldn't be those that a range counts.
	r.header.Set("Accept-Encoding", "identity")
	r.client = r.newClient(opts)
	return r
}

func openHTTP(ctx context.Context, url string, opts Options) (Source, error) {
	r := newRemote(ctx, url, opts)
	head, err := r.open()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", url, err)
	}
	r.head = head
	return r, nil
}

func (r *remote) newClient(opts Options) *retryablehttp.Client {
	logger := opts.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	c := opts.Client
	if c == nil {
		c = &http.Client{}
	}
	return &retryablehttp.Client{
		HTTPClient:   c,
		Logger:       logger,
		RetryWaitMin: orElse(opts.WaitMin, time.Second),
		RetryWaitMax: orElse(opts.WaitMax, 30*time.Second),
		RetryMax:     r.retries,
		CheckRetry:   retryablehttp.DefaultRetryPolicy,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
		Backoff: func(least, most time.Duration, try int, resp *http.Response) time.Duration {
			return min(retryablehttp.DefaultBackoff(least, most, try, resp), maxRetryAfter)
		},
		RequestLogHook: func(retryablehttp.Logger, *http.Request, int) { r.requests.Add(1) },
	}
}

// open asks for the head of the file and pins what is learnt of it. A server may send less than it is
// asked for: the rest is read when it is needed.
func (r *remote) open() ([]byte, error) {
	var head []byte
	err := r.retrying(func() (bool, error) {
		buf := make([]byte, headSize-len(head))
		n, err := r.request(buf, int64(len(head)), len(head) == 0)
		head = append(head, buf[:n]...)
		return n >= minProgress, err
	})
	return head, err
}

func (r *remote) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read %s: negative offset %d", r.url, off)
	}
	if off >= r.id.Size {
		return 0, io.EOF
	}
	var end error
	if int64(len(p)) > r.id.Size-off {
		p, end = p[:r.id.Size-off], io.EOF
	}
	n := 0
	if off < int64(len(r.head)) {
		n = copy(p, r.head[off:])
	}
	err := r.retrying(func() (bool, error) {
		if n == len(p) {
			return false, nil
		}
		got, err := r.request(p[n:], off+int64(n), false)
		n += got
		if err == nil && n < len(p) {
			err = errShort
		}
		return got >= minProgress, err
	})
	if err != nil {
		return n, fmt.Errorf("read %d bytes at byte %d of %s: %w", len(p), off, r.url, err)
	}
	return n, end
}

// errShort marks a body that ended before its range did: worth another try for the rest.
var errShort = errors.New("the body is cut short")

// retrying repeats a step for as long as its error is a body cut short; tries that made progress
// aren't counted. (That a server can't be reached, or is busy, is retried below it.)
func (r *remote) retrying(step func() (progress bool, err error)) error {
	wait := r.client.RetryWaitMin
	for left := r.retries; ; {
		progress, err := step()
		if !errors.Is(err, errShort) || r.ctx.Err() != nil {
			return err
		}
		if !progress {
			if left <= 0 {
				return err
			}
			left--
			select {
			case <-time.After(wait):
			case <-r.ctx.Done():
				return r.ctx.Err()
			}
			wait = min(2*wait, r.client.RetryWaitMax)
		}
	}
}

// request asks for one range and reads what comes of it into p. first pins the identity instead of
// comparing it, and takes a file shorter than p.
func (r *remote) request(p []byte, off int64, first bool) (int, error) {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return 0, err
	}
	req.Header = r.header.Clone()
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+int64(len(p))-1))
	if !first && strongETag(r.id.ETag) {
		req.Header.Set("If-Match", r.id.ETag)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := r.check(resp, off, int64(len(p)), first)
	if err != nil || n == 0 {
		return 0, err
	}
	body := stallReader{resp.Body, time.AfterFunc(r.stall, cancel), r.stall}
	defer body.timer.Stop()
	got, err := io.ReadFull(body, p[:n])
	r.bytes.Add(int64(got))
	if err != nil {
		if r.ctx.Err() != nil {
			return got, r.ctx.Err()
		}
		return got, fmt.Errorf("%w after %d bytes of %d: %w", errShort, got, n, err)
	}
	return got, nil
}

// check says how many bytes the body has, or why the answer is none to the question.
func (r *remote) check(resp *http.Response, off, want int64, first bool) (int64, error) {
	switch resp.StatusCode {
	case http.StatusPartialContent:
	case http.StatusOK:
		if first && resp.ContentLength == 0 { // of an empty file, no part can be had
			r.id = identity(resp, 0)
			return 0, nil
		}
		return 0, fmt.Errorf("%w: it answered a request for a part with the whole; references into this file could not be read "+
			"either: copy it to a server with ranges, or give its local path", ErrNoRanges)
	case http.StatusPreconditionFailed:
		return 0, ErrChanged
	case http.StatusRequestedRangeNotSatisfiable:
		if first && strings.TrimSpace(resp.Header.Get("Content-Range")) == "bytes */0" {
			r.id = identity(resp, 0)
			return 0, nil
		}
		if !first {
			return 0, fmt.Errorf("%w: it has no byte %d any more", ErrChanged, off)
		}
		return 0, fmt.Errorf("HTTP status %s", resp.Status)
	default:
		return 0, statusError(resp)
	}
	if enc := resp.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return 0, fmt.Errorf("%w: it sends parts with content encoding %q, though asked not to", ErrNoRanges, enc)
	}
	text := resp.Header.Get("Content-Range")
	from, to, size, ok := parseContentRange(text)
	if !ok || from != off || to > off+want-1 {
		return 0, fmt.Errorf("%w: asked for %d bytes at byte %d, it answered with Content-Range %q", ErrNoRanges, want, off, text)
	}
	n := to - from + 1
	if resp.ContentLength >= 0 && resp.ContentLength != n {
		return 0, fmt.Errorf("%w: Content-Range %q, but Content-Length %d", ErrNoRanges, text, resp.ContentLength)
	}
	id := identity(resp, size)
	if first {
		r.id = id
	} else if !r.id.pinned(id) {
		return 0, fmt.Errorf("%w: it was %v, it is %v", ErrChanged, r.id, id)
	}
	return n, nil
}

// statusError is what a status says that is no answer.
func statusError(resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusGone:
		return fmt.Errorf("HTTP status %s: %w", resp.Status, fs.ErrNotExist)
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("HTTP status %s: %w; is a token needed?", resp.Status, fs.ErrPermission)
	}
	return fmt.Errorf("HTTP status %s", resp.Status)
}

// pinned reports whether a later answer can be of the same content. An answer may say less than the
// first one, since some servers leave ETag or time out of parts.
func (i Identity) pinned(later Identity) bool {
	return i.Size == later.Size &&
		(i.ETag == "" || later.ETag == "" || i.ETag == later.ETag) &&
		(i.MTime.IsZero() || later.MTime.IsZero() || i.MTime.Equal(later.MTime))
}

func identity(resp *http.Response, size int64) Identity {
	id := Identity{Size: size, ETag: resp.Header.Get("ETag")}
	if t, err := http.ParseTime(resp.Header.Get("Last-Modified")); err == nil {
		id.MTime = t
	}
	return id
}

// strongETag reports whether If-Match may carry the tag: it never matches a weak one (RFC 9110, 13.1.1).
func strongETag(tag string) bool { return strings.HasPrefix(tag, `"`) }

// parseContentRange takes "bytes FROM-TO/SIZE" apart (RFC 9110, 14.4). An unknown size is not ok.
func parseContentRange(s string) (from, to, size int64, ok bool) {
	s, ok = strings.CutPrefix(strings.TrimSpace(s), "bytes ")
	part, total, okTotal := strings.Cut(s, "/")
	first, last, okPart := strings.Cut(part, "-")
	if !ok || !okTotal || !okPart {
		return 0, 0, 0, false
	}
	for _, field := range []struct {
		text string
		to   *int64
	}{{first, &from}, {last, &to}, {total, &size}} {
		v, err := strconv.ParseUint(strings.TrimSpace(field.text), 10, 63)
		if err != nil {
			return 0, 0, 0, false
		}
		*field.to = int64(v)
	}
	return from, to, size, from <= to && to < size
}

// stallReader cuts a body from which nothing has come for a while.
type stallReader struct {
	io.Reader
	timer *time.Timer
	after time.Duration
}

func (s stallReader) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if n > 0 {
		s.timer.Reset(s.after)
	}
	return n, err
}

func (r *remote) Size() int64        { return r.id.Size }
func (r *remote) URL() string        { return r.url }
func (r *remote) Identity() Identity { return r.id }
func (r *remote) Stats() Stats       { return Stats{r.requests.Load(), r.bytes.Load()} }

// Close keeps the connections: they are the client's, for the next file.
func (r *remote) Close() error { return nil }

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
