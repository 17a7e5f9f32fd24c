package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// siteWith writes a site that names a Python for the client.
func siteWith(t *testing.T, python string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "site.yaml")
	put(t, path, "name: mine\npoll_interval: 1s\nclient_python: "+python+"\n")
	return path
}

// The client is a step of its own behind each test, small datasets' and large ones'; where it fails, all else goes on.
func TestClientStep(t *testing.T) {
	s := newStage(t, "a", "b", "c", "large1", "large2")
	s.rule("client.b", "drift")   // fails for good
	s.rule("client.large2", "io") // fails once
	s.rule("test.c", "drift")     // a store that is wrong is shown to no client
	s.kerb(exitSomeFailed, "submit", "g", "--scheduler", "local", "--site", siteWith(t, "python3"))
	s.wantOnce("a", "b", "large1", "large2")
	got := s.effects()
	for name, n := range map[string]int{"client.a": 1, "client.b": 0, "client.c": 0, "client.large1": 1, "client.large2": 1, "catalog.b": 1, "catalog.c": 0} {
		if got[name] != n {
			t.Errorf("%s happened %d times, want %d", name, got[name], n)
		}
	}
	if status := s.kerb(exitDone, "status", "g"); !strings.Contains(status, "client") {
		t.Errorf("status has no client:\n%s", status)
	}
	s.kerb(exitDone, "rerun", "g")
	s.wantOnce("a", "b", "c", "large1", "large2")
	if got := s.effects(); got["client.b"] != 1 || got["client.c"] != 1 || got["client.a"] != 1 {
		t.Errorf("after the rerun: %v", got)
	}
}
