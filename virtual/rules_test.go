package virtual

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRulesAreRecorded(t *testing.T) {
	for want, r := range map[string]Rules{
		"":                                      {InlineLimit: 5, SkipRefused: true, Stack: []string{}},
		`{"variables":["x"],"concat":["time"]}`: {Keep: []string{"x"}, Concat: []string{"time"}},
		`{"new_dimension":"run","stack":["a"],"identical":["lat","lon"],"attributes":{"t.x":[1.0,2.5,{"float":"-Inf"}],"t.y":["a","b"],"title":"<a>","v.f":3.0,"v.n":-3},"remove":["h"]}`: {
			NewDimension: "run", Stack: []string{"a"}, Identical: []string{"lat", "lon"}, Remove: []string{"h"},
			Set: map[string]any{"title": "<a>", "v.n": int64(-3), "v.f": 3.0, "t.x": []float64{1, 2.5, math.Inf(-1)}, "t.y": []string{"a", "b"}},
		},
	} {
		text, err := r.Record()
		if err != nil || text != want {
			t.Errorf("%s, %v; want %s", text, err, want)
		}
		back, err := ReadRules(text)
		r.InlineLimit, r.SkipRefused = 0, false
		if len(r.Stack) == 0 {
			r.Stack = nil
		}
		if d := cmp.Diff(r, back); err != nil || d != "" {
			t.Errorf("%v\n%s", err, d)
		}
	}
	if _, err := ReadRules(`{"conact":["time"]}`); err == nil || !strings.Contains(err.Error(), "conact") {
		t.Error(err)
	}
	own := Rules{Concat: []string{"x"}}.With(Rules{Concat: []string{"y"}, Identical: []string{"lat"}})
	if d := cmp.Diff(Rules{Concat: []string{"x"}, Identical: []string{"lat"}}, own); d != "" {
		t.Error(d)
	}
}
