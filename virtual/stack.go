package virtual

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// counterName is the new dimension of files that nothing tells apart.
const counterName = "file_number"

// newDimension looks for files that share their place on all axes although they hold the same variables: members of an ensemble,
// say. A scalar that is another in each of them becomes a new dimension, which all data are stacked along; where files share every
// place and there is none, they are numbered. It answers the headers as they are with that dimension; changed is
// false when none is needed.
func (j *Joiner) newDimension(headers []*Header, found []*axis) (out []*Header, changed bool) {
	name := j.rules.NewDimension
	from, evidence := "user", "override"
	if name == "" {
		from = "evidence"
		groups := sharedPlaces(headers, found)
		if groups == nil {
			return headers, false
		}
		if name = distinguishing(headers, groups); name != "" {
			evidence = "files that share their place on all other dimensions differ in it"
		} else if len(found) == 0 && j.rules.Concat == nil && !disjoint(headers) && !alike(headers) {
			name, evidence = counterName, "no coordinate tells the files apart, so they are numbered in the order of the list"
		} else {
			return headers, false
		}
	}
	scalar := 0
	for _, h := range headers {
		if v := h.Variable(name); v != nil && len(v.Shape) == 0 {
			scalar++
		}
	}
	s := Stack{Axis: name, Counter: scalar != len(headers)}
	if s.Counter && scalar == 0 && from == "user" {
		evidence = "override; no file has a variable of that name, so the files are numbered in the order of the list"
	}
	keep := auxiliaries(headers, j.rules)
	for _, path := range pathsOf(headers) {
		if path == name || !keep[path] {
			s.Variables = append(s.Variables, path)
		}
	}
	out = expand(headers, s.Axis, s.Variables, func(int) int64 { return 1 })
	if s.Counter {
		for i, h := range out {
			c, raw := counter(name, int64(i))
			out[i] = with(h, &Variable{Variable: c, Axes: []string{name}, Unlimited: []bool{false}, Raw: raw, Content: fmt.Sprint(i)})
		}
	}
	j.stacks = append(j.stacks, s)
	j.note(name, "new dimension", evidence, from)
	return out, true
}

func with(h *Header, v *Variable) *Header {
	c := *h
	c.Variables = append(slices.Clone(h.Variables), v)
	return &c
}

func pathsOf(headers []*Header) []string {
	var list []string
	seen := map[string]bool{}
	for _, h := range headers {
		for _, v := range h.Variables {
			if !seen[v.Path] {
				seen[v.Path] = true
				list = append(list, v.Path)
			}
		}
	}
	return list
}

// sharedPlaces groups the files that lie at the same place of all axes and share a variable that is no coordinate; nil when no two do.
func sharedPlaces(headers []*Header, found []*axis) [][]int {
	by := map[string][]int{}
	var order []string
	for i := range headers {
		var k strings.Builder
		for _, a := range found {
			if s := a.of[i]; s != nil {
				k.WriteString(s.key)
			}
			k.WriteByte('|')
		}
		if by[k.String()] == nil {
			order = append(order, k.String())
		}
		by[k.String()] = append(by[k.String()], i)
	}
	var groups [][]int
	for _, k := range order {
		seen := map[string]bool{}
		shared := false
		for _, i := range by[k] {
			for _, v := range headers[i].Variables {
				if v.Coordinate() || len(v.Shape) == 0 {
					continue
				}
				shared = shared || seen[v.Path]
				seen[v.Path] = true
			}
		}
		if shared {
			groups = append(groups, by[k])
		}
	}
	return groups
}

// distinguishing finds a numeric scalar that is another in each file of every group: first one that calls itself the axis of an
// ensemble (CF conventions 4, standard name realization), then a time (4.4), then the first in the order of the files.
func distinguishing(headers []*Header, groups [][]int) string {
	best, time := "", ""
	for _, v := range headers[0].Variables {
		if len(v.Shape) != 0 || !v.Type.Numeric() || v.Attribute("grid_mapping_name") != nil {
			continue
		}
		ok := true
		for _, h := range headers {
			w := h.Variable(v.Path)
			ok = ok && w != nil && len(w.Shape) == 0 && w.Type.Numeric() && w.Raw != nil
		}
		for _, g := range groups {
			seen := map[string]bool{}
			for _, i := range g {
				if ok {
					c := headers[i].Variable(v.Path).Content
					ok = !seen[c]
					seen[c] = true
				}
			}
		}
		if !ok {
			continue
		}
		if v.Attribute("standard_name") == "realization" || v.Attribute("axis") == "E" || v.Attribute("_CoordinateAxisType") == "Ensemble" {
			return v.Path
		}
		if _, ok := TimeUnits(v, v); ok && (time == "" || v.Attribute("standard_name") == "time") {
			time = v.Path
		}
		if best == "" {
			best = v.Path
		}
	}
	return cmp.Or(time, best)
}

// alike reports whether all that is known of the files' values is the same in all of them, so that they are copies of each other.
func alike(headers []*Header) bool {
	content := map[string]string{}
	for _, h := range headers {
		for _, v := range h.Variables {
			before, ok := content[v.Path]
			if v.Content == "" || ok && before != v.Content {
				return false
			}
			content[v.Path] = v.Content
		}
	}
	return true
}

// auxiliaries are the variables that describe others and don't get a new dimension: coordinates, what attributes name, scalars, and what the user says is
// identical.
func auxiliaries(headers []*Header, rules Rules) map[string]bool {
	out := map[string]bool{}
	done := map[*Variable]bool{}
	for _, h := range headers {
		for _, v := range h.Variables {
			if done[v] {
				continue
			}
			done[v] = true
			if v.Coordinate() || len(v.Shape) == 0 || v.Type.Kind == cdm.Object && len(v.Shape) == 1 && v.Axes[0] == v.Path || slices.Contains(rules.Identical, v.Path) {
				out[v.Path] = true
			}
			group := v.group()
			for _, attr := range []string{"coordinates", "bounds", "climatology", "grid_mapping", "cell_measures", "formula_terms"} {
				s, _ := v.Attribute(attr).(string)
				for _, name := range strings.Fields(s) {
					out[group+name] = true
					out[name] = true
				}
			}
		}
	}
	for _, name := range rules.Stack {
		delete(out, name)
	}
	return out
}

// expand gives variables a first axis of length n(file). Variables that files share stay shared.
func expand(headers []*Header, axis string, paths []string, n func(file int) int64) []*Header {
	type key struct {
		v *Variable
		n int64
	}
	memo := map[key]*Variable{}
	out := make([]*Header, len(headers))
	for i, h := range headers {
		c := *h
		c.Variables = slices.Clone(h.Variables)
		for k, v := range c.Variables {
			if !slices.Contains(paths, v.Path) {
				continue
			}
			id := key{v, n(i)}
			if memo[id] == nil {
				e := *v
				e.Variable = stacked(v.Variable, axis, id.n)
				e.Axes = slices.Concat([]string{axis}, v.Axes)
				e.Unlimited = slices.Concat([]bool{false}, v.Unlimited)
				memo[id] = &e
			}
			c.Variables[k] = memo[id]
		}
		out[i] = &c
	}
	return out
}

// stackScalars gives scalars that differ between files, and what the user names, the axis that their values follow. So does xarray when it
// concatenates. What follows no axis is left to be reported.
func (j *Joiner) stackScalars() {
	for _, path := range pathsOf(j.headers) {
		asked := slices.Contains(j.rules.Stack, path)
		if slices.Contains(j.rules.Identical, path) {
			continue
		}
		contents := map[string]bool{}
		fit := true
		for _, h := range j.headers {
			v := h.Variable(path)
			if v == nil {
				continue
			}
			fit = fit && (asked || len(v.Shape) == 0 && v.Content != "" && !IsGridMapping(v))
			for _, a := range j.axes {
				fit = fit && !slices.Contains(v.Axes, a.path) // it has an axis to follow already
			}
			contents[v.Content] = true
		}
		if !fit || len(contents) < 2 && !asked {
			continue
		}
		for ax, a := range j.axes {
			if !j.follows(path, a) {
				continue
			}
			j.headers = expand(j.headers, a.path, []string{path}, func(i int) int64 { return j.files[i].Length[ax] })
			if k := slices.IndexFunc(j.stacks, func(s Stack) bool { return s.Axis == a.path }); k >= 0 {
				j.stacks[k].Variables = append(j.stacks[k].Variables, path)
			} else {
				j.stacks = append(j.stacks, Stack{Axis: a.path, Variables: []string{path}})
			}
			if asked {
				j.note(path, "stacked along "+a.path, "override", "user")
			} else {
				j.note(path, "stacked along "+a.path, fmt.Sprintf("%d different values in the files", len(contents)), "evidence")
			}
			break
		}
	}
}

// follows reports whether all files that lie at one place of the axis have the same values of a variable.
func (j *Joiner) follows(path string, a *axis) bool {
	at := map[*segment]string{}
	for i, h := range j.headers {
		v := h.Variable(path)
		if v == nil {
			continue
		}
		s := a.of[i]
		if s == nil {
			return false
		}
		if before, ok := at[s]; ok && before != v.Content {
			return false
		}
		at[s] = v.Content
	}
	return true
}
