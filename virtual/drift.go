package virtual

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/codecs"
	"github.com/cedadev/kerchunk-builder/virtual/cftime"
)

// ErrDrift marks source files that disagree, so that no single array can hold what they say.
var ErrDrift = errors.New("source files disagree")

// DifferentContent is the What of a Drift of variables that have the same place in several files and different values.
const DifferentContent = "content"

// Absent is the What of a Drift of a variable that a file lacks and others have.
const Absent = "variable"

// Overlap is the What of a Drift of coordinates that lie across each other, so that the files have no order along them.
const Overlap = "first value"

// Drift is one disagreement: what File says of Variable, and what the file Against says.
type Drift struct {
	File     string `json:"file"`
	Against  string `json:"against"`
	Variable string `json:"variable"`
	What     string `json:"what"` // "dtype", "attribute scale_factor", ...
	Got      string `json:"got"`
	Want     string `json:"want"`
}

func (d Drift) String() string {
	s := fmt.Sprintf("%s: %s: %s is %s", d.File, d.Variable, d.What, d.Got)
	if d.Want != "" {
		s += fmt.Sprintf(", but %s", d.Want)
		if d.Against != "" {
			s += " in " + d.Against
		}
	}
	return s
}

// DriftError lists disagreements. It matches [ErrDrift].
type DriftError struct {
	Drifts []Drift
	cause  error
}

// Is makes errors.Is(err, ErrDrift) true.
func (e *DriftError) Is(target error) bool { return target == ErrDrift || target == e.cause }

func (e *DriftError) Error() string {
	const most = 5
	var b strings.Builder
	fmt.Fprintf(&b, "source files disagree (%d):", len(e.Drifts))
	for i, d := range e.Drifts {
		if i == most {
			fmt.Fprintf(&b, "\n  and %d more", len(e.Drifts)-most)
			break
		}
		fmt.Fprintf(&b, "\n  %s", d)
	}
	return b.String()
}

// meaningful are the attributes that change what the values mean (CF conventions 2.4, 3.1, 3.5, 8.1): where files
// disagree about one, no joined array can say what both say.
var meaningful = []string{
	"scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned",
	"units", "calendar", "flag_values", "flag_masks", "flag_meanings",
}

// difference compares a variable with the first file's and returns what no layout can mend; axes says which of the
// variable's axes are concatenated. Units, types and fill values of times are left to the caller when retime is true.
func difference(v, first *Variable, layout []int, retime bool) (what, got, want string) {
	if v == first {
		return "", "", ""
	}
	if !v.Type.Equal(first.Type) && !(retime && v.Type.Numeric() && first.Type.Numeric()) {
		if swapped := v.Type; swapped.Big != first.Type.Big {
			if swapped.Big = first.Type.Big; swapped.Equal(first.Type) {
				return "byte order", v.Type.String(), first.Type.String()
			}
		}
		return "dtype", v.Type.String(), first.Type.String()
	}
	if fmt.Sprint(v.Axes) != fmt.Sprint(first.Axes) {
		return "dimensions", fmt.Sprint(v.Axes), fmt.Sprint(first.Axes)
	}
	for d := range layout {
		if layout[d] < 0 && v.Shape[d] != first.Shape[d] {
			return "length of " + v.Axes[d], fmt.Sprint(v.Shape[d]), fmt.Sprint(first.Shape[d])
		}
	}
	for _, name := range meaningful {
		a, b := cdm.Lookup(v.Attributes, name), cdm.Lookup(first.Attributes, name)
		if sameValue(a, b) || sameNumbers(a, b) {
			continue
		}
		switch name {
		case "_FillValue", "missing_value":
			if retime {
				continue
			}
		case "units", "calendar":
			if retime || (a == nil || b == nil) && !since(a) && !since(b) { // not stated is no contradiction, but for times
				continue
			}
		case "flag_values", "flag_masks", "flag_meanings":
			if a == nil || b == nil {
				continue
			}
		}
		got, want := show(a), show(b)
		if name == "units" && since(a) && since(b) {
			want += unconverted(v, first)
		}
		if got == want {
			got, want = fmt.Sprintf("%s (%T)", got, a), fmt.Sprintf("%s (%T)", want, b)
		}
		return "attribute " + name, got, want
	}
	if IsGridMapping(first) {
		for _, list := range [][]cdm.Attribute{first.Attributes, v.Attributes} {
			for _, x := range list {
				a, b := cdm.Lookup(v.Attributes, x.Name), cdm.Lookup(first.Attributes, x.Name)
				if x.Name != "long_name" && x.Name != "comment" && !sameValue(a, b) {
					return "attribute " + x.Name, show(a), show(b)
				}
			}
		}
	}
	return "", "", ""
}

// unconverted says why times in the units of these variables can't be re-encoded to one.
func unconverted(variables ...*Variable) string {
	for _, v := range variables {
		units, _ := v.Attribute("units").(string)
		calendar, _ := v.Attribute("calendar").(string)
		if _, err := cftime.Parse(units, calendar); err != nil {
			return fmt.Sprintf(" (%v)", err)
		}
	}
	return ""
}

// since reports whether units are those of a time.
func since(units any) bool {
	s, _ := units.(string)
	return strings.Contains(s, " since ")
}

// IsGridMapping reports whether v is a grid mapping: its attributes say all, and its value says nothing (CF conventions 5.6).
func IsGridMapping(v *Variable) bool { return v.Attribute("grid_mapping_name") != nil }

// storage compares how a variable is stored with the first file's: differences here matter only to arrays that are
// made of references.
func storage(v, first *Variable, layout []int) (what, got, want string) {
	if v == first {
		return "", "", ""
	}
	if a, b := pipeline(v.Codecs), pipeline(first.Codecs); !reflect.DeepEqual(a, b) {
		return "codec", names(v.Codecs), names(first.Codecs)
	}
	if v.Contiguous != first.Contiguous {
		return "storage", storageName(v), storageName(first)
	}
	for d := range layout {
		if v.Chunks[d] != first.Chunks[d] && !(v.Contiguous && layout[d] >= 0) {
			return "chunk shape", fmt.Sprint(v.Chunks), fmt.Sprint(first.Chunks)
		}
	}
	return "", "", ""
}

// pipeline is what matters of codecs to a reader: a compression level only matters to the writer.
func pipeline(list []codecs.Codec) []map[string]any {
	out := make([]map[string]any, len(list))
	for i, c := range list {
		out[i] = maps.Clone(c.Config())
		delete(out[i], "level")
		delete(out[i], "clevel")
	}
	return out
}

func names(list []codecs.Codec) string {
	if len(list) == 0 {
		return "none"
	}
	s := make([]string, len(list))
	for i, c := range list {
		s[i] = c.Name()
	}
	return strings.Join(s, "+")
}

func storageName(v *Variable) string {
	if v.Contiguous {
		return "contiguous"
	}
	return fmt.Sprintf("chunks %v", v.Chunks)
}

// sameValue compares attribute values; NaN equals NaN.
func sameValue(a, b any) bool {
	return reflect.DeepEqual(a, b) || fmt.Sprintf("%T%v", a, a) == fmt.Sprintf("%T%v", b, b)
}

// sameNumbers compares numeric attributes by their values: a store does not say of which type they are.
func sameNumbers(a, b any) bool {
	x, y := elements(a), elements(b)
	if len(x) != len(y) {
		return false
	}
	double := cdm.DType{Kind: cdm.Float, Size: 8}
	for i := range x {
		p, ok := double.Encode(x[i])
		q, ok2 := double.Encode(y[i])
		if !ok || !ok2 || string(p) != string(q) {
			return false
		}
	}
	return true
}

func show(v any) string {
	if v == nil {
		return "absent"
	}
	if s, ok := v.(string); ok {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprint(v)
}
