package hdf5

import (
	"slices"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// visits keeps the walk over a linked structure finite: nothing is entered twice, and all that is entered together
// is not larger than the file, since sound structures don't overlap.
type visits struct {
	f      *File
	few    []int64 // what was entered, until it is too much to search
	seen   map[int64]struct{}
	budget int64
}

const fewVisits = 16

func (f *File) newVisits() *visits {
	return &visits{f: f, budget: f.cache.size}
}

func (v *visits) enter(off, size int64, what string) error {
	_, again := v.seen[off]
	if again || slices.Contains(v.few, off) {
		return &cdm.FormatError{Offset: off, Struct: what, Msg: "is reached twice: the structure loops"}
	}
	switch {
	case len(v.few) < fewVisits:
		v.few = append(v.few, off)
	case v.seen == nil:
		v.seen = map[int64]struct{}{off: {}}
	default:
		v.seen[off] = struct{}{}
	}
	if v.budget -= size; v.budget < 0 {
		return &cdm.FormatError{Offset: off, Struct: what, Msg: "its parts overlap: together they are larger than the file"}
	}
	return v.f.charge(size, off, what)
}

// charge counts the bytes of metadata that are decoded. Everything is decoded once, so that a sound file comes to
// hardly more than its own size; a hostile one may have a thousand objects that all claim one
// big heap. The allowance is for small files and for compressed heaps.
func (f *File) charge(n, off int64, what string) error {
	if total := f.decoded.Add(n); total > 16*f.cache.size+(4<<20) {
		return &cdm.FormatError{Offset: off, Struct: what, Msg: "objects share their metadata: together it is many times larger than the file"}
	}
	return nil
}
