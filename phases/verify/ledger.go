package verify

import (
	"cmp"
	"hash/fnv"
	"slices"
)

// maxExtents bounds the extents that a ledger keeps, of 16 bytes each.
const maxExtents = 16 << 20

// extent is a range of bytes of a file.
type extent struct{ start, end int64 }

// ledger records which bytes of which files a store refers to. References that follow one another
// in the store and in the file become one extent, so that it is far smaller than the store as a rule.
type ledger struct {
	files map[string]*fileExtents
	order []string // of the files' first references

	part, turns uint64 // record only files whose hash modulo turns is part
	limit       int64  // most extents kept; beyond, they are only counted
	extents     int64

	url  string // the latest file, which the next reference is likely to be to as well
	file *fileExtents
}

// fileExtents is what the store refers to in one file.
type fileExtents struct {
	references int64
	end        int64 // of the furthest reference
	last       int64 // the end of the latest one, -1 before the first
	kept       []extent
}

func newLedger(limit int64, part, turns uint64) *ledger {
	return &ledger{files: make(map[string]*fileExtents), part: part, turns: turns, limit: limit}
}

func (l *ledger) add(url string, offset, size int64) {
	if url != l.url || l.file == nil {
		l.url, l.file = url, l.of(url)
	}
	f := l.file
	if f == nil {
		return
	}
	f.references++
	end := offset + size
	if end < offset {
		end = 1<<63 - 1 // no file is so long: it is found to be outside
	}
	f.end = max(f.end, end)
	if size == 0 { // nothing, or with offset 0 the whole file: neither can overlap by mistake
		return
	}
	follows := f.last == offset
	f.last = end
	if follows {
		if l.complete() {
			f.kept[len(f.kept)-1].end = end
		}
		return
	}
	l.extents++
	if l.complete() {
		f.kept = append(f.kept, extent{offset, end})
	}
}

// of is the record of a file, nil when another turn looks at it.
func (l *ledger) of(url string) *fileExtents {
	f := l.files[url]
	if f == nil && l.mine(url) {
		f = &fileExtents{last: -1}
		l.files[url] = f
		l.order = append(l.order, url)
	}
	return f
}

func (l *ledger) mine(url string) bool {
	if l.turns == 1 {
		return true
	}
	h := fnv.New64a()
	h.Write([]byte(url)) // never fails
	return h.Sum64()%l.turns == l.part
}

// complete reports whether all extents were kept; if not, turnsNeeded says in how many turns they can be.
func (l *ledger) complete() bool { return l.extents <= l.limit }

func (l *ledger) turnsNeeded() uint64 { return uint64(2*(l.extents/l.limit) + 2) }

// overlapping reports whether two extents share a byte. It sorts them.
func (f *fileExtents) overlapping() bool {
	slices.SortFunc(f.kept, func(a, b extent) int { return cmp.Compare(a.start, b.start) })
	for i := 1; i < len(f.kept); i++ {
		if f.kept[i].start < f.kept[i-1].end {
			return true
		}
	}
	return false
}
