package zarr

import (
	"context"
	"fmt"
	"math"

	"golang.org/x/sync/errgroup"
)

// Reduction is what is left of an array when one axis is reduced: for each cell of the other axes
// the sum and number of the elements that are not NaN. Reductions of pieces of the axis merge.
//
// Sums are carried in twice the precision of a float64. Those of integers and of 32-bit floats that differ by less than a
// factor of 2^50 or so are exact, and so don't depend on how the axis was split; others may in their last bit.
type Reduction struct {
	Shape      []int64 // of the array, without the reduced axis
	Sum, Carry []float64
	Count      []uint32
}

// CellBytes is the memory of one cell of a reduction.
const CellBytes = 2*8 + 4

func newReduction(shape []int64) *Reduction {
	n := product(shape)
	return &Reduction{Shape: shape, Sum: make([]float64, n), Carry: make([]float64, n), Count: make([]uint32, n)}
}

// addRow takes values into the cells from to on, one each.
func (r *Reduction) addRow(to int64, values []float64) {
	n := len(values)
	sum, carry, count := r.Sum[to:][:n], r.Carry[to:][:n], r.Count[to:][:n]
	for i, v := range values {
		if v != v {
			continue
		}
		sum[i], carry[i] = addTwice(sum[i], carry[i], v)
		count[i]++
	}
}

// addCell takes values into one cell.
func (r *Reduction) addCell(to int64, values []float64) {
	sum, carry, count := r.Sum[to], r.Carry[to], r.Count[to]
	for _, v := range values {
		if v != v {
			continue
		}
		sum, carry = addTwice(sum, carry, v)
		count++
	}
	r.Sum[to], r.Carry[to], r.Count[to] = sum, carry, count
}

// addTwice adds v to a sum in twice the precision (Knuth's TwoSum, with the carry taken along).
func addTwice(sum, carry, v float64) (float64, float64) {
	s := sum + v
	if s-s != 0 { // infinite: the carry would be NaN
		return s, carry
	}
	b := s - sum
	e := (sum - (s - b)) + (v - b) + carry
	t := s + e
	return t, e - (t - s)
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
		r.Sum[i], r.Carry[i] = addTwice(r.Sum[i], r.Carry[i]+o.Carry[i], o.Sum[i])
		r.Count[i] += o.Count[i]
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
// result is the same bits on any number of cores. progress, which may be nil, is called after each chunk, from several
// goroutines.
func (a *Array) Reduce(ctx context.Context, axis int, start, count []int64, memory int64, progress func()) (*Reduction, error) {
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
	shape := append(append(make([]int64, 0, len(count)), count[:axis]...), count[axis+1:]...)
	cells := int64(1)
	for _, n := range shape {
		if n > 0 && cells > memory/CellBytes/n {
			return nil, fmt.Errorf("variable %s: the result of %v needs more than the %d bytes allowed; ask for more memory or a smaller region", a.Path, shape, memory)
		}
		cells *= n
	}
	r := newReduction(shape)

	g, within := errgroup.WithContext(ctx)
	g.SetLimit(a.workers(memory - cells*CellBytes))
	// Chunks over the same cells follow one another, stripe by stripe of the cells; the others go side by side. A
	// chunk waits only for chunks that were started before it, so there is always one that can go on.
	columns := map[int64]*column{}
	below := int64(1) // chunks of the axes after axis
	counts := a.Grid.Counts()
	for _, n := range counts[axis+1:] {
		below *= n
	}
	for index, reg := range chunksOf(a.Grid, start, count) {
		if within.Err() != nil {
			break
		}
		at := index/(below*counts[axis])*below + index%below
		c := columns[at]
		if c == nil {
			c = newColumn(reg, axis, start, r.Shape)
			columns[at] = c
		}
		before, after := c.turn, newTurn(len(c.stripes))
		c.turn = after
		g.Go(func() error {
			passed := 0
			defer func() { after.pass(passed, len(after)) }() // after a failure too, so that none waits for ever
			chunk, err := a.ReadChunk(within, index)
			if err != nil {
				return err
			}
			block := a.block(index, reg, chunk)
			for i, rows := range c.stripes {
				if err := before.wait(within, i); err != nil {
					return err
				}
				if within.Err() != nil { // the one before may have failed
					return within.Err()
				}
				r.take(cf, int64(a.Type.Size), axis, block, rows)
				after.pass(i, i+1)
				passed = i + 1
			}
			if progress != nil {
				progress()
			}
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

// column is the chunks of an array that are over the same cells.
type column struct {
	stripes [][]row
	turn    turn // of the last chunk that was started; nil before the first
}

// turn is passed from a chunk to the next over the same cells, for each stripe by itself.
type turn []chan struct{}

func newTurn(stripes int) turn {
	t := make(turn, stripes)
	for i := range t {
		t[i] = make(chan struct{})
	}
	return t
}

func (t turn) wait(ctx context.Context, stripe int) error {
	if t == nil {
		return nil
	}
	select {
	case <-t[stripe]:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pass lets the next chunk have the stripes from first up to end.
func (t turn) pass(first, end int) {
	for _, c := range t[first:end] {
		close(c)
	}
}

// row is n cells that follow one another both in a chunk and in the result: along the axes after the reduced one, or where there is
// but one position along them, along those before it.
type row struct {
	outer, inner int64 // the first's position in the chunk before and after the reduced axis
	to, n        int64 // in the result
}

// Rows are short enough for all that is known of their cells to stay in a core's cache.
const (
	maxRow     = 4096
	maxStripes = 16
)

// newColumn cuts the cells under a chunk, of which reg is what is reduced, into rows. origin is the start of the region whose
// cells have the shape.
func newColumn(reg region, axis int, origin, shape []int64) *column {
	var rows []row
	single := product(reg.shape[axis+1:]) == 1
	add := func(w row) {
		if n := len(rows); n > 0 {
			l := &rows[n-1]
			next := l.outer == w.outer && l.inner+l.n == w.inner
			if single {
				next = l.outer+l.n == w.outer
			}
			if next && l.to+l.n == w.to && l.n+w.n <= maxRow {
				l.n += w.n
				return
			}
		}
		rows = append(rows, w)
	}
	outer, inner := reg.shape[:axis], reg.shape[axis+1:]
	run, rest := int64(1), inner // what follows one another: the last axis
	if len(inner) > 0 {
		run, rest = inner[len(inner)-1], inner[:len(inner)-1]
	}
	below := product(shape[axis:])
	before := offsets(reg.start[:axis], outer, origin[:axis], shape[:axis])
	var behind []int64
	if len(inner) > 0 {
		last := len(shape) - 1
		behind = offsets(reg.start[axis+1:len(reg.start)-1], rest, origin[axis+1:len(origin)-1], shape[axis:last])
		for i := range behind {
			behind[i] = behind[i]*shape[last] + reg.start[len(reg.start)-1] - origin[len(origin)-1]
		}
	} else {
		behind = []int64{0}
	}
	for o, b := range before {
		for i, off := range behind {
			for at := int64(0); at < run; at += maxRow {
				add(row{int64(o), int64(i)*run + at, b*below + off + at, min(maxRow, run-at)})
			}
		}
	}
	c := &column{}
	each := (len(rows) + maxStripes - 1) / maxStripes
	for len(rows) > 0 {
		n := min(each, len(rows))
		c.stripes = append(c.stripes, rows[:n:n])
		rows = rows[n:]
	}
	return c
}

// take adds the cells of some rows of a block.
func (r *Reduction) take(cf CF, size int64, axis int, b Block, rows []row) {
	inner, n := product(b.Shape[axis+1:]), b.Shape[axis]
	buf := make([]float64, maxRow)
	for _, w := range rows {
		if inner == 1 { // the values of a cell follow one another
			for i := range w.n {
				for at := int64(0); at < n; at += maxRow {
					first := (w.outer+i)*n + at
					r.addCell(w.to+i, cf.Decode(buf, b.Data[first*size:(first+min(maxRow, n-at))*size]))
				}
			}
			continue
		}
		for k := range n {
			first := (w.outer*n+k)*inner + w.inner
			r.addRow(w.to, cf.Decode(buf, b.Data[first*size:(first+w.n)*size]))
		}
	}
}

// offsets are the offsets in an array of a shape, which begins at origin, of the positions of a block along some axes, in C order.
func offsets(at, block, origin, shape []int64) []int64 {
	out := make([]int64, product(block))
	c := make([]int64, len(block))
	for i := range out {
		off := int64(0)
		for d := range c {
			off = off*shape[d] + at[d] - origin[d] + c[d]
		}
		out[i] = off
		for d := len(c) - 1; d >= 0; d-- {
			if c[d]++; c[d] < block[d] {
				break
			}
			c[d] = 0
		}
	}
	return out
}
