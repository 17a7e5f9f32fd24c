package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// oneLine puts a message of several lines on one.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// width is the number of columns of the terminal that w is; 0 when it is none.
func width(w io.Writer) int {
	f := terminal(w)
	if f == nil {
		return 0
	}
	columns, _ := sizeOf(f)
	return columns
}

// cut shortens a line to a number of columns, of which 0 is no limit.
func cut(line string, columns int) string {
	if columns == 0 || utf8.RuneCountInString(line) <= columns {
		return line
	}
	return strings.TrimRight(string([]rune(line)[:columns-1]), " ") + "…"
}

// cutLeft shortens a line from its beginning.
func cutLeft(line string, columns int) string {
	if n := utf8.RuneCountInString(line); n > columns {
		return "…" + string([]rune(line)[n-columns+1:])
	}
	return line
}

// shownPath is a path as a person would write it: from here when it lies below.
func shownPath(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if short, err := filepath.Rel(here, path); err == nil && filepath.IsLocal(short) {
		return short
	}
	return path
}

// wrap breaks a text between words into lines of a number of columns, of which 0 is no limit. All begin with indent, and all but the first
// with two spaces more. A word that is longer than a line stays whole.
func wrap(text, indent string, columns int) []string {
	if columns == 0 {
		return []string{indent + text}
	}
	var lines []string
	line := indent
	for word := range strings.FieldsSeq(text) {
		switch {
		case strings.TrimSpace(line) == "":
			line += word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns:
			lines = append(lines, line)
			line = indent + "  " + word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// table puts cells under each other, with so many spaces between the columns. The first row is the head.
func table(rows [][]string, between int) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, len(rows))
	for k, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+between))
			}
		}
		lines[k] = strings.TrimRight(b.String(), " ")
	}
	return lines
}
