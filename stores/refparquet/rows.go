package refparquet

import (
	"fmt"
	"slices"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// row is one row of a record: missing when link is 0, a byte range of urls[link-1], or inline[-link-1].
type row struct {
	offset, size int64
	n            int32 // within the record
	link         int32
}

// rows are some rows of one record, in any order.
type rows struct {
	list   []row
	urls   []string
	ids    map[string]int32 // of urls, once there are several
	inline [][]byte
	bytes  int // of urls and inline
	sorted bool
}

func (r *rows) reset() {
	clear(r.urls)
	clear(r.inline)
	clear(r.ids)
	*r = rows{list: r.list[:0], urls: r.urls[:0], ids: r.ids, inline: r.inline[:0], sorted: true}
}

// memory is about what r holds.
func (r *rows) memory() int { return 24*cap(r.list) + r.bytes + 40*(len(r.urls)+len(r.inline)) }

// urlNumber is the place of u in r's urls.
func urlNumber[T string | []byte](r *rows, u T) int32 {
	// Chunks of one file come one after another, so the last few urls answer nearly always.
	for i := len(r.urls) - 1; i >= 0 && i >= len(r.urls)-4; i-- {
		if r.urls[i] == string(u) {
			return int32(i)
		}
	}
	if len(r.urls) > 4 {
		if len(r.ids) == 0 {
			if r.ids == nil {
				r.ids = make(map[string]int32)
			}
			for i, u := range r.urls {
				r.ids[u] = int32(i)
			}
		}
		if i, ok := r.ids[string(u)]; ok {
			return i
		}
	}
	s := string(u)
	if len(r.ids) > 0 {
		r.ids[s] = int32(len(r.urls))
	}
	r.urls = append(r.urls, s)
	r.bytes += len(s)
	return int32(len(r.urls) - 1)
}

func (r *rows) add(w row) {
	if n := len(r.list); n > 0 && r.list[n-1].n >= w.n {
		r.sorted = false
	}
	r.list = append(r.list, w)
}

// put adds ref as row n. Inline bytes are kept, not copied.
func (r *rows) put(n int32, ref virtual.Reference) {
	if ref.Inline != nil {
		r.inline = append(r.inline, ref.Inline)
		r.bytes += len(ref.Inline)
		r.add(row{n: n, link: -int32(len(r.inline))})
		return
	}
	r.add(row{n: n, link: urlNumber(r, ref.URL) + 1, offset: ref.Offset, size: ref.Size})
}

// reference is the reference of w, one of r's rows; false when it is missing.
func (r *rows) reference(w row) (virtual.Reference, bool) {
	switch {
	case w.link > 0:
		return virtual.Reference{URL: r.urls[w.link-1], Offset: w.offset, Size: w.size}, true
	case w.link < 0:
		return virtual.Reference{Inline: r.inline[-w.link-1]}, true
	}
	return virtual.Reference{}, false
}

// sort orders the rows and refuses a row that is there twice. Rows are mostly nearly all of a record's, so
// that each can go straight to its place.
func (r *rows) sort() error {
	if r.sorted {
		return nil
	}
	end := int32(0)
	for i := range r.list {
		end = max(end, r.list[i].n+1)
	}
	if int(end) > 4*len(r.list) {
		slices.SortFunc(r.list, func(a, b row) int { return int(a.n) - int(b.n) })
		for i := 1; i < len(r.list); i++ {
			if r.list[i].n == r.list[i-1].n {
				return &duplicate{r.list[i].n, r.describe(r.list[i-1]), r.describe(r.list[i])}
			}
		}
		r.sorted = true
		return nil
	}
	place := make([]int32, end) // 1 + where the row is
	for i := range r.list {
		n := r.list[i].n
		if p := place[n]; p > 0 {
			return &duplicate{n, r.describe(r.list[p-1]), r.describe(r.list[i])}
		}
		place[n] = int32(i) + 1
	}
	ordered := make([]row, 0, len(r.list))
	for _, p := range place {
		if p > 0 {
			ordered = append(ordered, r.list[p-1])
		}
	}
	r.list, r.sorted = ordered, true
	return nil
}

// missing counts the missing rows.
func (r *rows) missing() int {
	n := 0
	for i := range r.list {
		if r.list[i].link == 0 {
			n++
		}
	}
	return n
}

func (r *rows) describe(w row) string {
	ref, ok := r.reference(w)
	return describe(ref, ok)
}

func describe(ref virtual.Reference, ok bool) string {
	switch {
	case !ok:
		return "missing"
	case ref.Inline != nil:
		return fmt.Sprintf("%d inline bytes", len(ref.Inline))
	}
	return fmt.Sprintf("%s bytes %d+%d", ref.URL, ref.Offset, ref.Size)
}

// duplicate is a row that two references claim.
type duplicate struct {
	n             int32
	first, second string
}

func (d *duplicate) Error() string {
	return fmt.Sprintf("row %d is there twice: %s, and %s", d.n, d.first, d.second)
}
