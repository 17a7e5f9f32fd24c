package virtual

// Grid is a regular chunk grid.
type Grid struct {
	Shape  []int64
	Chunks []int64 // at least 1 on every axis
}

// Counts is the number of chunks along each axis.
func (g Grid) Counts() []int64 {
	n := make([]int64, len(g.Shape))
	for i := range n {
		n[i] = (g.Shape[i] + g.Chunks[i] - 1) / g.Chunks[i]
	}
	return n
}

// Count is the number of chunks: 1 for a scalar, 0 when any axis has length 0.
func (g Grid) Count() int64 {
	n := int64(1)
	for i := range g.Shape {
		n *= (g.Shape[i] + g.Chunks[i] - 1) / g.Chunks[i]
	}
	return n
}

// Coords writes the chunk coordinates of C-order index i into c and returns it.
func (g Grid) Coords(i int64, c []int64) []int64 {
	c = append(c[:0], make([]int64, len(g.Shape))...)
	for d := len(g.Shape) - 1; d >= 0; d-- {
		n := (g.Shape[d] + g.Chunks[d] - 1) / g.Chunks[d]
		c[d] = i % n
		i /= n
	}
	return c
}

// Index is the C-order index of chunk coordinates c.
func (g Grid) Index(c []int64) int64 {
	i := int64(0)
	for d := range g.Shape {
		n := (g.Shape[d] + g.Chunks[d] - 1) / g.Chunks[d]
		i = i*n + c[d]
	}
	return i
}
