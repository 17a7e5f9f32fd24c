package hdf5

import (
	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// visits keeps the walk over a linked structure finite: nothing is entered twice, and all that is entered together
// is not larger than the file, since sound structures don't overlap.
type visits struct {
	seen   map[int64]struct{}
	budget int64
}

func (f *File) newVisits() *visits {
	return &visits{seen: make(map[int64]struct{}), budget: f.cache.size}
}

func (v *visits) enter(off, size int64, what string) error {
	if _, again := v.seen[off]; again {
		return &cdm.FormatError{Offset: off, Struct: what, Msg: "is reached twice: the structure loops"}
	}
	v.seen[off] = struct{}{}
	if v.budget -= size; v.budget < 0 {
		return &cdm.FormatError{Offset: off, Struct: what, Msg: "its parts overlap: together they are larger than the file"}
	}
	return nil
}
