package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// screen is a block of lines at the end of a terminal that is drawn over again and again. It may shrink and grow.
type screen struct {
	w       io.Writer
	size    func() (columns, rows int)
	drawn   int // lines that are there now
	columns int // of the terminal, when they were drawn
	last    string
}

// newScreen makes a screen of w; nil when w is no terminal on which one can draw over.
func newScreen(w io.Writer) *screen {
	f := terminal(w)
	if f == nil {
		return nil
	}
	return &screen{w: w, size: func() (int, int) { return sizeOf(f) }}
}

// draw replaces what was drawn before, in one write, so that nothing flickers. Lines are cut where the terminal ends, since those that it
// breaks could not be drawn over as a whole; lines for which it has no room are counted.
func (s *screen) draw(lines []string) {
	columns, rows := s.size()
	if most := rows - 1; len(lines) > most { // the last row is the cursor's
		hidden := len(lines) - most + 1
		lines = append(lines[:most-1:most-1], fmt.Sprintf("... and %d more lines", hidden))
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(cut(line, columns))
		b.WriteString("\x1b[K\n") // and clear what stood behind it
	}
	text := b.String()
	if text == s.last && (columns == s.columns || s.drawn == 0) {
		return
	}
	back := ""
	switch {
	case s.drawn > 0 && columns != s.columns:
		back = "\x1b[H\x1b[2J" // lines may have been broken anew: nobody knows where they are
	case s.drawn > 0:
		back = fmt.Sprintf("\x1b[%dA", s.drawn)
	}
	fmt.Fprint(s.w, back+text+"\x1b[J")
	s.drawn, s.columns, s.last = len(lines), columns, text
}

// terminal is the terminal that w is; nil when it is none, or one that knows no more than to print.
func terminal(w io.Writer) *os.File {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return f
}

// sizeOf is the size of a terminal. One that doesn't tell, or is too small to show anything, is taken for the usual one.
func sizeOf(f *os.File) (columns, rows int) {
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil || columns < 20 {
		columns = 80
	}
	if err != nil || rows < 5 {
		rows = 24
	}
	return columns, rows
}
