package workdirs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// Of many who claim a store at once one has it at a time, and nothing is left when all are done.
func TestOneClaimAtATime(t *testing.T) {
	dir := t.TempDir()
	var inside, had atomic.Int64
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 50 {
				c, err := ClaimStore(filepath.Join(dir, "s.parq"))
				if _, claimed := errors.AsType[*ClaimedError](err); claimed {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two have the claim")
				}
				had.Add(1)
				if err := os.WriteFile(c.Path("made"), nil, 0o600); err != nil {
					t.Error(err)
				}
				inside.Add(-1)
				if err := c.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if left := entries(t, dir); had.Load() < 8 || len(left) > 0 {
		t.Errorf("%d claims, and these are left: %v", had.Load(), left)
	}
}

// The claim of a process that is gone is taken over, and with it goes what that process could have published.
func TestClaimOfADeadProcess(t *testing.T) {
	dir := t.TempDir()
	store := filepath.Join(dir, "s.parq")
	first, err := ClaimStore(store)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(first.Path("made"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := ClaimStore(store); err == nil {
		t.Fatal("a claim was given twice")
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	var h LeaseHolder
	if err := ReadJSON(first.Path(holderFile), &h); err != nil {
		t.Fatal(err)
	}
	h.PID = gone.Process.Pid
	if err := WriteJSON(first.Path(holderFile), h); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, fmt.Sprintf("..s.parq.changing.tmp-%s-%d-1", host(), h.PID)) // its first step, cut short
	if err := os.Mkdir(half, 0o700); err != nil {
		t.Fatal(err)
	}
	second, err := ClaimStore(store)
	if err != nil {
		t.Fatal(err)
	}
	if err := PublishDir(first.Path("made"), store); err == nil {
		t.Error("the first, should it live after all, could still publish")
	}
	if err := second.Release(); err != nil {
		t.Fatal(err)
	}
	if left := entries(t, dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
