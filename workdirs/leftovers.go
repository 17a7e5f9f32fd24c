package workdirs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// TempPattern is the pattern, for [os.CreateTemp] and [os.MkdirTemp], of what is written beside path before it gets that name. It
// names the process, so that what a killed one leaves behind is known for what it is.
func TempPattern(path string) string {
	return fmt.Sprintf(".%s.tmp-%s-%d-*", filepath.Base(path), host(), os.Getpid())
}

func host() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return strings.ReplaceAll(name, string(filepath.Separator), "_")
}

// RemoveLeftovers removes from dir what killed processes of this machine were writing beside the file base; any file when
// base is empty. What another machine left is not touched, for its process may be alive.
func RemoveLeftovers(dir, base string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	mark := ".tmp-" + host() + "-"
	for _, e := range entries {
		name, rest, ok := strings.Cut(e.Name(), mark)
		if !ok || !strings.HasPrefix(name, ".") || base != "" && name != "."+base {
			continue
		}
		digits, _, _ := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(digits)
		if err != nil || pid <= 0 || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// RemoveLeftovers removes what killed processes of this machine were writing into the dataset's folders. A store that a killed process
// was replacing is there again, unless another process is changing it now.
func (d *Dataset) RemoveLeftovers() error {
	if aside, err := d.aside(); err != nil {
		return err
	} else if len(aside) > 0 {
		c, err := d.Claim()
		if err == nil {
			err = c.Release()
		}
		if _, claimed := errors.AsType[*ClaimedError](err); err != nil && !claimed {
			return err
		}
	}
	for _, dir := range []string{"", "scan", PartsDir, StoresDir, TestDir, CatalogDir} {
		if err := RemoveLeftovers(d.Path(dir), ""); err != nil {
			return err
		}
	}
	return nil
}
