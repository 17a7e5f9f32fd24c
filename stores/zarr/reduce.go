package zarr

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"golang.org/x/sync/errgroup"
)

// Reduction is what is left of an array when one axis is reduced: for each cell of the other axes
// the sum, number, smallest and largest of the elements that are not NaN. Reductions of pieces of the axis merge.
//
// Sums are carried in twice the precision of a float64, so that they don't depend on how the axis
// was split, unless values differ by more than 2^50 or so.
type Reduction struct {
	Shape      []int64 // of the array, without the reduced axis
	Sum, Carry []float64
	Count      []uint32
	Min, Max   []float64 // +Inf and -Inf where Count is 0
}

// cellBytes is the memory of one cell.
const cellBytes = 4*8 + 4

func newReduction(shape []int64) *Reduction {
	n := product(shape)
	r := &Reduction{Shape: shape, Sum: make([]float64, n), Carry: make([]float64, n), Count: make([]uint32, n), Min: make([]float64, n), Max: make([]float64, n)}
	for i := range r.Min {
		r.Min[i], r.Max[i] = math.Inf(1), math.Inf(-1)
	}
	return r
}

// add takes v into cell i.
func (r *Reduction) add(i int64, v float64) {
	if v != v {
		return
	}
	s := r.Sum[i] + v
	if math.IsInf(s, 0) {
		r.Sum[i] = s // with no carry: it would be NaN
	} else {
		b := s - r.Sum[i]
		e := (r.Sum[i] - (s - b)) + (v - b) + r.Carry[i]
		r.Sum[i] = s + e
		r.Carry[i] = e - (r.Sum[i] - s)
	}
	r.Count[i]++
	if v < r.Min[i] {
		r.Min[i] = v
	}
	if v > r.Max[i] {
		r.Max[i] = v
	}
}

// Merge takes in the reduction of another piece of the axis.
func (r *Reduction) Merge(o *Reduction) error {
	if product(r.Shape) != product(o.Shape) || len(r.Shape) != len(o.Shape) {
		return fmt.Errorf("reductions of the shapes %v and %v don't merge", r.Shape, o.Shape)
	}
	for i := range r.Sum {
		if uint64(r.Count[i])+uint64(o.Count[i]) > math.MaxUint32 {
			return fmt.Errorf("a cell of more than %d elements", uint32(math.MaxUint32))
		}
		s := r.Sum[i] + o.Sum[i]
		if math.IsInf(s, 0) || s != s {
			r.Sum[i] = s
		} else {
			b := s - r.Sum[i]
			e := (r.Sum[i] - (s - b)) + (o.Sum[i] - b) + (r.Carry[i] + o.Carry[i])
			r.Sum[i] = s + e
			r.Carry[i] = e - (r.Sum[i] - s)
		}
		r.Count[i] += o.Count[i]
		r.Min[i], r.Max[i] = min(r.Min[i], o.Min[i]), max(r.Max[i], o.Max[i])
	}
	return nil
}

// Mean is the mean of each cell, NaN where there is nothing.
func (r *Reduction) Mean() []float64 {
	out := make([]float64, len(r.Sum))
	for i := range out {
		out[i] = math.NaN()
		if r.Count[i] > 0 {
			out[i] = r.Sum[i] / float64(r.Count[i])
		}
	}
	return out
}

// Reduce reduces axis of a region of the array (all of it when start and count are nil), decoded by
// CF. It goes through the chunks once, on all cores, in at most memory bytes besides one chunk; when the
// result alone needs more it says so. Each cell takes its elements in the order of the axis, so that the
// result is the same bits on any number of cores.
func (a *Array) Reduce(ctx context.Context, axis int, start, count []int64, memory int64) (*Reduction, error) {
	start, count, err := a.checkRegion(start, count)
	if err != nil {
		return nil, err
	}
	if axis < 0 || axis >= len(count) {
		return nil, fmt.Errorf("variable %s has no axis %d", a.Path, axis)
	}
	cf, err := NewCF(a.Array)
	if err != nil {
		return nil, err
	}
	if count[axis] > math.MaxUint32 {
		return nil, fmt.Errorf("variable %s: axis %d is too long to be reduced", a.Path, axis)
	}
	without := func(s []int64) []int64 {
		return append(append(make([]int64, 0, len(s)), s[:axis]...), s[axis+1:]...)
	}
	shape := without(count)
	cells := int64(1)
	for _, n := range shape {
		if n > 0 && cells > memory/cellBytes/n {
			return nil, fmt.Errorf("variable %s: the result of %v needs more than the %d bytes allowed; ask for more memory or a smaller region", a.Path, shape, memory)
		}
		cells *= n
	}
	r := newReduction(shape)

	g, within := errgroup.WithContext(ctx)
	g.SetLimit(a.workers(memory - cells*cellBytes))
	// Chunks over the same cells follow one another; the others go side by side. A chunk waits only for
	// chunks that were started before it, so there is always one that can go on.
	turn := map[int64]chan struct{}{}
	below := int64(1) // chunks of the axes after axis
	counts := a.Grid.Counts()
	for _, n := range counts[axis+1:] {
		below *= n
	}
	for index, reg := range chunksOf(a.Grid, start, count) {
		if within.Err() != nil {
			break
		}
		column := index/(below*counts[axis])*below + index%below
		before, after := turn[column], make(chan struct{})
		turn[column] = after
		g.Go(func() error {
			defer close(after)
			chunk, err := a.ReadChunk(within, index)
			if err != nil {
				return err
			}
			if before != nil {
				select {
				case <-before:
				case <-within.Done():
					return within.Err()
				}
			}
			if within.Err() != nil { // the one before may have failed
				return within.Err()
			}
			r.take(a, cf, axis, start, a.block(index, reg, chunk))
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil { // the loop may have ended before its time
		return nil, err
	}
	return r, nil
}

// take adds a block, whose region's start is given.
func (r *Reduction) take(a *Array, cf CF, axis int, start []int64, b Block) {
	outer, inner := product(b.Shape[:axis]), product(b.Shape[axis+1:])
	n := b.Shape[axis]
	// The cell of each position before and after the axis: its offset in the result is their sum.
	before := offsets(b.Start[:axis], b.Shape[:axis], start[:axis], r.Shape[:axis], product(r.Shape[axis:]))
	behind := offsets(b.Start[axis+1:], b.Shape[axis+1:], start[axis+1:], r.Shape[axis:], 1)
	size := int64(a.Type.Size)
	piece := min(inner, 4096)
	buf := make([]float64, piece)
	for o := range outer {
		for k := range n {
			row := (o*n + k) * inner
			for at := int64(0); at < inner; at += piece {
				m := min(piece, inner-at)
				for j, v := range cf.Decode(buf, b.Data[(row+at)*size:(row+at+m)*size]) {
					r.add(before[o]+behind[at+int64(j)], v)
				}
			}
		}
	}
}

// offsets are the offsets in the result of the positions of a block along some axes, in C order.
func offsets(at, shape, origin, full []int64, stride int64) []int64 {
	out := make([]int64, product(shape))
	c := make([]int64, len(shape))
	for i := range out {
		off := int64(0)
		for d := range c {
			off = off*full[d] + at[d] - origin[d] + c[d]
		}
		out[i] = off * stride
		for d := len(c) - 1; d >= 0; d-- {
			if c[d]++; c[d] < shape[d] {
				break
			}
			c[d] = 0
		}
	}
	return out
}

var reductionMagic = [8]byte{'k', 'e', 'r', 'b', 'r', 'e', 'd', '1'}

// MarshalBinary is the form in which a task of an array hands its piece on.
func (r *Reduction) MarshalBinary() ([]byte, error) {
	var b bytes.Buffer
	b.Write(reductionMagic[:])
	for _, v := range []any{int64(len(r.Shape)), r.Shape, r.Sum, r.Carry, r.Count, r.Min, r.Max} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// UnmarshalBinary is the inverse of MarshalBinary.
func (r *Reduction) UnmarshalBinary(data []byte) error {
	bad := fmt.Errorf("not a reduction")
	if len(data) < 16 || !bytes.Equal(data[:8], reductionMagic[:]) {
		return bad
	}
	rank := int64(binary.LittleEndian.Uint64(data[8:]))
	data = data[16:]
	if rank < 0 || rank > maxAxes || int64(len(data)) < 8*rank {
		return bad
	}
	shape, cells := make([]int64, rank), int64(1)
	for d := range shape {
		shape[d] = int64(binary.LittleEndian.Uint64(data[8*d:]))
		if shape[d] < 0 || shape[d] > 0 && cells > int64(len(data))/shape[d] {
			return bad
		}
		cells *= shape[d]
	}
	data = data[8*rank:]
	if int64(len(data)) != cells*cellBytes {
		return bad
	}
	*r = *newReduction(shape)
	in := bytes.NewReader(data)
	for _, v := range []any{r.Sum, r.Carry, r.Count, r.Min, r.Max} {
		if err := binary.Read(in, binary.LittleEndian, v); err != nil {
			return fmt.Errorf("%w: %w", bad, err)
		}
	}
	return nil
}
