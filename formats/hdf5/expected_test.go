package hdf5

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What libhdf5 says of the fixtures: see testdata/make.py.
type expectedFile struct {
	Base    int64
	Objects map[int64]expectedObject // by the header's address, from Base
}

type expectedObject struct {
	Path       string
	Ordered    bool
	Attributes []expectedAttribute
	Links      []expectedLink
	Dataset    *expectedDataset
	Datatype   *expectedType
}

type expectedLink struct {
	Name, Soft string
	External   []string
	Address    int64
}

type expectedSpace struct {
	Null bool
	Dims []uint64
	Max  []int64
}

type expectedAttribute struct {
	Name string
	Type expectedType
	expectedSpace
	SHA256  string
	Strings []string
	Refs    []int64
}

type expectedType struct {
	Class, Size       int
	String            bool
	Big               bool
	Offset, Precision int
	Signed            bool
	Fields            []int
	Bias              uint32
	Norm              uint8
	Padding           Padding
	UTF8              bool
	Tag               string
	Region            bool
	Base              *expectedType
	Dims              []uint64
	Values            [][2]any
	Members           [][3]json.RawMessage
}

type expectedDataset struct {
	Type expectedType
	expectedSpace
	Layout    int
	Chunk     []uint64
	Filters   [][4]json.RawMessage
	Offset    *int64
	External  [][3]json.RawMessage
	Fill      int
	FillTime  uint8  `json:"fill_time"`
	AllocTime uint8  `json:"alloc_time"`
	FillValue string `json:"fill_value"`
	Data      string
	Mappings  [][4]json.RawMessage
}

func open(t testing.TB, path string) *File {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return f
}

func TestExpected(t *testing.T) {
	raw, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var expected map[string]expectedFile
	if err := json.Unmarshal(raw, &expected); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*.h5")
	if err != nil || len(files) != len(expected) || len(files) == 0 {
		t.Fatalf("%d fixtures and %d expectations (%v)", len(files), len(expected), err)
	}
	for name, want := range expected {
		t.Run(name, func(t *testing.T) {
			c := comparison{t: t, f: open(t, filepath.Join("testdata", name)), want: want, seen: make(map[int64]bool)}
			if c.f.base != want.Base {
				t.Errorf("base is %d, want %d", c.f.base, want.Base)
			}
			root, err := c.f.Root()
			if err != nil {
				t.Fatal(err)
			}
			c.object(root.Object)
			if len(c.seen) != len(want.Objects) {
				t.Errorf("reached %d objects, want %d", len(c.seen), len(want.Objects))
			}
		})
	}
}

// comparison walks one file along its expectation.
type comparison struct {
	t    *testing.T
	f    *File
	want expectedFile
	seen map[int64]bool
}

func (c *comparison) object(o *Object) {
	at := o.Address() - c.f.base
	if c.seen[at] {
		return
	}
	c.seen[at] = true
	want, ok := c.want.Objects[at]
	if !ok {
		c.t.Errorf("an object at %#x that libhdf5 doesn't see", at)
		return
	}
	c.attributes(o, want)
	switch {
	case want.Dataset != nil:
		d, err := o.Dataset()
		if err != nil {
			c.t.Errorf("%s: %v", want.Path, err)
			return
		}
		c.dataset(want.Path, d, *want.Dataset)
	case want.Datatype != nil:
		dt, err := o.Datatype()
		if err != nil {
			c.t.Errorf("%s: %v", want.Path, err)
			return
		}
		c.equal(want.Path, describe(dt), *want.Datatype)
	default:
		c.links(o, want)
	}
}

func (c *comparison) links(o *Object, want expectedObject) {
	g, err := o.Group()
	if err != nil {
		c.t.Errorf("%s: %v", want.Path, err)
		return
	}
	links, err := g.Links()
	if err != nil {
		c.t.Errorf("%s: %v", want.Path, err)
		return
	}
	var got []expectedLink
	for _, l := range links {
		e := expectedLink{Name: l.Name, Soft: l.Target}
		if len(e.Soft) >= 1000 {
			e.Soft = "sha256:" + digest([]byte(e.Soft))
		}
		switch l.Kind {
		case HardLink:
			e.Address = l.Address - c.f.base
		case ExternalLink:
			e.Soft, e.External = "", []string{l.File, l.Target}
		}
		got = append(got, e)
	}
	c.equal(want.Path, got, want.Links)
	for _, l := range links {
		if l.Kind != HardLink {
			continue
		}
		child, err := c.f.Object(l.Address)
		if err != nil {
			c.t.Errorf("%s/%s: %v", want.Path, l.Name, err)
			continue
		}
		c.object(child)
	}
}

func (c *comparison) attributes(o *Object, want expectedObject) {
	attributes, err := o.Attributes()
	if err != nil {
		c.t.Errorf("attributes of %s: %v", want.Path, err)
		return
	}
	if len(attributes) != len(want.Attributes) {
		c.t.Errorf("%s: %d attributes, want %d", want.Path, len(attributes), len(want.Attributes))
		return
	}
	byName := make(map[string]Attribute)
	for i, a := range attributes {
		byName[a.Name] = a
		if want.Ordered && a.Name != want.Attributes[i].Name {
			c.t.Errorf("%s: attribute %d is %q, want %q", want.Path, i, a.Name, want.Attributes[i].Name)
		}
	}
	for _, w := range want.Attributes {
		a, path := byName[w.Name], want.Path+"@"+w.Name
		if a.Type == nil {
			c.t.Errorf("%s is missing", path)
			continue
		}
		c.equal(path, describe(a.Type), w.Type)
		c.equal(path, space(a.Space), w.expectedSpace)
		if w.SHA256 != "" && digest(a.Data) != w.SHA256 {
			c.t.Errorf("%s: data differs: %x", path, a.Data)
		}
		if w.Strings != nil {
			c.equal(path, c.strings(a), w.Strings)
		}
		for i, r := range w.Refs {
			n := a.Type.Size
			if at, err := c.f.Reference(a.Data[i*n : (i+1)*n]); err != nil || at-c.f.base != r {
				c.t.Errorf("%s: reference %d is %#x (%v), want %#x", path, i, at-c.f.base, err, r)
			}
		}
	}
}

func (c *comparison) strings(a Attribute) []string {
	var out []string
	for s := a.Data; len(s) > 0; s = s[a.Type.Size:] {
		elem := s[:a.Type.Size]
		if a.Type.Class == String {
			out = append(out, string(untilNul(elem)))
			continue
		}
		data, n, err := c.f.VarLen(elem, a.Type)
		if err != nil || n != len(data) {
			c.t.Errorf("attribute %q: %d of %d bytes: %v", a.Name, n, len(data), err)
		}
		out = append(out, string(data))
	}
	return out
}

func (c *comparison) dataset(path string, d *Dataset, want expectedDataset) {
	c.equal(path, describe(d.Type), want.Type)
	for i, m := range want.Max {
		// The library writes "unlimited" in as many bytes as lengths have, but reads it back as a number.
		if n := 8 * c.f.lengthSize; n < 64 && m == 1<<n-1 {
			want.Max[i] = -1
		}
	}
	c.equal(path, space(d.Space), want.expectedSpace)
	if int(d.Layout.Class) != want.Layout {
		c.t.Errorf("%s: layout class %d, want %d", path, d.Layout.Class, want.Layout)
	}
	c.equal(path, d.Layout.Chunk, want.Chunk)
	if want.Offset != nil && d.Layout.Address != *want.Offset {
		c.t.Errorf("%s: data at %#x, want %#x", path, d.Layout.Address, *want.Offset)
	}
	var filters, external, mappings []string
	for i, p := range d.Filters {
		if i < len(want.Filters) && p.ID < 256 && p.Name == "" {
			// The library knows the names of these, whether the file has them or not.
			if err := json.Unmarshal(want.Filters[i][3], &p.Name); err != nil {
				c.t.Error(err)
			}
		}
		optional := 0
		if p.Optional {
			optional = 1
		}
		filters = append(filters, compact([4]any{p.ID, optional, p.Params, p.Name}))
	}
	for _, s := range d.External {
		external = append(external, compact([3]any{s.Name, s.Offset, s.Size}))
	}
	if d.Layout.Class == Virtual {
		all, err := d.Mappings()
		if err != nil {
			c.t.Errorf("%s: %v", path, err)
		}
		for _, m := range all {
			mappings = append(mappings, compact([4]any{m.File, m.Dataset, selection(m.Source), selection(m.Virtual)}))
		}
	}
	c.equal(path+": filters", filters, compacts(want.Filters))
	c.equal(path+": external", external, compacts(want.External))
	c.equal(path+": mappings", mappings, compacts(want.Mappings))
	fill := 1
	if d.Fill.Unset {
		fill = 0
	} else if d.Fill.Value != nil {
		fill = 2
	}
	if fill != want.Fill || d.Fill.Write != want.FillTime || d.Fill.Alloc != want.AllocTime {
		c.t.Errorf("%s: fill value %+v, want state %d, written %d, allocated %d", path, d.Fill, want.Fill, want.FillTime, want.AllocTime)
	}
	if got := hex.EncodeToString(d.Fill.Value); want.FillValue != "" && got != want.FillValue {
		c.t.Errorf("%s: fill value %s, want %s", path, got, want.FillValue)
	}
	if want.Data != "" && digest(d.Layout.Data) != want.Data {
		c.t.Errorf("%s: compact data differs: %x", path, d.Layout.Data)
	}
}

func (c *comparison) equal(what string, got, want any) {
	c.t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.AllowUnexported(expectedSpace{})); diff != "" {
		c.t.Errorf("%s: -libhdf5 +ours\n%s", what, diff)
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func compact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func compacts[T any](all []T) (out []string) {
	for _, v := range all {
		out = append(out, compact(v))
	}
	return out
}

func space(s Dataspace) expectedSpace {
	e := expectedSpace{Null: s.Null, Dims: s.Dims}
	for _, m := range s.MaxDims {
		e.Max = append(e.Max, int64(m)) // Unlimited is -1
	}
	return e
}

func selection(s Selection) any {
	switch {
	case s.All:
		return map[string]any{"all": true}
	case s.Hyper != nil:
		var parts [4][]int64
		for i, p := range [4][]uint64{s.Hyper.Start, s.Hyper.Stride, s.Hyper.Count, s.Hyper.Block} {
			for _, v := range p {
				parts[i] = append(parts[i], int64(v))
			}
		}
		return map[string]any{"hyper": parts}
	}
	var blocks [][2][]uint64
	for _, b := range s.Blocks {
		blocks = append(blocks, [2][]uint64{b.Start, b.End})
	}
	return map[string]any{"blocks": blocks}
}

// describe puts a datatype in the words of the expectations.
func describe(t *Datatype) expectedType {
	e := expectedType{Class: int(t.Class), Size: t.Size}
	switch t.Class {
	case FixedPoint, Bitfield:
		e.Big, e.Offset, e.Precision, e.Signed = t.BigEndian, t.Offset, t.Precision, t.Signed
	case FloatingPoint:
		e.Big, e.Offset, e.Precision = t.BigEndian, t.Offset, t.Precision
		e.Fields = []int{t.Sign, t.ExponentAt, t.ExponentSize, t.MantissaAt, t.MantissaSize}
		e.Bias, e.Norm = t.ExponentBias, t.Normalization
	case String:
		e.Padding, e.UTF8 = t.Padding, t.UTF8
	case Opaque:
		e.Tag = t.Tag
	case Reference:
		e.Region = t.Reference == RegionReference
		e.Size = 0
	case VarLen:
		e.Size = 0
		if t.VarString {
			e.String, e.Padding, e.UTF8 = true, t.Padding, t.UTF8
			return e
		}
	case Enum:
		for _, v := range t.Values {
			raw := slices.Clone(v.Value)
			if t.Base.BigEndian {
				slices.Reverse(raw)
			}
			n := int64(leUint(raw))
			if t.Base.Signed && n >= 1<<(8*t.Size-1) {
				n -= 1 << (8 * t.Size)
			}
			e.Values = append(e.Values, [2]any{v.Name, float64(n)})
		}
	case Array:
		e.Dims = t.Dims
	case Compound:
		for _, m := range t.Members {
			member, offset, name := compact(describe(m.Type)), compact(m.Offset), compact(m.Name)
			e.Members = append(e.Members, [3]json.RawMessage{json.RawMessage(name), json.RawMessage(offset), json.RawMessage(member)})
		}
	}
	if t.Base != nil {
		base := describe(t.Base)
		e.Base = &base
	}
	return e
}

// UnmarshalJSON makes members comparable: their types are written as describe writes them.
func (e *expectedType) UnmarshalJSON(b []byte) error {
	type plain expectedType
	if err := json.Unmarshal(b, (*plain)(e)); err != nil {
		return err
	}
	for i := range e.Members {
		var t expectedType
		if err := json.Unmarshal(e.Members[i][2], &t); err != nil {
			return fmt.Errorf("member %d: %w", i, err)
		}
		e.Members[i][2] = json.RawMessage(compact(t))
	}
	return nil
}

func TestPaths(t *testing.T) {
	for _, name := range []string{"links_earliest.h5", "links_latest.h5", "userblock_earliest.h5", "userblock_latest.h5"} {
		root, err := open(t, "testdata/"+name).Root()
		if err != nil {
			t.Fatal(err)
		}
		want, err := root.Open("g/d")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/g/d", "hard", "soft", "g/loop/g/./loop/soft", "/many/l000"} {
			if o, err := root.Open(path); err != nil || o != want {
				t.Errorf("%s: %s: %v, %v", name, path, o, err)
			}
		}
		for _, path := range []string{"self", "dangling", "absent", "g/d/x", "soft_relative"} {
			if o, err := root.Open(path); err == nil {
				t.Errorf("%s: %s opens %#x", name, path, o.Address())
			}
		}
		var external *ExternalLinkError
		if _, err := root.Open("external/c/d"); !errors.As(err, &external) || external.File != "other file.h5" || external.Path != "/a/b/c/d" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
