// Package virtual is the virtual dataset: arrays over many files, their chunk grids and the
// references that stand for their chunks, and the rules by which files are joined into one.
// It decides; it reads and writes no file.
package virtual

import (
	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/codecs"
)

// Reference stands for one chunk of an array: a byte range of a file, or the encoded bytes
// themselves when Inline is not nil.
type Reference struct {
	URL    string
	Offset int64
	Size   int64
	Inline []byte
}

// Array is one array of a virtual dataset, as a Zarr v2 store describes it.
type Array struct {
	Path       string // "g/h/name"
	Type       cdm.DType
	Grid       Grid
	Dimensions []string
	Codecs     []codecs.Codec
	Fill       []byte // Zarr's fill_value, one element in Type's layout; nil is null
	Attributes []cdm.Attribute
}

// Group is one group of a virtual dataset.
type Group struct {
	Path       string // "" for the root
	Attributes []cdm.Attribute
}

// Dataset is the description of a virtual store without its references.
type Dataset struct {
	Groups []Group // parents before children, the root first
	Arrays []Array
}
