package main

import (
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// oneLine puts a message of several lines on one.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// width is the number of columns of the terminal that w is; 0 when it is none.
func width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns < 20 {
		return 80
	}
	return columns
}

// cut shortens a line to a number of columns, of which 0 is no limit.
func cut(line string, columns int) string {
	if columns == 0 || utf8.RuneCountInString(line) <= columns {
		return line
	}
	return strings.TrimRight(string([]rune(line)[:columns-1]), " ") + "…"
}
