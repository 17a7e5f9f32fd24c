package virtual

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

var i8 = cdm.DType{Kind: cdm.Int, Size: 8}

// header makes a header by hand: coordinates with their values, and other variables.
func header(url string, vars ...*Variable) *Header {
	return &Header{URL: url, Size: 1, Groups: []Group{{}}, Variables: vars}
}

func coordinate(name string, units string, values ...int64) *Variable {
	v := &Variable{Variable: cdm.Variable{Name: name, Path: name, Type: i8, Shape: []int64{int64(len(values))}, Dimensions: []string{name},
		Chunks: []int64{max(int64(len(values)), 1)}, Contiguous: true}, Axes: []string{name}, Unlimited: []bool{false}}
	for _, x := range values {
		v.Raw = binary.LittleEndian.AppendUint64(v.Raw, uint64(x))
	}
	v.Content = fmt.Sprint(values)
	if units != "" {
		v.Attributes = []cdm.Attribute{{Name: "units", Value: units}}
	}
	return v
}

func data(name string, dims string, shape, chunks []int64, attrs ...cdm.Attribute) *Variable {
	axes := strings.Fields(dims)
	return &Variable{Variable: cdm.Variable{Name: name, Path: name, Type: i8, Shape: shape, Dimensions: axes, Chunks: chunks, Attributes: attrs},
		Axes: axes, Unlimited: make([]bool, len(axes)), Content: name}
}

func plan(headers []*Header, rules Rules) (*Plan, error) {
	j, err := NewJoiner(headers, rules)
	if err != nil {
		return nil, err
	}
	if u := j.Unread(); len(u) > 0 {
		return nil, fmt.Errorf("unread: %v", u)
	}
	return j.Plan()
}

// Whatever the order of the files: they come in the order of the coordinate, every element of the joined array lies in exactly one of
// them, and at its own index.
func TestJoinCoversEveryElementOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cuts := func(label string) []int64 {
			return rapid.SliceOfN(rapid.Int64Range(1, 4), 1, 4).Draw(t, label)
		}
		times, lats := cuts("times"), cuts("lats")
		descending := rapid.Bool().Draw(t, "descending")
		var headers []*Header
		at := int64(0)
		for i, nt := range times {
			lat := int64(0)
			for k, ny := range lats {
				var tv, yv []int64
				for e := range nt {
					tv = append(tv, at+e)
				}
				for e := range ny {
					y := lat + e
					if descending {
						y = -y
					}
					yv = append(yv, y)
				}
				headers = append(headers, header(fmt.Sprintf("f%d.%d", i, k), coordinate("time", "days since 2000-01-01", tv...), coordinate("lat", "", yv...),
					data("x", "time lat", []int64{nt, ny}, []int64{1, 1})))
				lat += ny
			}
			at += nt
		}
		want := map[string]int{}
		for i, h := range headers {
			want[h.URL] = i
		}
		shuffled := slices.Clone(headers)
		rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed"))).Shuffle(len(shuffled), func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
		ascending := true // an axis of single elements can't be told to descend
		for _, ny := range lats {
			ascending = ascending && ny == 1
		}
		p, err := plan(shuffled, Rules{})
		if err != nil {
			t.Fatal(err)
		}
		if !descending || !ascending {
			for i, f := range p.Files {
				if want[f.URL] != i {
					t.Fatalf("file %d is %s", i, f.URL)
				}
			}
		}
		x := p.Dataset.Array("x")
		shape := p.Dataset.Arrays[x].Grid.Shape
		sum := func(list []int64) (n int64) {
			for _, v := range list {
				n += v
			}
			return n
		}
		if !slices.Equal(shape, []int64{sum(times), sum(lats)}) {
			t.Fatalf("shape %v", shape)
		}
		owners := p.Owners()[x]
		seen := map[[2]int64]bool{}
		for _, piece := range p.Locate(x, owners, []int64{0, 0}, shape) {
			f := &p.Files[piece.File]
			for a := range piece.Count[0] {
				for b := range piece.Count[1] {
					at := [2]int64{piece.Start[0] + a, piece.Start[1] + b}
					if seen[at] {
						t.Fatalf("element %v lies in two files", at)
					}
					seen[at] = true
				}
			}
			if len(p.Axes) == 2 && (piece.FileStart[0] != 0 || piece.Start[0] != f.Start[0] || piece.Start[1] != f.Start[1]) {
				t.Fatalf("%s lies at %v, not at %v", f.URL, piece.Start, f.Start)
			}
		}
		if int64(len(seen)) != shape[0]*shape[1] {
			t.Fatalf("%d elements of %v", len(seen), shape)
		}
	})
}

func days(n int64, attrs ...cdm.Attribute) []*Header {
	var list []*Header
	for i := range n {
		list = append(list, header(fmt.Sprintf("day%d.nc", i), coordinate("time", "days since 2000-01-01", i),
			data("x", "time y", []int64{1, 500_000}, []int64{1, 100_000}, attrs...)))
	}
	return list
}

// Every way in which files can disagree is an error that names the file and the variable.
func TestDrift(t *testing.T) {
	attr := func(name string, v any) func(*Variable) {
		return func(x *Variable) { x.Attributes = append(x.Attributes, cdm.Attribute{Name: name, Value: v}) }
	}
	for what, change := range map[string]func(x *Variable){
		"dtype":                   func(x *Variable) { x.Type = cdm.DType{Kind: cdm.Float, Size: 8} },
		"chunk shape":             func(x *Variable) { x.Chunks = []int64{1, 50_000} },
		"length of y":             func(x *Variable) { x.Shape = []int64{1, 400_000} },
		"dimensions":              func(x *Variable) { x.Axes = []string{"time", "z"} },
		"attribute scale_factor":  attr("scale_factor", 0.5),
		"attribute add_offset":    attr("add_offset", 1.0),
		"attribute _FillValue":    attr("_FillValue", int64(-1)),
		"attribute missing_value": attr("missing_value", int64(-1)),
		"start along time":        func(x *Variable) { x.Chunks = []int64{2, 100_000} },
	} {
		t.Run(what, func(t *testing.T) {
			headers := days(3)
			if what == "start along time" {
				for _, h := range headers {
					change(h.Variables[1])
				}
			} else {
				change(headers[2].Variables[1])
			}
			_, err := plan(headers, Rules{})
			var drift *DriftError
			if !errors.As(err, &drift) || !errors.Is(err, ErrDrift) {
				t.Fatalf("error %v", err)
			}
			d := drift.Drifts[0]
			wantFile := "day2.nc"
			if what == "start along time" {
				wantFile = "day1.nc" // the first that doesn't start on a chunk
			}
			if d.What != what || d.File != wantFile || d.Variable != "x" {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestUnitsThatDiffer(t *testing.T) {
	headers := days(2, cdm.Attribute{Name: "units", Value: "K"})
	headers[1].Variables[1].Attributes = []cdm.Attribute{{Name: "units", Value: "degC"}}
	if _, err := plan(headers, Rules{}); !errors.Is(err, ErrDrift) {
		t.Errorf("K and degC: %v", err)
	}
	headers[1].Variables[1].Attributes = nil // not stated is no contradiction
	if _, err := plan(headers, Rules{}); err != nil {
		t.Errorf("K and none: %v", err)
	}
}

// Times in differing units are ordered by the instants that they mean, and get one unit.
func TestUnitsOfTimeThatDiffer(t *testing.T) {
	p, err := plan([]*Header{
		header("b", coordinate("time", "days since 2000-01-03", 0), data("x", "time", []int64{1}, []int64{1})),
		header("a", coordinate("time", "hours since 2000-01-01", 24), data("x", "time", []int64{1}, []int64{1})),
	}, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Files[0].URL != "a" {
		t.Error("2000-01-02 must come before 2000-01-03")
	}
	lay := p.Layouts[p.Dataset.Array("time")]
	if lay.Role != Decoded || lay.Units != "hours since 2000-01-01" {
		t.Errorf("%+v", lay)
	}
}

func TestOverlapsAndDuplicates(t *testing.T) {
	two := func(a, b []int64) error {
		_, err := plan([]*Header{header("a", coordinate("time", "", a...), data("x", "time", []int64{int64(len(a))}, []int64{1})),
			header("b", coordinate("time", "", b...), data("x", "time", []int64{int64(len(b))}, []int64{1}))}, Rules{})
		return err
	}
	if err := two([]int64{1, 2, 3}, []int64{3, 4}); !errors.Is(err, ErrDrift) {
		t.Errorf("overlap: %v", err)
	}
	if err := two([]int64{1, 2}, []int64{1, 2}); !errors.Is(err, ErrDrift) {
		t.Errorf("duplicate: %v", err)
	}
	if err := two([]int64{3, 4}, []int64{1, 2}); err != nil {
		t.Errorf("reversed list: %v", err)
	}
}

func TestVariableMissingInOneFile(t *testing.T) {
	headers := days(3)
	headers[1].Variables = headers[1].Variables[:1]
	_, err := plan(headers, Rules{})
	if !errors.Is(err, ErrDrift) || !strings.Contains(err.Error(), "day1.nc") {
		t.Errorf("%v", err)
	}
}

// Files that hold different variables of the same times are merged.
func TestMerge(t *testing.T) {
	var headers []*Header
	for i := range int64(2) {
		for _, name := range []string{"t", "p"} {
			headers = append(headers, header(fmt.Sprint(name, i), coordinate("time", "", i), data(name, "time", []int64{1}, []int64{1})))
		}
	}
	p, err := plan(headers, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"t", "p"} {
		a := p.Dataset.Array(name)
		if a < 0 || p.Dataset.Arrays[a].Grid.Shape[0] != 2 {
			t.Fatalf("%s: %+v", name, p.Dataset)
		}
		for i, f := range p.Owners()[a] {
			if want := fmt.Sprint(name, i); p.Files[f].URL != want {
				t.Errorf("%s element %d comes from %s", name, i, p.Files[f].URL)
			}
		}
	}
}

// Small variables whose chunks don't fit are stored by value; identical ones once; ones that should be identical and aren't are drift.
func TestRoles(t *testing.T) {
	small := func(i int64) *Variable { return data("small", "time", []int64{1}, []int64{512}) }
	crs := func(content string) *Variable {
		v := data("crs", "two", []int64{2}, []int64{2})
		v.Content = content
		return v
	}
	headers := days(2)
	for i := range headers {
		headers[i].Variables = append(headers[i].Variables, small(int64(i)), crs("same"))
	}
	p, err := plan(headers, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Role{"time": Decoded, "x": Concatenated, "small": Decoded, "crs": Identical} {
		if got := p.Layouts[p.Dataset.Array(name)].Role; got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	headers[1].Variables[3] = crs("other")
	if _, err := plan(headers, Rules{}); !errors.Is(err, ErrDrift) || !strings.Contains(err.Error(), "crs") {
		t.Errorf("%v", err)
	}
}

// An array in one piece is cut into pieces that fit all files.
func TestContiguousIsCut(t *testing.T) {
	var headers []*Header
	at := int64(0)
	for _, n := range []int64{365, 366, 365} {
		var tv []int64
		for i := range n {
			tv = append(tv, at+i)
		}
		x := data("x", "time y", []int64{n, 10_000}, []int64{n, 10_000})
		x.Contiguous = true
		headers = append(headers, header(fmt.Sprint(at), coordinate("time", "", tv...), x))
		at += n
	}
	p, err := plan(headers, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Dataset.Arrays[p.Dataset.Array("x")].Grid.Chunks; !slices.Equal(got, []int64{1, 10_000}) {
		t.Errorf("chunks %v", got)
	}
}

// Tiles that are stored in one piece each are cut into their rows where these are long enough, and never into what isn't one piece.
func TestContiguousTilesAreCut(t *testing.T) {
	tiles := func(nx int64) (*Plan, error) {
		var headers []*Header
		for i, n := range []int64{2, 4} { // of latitude
			lat := coordinate("lat", "", []int64{10 * int64(i), 10*int64(i) + 1, 10*int64(i) + 2, 10*int64(i) + 3}[:n]...)
			x := data("x", "time lat lon", []int64{3, n, nx}, []int64{3, n, nx})
			x.Contiguous = true
			headers = append(headers, header(fmt.Sprint(i), coordinate("time", "", 0, 1, 2), lat, x))
		}
		return plan(headers, Rules{InlineLimit: 1})
	}
	p, err := tiles(1000)
	if err != nil {
		t.Fatal(err)
	}
	if arr, lay := layoutAt(t, p, "x"); lay.Role != Concatenated || !slices.Equal(arr.Grid.Chunks, []int64{1, 2, 1000}) {
		t.Errorf("%s in chunks %v", lay.Role, arr.Grid.Chunks)
	}
	if _, err := tiles(10); !errors.Is(err, ErrDrift) || !strings.Contains(err.Error(), "would have only 160 bytes") {
		t.Errorf("%v", err)
	}
}

func TestGlobalAttributes(t *testing.T) {
	headers := days(2)
	for i, h := range headers {
		h.Groups[0].Attributes = []cdm.Attribute{{Name: "title", Value: "same"}, {Name: "history", Value: fmt.Sprint("made ", i)},
			{Name: "time_coverage_start", Value: fmt.Sprintf("2000-01-0%d", i+1)}, {Name: "time_coverage_end", Value: fmt.Sprintf("2000-01-0%d", i+1)}}
	}
	p, err := plan(headers, Rules{Set: map[string]any{"title": "mine", "x.units": "K"}, Remove: []string{"history"}})
	if err != nil {
		t.Fatal(err)
	}
	got := p.Dataset.Groups[0].Attributes
	for name, want := range map[string]any{"title": "mine", "history": nil, "time_coverage_start": "2000-01-01", "time_coverage_end": "2000-01-02"} {
		if v := cdm.Lookup(got, name); v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	if v := cdm.Lookup(p.Dataset.Arrays[p.Dataset.Array("x")].Attributes, "units"); v != "K" {
		t.Errorf("x.units is %v", v)
	}
}
