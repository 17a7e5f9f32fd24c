package verify

import (
	"fmt"
	"slices"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// Arrays holds a store's description against that of its plan: the same arrays, of the same types,
// shapes and dimensions. Without that, chunks can't be set against one another.
func Arrays(store, plan virtual.Dataset) *Result {
	result := &Result{Check: "arrays", Unit: "arrays", Checked: int64(len(plan.Arrays))}
	for _, want := range plan.Arrays {
		i := store.Array(want.Path)
		if i < 0 {
			result.add(Fault{Kind: Array, Variable: want.Path, Expected: arrayText(want), Found: "no such array in the store"})
			continue
		}
		if got := store.Arrays[i]; arrayText(got) != arrayText(want) {
			result.add(Fault{Kind: Array, Variable: want.Path, Expected: arrayText(want), Found: arrayText(got)})
		}
	}
	for _, got := range store.Arrays {
		if !slices.ContainsFunc(plan.Arrays, func(a virtual.Array) bool { return a.Path == got.Path }) {
			result.add(Fault{Kind: Array, Variable: got.Path, Expected: "no such array in the plan", Found: arrayText(got)})
		}
	}
	return result
}

func arrayText(a virtual.Array) string {
	return fmt.Sprintf("%s %v of shape %v in chunks of %v", a.Type, a.Dimensions, a.Grid.Shape, a.Grid.Chunks)
}
