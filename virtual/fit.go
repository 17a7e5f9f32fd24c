package virtual

import (
	"fmt"
	"slices"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// fit decides whether an array along concatenated dimensions is made of references or stored by value.
func (j *Joiner) fit(arr *Array, layout *Layout, path string, owners []int) bool {
	first := j.headers[owners[0]].Variable(path)
	arr.Codecs = first.Codecs // a file without elements has no say
	if first.Coordinate() || j.retimed(path) || j.scalar(path) {
		return j.decode(arr, layout, path, owners)
	}
	var obstacle Drift
	for _, i := range owners[1:] {
		if what, got, want := storage(j.headers[i].Variable(path), first, layout.Axes); what != "" {
			obstacle = Drift{j.headers[i].URL, j.headers[owners[0]].URL, path, what, got, want}
			break
		}
	}
	if obstacle.What == "" {
		arr.Grid.Chunks, obstacle = j.chunks(path, layout.Axes, owners)
	}
	if obstacle.What == "" {
		layout.Role = Concatenated
		j.note(path, "concatenated by reference", fmt.Sprintf("chunks %v fit the boundaries of %d files", arr.Grid.Chunks, len(owners)), "evidence")
		return true
	}
	if !j.small(arr, obstacle) {
		return false
	}
	j.note(path, "stored by value", obstacle.String(), "evidence")
	return j.decode(arr, layout, path, owners)
}

// small reports whether an array that references can't stand for, because of the obstacle, may be stored by value.
func (j *Joiner) small(arr *Array, obstacle Drift) bool {
	n := decodedSize(arr)
	if n > j.rules.inlineLimit() {
		obstacle.Want += fmt.Sprintf(" (and %d bytes are too many to store by value)", n)
		j.drifts = append(j.drifts, obstacle)
		return false
	}
	return true
}

// scalar reports whether a variable is a scalar in the files.
func (j *Joiner) scalar(path string) bool {
	v := j.headers[0].Variable(path)
	return v != nil && len(v.Shape) == 1 && slices.ContainsFunc(j.stacks, func(s Stack) bool { return slices.Contains(s.Variables, path) })
}

func decodedSize(a *Array) int64 {
	n := int64(max(a.Type.Size, 16))
	for _, s := range a.Grid.Shape {
		n *= s
	}
	return n
}

// chunks finds the chunk shape of a concatenated array, or says at which file it can't be kept.
func (j *Joiner) chunks(path string, lay []int, owners []int) ([]int64, Drift) {
	first := j.headers[owners[0]].Variable(path)
	chunks := slices.Clone(first.Chunks)
	if first.Contiguous {
		for d, ax := range lay {
			if ax < 0 {
				continue
			}
			g := int64(0)
			for _, s := range j.axes[ax].segments {
				g = gcd(g, s.length)
			}
			chunks[d] = max(g, 1)
		}
		return j.pieces(path, chunks, owners)
	}
	for d, ax := range lay {
		if ax < 0 {
			continue
		}
		for _, s := range j.axes[ax].segments {
			if s.length > 0 && s.start%chunks[d] != 0 {
				return nil, Drift{s.file, j.headers[owners[0]].URL, path, "start along " + j.axes[ax].path, fmt.Sprint(s.start),
					fmt.Sprintf("chunks are %d long and a file must start on a multiple of that", chunks[d])}
			}
		}
	}
	return chunks, Drift{}
}

// leastPiece is the fewest bytes of an array stored in one piece that a reference is made for where it has to be cut into rows:
// smaller ones would be more to list than to copy.
const leastPiece = 4 << 10

// pieces cuts an array that is stored in one piece in each file into chunks which are one piece as well: where it is joined along an
// inner axis, the axes before that one are cut into single elements.
func (j *Joiner) pieces(path string, chunks []int64, owners []int) ([]int64, Drift) {
	first := j.headers[owners[0]].Variable(path)
	last, odd := 0, -1
	for _, i := range owners {
		shape := j.headers[i].Variable(path).Shape
		for d := range shape {
			if shape[d] != chunks[d] {
				last = max(last, d)
			}
		}
		if odd < 0 && !contiguousPieces(shape, chunks) {
			odd = i
		}
	}
	if odd < 0 {
		return chunks, Drift{}
	}
	rows := slices.Clone(chunks)
	for d := range last {
		rows[d] = 1
	}
	size := int64(first.Type.Size)
	for _, n := range rows {
		size *= n
	}
	if size < leastPiece {
		return nil, Drift{j.headers[odd].URL, j.headers[owners[0]].URL, path, "shape", fmt.Sprint(j.headers[odd].Variable(path).Shape),
			fmt.Sprintf("its pieces of %v don't lie in one piece, and those of %v would have only %d bytes", chunks, rows, size)}
	}
	return rows, Drift{}
}

// contiguousPieces reports whether each chunk of an array stored in one piece is one piece as well.
func contiguousPieces(shape, chunks []int64) bool {
	d := 0
	for d < len(shape) && chunks[d] == 1 {
		d++
	}
	if d < len(shape) && shape[d]%chunks[d] != 0 {
		return false
	}
	for d++; d < len(shape); d++ {
		if chunks[d] != shape[d] {
			return false
		}
	}
	return true
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// decode lays an array out as one inline chunk, and finds the unit that its times are re-encoded to.
func (j *Joiner) decode(arr *Array, layout *Layout, path string, owners []int) bool {
	layout.Role = Decoded
	arr.Grid.Chunks = make([]int64, len(arr.Grid.Shape))
	for d, n := range arr.Grid.Shape {
		arr.Grid.Chunks[d] = max(n, 1)
	}
	if arr.Type.Kind != cdm.Object {
		arr.Codecs = nil
	}
	if j.retimed(path) {
		return j.retime(arr, layout)
	}
	h := j.headers[owners[0]]
	if v := h.Variable(path); h.TimeOf(v) != nil {
		layout.TimeOf = h.TimeOf(v).Path
	} else if v.Coordinate() {
		j.note(path, "stored by value", "the coordinate of a concatenated dimension", "evidence")
	}
	return true
}
