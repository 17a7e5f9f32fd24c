package hdf5

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// Any read of a patched file gives what the file would hold with the patches written into it.
func TestPatchedReader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "data")
		want := bytes.Clone(data)
		var patches []patch
		for at := 0; ; {
			at += rapid.IntRange(0, 20).Draw(t, "gap")
			n := rapid.IntRange(1, 30).Draw(t, "length")
			if at+n > len(data) {
				break
			}
			p := patch{int64(at), bytes.Repeat([]byte{byte(len(patches))}, n)}
			copy(want[at:], p.data)
			patches = append(patches, p)
			at += n
		}
		r := patchedReader{bytes.NewReader(data), patches}
		off := rapid.IntRange(0, len(data)-1).Draw(t, "off")
		got := make([]byte, rapid.IntRange(0, 2*len(data)).Draw(t, "n"))
		n, _ := r.ReadAt(got, int64(off))
		if n != min(len(got), len(data)-off) || !bytes.Equal(got[:n], want[off:off+n]) {
			t.Fatalf("ReadAt(%d bytes, %d) = %d, %x; want %x", len(got), off, n, got[:n], want[off:off+n])
		}
	})
}
