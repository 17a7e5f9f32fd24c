package virtual

import (
	"time"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// Plan is how files become one dataset. It is all that compute needs to know beside the files themselves.
type Plan struct {
	Dataset Dataset
	Layouts []Layout // of Dataset.Arrays, in the same order
	Axes    []Axis   // the concatenated dimensions
	Files   []File   // in order along the axes
	Stacks  []Stack  // the axes that variables have in the dataset only
	Notes   []Note   // why it is so
	Rules   string   // of the user's, by which it is so: see [Rules.Record]
}

// Role is what an array of the plan is made of.
type Role string

// The roles.
const (
	// Concatenated arrays are references to the chunks of all files that hold the variable.
	Concatenated Role = "concatenated"

	// Identical arrays are the same in all files, which was checked, and stored once.
	Identical Role = "identical"

	// Decoded arrays run along a concatenated dimension but are stored by value, as one inline chunk: their values
	// are read from every file and joined. So are coordinates, times whose units differ, and small
	// variables whose chunks don't fit the boundaries between files.
	Decoded Role = "decoded"
)

// Layout says how an array of the plan is made from the files.
type Layout struct {
	Role  Role
	Axes  []int  // for each axis of the array the index of its concatenated dimension in Plan.Axes, or -1
	Units string // for Decoded time values: the unit that they are re-encoded to; "" keeps the bytes
	// Calendar is the calendar of Units.
	Calendar string
	// TimeOf names the variable whose attributes say what unit the source's values are in: the variable itself,
	// or for bounds the coordinate that they belong to.
	TimeOf string
}

// Axis is a concatenated dimension.
type Axis struct {
	Path   string // "time", "g/x"
	Length int64
}

// File is a source file's place in the dataset.
type File struct {
	URL   string
	Size  int64
	MTime time.Time

	Start  []int64  // first element along each of Plan.Axes
	Length []int64  // number of elements along each of Plan.Axes; 0 on an axis that the file does not have
	Lacks  []string // arrays of the dataset that the file does not hold
}

// Note is a decision of the plan: what was decided, on what evidence, and who decided.
type Note struct {
	Subject  string `json:"subject"` // a variable, a dimension, an attribute, "files", ...
	Decision string `json:"decision"`
	Evidence string `json:"evidence"`
	From     string `json:"from"` // "evidence", "profile" or "user"
}

// Skipped is the decision of a note about a variable that can't be represented and was left out. The store says so as well.
const Skipped = "skipped"

// Array returns the index of the array at path, or -1.
func (d *Dataset) Array(path string) int {
	for i := range d.Arrays {
		if d.Arrays[i].Path == path {
			return i
		}
	}
	return -1
}

// Piece is a box of one array that lies in one file.
type Piece struct {
	File      int     // index in Plan.Files
	FileStart []int64 // where the box starts in the file's variable
	Start     []int64 // where the box starts in the array
	Count     []int64 // its extent
}

// Owners lists, for each array, the files that it is made of, in order. Where several files hold the same stretch of an
// array (which was checked to be the same) the first of them owns it.
func (p *Plan) Owners() [][]int {
	lacks := make([]map[string]bool, len(p.Files))
	for f := range p.Files {
		for _, path := range p.Files[f].Lacks {
			if lacks[f] == nil {
				lacks[f] = map[string]bool{}
			}
			lacks[f][path] = true
		}
	}
	out := make([][]int, len(p.Layouts))
	for a := range p.Layouts {
		seen := map[string]bool{}
		for f := range p.Files {
			if lacks[f][p.Dataset.Arrays[a].Path] {
				continue
			}
			if k, empty := tile(&p.Files[f], p.Layouts[a].Axes); !empty && !seen[k] {
				seen[k] = true
				out[a] = append(out[a], f)
			}
		}
	}
	return out
}

// Locate cuts a box of the array into the pieces that lie in single files, in the order of the files. owners is the
// array's entry of Owners.
func (p *Plan) Locate(array int, owners []int, start, count []int64) []Piece {
	var out []Piece
	for _, f := range owners {
		if piece, ok := p.cut(f, p.Layouts[array], start, count); ok {
			out = append(out, piece)
		}
	}
	return out
}

func (p *Plan) cut(f int, lay Layout, start, count []int64) (Piece, bool) {
	piece := Piece{File: f}
	for d, ax := range lay.Axes {
		lo, n := start[d], count[d]
		from := int64(0)
		if ax >= 0 {
			a, b := p.Files[f].Start[ax], p.Files[f].Start[ax]+p.Files[f].Length[ax]
			hi := min(lo+n, b)
			lo = max(lo, a)
			if n = hi - lo; n <= 0 {
				return piece, false
			}
			from = a
		}
		piece.Start = append(piece.Start, lo)
		piece.FileStart = append(piece.FileStart, lo-from)
		piece.Count = append(piece.Count, n)
	}
	return piece, true
}

// SourceBytes is the size of all files together.
func (p *Plan) SourceBytes() int64 {
	n := int64(0)
	for i := range p.Files {
		n += p.Files[i].Size
	}
	return n
}

// fillOf is the Zarr fill value of a variable: its _FillValue attribute in the variable's own type, since that is what
// readers take a Zarr v2 fill value for. rest is the attributes without it.
func fillOf(v *Variable) (fill []byte, rest []cdm.Attribute) {
	for i, a := range v.Attributes {
		if a.Name != "_FillValue" {
			continue
		}
		raw, ok := v.Type.Encode(a.Value)
		if !ok {
			break // of another type than the variable: it stays an attribute, where readers look next
		}
		rest = append(rest, v.Attributes[:i]...)
		return raw, append(rest, v.Attributes[i+1:]...)
	}
	return nil, v.Attributes
}
