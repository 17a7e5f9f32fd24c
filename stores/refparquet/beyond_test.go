package refparquet

import (
	"slices"
	"testing"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// A store whose metadata say of fewer chunks than it has references: those beyond are told, in the last record and in those after it.
func TestBeyond(t *testing.T) {
	w, dir := create(t, oneArray(10), 4)
	put(t, w, 0, 8, "/a.nc")
	if err := w.Missing(0, 8, 1); err != nil {
		t.Fatal(err)
	}
	put(t, w, 9, 10, "/a.nc")
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int64][]int64{10: nil, 12: nil, 9: {9}, 6: {6, 7, 9}, 4: {4, 5, 6, 7, 9}} {
		if err := WriteMetadata(dir, virtual.Dataset{Groups: []virtual.Group{{}}, Arrays: oneArray(n)}, 4); err != nil {
			t.Fatal(err)
		}
		r, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for index, err := range r.Beyond(t.Context(), "tas") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, index)
		}
		if !slices.Equal(got, want) {
			t.Errorf("beyond %d chunks: %v, want %v", n, got, want)
		}
	}
}
