package netcdf4

import (
	"fmt"
	"math"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/hdf5"
)

// dimension is a netCDF dimension.
type dimension struct {
	id        int64
	name      string
	length    int64
	unlimited bool
	phony     bool
	group     *node
}

// dimensions are all dimensions of a file, and the matching of axes with them.
type dimensions struct {
	next   int64 // the next id
	byID   map[int64]*dimension
	scales map[scaleKey]*dimension
}

// scaleKey is the identity of a dimension scale's dataset.
type scaleKey struct {
	where *container
	addr  int64
}

func (d *dimensions) init() {
	d.byID, d.scales = map[int64]*dimension{}, map[scaleKey]*dimension{}
}

// add makes a dimension of a group; id is -1 when the file doesn't say.
func (d *dimensions) add(n *node, dim *dimension) *dimension {
	if dim.id < 0 {
		dim.id = d.next
	}
	if dim.id >= d.next && dim.id < math.MaxInt64 {
		d.next = dim.id + 1
	}
	if d.byID[dim.id] == nil {
		d.byID[dim.id] = dim
	}
	dim.group = n
	// To the netCDF library a length of 0 says unlimited.
	dim.unlimited = dim.unlimited || dim.length == 0
	n.dims = append(n.dims, dim)
	return dim
}

// scale makes the dimension of a dimension scale.
func (d *dimensions) scale(n *node, a *arrayNode, name string, id int64) *dimension {
	s := &a.dataset.Space
	dim := d.add(n, &dimension{id: id, name: name, length: clamp(s.Dims[0]), unlimited: s.MaxDims[0] == hdf5.Unlimited})
	key := scaleKey{a.where, a.dataset.Address()}
	if d.scales[key] == nil {
		d.scales[key] = dim
	}
	return dim
}

func clamp(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// resolve gives every axis of every variable its dimension, groups below before the group itself, as the
// netCDF library does (the numbers of phony dimensions hang on it), then their lengths.
func (d *dimensions) resolve(root *node) {
	d.match(root, true)
	d.match(root, false)
	d.lengths(root)
	d.declare(root)
}

// match resolves the arrays that the netCDF library shows, or the others, which must not take numbers from them.
func (d *dimensions) match(n *node, shown bool) {
	for _, c := range n.nodes {
		d.match(c, shown)
	}
	for _, a := range n.arrays {
		if !a.dataset.Space.Null && inNetCDF(a.dataset.Type, 0) == shown {
			d.matchArray(n, a)
		}
	}
}

// inNetCDF says whether the netCDF-4 library has variables of a type.
func inNetCDF(t *hdf5.Datatype, depth int) bool {
	switch t.Class {
	case hdf5.FixedPoint, hdf5.FloatingPoint, hdf5.String, hdf5.Opaque, hdf5.Enum:
		return true
	case hdf5.VarLen:
		return t.VarString || depth < maxTypeDepth && t.Base != nil && inNetCDF(t.Base, depth+1)
	case hdf5.Compound:
		for _, m := range t.Members {
			of := m.Type
			if of.Class == hdf5.Array && of.Base != nil {
				of = of.Base
			}
			if depth >= maxTypeDepth || !inNetCDF(of, depth+1) {
				return false
			}
		}
		return true
	}
	return false
}

func (d *dimensions) matchArray(n *node, a *arrayNode) {
	a.axes = make([]*dimension, len(a.dataset.Space.Dims))
	switch {
	case a.coords != nil:
		for i, id := range a.coords {
			a.axes[i] = d.byID[id]
		}
	case a.scale != nil && len(a.axes) == 1:
		a.axes[0] = a.scale
	default:
		for i, key := range scalesOf(a) {
			a.axes[i] = d.scales[key]
		}
		if a.scale != nil && a.axes[0] == nil {
			a.axes[0] = a.scale
		}
	}
	for i, dim := range a.axes {
		if dim == nil || !fits(dim, a, i) {
			a.axes[i] = d.phony(n, a, i)
		}
	}
}

// fits says whether axis i of a can lie along dim: all axes of a fixed dimension are as long as it is. Along an unlimited
// one they may be shorter than the longest, if storage is in chunks.
func fits(dim *dimension, a *arrayNode, i int) bool {
	n := clamp(a.dataset.Space.Dims[i])
	return n == dim.length || dim.unlimited && !dim.phony && a.dataset.Layout.Class == hdf5.Chunked
}

// phony is the dimension of an axis without a scale: one of the group's that has its length
// and doesn't stand for another axis of the array, or else a new one.
func (d *dimensions) phony(n *node, a *arrayNode, i int) *dimension {
	s := &a.dataset.Space
	length, unlimited := clamp(s.Dims[i]), s.MaxDims[i] == hdf5.Unlimited
	return d.phonyOf(n, a.axes[:i], length, unlimited)
}

func (d *dimensions) phonyOf(n *node, taken []*dimension, length int64, unlimited bool) *dimension {
next:
	for _, dim := range n.dims {
		if dim.length != length || dim.unlimited != unlimited {
			continue
		}
		for _, t := range taken {
			if t == dim {
				continue next
			}
		}
		return dim
	}
	return d.add(n, &dimension{id: -1, name: fmt.Sprintf("phony_dim_%d", d.next), length: length, unlimited: unlimited, phony: true})
}

// scalesOf is the scale of each axis by DIMENSION_LIST: where an axis has several the last, as
// the netCDF library has it.
func scalesOf(a *arrayNode) []scaleKey {
	out := make([]scaleKey, len(a.axes))
	for i := range a.attrs {
		at := &a.attrs[i]
		t := at.Type
		if at.Name != "DIMENSION_LIST" || t.Class != hdf5.VarLen || t.Base == nil || t.Base.Class != hdf5.Reference || t.Base.Size <= 0 || t.Size <= 0 {
			continue
		}
		for axis := range min(len(out), len(at.Data)/t.Size) {
			data, n, err := a.where.h5.VarLen(at.Data[axis*t.Size:(axis+1)*t.Size], t)
			size := t.Base.Size
			if err != nil || n < 1 || len(data) < n*size {
				continue
			}
			if addr, err := a.where.h5.Reference(data[(n-1)*size : n*size]); err == nil {
				out[axis] = scaleKey{a.where, addr}
			}
		}
	}
	return out
}

// lengths makes every unlimited dimension as long as the longest axis along it.
func (d *dimensions) lengths(n *node) {
	for _, a := range n.arrays {
		for i, dim := range a.axes {
			if dim.unlimited {
				dim.length = max(dim.length, clamp(a.dataset.Space.Dims[i]))
			}
		}
	}
	for _, c := range n.nodes {
		d.lengths(c)
	}
}

// declare lists each group's dimensions. One that a variable uses from a group that it isn't in is listed in
// the variable's group as well, since names are seen from within only.
func (d *dimensions) declare(n *node) {
	names := map[string]bool{}
	list := func(dim *dimension) {
		if !names[dim.name] {
			names[dim.name] = true
			n.group.Dimensions = append(n.group.Dimensions, cdm.Dimension{Name: dim.name, Length: dim.length, Unlimited: dim.unlimited})
		}
	}
	for _, dim := range n.dims {
		list(dim)
	}
	for _, a := range n.arrays {
		for _, dim := range a.axes {
			if !dim.visible(n) {
				list(dim)
			}
		}
	}
	for _, c := range n.nodes {
		d.declare(c)
	}
}

// visible says whether a dimension is one of n's or of a group that n is in.
func (dim *dimension) visible(n *node) bool {
	for ; n != nil; n = n.parent {
		if dim.group == n {
			return true
		}
	}
	return false
}
