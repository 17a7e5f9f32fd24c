package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestLogPrinter: of logs that grow each piece is printed once, under the title of its log when that was not the last.
func TestLogPrinter(t *testing.T) {
	dir := t.TempDir()
	a, b := logFile{"scan", filepath.Join(dir, "a")}, logFile{"compute", filepath.Join(dir, "b")}
	var out bytes.Buffer
	p := logPrinter{w: &out, printed: map[string]int64{}}
	for _, c := range []struct {
		log         logFile
		gains, want string
	}{
		{a, "", ""},
		{a, "one\n", "==> scan <==\none\n"},
		{a, "", ""},
		{a, "two\n", "two\n"},
		{b, "three\n", "==> compute <==\nthree\n"},
		{b, "four\n", "four\n"},
		{a, "five\n", "==> scan <==\nfive\n"},
	} {
		f, err := os.OpenFile(c.log.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(c.gains); err != nil {
			t.Fatal(err)
		}
		f.Close()
		out.Reset()
		if err := p.print(c.log, false); err != nil || out.String() != c.want {
			t.Errorf("%q gained prints %q (%v), want %q", c.gains, out.String(), err, c.want)
		}
	}
}
