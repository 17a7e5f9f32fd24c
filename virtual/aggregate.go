package virtual

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// Rules are what a user may decide about joining files. The zero value decides everything from evidence.
type Rules struct {
	Concat       []string       // the dimensions to concatenate along; nil lets the coordinates tell
	Keep         []string       // the variables to keep, with the coordinates that they need; nil keeps all
	Set          map[string]any // attributes to set: "attr" or "variable.attr"
	Remove       []string       // attributes to remove
	InlineLimit  int64          // the most bytes an array may have to be stored by value; 0 means DefaultInlineLimit
	SkipRefused  bool           // leave out variables that can't be represented, instead of failing
	Identical    []string       // variables whose first file's values stand for all files', unchecked
	Stack        []string       // variables that get the concatenated dimension as a new axis
	NewDimension string         // a dimension that no file has, to concatenate all files along
}

// DefaultInlineLimit is the size up to which an array that can't be made of references is stored by value.
const DefaultInlineLimit = 4 << 20

func (r Rules) inlineLimit() int64 {
	if r.InlineLimit > 0 {
		return r.InlineLimit
	}
	return DefaultInlineLimit
}

// RefusedError lists variables that can't be represented. It matches [cdm.ErrUnsupported].
type RefusedError struct {
	File string
	Vars []*Variable
}

func (e *RefusedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", e.File)
	for i, v := range e.Vars {
		if i == 5 {
			fmt.Fprintf(&b, "\n  and %d more variables", len(e.Vars)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s: %v", v.Path, v.Refused)
	}
	return b.String()
}

// Is makes errors.Is(err, cdm.ErrUnsupported) true.
func (e *RefusedError) Is(target error) bool { return target == cdm.ErrUnsupported }

// Joiner joins files into one dataset, in two steps: which dimensions they are concatenated along is known from the
// headers; which variables must be the same in several files follows from that, and only of those the contents are needed.
type Joiner struct {
	headers []*Header // in the order of the plan
	rules   Rules
	axes    []*axis
	notes   []Note
	files   []File
	drifts  []Drift
	stacks  []Stack
}

// NewJoiner works out the concatenated dimensions and the order of the files.
func NewJoiner(headers []*Header, rules Rules) (*Joiner, error) {
	j := &Joiner{rules: rules}
	headers, err := j.admit(headers)
	if err != nil {
		return nil, err
	}
	if err := known(headers, rules); err != nil {
		return nil, err
	}
	if j.axes, err = axes(headers, rules); err != nil {
		return nil, err
	}
	if len(headers) > 1 {
		var changed bool
		if headers, changed = j.newDimension(headers, j.axes); changed {
			if rules.Concat != nil {
				rules.Concat = append(slices.Clone(rules.Concat), j.stacks[0].Axis)
			}
			if j.axes, err = axes(headers, rules); err != nil {
				return nil, err
			}
		}
	}
	order := make([]int, len(headers))
	for i := range order {
		order[i] = i
	}
	starts := func(i int) []int64 {
		s := make([]int64, len(j.axes))
		for a, ax := range j.axes {
			if seg := ax.of[i]; seg != nil {
				s[a] = seg.start
			}
		}
		return s
	}
	slices.SortStableFunc(order, func(a, b int) int { return slices.Compare(starts(a), starts(b)) })
	for _, ax := range j.axes {
		moved := make(map[int]*segment, len(ax.of))
		for to, from := range order {
			if seg, ok := ax.of[from]; ok {
				moved[to] = seg
			}
		}
		ax.of = moved
		j.note(ax.path, fmt.Sprintf("concatenated to %d", ax.length()), ax.evidence, ax.from)
		for _, s := range ax.segments {
			switch {
			case s.uneven:
				j.note(ax.path, "kept as it is", "not strictly monotonic, or missing in places, in "+s.file, "evidence")
			case s.length > 1 && s.down != ax.down:
				j.note(ax.path, "kept as it is", "against the direction of the axis in "+s.file, "evidence")
			}
		}
		j.noteGaps(ax)
	}
	for to, from := range order {
		h := headers[from]
		j.headers = append(j.headers, h)
		f := File{URL: h.URL, Size: h.Size, MTime: h.MTime}
		for _, ax := range j.axes {
			start, length := int64(0), int64(0)
			if seg := ax.of[to]; seg != nil {
				start, length = seg.start, seg.length
			}
			f.Start, f.Length = append(f.Start, start), append(f.Length, length)
		}
		j.files = append(j.files, f)
	}
	j.stackScalars()
	return j, nil
}

// known refuses files that are given twice, and rules that name what no file has.
func known(headers []*Header, rules Rules) error {
	seen := map[string]bool{}
	for _, h := range headers {
		if seen[h.URL] {
			return fmt.Errorf("%s is given twice", h.URL)
		}
		seen[h.URL] = true
	}
	for _, list := range []struct {
		key   string
		names []string
	}{{"identical", rules.Identical}, {"stack", rules.Stack}} {
		for _, name := range list.names {
			if !slices.ContainsFunc(headers, func(h *Header) bool { return h.Variable(name) != nil }) {
				return fmt.Errorf("%s: no file has a variable %q", list.key, name)
			}
		}
	}
	if rules.NewDimension != "" && slices.Contains(dimensions(headers), rules.NewDimension) {
		return fmt.Errorf("new_dimension: the files have a dimension %q already; name it under concat", rules.NewDimension)
	}
	return nil
}

func (j *Joiner) note(subject, decision, evidence, from string) {
	j.notes = append(j.notes, Note{subject, decision, evidence, from})
}

// admit drops the variables that aren't wanted and refuses those that can't be represented.
func (j *Joiner) admit(headers []*Header) ([]*Header, error) {
	out := make([]*Header, len(headers))
	skipped := map[string]bool{}
	for i, h := range headers {
		var keep []*Variable
		var refused []*Variable
		for _, v := range h.Variables {
			switch {
			case !j.wanted(h, v):
			case v.Refused == nil:
				keep = append(keep, v)
			case j.rules.SkipRefused:
				if !skipped[v.Path] {
					j.note(v.Path, Skipped, v.Refused.Error(), "user")
				}
				skipped[v.Path] = true
			default:
				refused = append(refused, v)
			}
		}
		if refused != nil {
			return nil, &RefusedError{h.URL, refused}
		}
		if len(keep) == len(h.Variables) && len(skipped) == 0 {
			out[i] = h
			continue
		}
		c := *h
		c.Variables = keep
		out[i] = &c
	}
	if len(skipped) > 0 { // what one file can't represent is left out of all
		for i, h := range out {
			c := *h
			c.Variables = slices.DeleteFunc(slices.Clone(h.Variables), func(v *Variable) bool { return skipped[v.Path] })
			out[i] = &c
		}
	}
	for _, want := range j.rules.Keep {
		if want != counterName && want != j.rules.NewDimension && !slices.ContainsFunc(out, func(h *Header) bool { return h.Variable(want) != nil }) {
			return nil, fmt.Errorf("no file has the variable %q that is to be kept", want)
		}
	}
	return out, nil
}

// wanted reports whether the rules keep a variable: one that is named, or that one that is named needs for its axes.
func (j *Joiner) wanted(h *Header, v *Variable) bool {
	if len(j.rules.Keep) == 0 || slices.Contains(j.rules.Keep, v.Path) {
		return true
	}
	for _, name := range j.rules.Keep {
		k := h.Variable(name)
		if k == nil {
			continue
		}
		for _, attr := range []string{"coordinates", "bounds", "grid_mapping", "ancillary_variables", "cell_measures"} {
			if s, ok := k.Attribute(attr).(string); ok && slices.Contains(strings.Fields(s), v.Name) {
				return true
			}
		}
		for _, path := range k.Axes {
			if v.Path == path {
				return true
			}
			if c := h.Variable(path); c != nil && c.Attribute("bounds") == v.Name {
				return true
			}
		}
	}
	return false
}

// layoutOf maps each axis of v to its concatenated dimension, or -1.
func (j *Joiner) layoutOf(v *Variable) []int {
	lay := make([]int, len(v.Axes))
	for d, path := range v.Axes {
		lay[d] = slices.IndexFunc(j.axes, func(a *axis) bool { return a.path == path })
	}
	return lay
}

// tile identifies the stretch of the concatenated dimensions that a file holds of an array; empty is true when
// the file has the dimension but no element of it.
func tile(f *File, layout []int) (key string, empty bool) {
	var b strings.Builder
	for _, ax := range layout {
		if ax >= 0 {
			empty = empty || f.Length[ax] == 0
			fmt.Fprintf(&b, "%d,", f.Start[ax])
		}
	}
	return b.String(), empty
}

// Content is a variable of a file whose values have to be known.
type Content struct {
	File int // index in Headers
	Path string
}

// Headers are the headers in the order of the plan.
func (j *Joiner) Headers() []*Header { return j.headers }

// Unread lists the variables that several files hold for the same place, and whose contents are not known yet. The
// caller reads them and calls SetContent of the header.
func (j *Joiner) Unread() []Content {
	var list []Content
	for _, path := range pathsOf(j.headers) {
		if slices.Contains(j.rules.Identical, path) {
			continue
		}
		byTile := map[string][]int{}
		var order []string
		for i, h := range j.headers {
			if v := h.Variable(path); v != nil {
				k, empty := tile(&j.files[i], j.layoutOf(v))
				if empty {
					continue
				}
				if byTile[k] == nil {
					order = append(order, k)
				}
				byTile[k] = append(byTile[k], i)
			}
		}
		for _, k := range order {
			if len(byTile[k]) < 2 {
				continue
			}
			for _, i := range byTile[k] {
				if j.headers[i].Variable(path).Content == "" {
					list = append(list, Content{i, path})
				}
			}
		}
	}
	return list
}

// Plan joins the files. A disagreement is a *DriftError that names files and variables.
func (j *Joiner) Plan() (*Plan, error) {
	p := &Plan{Files: j.files, Stacks: j.stacks}
	for _, ax := range j.axes {
		p.Axes = append(p.Axes, Axis{ax.path, ax.length()})
	}
	paths := pathsOf(j.headers)
	for i, h := range j.headers {
		j.files[i].Lacks = nil
		for _, path := range paths {
			if h.Variable(path) == nil {
				j.files[i].Lacks = append(j.files[i].Lacks, path)
			}
		}
	}
	if len(j.axes) == 0 && len(j.headers) > 1 && !disjoint(j.headers) {
		return nil, &DriftError{cause: ErrNothingToJoin, Drifts: []Drift{{File: j.headers[1].URL, Against: j.headers[0].URL, Variable: "all variables",
			What: "place", Got: "the same", Want: ErrNothingToJoin.Error()}}}
	}
	for _, path := range paths {
		arr, lay, ok := j.array(path)
		if ok {
			p.Dataset.Arrays = append(p.Dataset.Arrays, arr)
			p.Layouts = append(p.Layouts, lay)
		}
	}
	if j.drifts != nil {
		return nil, &DriftError{Drifts: j.drifts}
	}
	p.Dataset.Groups = j.groups()
	j.apply(p)
	p.Notes = j.notes
	return p, nil
}

// disjoint reports whether no variable but identical ones is in two files, so that the files are merged side by side.
func disjoint(headers []*Header) bool {
	holders := map[string]int{}
	coord := map[string]bool{}
	for _, h := range headers {
		for _, v := range h.Variables {
			holders[v.Path]++
			coord[v.Path] = coord[v.Path] || v.Coordinate() || len(v.Shape) == 0
		}
	}
	shared, single := 0, 0
	for path, n := range holders {
		switch {
		case n == 1:
			single++
		case !coord[path]:
			shared++
		}
	}
	return single > 0 && (shared == 0 || single >= len(headers))
}

// array joins one variable of all files that hold it.
func (j *Joiner) array(path string) (Array, Layout, bool) {
	var first *Variable
	home := -1
	tiles := map[string]int{}
	bad := len(j.drifts)
	var lay []int
	retime := false
	differing := map[string]string{}
	for i, h := range j.headers {
		v := h.Variable(path)
		if v == nil {
			continue
		}
		if first == nil {
			first, home, lay = v, i, j.layoutOf(v)
			retime = h.TimeOf(v) != nil && !slices.Contains(j.rules.Identical, path)
		}
		if what, got, want := difference(v, first, lay, retime && h.TimeOf(v) != nil); what != "" {
			j.drift(i, home, path, what, got, want)
			continue
		}
		k, empty := tile(&j.files[i], lay)
		if empty {
			continue
		}
		if owner, ok := tiles[k]; ok {
			if o := j.headers[owner].Variable(path); o.Content != v.Content && !IsGridMapping(v) && !slices.Contains(j.rules.Identical, path) {
				j.drift(i, owner, path, DifferentContent, "another", "files that share their place must have the same values")
			}
			continue
		}
		tiles[k] = i
		if v != first {
			noteAttributes(v, first, differing, h.URL)
		}
	}
	if len(j.drifts) > bad {
		return Array{}, Layout{}, false
	}
	shape := slices.Clone(first.Shape)
	want := 1
	for d, ax := range lay {
		if ax >= 0 {
			shape[d] = j.axes[ax].length()
		}
	}
	seen := map[int]bool{}
	for _, ax := range lay {
		if ax >= 0 && !seen[ax] {
			seen[ax] = true
			want *= j.axes[ax].stretches()
		}
	}
	if len(tiles) != want {
		j.missing(path, lay, tiles, want)
		return Array{}, Layout{}, false
	}
	for _, name := range sortedKeys(differing) {
		j.note(path+"."+name, "as in the first file", differing[name], "evidence")
	}
	arr := Array{Path: path, Type: first.Type, Dimensions: append([]string{}, first.Dimensions...), Codecs: first.Codecs,
		Grid: Grid{Shape: shape, Chunks: slices.Clone(first.Chunks)}}
	arr.Fill, arr.Attributes = fillOf(first)
	layout := Layout{Axes: lay}
	if len(seen) == 0 && retime && j.retimed(path) { // the same instants, in different units
		obstacle := Drift{File: j.headers[home].URL, Variable: path, What: "units of time", Got: show(first.Attribute("units")), Want: "other files state the same times in other units"}
		ok := j.small(&arr, obstacle) && j.decode(&arr, &layout, path, []int{home})
		return arr, layout, ok
	}
	if len(seen) == 0 {
		layout.Role = Identical
		if n := j.holders(path); n > 1 && slices.Contains(j.rules.Identical, path) {
			j.note(path, "stored once", fmt.Sprintf("the first of %d files stands for all", n), "user")
		} else if n > 1 {
			j.note(path, "stored once", fmt.Sprintf("the same in %d files", n), "evidence")
		}
		return arr, layout, true
	}
	owners := make([]int, 0, len(tiles))
	for _, i := range tiles {
		owners = append(owners, i)
	}
	if len(owners) == 0 { // all files are empty
		owners = append(owners, home)
	}
	slices.Sort(owners)
	if !j.fit(&arr, &layout, path, owners) {
		return Array{}, Layout{}, false
	}
	return arr, layout, true
}

func (j *Joiner) holders(path string) int {
	n := 0
	for _, h := range j.headers {
		if h.Variable(path) != nil {
			n++
		}
	}
	return n
}

func (j *Joiner) drift(i, against int, path, what, got, want string) {
	j.drifts = append(j.drifts, Drift{j.headers[i].URL, j.headers[against].URL, path, what, got, want})
}

// missing reports the first stretch that no file holds.
func (j *Joiner) missing(path string, lay []int, tiles map[string]int, want int) {
	for i, h := range j.headers {
		k, empty := tile(&j.files[i], lay)
		if _, ok := tiles[k]; !ok && !empty && h.Variable(path) == nil {
			j.drifts = append(j.drifts, Drift{File: h.URL, Variable: path, What: Absent, Got: "absent", Want: "other files have it"})
			return
		}
	}
	var axes []string
	for _, ax := range lay {
		if ax >= 0 {
			axes = append(axes, j.axes[ax].path)
		}
	}
	j.drifts = append(j.drifts, Drift{File: "the files together", Variable: path, What: "coverage of " + strings.Join(axes, " and "),
		Got: fmt.Sprintf("%d pieces", len(tiles)), Want: fmt.Sprintf("%d are needed to fill the box that their coordinates span; no file has %s", want, j.gap(lay, tiles))})
}

// gap describes the first place that no file fills, by files that have its stretches of the axes.
func (j *Joiner) gap(lay []int, tiles map[string]int) string {
	var grid Grid // of stretches
	var found []*axis
	for _, ax := range lay {
		if ax >= 0 {
			found = append(found, j.axes[ax])
			grid.Shape, grid.Chunks = append(grid.Shape, int64(len(j.axes[ax].segments))), append(grid.Chunks, 1)
		}
	}
	var at []int64
next:
	for i := range grid.Count() {
		at = grid.Coords(i, at)
		key, words := "", []string{}
		for d, n := range at {
			s := found[d].segments[n]
			if s.length == 0 {
				continue next
			}
			key += fmt.Sprintf("%d,", s.start)
			words = append(words, fmt.Sprintf("the %s of %s", found[d].path, s.file))
		}
		if _, ok := tiles[key]; !ok {
			return strings.Join(words, " with ")
		}
	}
	return "the rest"
}

// noteAttributes remembers which attributes differ from the first file's without changing what the values mean.
func noteAttributes(v, first *Variable, differing map[string]string, url string) {
	for _, a := range first.Attributes {
		if differing[a.Name] == "" && !sameValue(cdm.Lookup(v.Attributes, a.Name), a.Value) {
			differing[a.Name] = "differs in " + url
		}
	}
	for _, a := range v.Attributes {
		if differing[a.Name] == "" && cdm.Lookup(first.Attributes, a.Name) == nil {
			differing[a.Name] = "the first file has none, " + url + " has"
		}
	}
}

func setAttribute(list *[]cdm.Attribute, name string, value any) {
	out := slices.Clone(*list)
	if i := slices.IndexFunc(out, func(a cdm.Attribute) bool { return a.Name == name }); i >= 0 {
		out[i].Value = value
	} else {
		out = append(out, cdm.Attribute{Name: name, Value: value})
	}
	*list = out
}

func removeAttribute(list *[]cdm.Attribute, name string) {
	*list = slices.DeleteFunc(slices.Clone(*list), func(a cdm.Attribute) bool { return a.Name == name })
}

// apply carries out the user's changes of attributes.
func (j *Joiner) apply(p *Plan) {
	target := func(key string) (*[]cdm.Attribute, string) {
		if i := strings.LastIndexByte(key, '.'); i > 0 {
			if a := p.Dataset.Array(key[:i]); a >= 0 {
				return &p.Dataset.Arrays[a].Attributes, key[i+1:]
			}
		}
		return &p.Dataset.Groups[0].Attributes, key
	}
	for _, key := range j.rules.Remove {
		list, name := target(key)
		removeAttribute(list, name)
		j.note(key, "removed", "asked for", "user")
	}
	for _, key := range sortedKeys(j.rules.Set) {
		list, name := target(key)
		setAttribute(list, name, j.rules.Set[key])
		j.note(key, "set", "asked for", "user")
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, cmp.Compare[string])
	return keys
}
