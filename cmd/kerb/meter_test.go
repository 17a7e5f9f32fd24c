package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// Headers and references of a remote file come out of one opening of it, and a server that can't be trusted with ranges
// or changes its mind leaves no store behind.
func TestRefsOverHTTP(t *testing.T) {
	name := filepath.Join("..", "..", "formats", "netcdf4", "testdata", "deep_v4.h5")
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := requests.Add(1)
		w.Header().Set("ETag", `"a"`)
		switch r.URL.Path {
		case "/whole.h5":
			r.Header.Del("Range")
		case "/changing.h5":
			w.Header().Set("ETag", fmt.Sprintf(`"%d"`, n))
			r.Header.Del("If-Match") // and it doesn't care
		}
		http.ServeFile(w, r, name)
	}))
	defer server.Close()
	for _, c := range []struct {
		path string
		code int
		says string
	}{
		{"/good.h5", 0, ""},
		{"/whole.h5", 4, "byte ranges"},
		{"/changing.h5", 4, "changed while it was being read"},
	} {
		dir := t.TempDir()
		requests.Store(0)
		code, out, errs := kerb("refs", server.URL+c.path, "-o", filepath.Join(dir, "out.json"), "--stats")
		if code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("%s: exit code %d, %q; want %d, %q", c.path, code, errs, c.code, c.says)
		}
		left, err := os.ReadDir(dir)
		if err != nil || (len(left) == 1) != (code == 0) || len(left) > 1 {
			t.Errorf("%s leaves %v, %v", c.path, left, err)
		}
		if want := fmt.Sprintf("read %d requests", requests.Load()); code == 0 && !strings.Contains(out, want) {
			t.Errorf("%s: %q, want %q", c.path, out, want)
		}
		// What is in the first bytes is never asked for again.
		if most := 1 + info.Size()/(64<<10); code == 0 && requests.Load() > most {
			t.Errorf("%s: %d requests for %d bytes", c.path, requests.Load(), info.Size())
		}
	}
}
