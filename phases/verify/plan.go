package verify

import (
	"fmt"
	"sort"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// FromPlan is the Locator of a plan.
func FromPlan(p *virtual.Plan) Locator { return &planLocator{plan: p, owners: p.Owners()} }

type planLocator struct {
	plan   *virtual.Plan
	owners [][]int
}

func (l *planLocator) Locate(array string, start, count []int64) ([]Piece, error) {
	a := l.plan.Dataset.Array(array)
	if a < 0 {
		return nil, fmt.Errorf("the plan has no array %q", array)
	}
	lay := &l.plan.Layouts[a]
	if len(lay.Axes) != len(start) {
		return nil, fmt.Errorf("array %q has %d dimensions in the plan and %d in the store", array, len(lay.Axes), len(start))
	}
	var retiming *Retiming
	if lay.Units != "" {
		retiming = &Retiming{Units: lay.Units, Calendar: lay.Calendar, Of: lay.TimeOf}
	}
	var out []Piece
	for _, p := range l.plan.Locate(a, l.near(a, start, count), start, count) {
		out = append(out, Piece{URL: l.plan.Files[p.File].URL, Variable: array, FileStart: p.FileStart, Start: p.Start, Count: p.Count, Time: retiming})
	}
	return out, nil
}

// near narrows the files of an array to those that can hold the box. Files are in order along the
// first concatenated dimension, so that the others needn't be looked at.
func (l *planLocator) near(a int, start, count []int64) []int {
	owners := l.owners[a]
	for d, axis := range l.plan.Layouts[a].Axes {
		if axis != 0 {
			continue
		}
		file := func(i int) *virtual.File { return &l.plan.Files[owners[i]] }
		from := sort.Search(len(owners), func(i int) bool { return file(i).Start[0]+file(i).Length[0] > start[d] })
		to := sort.Search(len(owners), func(i int) bool { return file(i).Start[0] >= start[d]+count[d] })
		if from >= to {
			return nil
		}
		return owners[from:to]
	}
	return owners
}
