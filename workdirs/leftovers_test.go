package workdirs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Only what a dead process of this machine left is removed: not what a living one writes, not what another machine does.
func TestRemoveLeftovers(t *testing.T) {
	dir := t.TempDir()
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Skip("no process to bury: ", err)
	}
	mine := strings.TrimSuffix(TempPattern("a.json"), "*")
	dead := ".a.json.tmp-" + host() + "-" + strconv.Itoa(gone.Process.Pid) + "-"
	keep := []string{"a.json", mine + "1", ".a.json.tmp-elsewhere.example-" + strconv.Itoa(gone.Process.Pid) + "-1", ".a.json.tmp-123"}
	for _, name := range append(keep, dead+"1", dead+"2") {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := RemoveLeftovers(dir, "b.json"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, dir); n != 6 {
		t.Errorf("%d files are left of another file's", n)
	}
	if err := RemoveLeftovers(dir, "a.json"); err != nil {
		t.Fatal(err)
	}
	for _, name := range keep {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if n := count(t, dir); n != len(keep) {
		t.Errorf("%d files are left, want %d", n, len(keep))
	}
}

func count(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
