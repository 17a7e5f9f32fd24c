package profile

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func drawWork(t *rapid.T) Work {
	return Work{
		Files:      rapid.Int64Range(1, 1e6).Draw(t, "files"),
		Arrays:     rapid.Int64Range(1, 1000).Draw(t, "arrays"),
		References: rapid.Int64Range(1, 1e9).Draw(t, "references"),
		Format:     rapid.SampledFrom([]string{"parquet", "json"}).Draw(t, "format"),
	}
}

func drawFigures(t *rapid.T) Figures {
	line := func(name string) Line {
		f := func(most float64) float64 { return rapid.Float64Range(most/1e6, most).Draw(t, name) }
		return Line{f(1e7), f(1e5), f(1e4), f(100), rapid.Float64Range(1, 10).Draw(t, name)}
	}
	return Figures{Seconds: line("seconds"), Memory: line("memory"), Parquet: line("parquet"), JSON: line("json")}
}

func (p Prediction) each() []Interval { return []Interval{p.StoreBytes, p.Seconds, p.Memory} }

// More work never costs less, and bounds are bounds, whatever was learned.
func TestMoreWorkCostsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := BuiltIn()
		if rapid.Bool().Draw(t, "learned") {
			w := drawWork(t)
			f = f.Learn([]Cost{{w, rapid.Float64Range(1e-3, 1e6).Draw(t, "seconds"), rapid.Int64Range(0, 1<<40).Draw(t, "peak"), rapid.Int64Range(1, 1<<40).Draw(t, "bytes")}})
		}
		w := drawWork(t)
		more := w
		switch rapid.IntRange(0, 2).Draw(t, "what") {
		case 0:
			more.Files += rapid.Int64Range(1, 1e6).Draw(t, "more")
		case 1:
			more.References += rapid.Int64Range(1, 1e9).Draw(t, "more")
		default:
			more.Arrays += rapid.Int64Range(1, 100).Draw(t, "more")
		}
		a, b := f.Predict(w).each(), f.Predict(more).each()
		for i := range a {
			if a[i].Low <= 0 || a[i].Low > a[i].Mid || a[i].Mid > a[i].High || math.IsInf(a[i].High, 0) {
				t.Fatalf("bounds %+v", a[i])
			}
			if b[i].Low < a[i].Low || b[i].Mid < a[i].Mid || b[i].High < a[i].High {
				t.Fatalf("%+v costs %+v and %+v costs %+v", w, a[i], more, b[i])
			}
		}
	})
}

// What is learned is nearer to what it was learned from than the figures before, and its bounds hold all of it.
func TestLearningComesNearer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		truth := drawFigures(t)
		var costs []Cost
		for range rapid.IntRange(1, 6).Draw(t, "datasets") {
			w := drawWork(t)
			noise := rapid.Float64Range(0.5, 2).Draw(t, "noise")
			p := truth.Predict(w)
			costs = append(costs, Cost{w, p.Seconds.Mid * noise, Whole(p.Memory.Mid * noise), Whole(p.StoreBytes.Mid * noise)})
		}
		learned := BuiltIn().Learn(costs)
		off := func(f Figures) (sum float64) {
			for _, c := range costs {
				p := f.Predict(c.Work)
				for _, v := range [][2]float64{{p.Seconds.Mid, c.Seconds}, {p.Memory.Mid, float64(c.Memory)}, {p.StoreBytes.Mid, float64(c.Bytes)}} {
					sum += (v[0]/v[1] - 1) * (v[0]/v[1] - 1)
				}
			}
			return sum
		}
		if before, after := off(BuiltIn()), off(learned); after > before*(1+1e-9)+1e-9 {
			t.Fatalf("off by %g after learning, and by %g before", after, before)
		}
		const tiny = 1 + 1e-9
		for _, c := range costs {
			p := learned.Predict(c.Work)
			if c.Seconds < p.Seconds.Low/tiny || c.Seconds > p.Seconds.High*tiny {
				t.Fatalf("%g s is outside of %+v", c.Seconds, p.Seconds)
			}
		}
	})
}

// Two datasets on a slow archive teach what a third takes there, although it has ten times the references a file: the error is less than
// half of that before, on the scale of factors.
func TestLearningPredictsAnother(t *testing.T) {
	slow := BuiltIn()
	slow.Seconds.PerFile *= 20
	slow.Parquet.PerReference *= 2
	cost := func(files, references int64) Cost {
		w := Work{Files: files, Arrays: 6, References: references, Format: "parquet"}
		p := slow.Predict(w)
		return Cost{w, p.Seconds.Mid, Whole(p.Memory.Mid), Whole(p.StoreBytes.Mid)}
	}
	learned := BuiltIn().Learn([]Cost{cost(500, 2_000_000), cost(4000, 8_000_000)})
	another := cost(2000, 50_000_000)
	for name, off := range map[string]func(Figures) float64{
		"seconds": func(f Figures) float64 {
			return math.Abs(math.Log(f.Predict(another.Work).Seconds.Mid / another.Seconds))
		},
		"bytes": func(f Figures) float64 {
			return math.Abs(math.Log(f.Predict(another.Work).StoreBytes.Mid / float64(another.Bytes)))
		},
	} {
		if before, after := off(BuiltIn()), off(learned); after > before/2 {
			t.Errorf("%s: off by e^%.2f after learning, and by e^%.2f before", name, after, before)
		}
	}
}

func TestLearnedBoundsHoldAnother(t *testing.T) {
	slow := BuiltIn()
	slow.Seconds.PerFile *= 20
	cost := func(files, references int64) Cost {
		w := Work{Files: files, Arrays: 6, References: references, Format: "parquet"}
		return Cost{Work: w, Seconds: slow.Predict(w).Seconds.Mid}
	}
	learned := BuiltIn().Learn([]Cost{cost(500, 2_000_000), cost(4000, 8_000_000)})
	another := cost(2000, 50_000_000)
	if p := learned.Predict(another.Work).Seconds; another.Seconds < p.Low || another.Seconds > p.High {
		t.Errorf("%g s is outside of %+v", another.Seconds, p)
	}
}

func TestFamily(t *testing.T) {
	for _, c := range []struct {
		codes []string
		want  string
	}{
		{nil, ""}, {[]string{"sst"}, ""}, {[]string{"sst-daily"}, "sst"}, {[]string{"a.b.c", "a.b.d"}, "a.b"}, {[]string{"a.bc.x", "a.bd.x"}, "a"},
		{[]string{"sst-daily", "rain-daily"}, ""}, {[]string{"a.b.c", "a.b.c.d"}, "a.b"},
	} {
		if got := Family(c.codes); got != c.want {
			t.Errorf("family of %q: %q, want %q", c.codes, got, c.want)
		}
	}
	if inFamily("a.b", "a.bc") || inFamily("a.b", "a.b") || !inFamily("a.b", "a.b_c") {
		t.Error("a family ends where a part of the code ends")
	}
}

// The same kind comes before the same family, and the nearer family before the wider.
func TestChoose(t *testing.T) {
	kind := KindOf([]string{"netcdf4"}, []Variable{{"sst", "<f4", []string{"shuffle", "zlib"}}})
	other := KindOf([]string{"netcdf4"}, []Variable{{"sst", "<f4", nil}})
	classic := KindOf([]string{"netcdf3"}, []Variable{{"sst", "<f4", nil}})
	a := &Profile{Name: "a", Kind: other, Family: "x"}
	b := &Profile{Name: "b", Kind: other, Family: "x.y"}
	c := &Profile{Name: "c", Kind: kind, Family: "z"}
	d := &Profile{Name: "d", Kind: classic, Family: "x.y"}
	e := &Profile{Name: "e", Kind: other}
	for _, x := range []struct {
		list []*Profile
		code string
		want *Profile
		how  Match
	}{
		{[]*Profile{a, b, c, d, e}, "x.y.q", c, SameKind},
		{[]*Profile{a, b, d, e}, "x.y.q", b, SameFamily},
		{[]*Profile{a, b, d, e}, "x.q", a, SameFamily},
		{[]*Profile{a, b, d, e}, "q", nil, NoMatch},
	} {
		if got, how := Choose(x.list, x.code, kind); got != x.want || how != x.how {
			t.Errorf("%s: %v (%s), want %v (%s)", x.code, got, how, x.want, x.how)
		}
	}
}
