package jsonstream

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// plain is a value as encoding/json decodes it with UseNumber.
func plain(v any) any {
	switch v := v.(type) {
	case Object:
		m := map[string]any{}
		for _, e := range v {
			m[e.Name] = plain(e.Value)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i := range v {
			l[i] = plain(v[i])
		}
		return l
	case Literal:
		return json.Number(v)
	}
	return v
}

func FuzzAgainstEncodingJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, `{"a":[1,-2.5e+3,true,false,null,"x\u00e9\ud83d\ude00\n\/"],"b":{"c":{}}}`, ` [ 1 , 2 ] `, `{"a":1,}`, `[1,]`, `[1 2]`,
		`{"a" 1}`, `{1:2}`, `01`, `-`, `1.`, `.5`, `1e`, `"\ud800"`, `"\ud800\u0041"`, `"a`, `[[[`, `]`, `{"a":1]`, `nul`, `1 1`, "\"\x01\"", "\"\xff\"", ``, `-0`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := Parse(text)
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.UseNumber()
		var want any
		wantErr := d.Decode(&want)
		if wantErr == nil {
			if _, e := d.Token(); e != io.EOF {
				wantErr = errors.New("trailing text")
			}
		}
		if err != nil {
			// Ours is stricter in two documented ways: depth, and strings that are not UTF-8.
			if wantErr == nil && !strings.Contains(err.Error(), "nested") && !strings.Contains(err.Error(), "UTF-8") && !strings.Contains(err.Error(), "digits") {
				t.Fatalf("%q: %v, but encoding/json accepts it", text, err)
			}
			return
		}
		if wantErr != nil {
			if s := string(text); strings.Contains(s, "NaN") || strings.Contains(s, "Infinity") {
				return
			}
			t.Fatalf("%q: accepted, but encoding/json says %v", text, wantErr)
		}
		if !reflect.DeepEqual(plain(got), want) {
			t.Fatalf("%q: %#v, want %#v", text, plain(got), want)
		}
	})
}

func TestPythonLiterals(t *testing.T) {
	v, err := Parse([]byte(`[NaN, Infinity, -Infinity, -1]`))
	if err != nil {
		t.Fatal(err)
	}
	if want := []any{Literal("NaN"), Literal("Infinity"), Literal("-Infinity"), Literal("-1")}; !reflect.DeepEqual(v, want) {
		t.Fatalf("%#v", v)
	}
	for _, s := range []string{"Nan", "-NaN", "1Infinity", "Infinit"} {
		if _, err := Parse([]byte(s)); err == nil {
			t.Errorf("%s was accepted", s)
		}
	}
}

// Tokens don't depend on how the text arrives.
func TestOneByteReads(t *testing.T) {
	text := `{"key with \"quotes\"": [1.5e10, "long ` + strings.Repeat("x", 1000) + `"], "b": null}`
	a, err := NewReader(strings.NewReader(text)).Value()
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewReader(iotest.OneByteReader(strings.NewReader(text))).Value()
	if err != nil || !reflect.DeepEqual(a, b) {
		t.Fatalf("%v, %v", b, err)
	}
}

func TestReadErrorIsReported(t *testing.T) {
	broken := errors.New("disk")
	r := NewReader(io.MultiReader(strings.NewReader(`{"a":"bcd`), iotest.ErrReader(broken)))
	if _, err := r.Value(); !errors.Is(err, broken) {
		t.Fatal(err)
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	if _, err := Parse([]byte(strings.Repeat("[", 1<<20))); !errors.Is(err, ErrSyntax) {
		t.Fatal(err)
	}
}

func TestAppendStringReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		b := AppendString(nil, s)
		var std string
		if err := json.Unmarshal(b, &std); err != nil || std != s {
			t.Fatalf("encoding/json reads %q from %s: %v", std, b, err)
		}
		if v, err := Parse(b); err != nil || v != s {
			t.Fatalf("%q, %v", v, err)
		}
	})
	if got := string(AppendString(nil, "a\xb0b")); got != "\"a\uFFFDb\"" {
		t.Fatalf("%q", got)
	}
}

func TestAppendFloatReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
		s := string(AppendFloat(nil, f))
		if math.IsNaN(f) {
			if s != "NaN" {
				t.Fatal(s)
			}
			return
		}
		g, err := strconv.ParseFloat(s, 64)
		if err != nil || math.Float64bits(g) != math.Float64bits(f) || !strings.ContainsAny(s, ".eI") {
			t.Fatalf("%s reads as %v, want %v (%v)", s, g, f, err)
		}
	})
}
