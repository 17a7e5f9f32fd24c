package compute

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Step is one edit of a finished store, as the store itself records it: it says all that is needed to make the same edit of another
// store. One field is set.
type Step struct {
	Links           Rewriting `json:"links,omitempty"`            // prefixes of urls to replace
	Drop            string    `json:"drop,omitempty"`             // a variable
	RenameVariable  *Rename   `json:"rename_variable,omitempty"`  // a path; a variable stays in its group
	RenameDimension *Rename   `json:"rename_dimension,omitempty"` // a name, in the whole store
	Set             *Setting  `json:"set,omitempty"`
	Remove          string    `json:"remove,omitempty"` // an attribute: "attr" or "variable.attr"
}

// Rename gives what is called From the name To.
type Rename struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Setting sets an attribute, "attr" of the store or "variable.attr".
type Setting struct {
	Key   string
	Value any
}

type settingJSON struct {
	Key   string          `json:"attribute"`
	Value json.RawMessage `json:"value"`
}

// MarshalJSON keeps the kinds of numbers apart, as a store's attributes do.
func (s Setting) MarshalJSON() ([]byte, error) {
	value, err := zarr.AppendValue(nil, s.Value)
	if err != nil {
		return nil, err
	}
	return json.Marshal(settingJSON{s.Key, value})
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (s *Setting) UnmarshalJSON(text []byte) error {
	var j settingJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	s.Key = j.Key
	var err error
	s.Value, err = zarr.ParseValue(j.Value)
	return err
}

// String says what the step does.
func (s Step) String() string {
	switch {
	case s.Links != nil:
		list := make([]string, len(s.Links))
		for i, l := range s.Links {
			list[i] = l.From + " -> " + l.To
		}
		return "links " + strings.Join(list, ", ")
	case s.Drop != "":
		return "drop " + s.Drop
	case s.RenameVariable != nil:
		return fmt.Sprintf("rename variable %s to %s", s.RenameVariable.From, s.RenameVariable.To)
	case s.RenameDimension != nil:
		return fmt.Sprintf("rename dimension %s to %s", s.RenameDimension.From, s.RenameDimension.To)
	case s.Set != nil:
		value, err := zarr.AppendValue(nil, s.Set.Value)
		if err != nil {
			value = fmt.Append(nil, s.Set.Value)
		}
		return fmt.Sprintf("set %s = %s", s.Set.Key, value)
	}
	return "remove " + s.Remove
}

// editsAttribute of a store records what has been done to it since its references were made: the steps as JSON, one a line.
const editsAttribute = "kerchunk_builder_edits"

// Steps are the edits that a store records, in the order in which they were made.
func Steps(ds virtual.Dataset) ([]Step, error) {
	if len(ds.Groups) == 0 {
		return nil, nil
	}
	text, _ := cdm.Lookup(ds.Groups[0].Attributes, editsAttribute).(string)
	if text == "" {
		return nil, nil
	}
	var steps []Step
	for line := range strings.SplitSeq(text, "\n") {
		var s Step
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			return nil, fmt.Errorf("attribute %s: %q: %w", editsAttribute, line, err)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// record puts steps into the attributes of a store.
func record(attrs *[]cdm.Attribute, steps []Step) error {
	out := slices.DeleteFunc(slices.Clone(*attrs), func(a cdm.Attribute) bool { return a.Name == editsAttribute })
	lines := make([]string, len(steps))
	for i, s := range steps {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
		lines[i] = strings.TrimSuffix(b.String(), "\n")
	}
	if len(steps) > 0 {
		out = append(out, cdm.Attribute{Name: editsAttribute, Value: strings.Join(lines, "\n")})
	}
	*attrs = out
	return nil
}

// Rewritings lists how the links of a store have been rewritten, in turn.
func Rewritings(steps []Step) []Rewriting {
	var list []Rewriting
	for _, s := range steps {
		if s.Links != nil {
			list = append(list, s.Links)
		}
	}
	return list
}

// Origin is what a variable was called before the steps were made.
func Origin(steps []Step, path string) string {
	for _, s := range slices.Backward(steps) {
		if r := s.RenameVariable; r != nil && r.To == path {
			path = r.From
		}
	}
	return path
}

// Dropped lists the variables that the steps have dropped, as they were called before.
func Dropped(steps []Step) []string {
	var list []string
	for i, s := range steps {
		if s.Drop != "" {
			list = append(list, Origin(steps[:i], s.Drop))
		}
	}
	return list
}

// Source is the url of the source file that a link of the store leads to, as the store's plan has it.
func Source(steps []Step, url string) string {
	for _, r := range slices.Backward(Rewritings(steps)) {
		url = r.Back(url)
	}
	return url
}

// Home is where a store finds the source file at url: the inverse of Source.
func Home(steps []Step, url string) (string, error) {
	var err error
	for _, r := range Rewritings(steps) {
		if url, err = r.Apply(url); err != nil {
			return "", err
		}
	}
	return url, nil
}
