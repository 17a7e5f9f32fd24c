package plots

import (
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/virtual/cf"
)

// Choose returns the variable that a person would look at first, and false when there is none: data
// rather than coordinates, bounds, flags, masks or grid mappings; on the earth rather than off it;
// running in time; numbers with a fraction; and of those the largest. Equals keep the store's order.
func Choose(ds virtual.Dataset) (virtual.Array, bool) {
	best, found := 0, false
	var bestScore [6]int64
	for i := range ds.Arrays {
		s, ok := score(&ds, &ds.Arrays[i])
		if ok && (!found || more(s, bestScore)) {
			best, bestScore, found = i, s, true
		}
	}
	if !found {
		return virtual.Array{}, false
	}
	return ds.Arrays[best], true
}

// ChooseMean returns the variable that [Choose] picks and its axis of time; false when it has no mean over time to look at.
func ChooseMean(ds virtual.Dataset) (a virtual.Array, axis int, ok bool) {
	a, ok = Choose(ds)
	if !ok {
		return a, -1, false
	}
	axis = cf.AxesOf(&ds, &a).T
	return a, axis, axis >= 0 && len(a.Grid.Shape) >= 2 && a.Grid.Shape[axis] >= 2
}

// score ranks an array; earlier numbers count first.
func score(ds *virtual.Dataset, a *virtual.Array) (s [6]int64, ok bool) {
	if !a.Type.Numeric() || a.Grid.Count() == 0 || len(a.Grid.Shape) == 0 || cf.IsAuxiliary(ds, a) {
		return s, false
	}
	flag := func(b bool) int64 {
		if b {
			return 1
		}
		return 0
	}
	x := cf.AxesOf(ds, a)
	size := int64(1)
	for _, n := range a.Grid.Shape {
		size *= n
	}
	return [6]int64{
		flag(!cf.IsFlag(a)),
		flag(x.Lat != "" && x.Lon != "" && x.X >= 0 && x.Y >= 0),
		flag(len(a.Grid.Shape) >= 2),
		flag(x.T >= 0),
		flag(cf.IsFractional(a)),
		size,
	}, true
}

func more(a, b [6]int64) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] > b[i]
		}
	}
	return false
}
