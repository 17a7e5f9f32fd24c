package bus

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// streamDir makes the folder of a server's stream. Its name tells whose it is, so that what a killed process left behind can go first.
func streamDir() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", err
	}
	prefix := "kerb-bus-" + host + "-"
	old, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil {
		return "", err
	}
	for _, dir := range old {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), prefix), "-")
		if n, err := strconv.Atoi(pid); err == nil && n > 0 && errors.Is(syscall.Kill(n, 0), syscall.ESRCH) {
			os.RemoveAll(dir) // of another user's it removes nothing
		}
	}
	return os.MkdirTemp("", prefix+strconv.Itoa(os.Getpid())+"-*")
}
