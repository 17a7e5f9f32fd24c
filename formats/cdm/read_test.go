package cdm

import (
	"context"
	"iter"
	"math/rand"
	"testing"
)

// grid is a file of one variable of bytes whose element at C-order position p is value(p); some chunks are unwritten.
type grid struct{ v *Variable }

func (grid) Format() string { return "test" }
func (grid) Root() *Group   { return nil }
func (grid) Close() error   { return nil }
func (grid) Chunks(context.Context, *Variable) iter.Seq2[Chunk, error] {
	return nil
}

func (g grid) ReadChunk(_ context.Context, v *Variable, index int64) ([]byte, error) {
	if index%3 == 2 {
		return nil, nil
	}
	at := make([]int64, len(v.Shape))
	for i, rest := len(at)-1, index; i >= 0; i-- {
		n := (v.Shape[i] + v.Chunks[i] - 1) / v.Chunks[i]
		at[i], rest = rest%n*v.Chunks[i], rest/n
	}
	elements := int64(1)
	for _, c := range v.Chunks {
		elements *= c
	}
	out := make([]byte, elements)
	for p := range out {
		out[p] = 0xEE // padding must not be seen
		position, inside := int64(0), true
		for i, rest, size := 0, int64(p), elements; i < len(at); i++ {
			size /= v.Chunks[i]
			c := at[i] + rest/size
			rest %= size
			inside = inside && c < v.Shape[i]
			position = position*v.Shape[i] + c
		}
		if inside {
			out[p] = byte(position % 200)
		}
	}
	return out, nil
}

// want is the element at coordinates c, found without any slab.
func (g grid) want(c []int64) byte {
	index, position := int64(0), int64(0)
	for i, s := range g.v.Shape {
		index = index*((s+g.v.Chunks[i]-1)/g.v.Chunks[i]) + c[i]/g.v.Chunks[i]
		position = position*s + c[i]
	}
	if index%3 == 2 {
		return 0xF1
	}
	return byte(position % 200)
}

func TestReadAnyHyperslab(t *testing.T) {
	rng := rand.New(rand.NewSource(3))
	for range 500 {
		rank := rng.Intn(4)
		v := &Variable{Name: "v", Path: "v", Type: DType{Kind: Uint, Size: 1}, Fill: []byte{0xF1}}
		start, count := make([]int64, rank), make([]int64, rank)
		for i := range rank {
			v.Shape = append(v.Shape, 1+rng.Int63n(9))
			v.Chunks = append(v.Chunks, 1+rng.Int63n(11))
			start[i] = rng.Int63n(v.Shape[i])
			count[i] = rng.Int63n(v.Shape[i] - start[i] + 1)
		}
		g := grid{v}
		got, err := Read(context.Background(), g, v, start, count)
		if err != nil {
			t.Fatal(err)
		}
		c := make([]int64, rank)
		for p := range got {
			for i, rest := rank-1, int64(p); i >= 0; i-- {
				c[i], rest = start[i]+rest%count[i], rest/count[i]
			}
			if got[p] != g.want(c) {
				t.Fatalf("shape %v chunks %v start %v count %v: element %v is %d, want %d", v.Shape, v.Chunks, start, count, c, got[p], g.want(c))
			}
		}
	}
}

func TestReadBeyondIsAnError(t *testing.T) {
	v := &Variable{Path: "v", Type: DType{Kind: Uint, Size: 1}, Shape: []int64{4}, Chunks: []int64{2}}
	for _, s := range [][2]int64{{-1, 2}, {3, 2}, {0, -1}} {
		if _, err := Read(context.Background(), grid{v}, v, []int64{s[0]}, []int64{s[1]}); err == nil {
			t.Errorf("reading %d elements from %d of 4 is no error", s[1], s[0])
		}
	}
}
