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
	var b strings.Builder
	b.WriteString(string(f.Kind))
	if f.Variable != "" {
		fmt.Fprintf(&b, " %s", f.Variable)
	}
	if f.Chunk != nil {
		fmt.Fprintf(&b, " chunk %s", key(f.Chunk))
	}
	if f.File != "" {
		fmt.Fprintf(&b, " of %s", f.File)
	}
	fmt.Fprintf(&b, ": expected %s, found %s", f.Expected, f.Found)
	return b.String()
}

// Result is what one check found.
type Result struct {
	Check   string  `json:"check"`
	Checked int64   `json:"checked"` // how many of Unit were looked at
	Unit    string  `json:"unit"`
	Faults  []Fault `json:"faults,omitempty"`
	// More is the number of faults that are not listed: of each kind and variable the first are.
	More int64 `json:"more,omitempty"`

	listed map[string]int
}

// maxListed is how many faults of one kind and variable are listed; a shifted array has one for each chunk.
const maxListed = 20

func (r *Result) add(f Fault) {
	key := string(f.Kind) + "\x00" + f.Variable
	if r.listed == nil {
		r.listed = make(map[string]int)
	}
	if r.listed[key] == maxListed {
		r.More++
		return
	}
	r.listed[key]++
	r.Faults = append(r.Faults, f)
}
