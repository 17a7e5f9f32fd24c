package refjson

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

const describe = `".zgroup":"{\"zarr_format\":2}","v/.zarray":{"chunks":[1],"compressor":null,"dtype":"<i2","fill_value":5,"filters":null,"order":"C","shape":[4],"zarr_format":2}`

func all(t interface{ Fatal(...any) }, s zarr.Store, array string) []zarr.Row {
	var rows []zarr.Row
	for r, err := range s.References(context.Background(), array) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	return rows
}

// The same references in every form that the specification and fsspec have.
func TestReadForms(t *testing.T) {
	want := []zarr.Row{
		{Index: 0, Reference: virtual.Reference{URL: "s3://b/a.nc", Offset: 10, Size: 20}},
		{Index: 1, Reference: virtual.Reference{Inline: []byte("hi")}},
		{Index: 2, Reference: virtual.Reference{URL: "s3://b/c.nc"}},
		{Index: 3, Reference: virtual.Reference{Inline: []byte{0xff, 0}}},
	}
	for name, text := range map[string]string{
		"version 0":          `{` + describe + `,"v/0":["s3://b/a.nc",10,20],"v/1":"hi","v/2":["s3://b/c.nc"],"v/3":"base64:/wA="}`,
		"version 1":          `{"version":1,"templates":{},"gen":[],"refs":{` + describe + `,"v/0":["s3://b/a.nc",10,20],"v/1":"hi","v/2":["s3://b/c.nc"],"v/3":"base64:/wA="}}`,
		"templates":          `{"version":1,"templates":{"u":"s3://b","x":"c.nc"},"refs":{` + describe + `,"v/0":["{{u}}/a.nc",10,20],"v/1":"hi","v/2":["{{ u }}/{{x}}"],"v/3":"base64:/wA="}}`,
		"templates last":     `{"version":1,"refs":{` + describe + `,"v/0":["{{u}}/a.nc",10,20],"v/1":"hi","v/2":["{{u}}/{{x}}"],"v/3":"base64:/wA="},"templates":{"u":"s3://b","x":"c.nc"}}`,
		"chunks first":       `{"version":1,"refs":{"v/3":"base64:/wA=","v/0":["s3://b/a.nc",10,20],"v/2":["s3://b/c.nc"],"v/1":"hi",` + describe + `}}`,
		"consolidated":       `{"version":1,"refs":{".zmetadata":{"metadata":{}},` + describe + `,"v/0":["s3://b/a.nc",10,20],"v/1":"base64:aGk=","v/2":["s3://b/c.nc"],"v/3":"base64:/wA="}}`,
		"metadata in base64": `{".zgroup":"base64:` + base64.StdEncoding.EncodeToString([]byte(`{"zarr_format":2}`)) + `",` + strings.SplitN(describe, ",", 2)[1] + `,"v/0":["s3://b/a.nc",10,20],"v/1":"hi","v/2":["s3://b/c.nc"],"v/3":"base64:/wA="}`,
	} {
		r, err := Read(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(want, all(t, r, "v")); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		for i, w := range want {
			if ref, ok, err := r.Reference("v", int64(i)); err != nil || !ok || !cmp.Equal(ref, w.Reference) {
				t.Errorf("%s: %d: %v %v %v", name, i, ref, ok, err)
			}
		}
		if a := r.Dataset().Arrays; len(a) != 1 || a[0].Path != "v" || !bytes.Equal(a[0].Fill, []byte{5, 0}) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for what, c := range map[string][2]string{
		"version 2":        {`{"version":2,"refs":{}}`, "version 2"},
		"gen":              {`{"version":1,"gen":[{"key":"x"}],"refs":{}}`, "gen"},
		"cut":              {`{"version":1,"refs":{` + describe, "ends early"},
		"empty":            {``, "ends early"},
		"not an object":    {`[]`, "no JSON object"},
		"beyond the grid":  {`{` + describe + `,"v/4":["a",1,2]}`, "v/4"},
		"no array":         {`{` + describe + `,"w/0":["a",1,2]}`, "w/0"},
		"loose key":        {`{` + describe + `,"w":["a",1,2]}`, "w"},
		"two numbers":      {`{` + describe + `,"v/1":["a",1]}`, "v/1"},
		"four":             {`{` + describe + `,"v/1":["a",1,2,3]}`, "v/1"},
		"negative":         {`{` + describe + `,"v/1":["a",-1,2]}`, "v/1"},
		"no url":           {`{` + describe + `,"v/1":["",1,2]}`, "v/1"},
		"null":             {`{` + describe + `,"v/1":null}`, "v/1"},
		"twice":            {`{` + describe + `,"v/1":["a",1,2],"v/1":["b",1,2]}`, "v/1"},
		"bad base64":       {`{` + describe + `,"v/1":"base64:*"}`, "v/1"},
		"zarr v3":          {`{"zarr.json":"{}"}`, "v3"},
		"unknown template": {`{"version":1,"templates":{"u":"x"},"refs":{` + describe + `,"v/1":["{{w}}",1,2]}}`, "{{w}}"},
		"more text":        {`{` + describe + `} {}`, "byte"},
	} {
		_, err := Read(strings.NewReader(c[0]))
		if err == nil {
			t.Errorf("%s: accepted", what)
		} else if !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v does not say %q", what, err, c[1])
		}
	}
}

// What is written is strict JSON when attributes are finite, and reads back; written again it is the same bytes.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := bytes.NewBufferString(`{"version":1,"refs":{".zgroup":{"zarr_format":2}`)
		want := map[string][]zarr.Row{}
		for i := range rapid.IntRange(1, 3).Draw(t, "arrays") {
			g := virtual.Grid{Shape: []int64{}, Chunks: []int64{}}
			for range rapid.IntRange(0, 3).Draw(t, "axes") {
				g.Shape = append(g.Shape, rapid.Int64Range(0, 9).Draw(t, "length"))
				g.Chunks = append(g.Chunks, rapid.Int64Range(1, 4).Draw(t, "chunk"))
			}
			name := rapid.SampledFrom([]string{"a \"b\"", "g/ü", "<x>"}).Draw(t, "name") + fmt.Sprint(i)
			m, err := zarr.NewMetadata(virtual.Dataset{Arrays: []virtual.Array{{Path: name, Type: cdm.DType{Kind: cdm.Int, Size: 2}, Grid: g, Attributes: []cdm.Attribute{{Name: "u", Value: "K"}}}}})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range m {
				if strings.Contains(e.Key, ".za") {
					k, _ := json.Marshal(e.Key)
					fmt.Fprintf(text, ",%s:%s", k, e.JSON)
				}
			}
			for k := range g.Count() {
				key, _ := json.Marshal(name + "/" + string(zarr.AppendKey(nil, g, k)))
				var ref virtual.Reference
				switch rapid.IntRange(0, 3).Draw(t, "kind") {
				case 0:
					continue
				case 1:
					ref.Inline = rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "bytes")
					fmt.Fprintf(text, ",%s:\"base64:%s\"", key, base64.StdEncoding.EncodeToString(ref.Inline))
				default:
					ref = virtual.Reference{URL: rapid.StringMatching(`/[a-z"\\é ]{0,5}`).Draw(t, "url"), Offset: rapid.Int64Min(1).Draw(t, "offset"), Size: rapid.Int64Min(0).Draw(t, "size")}
					u, _ := json.Marshal(ref.URL)
					fmt.Fprintf(text, ",%s:[%s,%d,%d]", key, u, ref.Offset, ref.Size)
				}
				want[name] = append(want[name], zarr.Row{Index: k, Reference: ref})
			}
		}
		text.WriteString("}}")
		a, err := Read(text)
		if err != nil {
			t.Fatal(err)
		}
		var one, two bytes.Buffer
		if err := Write(t.Context(), &one, a); err != nil {
			t.Fatal(err)
		}
		if !json.Valid(one.Bytes()) {
			t.Fatalf("not JSON: %s", &one)
		}
		b, err := Read(bytes.NewReader(one.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []zarr.Store{a, b} {
			got := map[string][]zarr.Row{}
			for _, x := range s.Dataset().Arrays {
				if rows := all(t, s, x.Path); rows != nil {
					got[x.Path] = rows
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatal(d)
			}
		}
		if err := Write(t.Context(), &two, b); err != nil || !bytes.Equal(one.Bytes(), two.Bytes()) {
			t.Fatalf("written again it differs: %v", err)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"version":1,"templates":{"u":"x"},"gen":[],"refs":{` + describe + `,"v/0":["{{u}}",1,2],"v/1":"base64:aGk="}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		if err := Write(t.Context(), io.Discard, r); err != nil {
			return // what is read is more than we may write
		}
	})
}

func BenchmarkJSON(b *testing.B) {
	const n = 200_000
	text := bytes.NewBufferString(`{"version":1,"refs":{".zgroup":{"zarr_format":2},"v/.zarray":{"chunks":[1],"compressor":null,"dtype":"<i2","fill_value":null,"filters":null,"order":"C","shape":[200000],"zarr_format":2}`)
	for i := range n {
		fmt.Fprintf(text, ",\"v/%d\":[\"/archive/institute/project/product/v1.0/2003/05/%06d_a_rather_long_file_name.nc\",%d,%d]", i, i/500, i*1000, 999)
	}
	text.WriteString("}}")
	r, err := Read(bytes.NewReader(text.Bytes()))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(text.Len()))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Read(bytes.NewReader(text.Bytes())); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(text.Len()))
		b.ReportAllocs()
		for b.Loop() {
			if err := Write(b.Context(), io.Discard, r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
