package source

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLocal(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a b%20é.nc")
	content := randomBytes(1000)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, location := range []string{path, "a b%20é.nc", "./a b%20é.nc", "file://" + strings.ReplaceAll(strings.ReplaceAll(path, "%", "%25"), " ", "%20"), "file://localhost" + strings.ReplaceAll(path, "%", "%25")} {
		src, err := Open(t.Context(), location, Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		if src.URL() != path {
			t.Errorf("%s: URL %s, want %s", location, src.URL(), path)
		}
		mustRead(t, src, content, 10, 500)
		mustRead(t, src, content, 900, 500)
		if st := src.Stats(); st != (Stats{2, 600}) {
			t.Errorf("%s: %+v", location, st)
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestLocalRefusals(t *testing.T) {
	if _, err := Open(t.Context(), "/no/such/file.nc", Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, location := range []string{t.TempDir(), "/dev/zero", "s3://bucket/key", "file://host/a", "file:a//b", "http://", "ht tp://x"} {
		if src, err := Open(t.Context(), location, Options{WaitMin: 1, WaitMax: 1}); err == nil {
			t.Errorf("%s opens as %s", location, src.URL())
		}
	}
}

func TestIdentity(t *testing.T) {
	now := time.Now()
	a := Identity{Size: 1, MTime: now, ETag: "x"}
	for _, c := range []struct {
		b    Identity
		same bool
	}{
		{a, true},
		{Identity{Size: 2, MTime: now, ETag: "x"}, false},
		{Identity{Size: 1, MTime: now.Add(time.Second), ETag: "x"}, true}, // touched, not changed
		{Identity{Size: 1, MTime: now, ETag: "y"}, false},
		{Identity{Size: 1, MTime: now}, true},
		{Identity{Size: 1, MTime: now.Add(time.Second)}, false},
	} {
		if a.Same(c.b) != c.same || c.b.Same(a) != c.same {
			t.Errorf("%+v and %+v: same isn't %v", a, c.b, c.same)
		}
	}
}
