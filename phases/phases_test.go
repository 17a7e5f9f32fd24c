package phases

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

// A disk that is full is no fault of ours, and may have room again.
func TestClassOf(t *testing.T) {
	write := func(errno syscall.Errno) error {
		return fmt.Errorf("dataset d: %w", &fs.PathError{Op: "write", Path: "/w/f", Err: errno})
	}
	for _, c := range []struct {
		err  error
		want Class
	}{
		{write(syscall.ENOSPC), IO},
		{write(syscall.EROFS), IO},
		{write(syscall.ENOENT), Internal},
		{errors.New("odd"), Internal},
		{Errorf(Damaged, "", "file f: %w", write(syscall.EIO)), Damaged},
	} {
		if got := ClassOf(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}
