package verify

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/cedadev/kerchunk-builder/phases"
)

// ReadKnown reads a list of known faults: a report, of which all faults are taken. In an entry what is left out
// stands for anything, so that one without a chunk accepts the same fault in every chunk of the variable; a kind must be there.
func ReadKnown(path string) ([]Fault, error) {
	refuse := func(err error) error {
		return phases.Errorf(phases.Input, "give a report of the test phase", "known faults %s: %w", path, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, refuse(err)
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, refuse(err)
	}
	var out []Fault
	for _, c := range r.Checks {
		for _, f := range c.Faults {
			if f.Kind == "" {
				return nil, refuse(fmt.Errorf("a fault in the check of %s has no kind", c.Check))
			}
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		return nil, refuse(fmt.Errorf("there is no fault in it"))
	}
	return out, nil
}

// accept takes the known faults out of the results, and answers those that were not found.
func accept(known []Fault, results []*Result) (gone []Fault) {
	met := make([]bool, len(known))
	for _, r := range results {
		before := len(r.Faults)
		r.Faults = slices.DeleteFunc(r.Faults, func(f Fault) bool {
			accepted := false
			for i := range known {
				if known[i].covers(&f) {
					met[i], accepted = true, true
				}
			}
			return accepted
		})
		r.Accepted += int64(before - len(r.Faults))
	}
	for i, m := range met {
		if !m {
			gone = append(gone, known[i])
		}
	}
	return gone
}

// covers reports whether a known fault stands for one that was found.
func (f *Fault) covers(found *Fault) bool {
	same := func(known, found string) bool { return known == "" || known == found }
	return f.Kind == found.Kind && same(f.File, found.File) && same(f.Variable, found.Variable) &&
		(f.Chunk == nil || slices.Equal(f.Chunk, found.Chunk)) && same(f.Expected, found.Expected) && same(f.Found, found.Found)
}
