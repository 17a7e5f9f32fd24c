package verify

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// Arrays holds a store's description against that of its plan: the same arrays, of the same types, shapes and dimensions, with the
// same codecs and fill values. Without that, chunks can't be set against one another: sound is the store without the arrays that are
// wrong.
func Arrays(store, plan virtual.Dataset) (result *Result, sound virtual.Dataset) {
	result = &Result{Check: "arrays", Unit: "arrays", Checked: int64(len(plan.Arrays))}
	sound.Groups = store.Groups
	for _, want := range plan.Arrays {
		if store.Array(want.Path) < 0 {
			result.add(Fault{Kind: Array, Variable: want.Path, Expected: arrayText(want), Found: "no such array in the store"})
		}
	}
	for _, got := range store.Arrays {
		i := plan.Array(got.Path)
		if i < 0 {
			result.add(Fault{Kind: Array, Variable: got.Path, Expected: "no such array in the plan", Found: arrayText(got)})
			continue
		}
		if expected, found := arrayDifference(plan.Arrays[i], got); expected != found {
			result.add(Fault{Kind: Array, Variable: got.Path, Expected: expected, Found: found})
			continue
		}
		sound.Arrays = append(sound.Arrays, got)
	}
	return result, sound
}

// arrayDifference says what is different of two arrays; two equal texts when nothing is.
func arrayDifference(want, got virtual.Array) (expected, found string) {
	if expected, found = arrayText(want), arrayText(got); expected != found {
		return expected, found
	}
	if expected, found = codecsText(want), codecsText(got); expected != found {
		return expected, found
	}
	if !bytes.Equal(want.Fill, got.Fill) || (want.Fill == nil) != (got.Fill == nil) {
		return "fill value " + fillText(&want), "fill value " + fillText(&got)
	}
	return "", ""
}

func arrayText(a virtual.Array) string {
	return fmt.Sprintf("%s %v of shape %v in chunks of %v", a.Type, a.Dimensions, a.Grid.Shape, a.Grid.Chunks)
}

// codecsText is what decodes the array's chunks. A compression level matters to writers only.
func codecsText(a virtual.Array) string {
	text := "codecs"
	for _, c := range a.Codecs {
		config := c.Config()
		delete(config, "level")
		delete(config, "clevel")
		b, err := json.Marshal(config)
		if err != nil {
			b = []byte(c.Name())
		}
		text += " " + string(b)
	}
	return text
}
