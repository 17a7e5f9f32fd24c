package virtual

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/codecs"
)

// scalar is a scalar variable with its value.
func scalar(name string, value int64, attrs ...cdm.Attribute) *Variable {
	v := data(name, "", nil, nil, attrs...)
	v.Raw = binary.LittleEndian.AppendUint64(nil, uint64(value))
	v.Content = fmt.Sprint(value)
	return v
}

func shapeOf(t *testing.T, p *Plan, name string) string {
	t.Helper()
	a := p.Dataset.Array(name)
	if a < 0 {
		t.Fatalf("no array %s in %+v", name, p.Dataset.Arrays)
	}
	return fmt.Sprint(p.Dataset.Arrays[a].Dimensions, p.Dataset.Arrays[a].Grid.Shape)
}

// Members at the same times get the dimension that their scalar names, in the order of its values; what describes them stays as it is.
func TestNewDimensionFromScalar(t *testing.T) {
	var headers []*Header
	for _, member := range []int64{30, 10, 20} {
		for day := range int64(2) {
			x := data("x", "time lat", []int64{1, 2}, []int64{1, 2}, cdm.Attribute{Name: "coordinates", Value: "area member"})
			x.Content = fmt.Sprint(member, day)
			headers = append(headers, header(fmt.Sprint("m", member, "d", day), coordinate("time", "days since 2000-01-01", day), coordinate("lat", "", 1, 2),
				data("area", "lat", []int64{2}, []int64{2}), scalar("member", member), scalar("height", 2), x))
		}
	}
	p, err := plan(headers, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"x": "[member time lat] [3 2 2]", "member": "[member] [3]", "time": "[time] [2]", "lat": "[lat] [2]",
		"area": "[lat] [2]", "height": "[] []"} {
		if got := shapeOf(t, p, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	x := p.Dataset.Array("x")
	var order []string
	for i := range int64(6) {
		start := p.Dataset.Arrays[x].Grid.Coords(i, nil)
		pieces := p.Locate(x, p.Owners()[x], start, []int64{1, 1, 2})
		if len(pieces) != 1 {
			t.Fatalf("chunk %d has %d pieces", i, len(pieces))
		}
		order = append(order, p.Files[pieces[0].File].URL)
	}
	if want := "m10d0 m10d1 m20d0 m20d1 m30d0 m30d1"; strings.Join(order, " ") != want {
		t.Errorf("%v, want %s", order, want)
	}
}

// Files that nothing tells apart are numbered; copies of one another are not.
func TestNewDimensionByNumber(t *testing.T) {
	make := func(a, b string) []*Header {
		var out []*Header
		for i, content := range []string{a, b} {
			x := data("x", "lat", []int64{2}, []int64{2})
			x.Content = content
			out = append(out, header(fmt.Sprint("f", i), coordinate("lat", "", 1, 2), x))
		}
		return out
	}
	p, err := plan(make("1", "2"), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if got := shapeOf(t, p, "x"); got != "[file_number lat] [2 2]" {
		t.Error(got)
	}
	if _, err := plan(make("1", "1"), Rules{}); !errors.Is(err, ErrNothingToJoin) {
		t.Errorf("copies: %v", err)
	}
	if p, err = plan(make("1", "1"), Rules{NewDimension: "run"}); err != nil {
		t.Fatal(err)
	}
	if got := shapeOf(t, p, "x"); got != "[run lat] [2 2]" {
		t.Error(got)
	}
}

// Scalars that differ between the files of an axis run along it, whatever the number of elements that each file has of it.
func TestScalarsAreStacked(t *testing.T) {
	build := func() []*Header {
		return []*Header{
			header("a", coordinate("time", "", 0), data("x", "time", []int64{1}, []int64{1}), scalar("issued", 7), scalar("height", 2)),
			header("b", coordinate("time", "", 1, 2), data("x", "time", []int64{2}, []int64{1}), scalar("issued", 8), scalar("height", 2)),
		}
	}
	p, err := plan(build(), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"issued": "[time] [3]", "height": "[] []", "x": "[time] [3]"} {
		if got := shapeOf(t, p, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if p, err = plan(build(), Rules{Identical: []string{"issued"}}); err != nil {
		t.Fatal(err)
	}
	if got := shapeOf(t, p, "issued"); got != "[] []" {
		t.Errorf("identical: %s", got)
	}
	mask := func(content string) *Variable {
		v := data("mask", "lat", []int64{2}, []int64{2})
		v.Content = content
		return v
	}
	headers := build()
	headers[0].Variables = append(headers[0].Variables, mask("1"))
	headers[1].Variables = append(headers[1].Variables, mask("2"))
	if _, err := plan(headers, Rules{}); !errors.Is(err, ErrDrift) || !strings.Contains(err.Error(), "b: mask: content") {
		t.Errorf("%v", err)
	}
	if p, err = plan(headers, Rules{Stack: []string{"mask"}}); err != nil {
		t.Fatal(err)
	}
	if got := shapeOf(t, p, "mask"); got != "[time lat] [3 2]" {
		t.Errorf("stacked: %s", got)
	}
	for _, rules := range []Rules{{Stack: []string{"none"}}, {Identical: []string{"none"}}, {NewDimension: "time"}} {
		if _, err := plan(build(), rules); err == nil {
			t.Errorf("%+v is accepted", rules)
		}
	}
}

// A file without elements on the axis has no part in it.
func TestEmptyFile(t *testing.T) {
	file := func(url string, times ...int64) *Header {
		return header(url, coordinate("time", "", times...), data("x", "time", []int64{int64(len(times))}, []int64{1}))
	}
	for at := range 3 {
		headers := slices.Insert([]*Header{file("a", 5), file("b", 6)}, at, file("empty"))
		p, err := plan(headers, Rules{})
		if err != nil {
			t.Fatal(err)
		}
		if got := shapeOf(t, p, "time"); got != "[time] [2]" {
			t.Errorf("%s", got)
		}
		for _, owners := range p.Owners() {
			for _, f := range owners {
				if p.Files[f].URL == "empty" {
					t.Error("the empty file owns something")
				}
			}
		}
	}
}

// How a file without elements is stored says nothing of the others.
func TestEmptyFileStoredOtherwise(t *testing.T) {
	deflate, err := codecs.FromConfig(map[string]any{"id": "zlib", "level": 4})
	if err != nil {
		t.Fatal(err)
	}
	file := func(url string, codec []codecs.Codec, times ...int64) *Header {
		x := data("x", "time", []int64{int64(len(times))}, []int64{1})
		x.Codecs = codec
		return header(url, coordinate("time", "", times...), x)
	}
	p, err := plan([]*Header{file("empty", nil), file("a", []codecs.Codec{deflate}, 5), file("b", []codecs.Codec{deflate}, 6)}, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if arr, lay := layoutAt(t, p, "x"); lay.Role != Concatenated || len(arr.Codecs) != 1 {
		t.Errorf("%s with %v", lay.Role, arr.Codecs)
	}
}

// The same numbers since other dates are other times, however many there are.
func TestSameNumbersInDifferentUnits(t *testing.T) {
	var numbers []int64
	for i := range int64(96) {
		numbers = append(numbers, 15*i)
	}
	var headers []*Header
	for day := range 3 {
		headers = append(headers, header(fmt.Sprint("day", day), coordinate("time", fmt.Sprintf("minutes since 2000-01-%02d", 1+day), numbers...)))
	}
	p, err := plan(headers, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if got := shapeOf(t, p, "time"); got != "[time] [288]" {
		t.Error(got)
	}
}

// Files whose coordinate is a list of names are joined along it in the order of the list. A name that two of them have is refused, and so is
// a box that has a hole, whose place is told.
func TestNamesAsCoordinate(t *testing.T) {
	names := func(url string, at int64, list ...string) *Header {
		v := coordinate("station", "")
		v.Type, v.Shape = cdm.DType{Kind: cdm.Object}, []int64{int64(len(list))}
		v.Raw, _ = cdm.EncodeStrings(list)
		v.Content = string(v.Raw)
		return header(url, coordinate("time", "", at), v, data("x", "time station", []int64{1, int64(len(list))}, []int64{1, 1}))
	}
	p, err := plan([]*Header{names("a", 0, "Oslo", "Bern"), names("b", 0, "Aachen")}, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if got := shapeOf(t, p, "x"); got != "[time station] [1 3]" || p.Files[0].URL != "a" {
		t.Errorf("%s, %v", got, p.Files)
	}
	if p, err = plan([]*Header{names("a", 0, "Oslo", "Bern"), names("b", 1, "Oslo", "Bern")}, Rules{}); err != nil {
		t.Fatal(err)
	}
	if got := shapeOf(t, p, "x"); got != "[time station] [2 2]" {
		t.Error(got)
	}
	for want, headers := range map[string][]*Header{
		`b: station: value is "Oslo", but it is there already in a`: {names("a", 0, "Oslo"), names("b", 1, "Bern", "Oslo")},
		"no file has the time of a with the station of b":           {names("a", 0, "Oslo"), names("b", 1, "Bern")},
		"no file has the time of c with the station of a":           {names("a", 0, "Oslo"), names("b", 0, "Bern"), names("c", 1, "Bern")},
	} {
		if _, err := plan(headers, Rules{}); !errors.Is(err, ErrDrift) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}

// A narrow type of the files is no limit for what is re-encoded.
func TestRetimedIsWidened(t *testing.T) {
	var headers []*Header
	for i, units := range []string{"days since 1850-01-01", "seconds since 2020-01-01"} {
		v := coordinate("time", units, 1)
		v.Type.Size = 2
		v.Raw = v.Raw[:2]
		headers = append(headers, header(fmt.Sprint(i), v))
	}
	p, err := plan(headers, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if a := p.Dataset.Arrays[0]; !a.Type.Equal(i8) || p.Layouts[0].Units != "seconds since 1850-01-01" {
		t.Errorf("%v %s", a.Type, p.Layouts[0].Units)
	}
	packed := cdm.Attribute{Name: "scale_factor", Value: 0.5}
	for _, h := range headers {
		h.Variables[0].Attributes = append(h.Variables[0].Attributes, packed)
	}
	if _, err := plan(headers, Rules{}); !errors.Is(err, ErrDrift) || !strings.Contains(err.Error(), "packing") {
		t.Errorf("packed: %v", err)
	}
}

// Missing values and values out of order hide no overlap.
func TestUnevenCoordinates(t *testing.T) {
	floats := func(url string, values ...float64) *Header {
		v := coordinate("time", "", make([]int64, len(values))...)
		v.Type.Kind = cdm.Float
		v.Raw, v.Content = nil, fmt.Sprint(values)
		for _, x := range values {
			v.Raw = binary.LittleEndian.AppendUint64(v.Raw, math.Float64bits(x))
		}
		return header(url, v)
	}
	nan := math.NaN()
	for _, c := range []struct {
		a, b []float64
		want string // of the message; "" joins
	}{
		{[]float64{0, nan}, []float64{1, 2}, ""},
		{[]float64{0, 9, 3}, []float64{5, 6}, "b: time: first value is 5, but the axis has reached 9"},
		{[]float64{0, 9, nan}, []float64{5, 6}, "b: time: first value is 5"},
		{[]float64{0, 1}, []float64{nan, nan}, "b: time: coordinate is missing"},
		{[]float64{9, 8}, []float64{8, 7}, "first value is 8"},
		{[]float64{9, 8}, []float64{7, 6}, ""},
	} {
		_, err := plan([]*Header{floats("a", c.a...), floats("b", c.b...)}, Rules{})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v and %v: %v, want %q", c.a, c.b, err, c.want)
		}
	}
}

// What one file states and the other doesn't is drift of times, and of grid mappings, whose attributes are all that they are.
func TestStatedInOneFile(t *testing.T) {
	if _, err := plan([]*Header{header("a", coordinate("time", "days since 2000-01-01", 0)), header("b", coordinate("time", "", 1))}, Rules{}); !errors.Is(err, ErrDrift) {
		t.Errorf("units: %v", err)
	}
	crs := func(value int64, axis float64) *Variable {
		return scalar("crs", value, cdm.Attribute{Name: "grid_mapping_name", Value: "latitude_longitude"}, cdm.Attribute{Name: "semi_major_axis", Value: axis})
	}
	join := func(a, b *Variable) (*Plan, error) {
		headers := days(2)
		headers[0].Variables = append(headers[0].Variables, a)
		headers[1].Variables = append(headers[1].Variables, b)
		return plan(headers, Rules{})
	}
	if _, err := join(crs(0, 6e6), crs(0, 7e6)); !errors.Is(err, ErrDrift) || !strings.Contains(err.Error(), "semi_major_axis") {
		t.Errorf("grid mapping: %v", err)
	}
	if p, err := join(crs(0, 6e6), crs(99, 6e6)); err != nil || shapeOf(t, p, "crs") != "[] []" {
		t.Errorf("grid mapping with another value: %v", err)
	}
}

// memory is a file whose chunks are numbers.
type memory struct {
	cdm.File
	root *cdm.Group
}

func (m *memory) Root() *cdm.Group { return m.root }

func (m *memory) Chunks(_ context.Context, v *cdm.Variable) iter.Seq2[cdm.Chunk, error] {
	return func(yield func(cdm.Chunk, error) bool) {
		for i := range (Grid{v.Shape, v.Chunks}).Count() {
			if !yield(cdm.Chunk{Index: i, Offset: 100 * i, Size: 8}, nil) {
				return
			}
		}
	}
}

func (m *memory) ReadChunk(_ context.Context, v *cdm.Variable, index int64) ([]byte, error) {
	n := int64(1)
	for _, c := range v.Chunks {
		n *= c
	}
	var out []byte
	for e := range n {
		out = binary.LittleEndian.AppendUint64(out, uint64(1000*index+e))
	}
	return out, nil
}

// A view's variable is the file's, once for each element of the new axis; the rest of the file is untouched.
func TestView(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.Int64Range(1, 4), 0, 2).Draw(t, "shape")
		chunks := make([]int64, len(shape))
		for d := range chunks {
			chunks[d] = rapid.Int64Range(1, shape[d]).Draw(t, "chunk")
		}
		n := rapid.Int64Range(0, 3).Draw(t, "n")
		x := &cdm.Variable{Name: "x", Path: "g/x", Type: i8, Shape: shape, Chunks: chunks, Dimensions: make([]string, len(shape))}
		y := &cdm.Variable{Name: "y", Path: "y", Type: i8}
		file := &memory{root: &cdm.Group{Variables: []*cdm.Variable{y}, Groups: []*cdm.Group{{Name: "g", Path: "g", Variables: []*cdm.Variable{x}}}}}
		p := &Plan{Axes: []Axis{{"lat", 9}, {"member", 5}}, Files: []File{{Start: []int64{0, 2}, Length: []int64{9, n}}},
			Stacks: []Stack{{Axis: "member", Variables: []string{"g/x"}, Counter: true}}}
		v := p.View(0, file)
		ctx := context.Background()
		if v.Root().Variable("y") != y || file.root.Variable("g/x") != x {
			t.Fatal("what is not stacked has changed")
		}
		got := v.Root().Variable("g/x")
		if !slices.Equal(got.Shape, slices.Concat([]int64{n}, shape)) {
			t.Fatalf("shape %v", got.Shape)
		}
		once, err := cdm.Read(ctx, file, x, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		all, err := cdm.Read(ctx, v, got, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want := slices.Repeat(once, int(n)); !slices.Equal(all, want) {
			t.Fatalf("%v, want %v", all, want)
		}
		next, per := int64(0), Grid{shape, chunks}.Count()
		for c, err := range v.Chunks(ctx, got) {
			if err != nil || c.Index != next || c.Offset != 100*(next%per) {
				t.Fatalf("chunk %d: %+v, %v", next, c, err)
			}
			next++
		}
		if next != n*per {
			t.Fatalf("%d chunks, want %d", next, n*per)
		}
		number, err := cdm.Read(ctx, v, v.Root().Variable("member"), nil, nil)
		if err != nil || binary.LittleEndian.Uint64(number) != 2 {
			t.Fatalf("number %v, %v", number, err)
		}
	})
}
