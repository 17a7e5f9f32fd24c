package workdirs

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A lease that is given back while the disk is full is free once there is room.
func TestReleaseOnFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a small file system can't be mounted here (it takes root): %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	w, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	g, err := w.Group("g")
	if err != nil {
		t.Fatal(err)
	}
	_, lease, err := g.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o644); err == nil {
		t.Fatal("the disk is not full")
	}
	if err := lease.Release(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	_, again, err := g.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Release(); err != nil {
		t.Error(err)
	}
}
