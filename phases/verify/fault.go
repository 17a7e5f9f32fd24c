package verify

import (
	"fmt"
	"strings"
)

// Kind is a kind of fault.
type Kind string

// The kinds.
const (
	Array      Kind = "array"      // an array that is not what the plan says, or not there
	Grid       Kind = "grid"       // a reference outside of its array's chunk grid, or out of order
	Outside    Kind = "outside"    // a reference that reaches beyond its file
	Overlap    Kind = "overlap"    // two references that share some of their bytes
	Repeated   Kind = "repeated"   // two chunks of an array that are the same bytes
	Missing    Kind = "missing"    // a chunk without a reference that its source has
	Misplaced  Kind = "misplaced"  // a reference to other bytes than the source's chunk
	Attribute  Kind = "attribute"  // an attribute or fill value that is not the files'
	Value      Kind = "value"      // values that are not the source's
	Type       Kind = "type"       // an array whose type or rank is not its source's
	Unlocated  Kind = "unlocated"  // a part of an array that belongs to no file
	Unreadable Kind = "unreadable" // a chunk that can't be read through the store
	Source     Kind = "source"     // a source file that is not there or can't be read
	Changed    Kind = "changed"    // a source file that is not what it was
)

// Fault is one thing that is wrong, and where. Fields that don't apply are empty.
type Fault struct {
	Kind     Kind    `json:"kind"`
	File     string  `json:"file,omitempty"`
	Variable string  `json:"variable,omitempty"` // array of the store
	Chunk    []int64 `json:"chunk,omitempty"`    // its coordinates in the array's grid
	Expected string  `json:"expected"`
	Found    string  `json:"found"`
}

// String is one line.
func (f Fault) String() string {
	return fmt.Sprintf("%s: expected %s, found %s", f.where(), f.Expected, f.Found)
}

// where is the fault's kind and place.
func (f Fault) where() string {
	s := string(f.Kind)
	if f.Variable != "" {
		s += " " + f.Variable
	}
	if f.Chunk != nil {
		s += " chunk " + key(f.Chunk)
	}
	if f.File != "" {
		s += " of " + f.File
	}
	return s
}

// write is the fault as a report shows it, on three lines.
func (f Fault) write(b *strings.Builder) {
	fmt.Fprintf(b, "  %s\n    expected %s\n    found    %s\n", f.where(), f.Expected, f.Found)
}

// Result is what one check found.
type Result struct {
	Check   string  `json:"check"`
	Checked int64   `json:"checked"` // how many of Unit were looked at
	Unit    string  `json:"unit"`
	Faults  []Fault `json:"faults,omitempty"`
	// More is the number of faults that are not listed: of each kind and variable the first are.
	More int64 `json:"more,omitempty"`
	// Accepted is the number of faults that were known, and are neither listed nor counted.
	Accepted int64 `json:"accepted,omitempty"`

	kept map[string]int
}

// Of the faults of one kind and variable maxKept are kept, so that known ones can be told from others, and maxListed shown: a
// shifted array has one for each chunk.
const (
	maxKept   = 10000
	maxListed = 20
)

func (r *Result) add(f Fault) {
	if r.kept == nil {
		r.kept = make(map[string]int)
	}
	if r.kept[f.class()] == maxKept {
		r.More++
		return
	}
	r.kept[f.class()]++
	r.Faults = append(r.Faults, f)
}

// class is what faults are counted by.
func (f *Fault) class() string { return string(f.Kind) + "\x00" + f.Variable }

// shorten leaves maxListed faults of each kind and variable.
func (r *Result) shorten() {
	listed := make(map[string]int)
	var short []Fault
	for _, f := range r.Faults {
		if listed[f.class()] == maxListed {
			r.More++
			continue
		}
		listed[f.class()]++
		short = append(short, f)
	}
	r.Faults = short
}
