package virtual

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// recorded are the rules that joining the same files again needs. What was left out, a store says itself.
type recorded struct {
	Keep         []string       `json:"variables,omitempty"`
	Concat       []string       `json:"concat,omitempty"`
	NewDimension string         `json:"new_dimension,omitempty"`
	Stack        []string       `json:"stack,omitempty"`
	Identical    []string       `json:"identical,omitempty"`
	Set          map[string]any `json:"attributes,omitempty"`
	Remove       []string       `json:"remove,omitempty"`
}

// Record is the rules in the words of override.yaml, as JSON, for a store to say how it was made; "" when the evidence decides
// everything.
func (r Rules) Record() (string, error) {
	out := recorded{r.Keep, r.Concat, r.NewDimension, r.Stack, r.Identical, nil, r.Remove}
	for name, v := range r.Set {
		if out.Set == nil {
			out.Set = map[string]any{}
		}
		out.Set[name] = pointed(v)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(out); err != nil {
		return "", fmt.Errorf("rules: %w", err)
	}
	text := string(bytes.TrimSpace(b.Bytes()))
	if text == "{}" {
		text = ""
	}
	return text, nil
}

// ReadRules reads what Record wrote.
func ReadRules(text string) (Rules, error) {
	var in recorded
	if text == "" {
		return Rules{}, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(&in); err != nil {
		return Rules{}, fmt.Errorf("rules %q: %w", text, err)
	}
	for name, v := range in.Set {
		in.Set[name] = valued(v)
	}
	return Rules{Keep: in.Keep, Concat: in.Concat, NewDimension: in.NewDimension, Stack: in.Stack, Identical: in.Identical, Set: in.Set, Remove: in.Remove}, nil
}

// pointed writes floats with a point, which tells them from integers; those that JSON has no number for stand as text.
func pointed(v any) any {
	switch v := v.(type) {
	case float64:
		s := strconv.FormatFloat(v, 'g', -1, 64)
		switch {
		case math.IsNaN(v) || math.IsInf(v, 0):
			return map[string]string{"float": s}
		case !strings.ContainsAny(s, ".e"):
			s += ".0"
		}
		return json.Number(s)
	case []float64:
		out := make([]any, len(v))
		for i := range v {
			out[i] = pointed(v[i])
		}
		return out
	}
	return v
}

// valued is the inverse of pointed.
func valued(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if n, err := strconv.ParseUint(v.String(), 10, 64); err == nil {
			return n
		}
		x, _ := v.Float64() // beyond the range it is infinite
		return x
	case map[string]any:
		s, _ := v["float"].(string)
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return s
		}
		return x
	case []any:
		floats, texts := []float64{}, []string{}
		for _, e := range v {
			switch e := valued(e).(type) {
			case float64:
				floats = append(floats, e)
			case string:
				texts = append(texts, e)
			}
		}
		if len(texts) == len(v) && len(v) > 0 {
			return texts
		}
		return floats
	}
	return v
}

// With adds what other decides, where r decides nothing of the kind.
func (r Rules) With(other Rules) Rules {
	list := func(own *[]string, more []string) {
		if len(*own) == 0 {
			*own = slices.Clone(more)
		}
	}
	list(&r.Concat, other.Concat)
	list(&r.Stack, other.Stack)
	list(&r.Identical, other.Identical)
	list(&r.Remove, other.Remove)
	if r.NewDimension == "" {
		r.NewDimension = other.NewDimension
	}
	if len(r.Set) == 0 {
		r.Set = maps.Clone(other.Set)
	}
	return r
}
