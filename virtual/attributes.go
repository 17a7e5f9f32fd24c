package virtual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// groups joins the groups of all files. The rules for an attribute of a group that files disagree about:
// the start of what is covered is the least of all, the end the greatest, and anything else is true of one file
// only and is left out, with a note that says so.
func (j *Joiner) groups() []Group {
	var out []Group
	for _, h := range j.headers {
		for _, g := range h.Groups {
			if !slices.ContainsFunc(out, func(o Group) bool { return o.Path == g.Path }) {
				out = append(out, Group{Path: g.Path})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Group) int { return strings.Count(a.Path, "/") - strings.Count(b.Path, "/") })
	if i := slices.IndexFunc(out, func(g Group) bool { return g.Path == "" }); i > 0 {
		root := out[i]
		out = slices.Insert(slices.Delete(out, i, i+1), 0, root)
	}
	for i := range out {
		out[i].Attributes = j.reconcile(out[i].Path)
	}
	return out
}

func (j *Joiner) reconcile(group string) []cdm.Attribute {
	var order []string
	values := map[string][]any{}
	holders := 0
	for _, h := range j.headers {
		i := slices.IndexFunc(h.Groups, func(g Group) bool { return g.Path == group })
		if i < 0 {
			continue
		}
		holders++
		for _, a := range h.Groups[i].Attributes {
			if values[a.Name] == nil {
				order = append(order, a.Name)
			}
			values[a.Name] = append(values[a.Name], a.Value)
		}
	}
	var out []cdm.Attribute
	for _, name := range order {
		list := values[name]
		same := len(list) == holders
		for _, v := range list[1:] {
			same = same && sameValue(v, list[0])
		}
		if same {
			out = append(out, cdm.Attribute{Name: name, Value: list[0]})
			continue
		}
		subject := join(group, name)
		if v, rule := covering(name, list); rule != "" && len(list) == holders {
			j.note(subject, rule, fmt.Sprintf("differs between %d files", holders), "evidence")
			out = append(out, cdm.Attribute{Name: name, Value: v})
			continue
		}
		j.note(subject, "left out", fmt.Sprintf("differs between %d files, so that no value is true of all", holders), "evidence")
	}
	return out
}

// covering joins attributes that say from when to when a file goes (ACDD's time_coverage_start and its relatives). Times
// are ISO 8601, whose order is that of the text.
func covering(name string, list []any) (any, string) {
	name = strings.ToLower(name)
	if !strings.Contains(name, "time") && !strings.Contains(name, "date") {
		return nil, ""
	}
	pick, rule := "", ""
	switch {
	case strings.Contains(name, "start") || strings.Contains(name, "begin"):
		rule = "least of all"
	case strings.Contains(name, "end") || strings.Contains(name, "stop"):
		rule = "greatest of all"
	default:
		return nil, ""
	}
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			return nil, ""
		}
		if i == 0 || (rule == "least of all") == (s < pick) {
			pick = s
		}
	}
	return pick, rule
}
