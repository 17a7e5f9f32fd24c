package virtual

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual/cftime"
)

// segment is one stretch of a concatenated dimension: the files that hold the same coordinate values share it.
type segment struct {
	key    string
	length int64
	low    float64 // the least and the greatest value, decoded, in one unit for the whole axis: the order of the axis
	high   float64
	step   float64 // the longest way from one value to the next
	down   bool    // the values fall somewhere
	uneven bool    // they rise and fall, or some are missing
	file   string  // one that holds it, for messages
	start  int64
}

// axis is a concatenated dimension while it is being worked out.
type axis struct {
	path     string
	segments []*segment
	of       map[int]*segment // by header
	down     bool             // the values fall along the axis
	ordered  bool             // by the values of a coordinate
	units    *cftime.Units    // of the values, when they are times
	evidence string
	from     string
}

// stretches is the number of stretches that have elements.
func (a *axis) stretches() int {
	n := 0
	for _, s := range a.segments {
		if s.length > 0 {
			n++
		}
	}
	return n
}

func (a *axis) length() int64 {
	n := int64(0)
	for _, s := range a.segments {
		n += s.length
	}
	return n
}

// axes works out which dimensions the files are concatenated along, and where each file lies on them.
func axes(headers []*Header, rules Rules) ([]*axis, error) {
	if len(headers) == 1 {
		return nil, nil
	}
	var found []*axis
	var open []string // dimensions without a coordinate that files may be concatenated along when no coordinate tells them apart
	for _, path := range dimensions(headers) {
		wanted := slices.Contains(rules.Concat, path)
		if rules.Concat != nil && !wanted || slices.Contains(rules.Identical, path) || slices.Contains(rules.Stack, path) {
			continue
		}
		a, varies, err := segmented(headers, path)
		if err != nil {
			return nil, err
		}
		switch {
		case wanted:
			a.from, a.evidence = "user", "override"
			if !varies {
				a = inOrder(headers, path)
				a.from, a.evidence = "user", "override; no coordinate tells the order, so the order of the files is kept"
			}
			found = append(found, a)
		case varies && coordinated(headers, path):
			a.from = "evidence"
			found = append(found, a)
		case varies, !coordinated(headers, path) && (unlimited(headers, path) || timesDiffer(headers, path)):
			open = append(open, path)
		}
	}
	for _, want := range rules.Concat {
		if !slices.ContainsFunc(found, func(a *axis) bool { return a.path == want }) {
			return nil, fmt.Errorf("concat: no variable has a dimension %q", want)
		}
	}
	if len(found) == 0 && len(open) == 1 {
		a := inOrder(headers, open[0])
		a.from, a.evidence = "evidence", "no coordinate tells files apart, and this dimension is unlimited, of differing length or has differing times; the order of the files is kept"
		found = append(found, a)
	}
	for _, a := range found {
		if err := a.arrange(); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// dimensions lists the dimensions of all variables in the order in which variables name them.
func dimensions(headers []*Header) []string {
	var list []string
	seen := map[string]bool{}
	done := map[*Variable]bool{}
	for _, h := range headers {
		for _, v := range h.Variables {
			if done[v] {
				continue
			}
			done[v] = true
			for _, path := range v.Axes {
				if !seen[path] {
					seen[path] = true
					list = append(list, path)
				}
			}
		}
	}
	// The axis that varies slowest comes first: time before latitude, whatever the order of the variables.
	depth := map[string]int{}
	for v := range done {
		for d, path := range v.Axes {
			depth[path] = max(depth[path], d)
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return depth[list[i]] < depth[list[j]] })
	return list
}

func lengthOf(h *Header, path string) (int64, bool) {
	for _, v := range h.Variables {
		for d, p := range v.Axes {
			if p == path {
				return v.Shape[d], true
			}
		}
	}
	return 0, false
}

func unlimited(headers []*Header, path string) bool {
	for _, h := range headers {
		for _, v := range h.Variables {
			for d, p := range v.Axes {
				if p == path && !v.Unlimited[d] {
					return false
				}
			}
		}
	}
	return true
}

func coordinated(headers []*Header, path string) bool {
	for _, h := range headers {
		if h.Variable(path) != nil {
			return true
		}
	}
	return false
}

// timesDiffer reports whether a variable along the dimension alone holds times that are others in each file that has the dimension.
func timesDiffer(headers []*Header, path string) bool {
	holders := 0
	contents := map[string]map[string]bool{} // by variable
	for _, h := range headers {
		if _, ok := lengthOf(h, path); !ok {
			continue
		}
		holders++
		for _, v := range h.Variables {
			if len(v.Axes) != 1 || v.Axes[0] != path || v.Content == "" {
				continue
			}
			if _, ok := TimeUnits(v, v); !ok {
				continue
			}
			if contents[v.Path] == nil {
				contents[v.Path] = map[string]bool{}
			}
			contents[v.Path][v.Content] = true
		}
	}
	for _, of := range contents {
		if holders > 1 && len(of) == holders {
			return true
		}
	}
	return false
}

// segmented sorts the files that have the dimension by the values of its coordinate. varies is true when not all are
// alike, or when there is no coordinate and the lengths differ.
func segmented(headers []*Header, path string) (a *axis, varies bool, err error) {
	a = &axis{path: path, of: map[int]*segment{}}
	coords := make([]*Variable, len(headers))
	with, without := -1, -1
	first := int64(-1)
	lengths, texts := false, false
	for i, h := range headers {
		n, ok := lengthOf(h, path)
		if !ok {
			continue
		}
		if first < 0 {
			first = n
		}
		lengths = lengths || n != first
		if v := h.Variable(path); v != nil && v.Coordinate() && (v.Type.Numeric() || textual(v)) {
			coords[i], with = v, i
			texts = texts || textual(v)
		} else {
			without = i
		}
	}
	if with < 0 {
		return inOrder(headers, path), lengths, nil
	}
	if without >= 0 {
		if !lengths && !variesAmong(coords) {
			return a, false, nil
		}
		return nil, false, &DriftError{Drifts: []Drift{{headers[without].URL, headers[with].URL, path, "coordinate variable", "absent", "it is there"}}}
	}
	if texts {
		return byText(headers, coords, path)
	}
	values, units, err := positions(headers, coords)
	if err != nil {
		return nil, false, err
	}
	a.units, a.ordered = units, true
	byKey := map[string]*segment{}
	for i, v := range values {
		if coords[i] == nil {
			continue
		}
		key := digest(v)
		s := byKey[key]
		if s == nil {
			s = &segment{key: key, length: int64(len(v)), file: headers[i].URL}
			if s.measure(v); s.length > 0 && math.IsNaN(s.low) {
				return nil, false, &DriftError{Drifts: []Drift{{File: headers[i].URL, Variable: path, What: "coordinate", Got: "missing at every element", Want: "the files are put in its order"}}}
			}
			byKey[key] = s
			a.segments = append(a.segments, s)
		}
		a.of[i] = s
	}
	a.evidence = fmt.Sprintf("%d different stretches of the coordinate in %d files", len(a.segments), len(a.of))
	return a, len(a.segments) > 1, nil
}

// byText gives every list of names a stretch of its own, in the order of the files. A name in two lists is an error.
func byText(headers []*Header, coords []*Variable, path string) (a *axis, varies bool, err error) {
	a = &axis{path: path, of: map[int]*segment{}}
	byKey := map[string]*segment{}
	holder := map[string]string{} // the file that has a name
	var drifts []Drift
	for i, v := range coords {
		if v == nil {
			continue
		}
		list, err := textsOf(v)
		if err != nil {
			return nil, false, fmt.Errorf("%s: coordinate %s: %w", headers[i].URL, path, err)
		}
		key := fmt.Sprintf("%q", list)
		if byKey[key] == nil {
			s := &segment{key: key, length: int64(len(list)), low: float64(i), high: float64(i), file: headers[i].URL}
			for _, name := range list {
				if before, ok := holder[name]; ok && before != s.file {
					drifts = append(drifts, Drift{s.file, before, path, "value", show(name), "it is there already"})
					break
				}
				holder[name] = s.file
			}
			byKey[key] = s
			a.segments = append(a.segments, s)
		}
		a.of[i] = byKey[key]
	}
	if drifts != nil {
		return nil, false, &DriftError{Drifts: drifts}
	}
	a.evidence = fmt.Sprintf("%d different lists of names in %d files; the order of the files is kept", len(a.segments), len(a.of))
	return a, len(a.segments) > 1, nil
}

// textual reports whether the elements of a variable are text.
func textual(v *Variable) bool {
	return v.Type.Kind == cdm.Object || v.Type.Kind == cdm.Bytes && v.Type.Size > 1 || v.Type.Kind == cdm.Unicode
}

// textsOf are the values of a variable of text.
func textsOf(v *Variable) ([]string, error) {
	if v.Type.Kind == cdm.Object {
		return cdm.DecodeStrings(v.Raw)
	}
	var out []string
	for raw := v.Raw; len(raw) >= v.Type.Size; raw = raw[v.Type.Size:] {
		out = append(out, string(raw[:v.Type.Size]))
	}
	return out, nil
}

// digest identifies a stretch by its decoded values: what is stored says nothing where units differ.
func digest(values []float64) string {
	b := make([]byte, 0, 8*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v+0)) // no negative zero
	}
	sum := sha256.Sum256(b)
	return string(sum[:])
}

// measure finds the range and the direction of a stretch's values; NaN is a missing one.
func (s *segment) measure(values []float64) {
	if len(values) == 0 {
		return
	}
	s.low, s.high = math.NaN(), math.NaN()
	up, before := false, math.NaN()
	for _, x := range values {
		if math.IsNaN(x) {
			s.uneven = true
			continue
		}
		up, s.down = up || x > before, s.down || x < before
		if !(s.low <= x) {
			s.low = x
		}
		if !(s.high >= x) {
			s.high = x
		}
		s.uneven = s.uneven || x == before || up && s.down
		if step := math.Abs(x - before); step > s.step {
			s.step = step
		}
		before = x
	}
}

func variesAmong(coords []*Variable) bool {
	digest := ""
	for _, v := range coords {
		if v == nil {
			continue
		}
		if digest != "" && v.Content != digest {
			return true
		}
		digest = v.Content
	}
	return false
}

// positions decodes coordinates to numbers that can be compared between files: times in one unit, which it answers, others as they are.
func positions(headers []*Header, coords []*Variable) (values [][]float64, to *cftime.Units, err error) {
	out := make([][]float64, len(coords))
	cache := map[string][]float64{}
	for i, v := range coords {
		if v == nil {
			continue
		}
		units, isTime := TimeUnits(v, v)
		text := fmt.Sprint(v.Type, v.Attribute("_FillValue"), v.Attribute("missing_value"), v.Attribute("scale_factor"), v.Attribute("add_offset"))
		if isTime {
			text += units.String() + string(units.Calendar())
		}
		key := v.Content + text
		if got, ok := cache[key]; ok {
			out[i] = got
			continue
		}
		vals, err := unpacked(v)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: coordinate %s: %w", headers[i].URL, v.Path, err)
		}
		if isTime {
			if to == nil {
				to = &units
			}
			if !units.Same(*to) {
				for k := range vals {
					if math.IsNaN(vals[k]) {
						continue
					}
					c, err := cftime.ConvertFloats(vals[k:k+1], units, *to)
					if err != nil {
						return nil, nil, &DriftError{Drifts: []Drift{{File: headers[i].URL, Variable: v.Path, What: "time", Got: units.String(), Want: err.Error()}}}
					}
					vals[k] = c[0]
				}
			}
		}
		cache[key] = vals
		out[i] = vals
	}
	return out, to, nil
}

// unpacked gives a coordinate's values as a reader gets them: unpacked (CF conventions 8.1), and NaN where they are missing (2.5.1).
func unpacked(v *Variable) ([]float64, error) {
	vals, err := v.Type.Float64s(v.Raw)
	if err != nil {
		return nil, err
	}
	number := func(name string) (float64, bool) {
		raw, ok := cdm.DType{Kind: cdm.Float, Size: 8}.Encode(v.Attribute(name))
		if !ok {
			return 0, false
		}
		return math.Float64frombits(binary.LittleEndian.Uint64(raw)), true
	}
	for _, name := range []string{"_FillValue", "missing_value"} {
		if fill, ok := number(name); ok {
			for i := range vals {
				if vals[i] == fill {
					vals[i] = math.NaN()
				}
			}
		}
	}
	scale, scaled := number("scale_factor")
	offset, _ := number("add_offset")
	for i := range vals {
		if scaled {
			vals[i] *= scale
		}
		vals[i] += offset
	}
	return vals, nil
}

// packed reports whether the values are stored as other numbers than they mean.
func packed(v *Variable) bool {
	return v.Attribute("scale_factor") != nil || v.Attribute("add_offset") != nil
}

// inOrder gives every file a stretch of its own in the order of the list.
func inOrder(headers []*Header, path string) *axis {
	a := &axis{path: path, of: map[int]*segment{}}
	for i, h := range headers {
		if n, ok := lengthOf(h, path); ok {
			s := &segment{key: fmt.Sprint(i), length: n, low: float64(i), high: float64(i), file: h.URL}
			a.segments = append(a.segments, s)
			a.of[i] = s
		}
	}
	return a
}

// arrange orders the stretches along the axis and gives each its start. An overlap is an error.
func (a *axis) arrange() error {
	falls, rises := false, false // an axis on which some stretches rise is put in rising order
	for _, s := range a.segments {
		falls = falls || s.down && !s.uneven
		rises = rises || s.length > 1 && !s.down && !s.uneven
	}
	a.down = falls && !rises
	sort.SliceStable(a.segments, func(i, j int) bool {
		if a.down {
			return a.segments[i].high > a.segments[j].high
		}
		return a.segments[i].low < a.segments[j].low
	})
	start := int64(0)
	var drifts []Drift
	var prev *segment
	for _, s := range a.segments {
		s.start = start
		start += s.length
		if s.length == 0 {
			continue
		}
		if prev != nil {
			from, reached, overlap := s.low, prev.high, s.low <= prev.high
			if a.down {
				from, reached, overlap = s.high, prev.low, s.high >= prev.low
			}
			if overlap {
				drifts = append(drifts, Drift{s.file, prev.file, a.path, Overlap,
					a.show(from), fmt.Sprintf("the axis has reached %v already", a.show(reached))})
			}
		}
		prev = s
	}
	if drifts != nil {
		return &DriftError{Drifts: drifts}
	}
	return nil
}

// show is a value of the axis for people.
func (a *axis) show(value float64) string {
	if a.units != nil {
		if i, err := a.units.AtFloat(value); err == nil {
			return i.String()
		}
	}
	return fmt.Sprint(value)
}

// ErrNothingToJoin says that files can be neither concatenated nor merged.
var ErrNothingToJoin = errors.New("the files hold the same variables at the same coordinates, so there is nothing to concatenate them along")
