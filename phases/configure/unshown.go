package configure

import (
	"fmt"

	"github.com/cedadev/kerchunk-builder/formats"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// NotShown is the decision of a note about something of the files that no variable or attribute of the store shows.
const NotShown = "not shown"

// unshown makes notes of the plan from what files hold and no variable or attribute shows: attributes of types that no
// store has, links that lead nowhere. One note stands for the same thing of all files.
func (r *Reader) unshown(headers []*virtual.Header) []virtual.Note {
	type what struct{ path, attribute string }
	first := map[what]formats.Note{}
	files := map[what]int{}
	where := map[what]string{}
	var order []what
	for _, h := range headers {
		for _, n := range r.notes[h.URL] {
			w := what{n.Path, n.Attribute}
			if files[w]++; files[w] == 1 {
				first[w], where[w] = n, h.URL
				order = append(order, w)
			}
		}
	}
	var out []virtual.Note
	for _, w := range order {
		evidence := fmt.Sprintf("%s (in %s", first[w].Reason, where[w])
		if more := files[w] - 1; more > 0 {
			evidence += fmt.Sprintf(" and %d more", more)
		}
		out = append(out, virtual.Note{Subject: subject(first[w]), Decision: NotShown, Evidence: evidence + ")", From: "evidence"})
	}
	return out
}

// subject names what a note is about as CDL does.
func subject(n formats.Note) string {
	switch {
	case n.Attribute != "":
		return n.Path + ":" + n.Attribute
	case n.Path == "":
		return "/"
	}
	return n.Path
}
