package source

import (
	"errors"
	"io/fs"
	"net/http"
	"testing"
)

// A file is looked at by HEAD, and by one byte where the server has no HEAD or doesn't say the size.
func TestStat(t *testing.T) {
	content := randomBytes(70000)
	for name, c := range map[string]struct {
		head     func(w http.ResponseWriter, r *http.Request, good http.Handler)
		requests int64
		err      error
	}{
		"HEAD": {func(w http.ResponseWriter, r *http.Request, good http.Handler) { good.ServeHTTP(w, r) }, 1, nil},
		"not allowed": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusMethodNotAllowed)
		}, 2, nil},
		"not implemented": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(http.StatusNotImplemented) }, 2, nil},
		"no size": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Transfer-Encoding", "chunked")
		}, 2, nil},
		"no ranges": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.Header().Set("Accept-Ranges", "none") }, 1, ErrNoRanges},
		"absent":    {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(http.StatusNotFound) }, 1, fs.ErrNotExist},
		"forbidden": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(http.StatusForbidden) }, 1, fs.ErrPermission},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, content, func(_ int64, w http.ResponseWriter, r *http.Request, good http.Handler) {
				if r.Method == http.MethodHead {
					c.head(w, r, good)
					return
				}
				if got := r.Header.Get("Range"); got != "bytes=0-0" {
					t.Errorf("the range asked for is %q", got)
				}
				good.ServeHTTP(w, r)
			})
			id, err := Stat(t.Context(), s.URL+"/file.nc", s.options())
			if !errors.Is(err, c.err) {
				t.Fatalf("the error is %v, want %v", err, c.err)
			}
			if err == nil && id.Size != int64(len(content)) {
				t.Errorf("size %d, want %d", id.Size, len(content))
			}
			if got := s.requests.Load(); got != c.requests {
				t.Errorf("%d requests, want %d", got, c.requests)
			}
		})
	}
}
