package main

import (
	"testing"
	"unicode/utf8"
)

// TestStatusFits: whatever the window, no line of a status is longer than it and a watched one is no longer, except for what can't be broken.
func TestStatusFits(t *testing.T) {
	s := newStage(t, "a", "b", "a-dataset-with-a-very-long-name-that-takes-its-room", "large1")
	s.rule("configure.b", "drift")
	s.kerb(exitSomeFailed, "submit", "g", "--scheduler", "local")
	o, err := openLatest(s.dir, "g")
	if err != nil {
		t.Fatal(err)
	}
	r, err := look(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []string{"job", "dataset", "error"} {
		if err := r.update(by); err != nil {
			t.Fatal(err)
		}
		whole := len(r.lines(by, 0, 0))
		for _, window := range [][2]int{{60, 20}, {80, 24}, {120, 12}, {200, 50}} {
			columns, rows := window[0], window[1]
			lines := r.lines(by, columns, rows)
			for _, line := range lines[:len(lines)-len(r.next(by))] { // commands to copy are never broken
				if n := utf8.RuneCountInString(line); n > columns {
					t.Errorf("by %s, %d columns: a line of %d: %s", by, columns, n, line)
				}
			}
			if by != "error" && len(lines) > rows || rows > 2*whole && len(lines) < whole {
				t.Errorf("by %s, %d rows: %d lines; without a limit %d", by, rows, len(lines), whole)
			}
		}
	}
}
