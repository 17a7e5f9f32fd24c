package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestScreen plays what a screen writes on a terminal: what was drawn last is all that is seen, on lines that fit.
func TestScreen(t *testing.T) {
	var out bytes.Buffer
	columns, rows := 30, 6
	s := &screen{w: &out, size: func() (int, int) { return columns, rows }}
	for i, c := range []struct {
		columns, rows int
		lines, want   []string
	}{
		{30, 6, []string{"one", "two"}, []string{"one", "two"}},
		{30, 6, []string{"one", "two is longer", "three"}, []string{"one", "two is longer", "three"}},
		{30, 6, []string{"one"}, []string{"one"}},
		{30, 6, []string{strings.Repeat("wide ", 10), "x"}, []string{"wide wide wide wide wide wide…", "x"}},
		{20, 6, []string{strings.Repeat("wide ", 10), "y"}, []string{"wide wide wide wide…", "y"}},
		{30, 6, []string{"1", "2", "3", "4", "5", "6", "7"}, []string{"1", "2", "3", "4", "... and 3 more lines"}},
		{30, 6, nil, []string{}},
		{30, 6, []string{"end"}, []string{"end"}},
	} {
		columns, rows = c.columns, c.rows
		s.draw(c.lines)
		if got := played(t, out.String()); !slices.Equal(got, c.want) {
			t.Errorf("drawing %d shows %q, want %q", i, got, c.want)
		}
	}
	before := out.Len()
	s.draw([]string{"end"})
	if out.Len() != before {
		t.Error("what is there already was drawn again")
	}
}

// played is what a terminal shows after text, without the empty line of the cursor.
func played(t *testing.T, text string) []string {
	t.Helper()
	lines, at := []string{""}, 0
	for len(text) > 0 {
		switch n := 0; {
		case strings.HasPrefix(text, "\x1b[K"):
			text = text[3:]
		case strings.HasPrefix(text, "\x1b[J"):
			lines, text = lines[:at+1], text[3:]
			lines[at] = ""
		case strings.HasPrefix(text, "\x1b[H\x1b[2J"):
			lines, at, text = []string{""}, 0, text[7:]
		case strings.HasPrefix(text, "\x1b["):
			if _, err := fmt.Sscanf(text, "\x1b[%dA", &n); err != nil || n > at {
				t.Fatalf("at line %d: %q", at, text)
			}
			at -= n
			text = text[strings.IndexByte(text, 'A')+1:]
		default:
			line, rest, ok := strings.Cut(text, "\x1b[K\n")
			if !ok {
				t.Fatalf("a line that is not cleared: %q", text)
			}
			lines[at] = line
			if at++; at == len(lines) {
				lines = append(lines, "")
			}
			text = rest
		}
	}
	return lines[:at]
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text, indent string
		columns      int
		want         []string
	}{
		{"run x: 3 of 4 tasks done, 1 failed", "", 20, []string{"run x: 3 of 4 tasks", "  done, 1 failed"}},
		{"short", "  ", 20, []string{"  short"}},
		{"a-word-that-is-longer-than-the-line b", "", 20, []string{"a-word-that-is-longer-than-the-line", "  b"}},
		{"no limit  at all", "  ", 0, []string{"  no limit  at all"}},
	} {
		if got := wrap(c.text, c.indent, c.columns); !slices.Equal(got, c.want) {
			t.Errorf("%q in %d columns: %q, want %q", c.text, c.columns, got, c.want)
		}
	}
}

// Where there is no room for all rows, those stay that a person has to know of, in their order.
func TestFit(t *testing.T) {
	var rows []tableRow
	for _, state := range strings.Fields("CD F CD PD R PD PD BL") {
		rows = append(rows, tableRow{state: state})
	}
	for _, c := range []struct {
		most       int
		kept, left string
	}{
		{0, "CD F CD PD R PD PD BL", ""},
		{8, "CD F CD PD R PD PD BL", ""},
		{7, "CD F PD R PD PD BL", "and, not shown: 1 CD"},
		{4, "F PD R BL", "and, not shown: 2 CD, 2 PD"},
		{2, "F R", "and, not shown: 2 CD, 3 PD, 1 BL"},
		{1, "F", "and, not shown: 2 CD, 3 PD, 1 R, 1 BL"},
	} {
		kept, left := fit(rows, c.most)
		var states []string
		for _, row := range kept {
			states = append(states, row.state)
		}
		if got := strings.Join(states, " "); got != c.kept || left != c.left {
			t.Errorf("of 8 rows in %d: %q, %q; want %q, %q", c.most, got, left, c.kept, c.left)
		}
	}
}
