package main

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases/configure"
)

// The README is held against the program: what it says of commands, flags, exit codes, override keys and folders is so.
func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// firstColumn lists what stands in backquotes in the first column of the table that begins with header.
func firstColumn(t *testing.T, text, header string) []string {
	t.Helper()
	_, table, ok := strings.Cut(text, header+"\n")
	if !ok {
		t.Fatalf("the README has no table %q", header)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var list []string
	for line := range strings.Lines(table) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
			list = append(list, m[1])
		}
	}
	return list
}

func TestReadmeCommands(t *testing.T) {
	app := newApp(environment{io.Discard, io.Discard})
	lines := regexp.MustCompile("(?m)(?:^|`|\\$ |<\\(|cmd/)kerb ([a-z]+)([^\\n#|`]*)").FindAllStringSubmatch(readme(t), -1)
	if len(lines) < 20 {
		t.Errorf("%d commands found in the README; there are more", len(lines))
	}
	for _, m := range lines {
		c := app.Command(m[1])
		if c == nil {
			t.Errorf("%q: there is no such command", m[0])
			continue
		}
		for _, word := range strings.Fields(m[2]) {
			name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
			if len(word) > 1 && word[0] == '-' && name != "help" && !slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) }) {
				t.Errorf("%q: the command has no flag %s", m[0], word)
			}
		}
	}
}

func TestReadmeExitCodes(t *testing.T) {
	text := readme(t)
	for line := range strings.Lines(exitTable) {
		code, meaning, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || code[0] < '0' || code[0] > '9' {
			continue
		}
		if row := "| " + code + " | " + strings.TrimSpace(meaning); !strings.Contains(text, row) {
			t.Errorf("the README has no %q", row)
		}
	}
}

func TestReadmeOverrideKeys(t *testing.T) {
	said := firstColumn(t, readme(t), "| key | value |")
	var keys []string
	for f := range reflect.TypeFor[configure.Override]().Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		keys = append(keys, key)
	}
	slices.Sort(said)
	slices.Sort(keys)
	if !slices.Equal(said, keys) {
		t.Errorf("the README says the keys %q; there are %q", said, keys)
	}
}

func TestReadmeFoldersAndLinks(t *testing.T) {
	text := readme(t)
	said := firstColumn(t, text, "| folder | holds |")
	for i := range said {
		said[i], _, _ = strings.Cut(said[i], "/")
	}
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		source, err := filepath.Glob(filepath.Join("../..", e.Name(), "*"))
		if err != nil {
			t.Fatal(err)
		}
		if e.IsDir() && e.Name()[0] != '.' && e.Name() != "bin" && e.Name() != "kerb-demo" && len(source) > 0 && !slices.Contains(said, e.Name()) {
			t.Errorf("the README doesn't say what %s holds", e.Name())
		}
	}
	for _, name := range said {
		if _, err := os.Stat(filepath.Join("../..", name)); err != nil {
			t.Errorf("folder: %v", err)
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("../..", m[1])); err != nil && !strings.Contains(m[1], "://") {
			t.Errorf("link: %v", err)
		}
	}
}
