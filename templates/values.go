package templates

import (
	"fmt"
	"strings"
	"time"
)

// Quote makes one shell word of s (POSIX shell, 2.2.2).
func Quote(s string) string {
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// plain are the characters that mean themselves to the shell and to sbatch, wherever they stand.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,@%+-"

// directiveValue is s as the value of an option on an #SBATCH line. sbatch reads the line by itself, with
// quotes, backslashes and comments of its own, so what it could misread is refused.
func directiveValue(s string) (string, error) {
	if s != "" && strings.Trim(s, plain) == "" {
		return s, nil
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == '"' || r == '\'' || r == '\\' {
			return "", fmt.Errorf("%q can't stand on an #SBATCH line: it holds %q", s, r)
		}
	}
	return `"` + s + `"`, nil
}

// memoryMiB is a number of bytes in sbatch's units, rounded up.
func memoryMiB(bytes int64) string {
	return fmt.Sprintf("%dM", (bytes-1)>>20+1)
}

// timeLimit is a duration as D-HH:MM:SS, rounded up to a whole minute.
func timeLimit(d time.Duration) string {
	m := int64((d-1)/time.Minute) + 1
	return fmt.Sprintf("%d-%02d:%02d:00", m/(24*60), m/60%24, m%60)
}
