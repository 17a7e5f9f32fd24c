package verify

import (
	"slices"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// editsAttribute is where a store says what has been done to it since it was made, one edit a line.
const editsAttribute = provenance + "edits"

// edited is what people have decided: in the plan, which then says what is right, and in the finished store, whose word is then the only one.
type edited struct {
	plan    map[string]bool // "variable.attribute", and "attribute" of the root
	store   map[string]bool // the same
	dropped []string        // variables that the store has no more
}

func editsOf(p *virtual.Plan, store virtual.Dataset) edited {
	e := edited{plan: map[string]bool{}, store: map[string]bool{}}
	for _, n := range p.Notes {
		if n.From == "user" && (n.Decision == "set" || n.Decision == "removed") {
			e.plan[n.Subject] = true
		}
	}
	if len(store.Groups) == 0 {
		return e
	}
	text, _ := cdm.Lookup(store.Groups[0].Attributes, editsAttribute).(string)
	for line := range strings.SplitSeq(text, "\n") {
		switch what, of, _ := strings.Cut(line, " "); what {
		case "set", "remove":
			e.store[of] = true
		case "drop":
			e.dropped = append(e.dropped, of)
		}
	}
	return e
}

// without takes a store's own decisions out of a list of the attributes of a variable, or of the root when path is empty.
func (e edited) without(path string, list []cdm.Attribute) []cdm.Attribute {
	if path != "" {
		path += "."
	}
	return slices.DeleteFunc(slices.Clone(list), func(a cdm.Attribute) bool { return e.store[path+a.Name] })
}
