package refjson

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cedadev/kerchunk-builder/stores/jsonstream"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Reader is a JSON store that was read: about 32 bytes a reference, each url once. It implements
// [zarr.Store] and may be used from several goroutines.
type Reader struct {
	dataset virtual.Dataset
	arrays  map[string]*arrayRows
	urls    []string
	inline  [][]byte
}

var _ zarr.Store = (*Reader)(nil)

type arrayRows struct {
	grid virtual.Grid
	rows []row // by index
}

// row is one reference: a range of urls[link], or inline[^link].
type row struct {
	index, offset, size int64
	link                int32
}

// Open reads the store in a file.
func Open(name string) (*Reader, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	defer f.Close()
	r, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("open store: %s: %w", name, err)
	}
	return r, nil
}

// parser is the state of reading. Chunk keys of arrays that aren't described yet wait.
type parser struct {
	in        *jsonstream.Reader
	key       []byte // being read
	out       *Reader
	metadata  zarr.Metadata
	ids       map[string]int32
	grids     map[string]*arrayRows
	waiting   []waiting
	templates map[string]string
}

type waiting struct {
	key string
	row row
}

// Read reads a store, of version 0 (a flat object) or 1, in one pass.
func Read(in io.Reader) (*Reader, error) {
	p := &parser{
		in:    jsonstream.NewReader(in),
		out:   &Reader{arrays: map[string]*arrayRows{}},
		ids:   map[string]int32{},
		grids: map[string]*arrayRows{},
	}
	if err := p.read(); err != nil {
		return nil, err
	}
	return p.out, p.finish()
}

func (p *parser) read() error {
	t, err := p.in.Next()
	if err != nil {
		return err
	}
	if t != jsonstream.BeginObject {
		return fmt.Errorf("not a reference store: no JSON object")
	}
	for {
		t, err := p.in.Next()
		if err != nil {
			return err
		}
		if t == jsonstream.EndObject {
			break
		}
		switch key := string(p.in.Text()); key {
		case "version":
			v, err := p.in.Value()
			if err != nil {
				return err
			}
			if v != jsonstream.Literal("1") {
				return fmt.Errorf("version %v of reference stores is not known", v)
			}
		case "templates":
			if err := p.readTemplates(); err != nil {
				return err
			}
		case "gen":
			v, err := p.in.Value()
			if err != nil {
				return err
			}
			if l, ok := v.([]any); !ok || len(l) > 0 {
				return fmt.Errorf("the store has generated references (gen), which few readers know")
			}
		case "refs":
			if err := p.readRefs(); err != nil {
				return err
			}
		default:
			p.key = append(p.key[:0], key...)
			if err := p.readEntry(); err != nil {
				return err
			}
		}
	}
	if _, err := p.in.Next(); err != io.EOF {
		if err == nil {
			err = fmt.Errorf("more text after the store")
		}
		return err
	}
	return nil
}

func (p *parser) readRefs() error {
	t, err := p.in.Next()
	if err != nil {
		return err
	}
	if t != jsonstream.BeginObject {
		return fmt.Errorf("refs is no JSON object")
	}
	for {
		t, err := p.in.Next()
		if err != nil {
			return err
		}
		if t == jsonstream.EndObject {
			return nil
		}
		p.key = append(p.key[:0], p.in.Text()...)
		if err := p.readEntry(); err != nil {
			return err
		}
	}
}

func (p *parser) readTemplates() error {
	v, err := p.in.Value()
	if err != nil {
		return err
	}
	o, ok := v.(jsonstream.Object)
	if !ok {
		return fmt.Errorf("templates is no JSON object")
	}
	p.templates = map[string]string{}
	for _, m := range o {
		s, ok := m.Value.(string)
		if !ok || strings.Contains(s, "{{") {
			return fmt.Errorf("template %q is not plain text", m.Name)
		}
		p.templates[m.Name] = s
	}
	return nil
}

// readEntry reads the value of the key p.key.
func (p *parser) readEntry() error {
	i := bytes.LastIndexByte(p.key, '/')
	last := p.key[i+1:]
	if len(last) > 0 && last[0] == '.' && zarr.IsMetadata(string(last)) {
		return p.readMetadata(string(p.key))
	}
	if string(last) == "zarr.json" {
		return fmt.Errorf("%s: this is a store of Zarr v3; only v2 is read", p.key)
	}
	w, err := p.readRow()
	if err != nil {
		return fmt.Errorf("%s: %w", p.key, err)
	}
	if i < 0 {
		return fmt.Errorf("%s: neither metadata nor a chunk of an array", p.key)
	}
	if a := p.grids[string(p.key[:i])]; a != nil {
		if !a.add(string(last), w) {
			return a.notInGrid(string(p.key))
		}
		return nil
	}
	p.waiting = append(p.waiting, waiting{string(p.key), w})
	return nil
}

// add adds a row; false when the chunk is none of the grid.
func (a *arrayRows) add(chunk string, w row) bool {
	var ok bool
	if w.index, ok = zarr.ParseKey(a.grid, chunk); ok {
		a.rows = append(a.rows, w)
	}
	return ok
}

func (a *arrayRows) notInGrid(key string) error {
	return fmt.Errorf("%s: not a chunk of a grid of the shape %v in chunks of %v", key, a.grid.Shape, a.grid.Chunks)
}

func (p *parser) readMetadata(key string) error {
	v, err := p.in.Value()
	if err != nil {
		return err
	}
	if strings.HasSuffix(key, ".zmetadata") {
		return nil // a copy of the others
	}
	text, ok := v.(string)
	if !ok {
		if _, ok := v.(jsonstream.Object); !ok {
			return fmt.Errorf("%s: metadata by reference is not read", key)
		}
		text = string(jsonstream.AppendValue(nil, v))
	} else if s, ok := strings.CutPrefix(text, "base64:"); ok {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		text = string(b)
	}
	e := zarr.Entry{Key: key, JSON: []byte(text)}
	p.metadata = append(p.metadata, e)
	if path, ok := strings.CutSuffix(key, "/.zarray"); ok {
		if p.grids[path] != nil {
			return fmt.Errorf("%s is there twice", key)
		}
		ds, err := zarr.Metadata{e}.Dataset()
		if err != nil {
			return err
		}
		p.grids[path] = &arrayRows{grid: ds.Arrays[0].Grid}
	}
	return nil
}

// readRow reads a chunk: text, [url] or [url, offset, length].
func (p *parser) readRow() (row, error) {
	t, err := p.in.Next()
	if err != nil {
		return row{}, err
	}
	switch t {
	case jsonstream.String:
		text := p.in.Text()
		data := []byte{}
		if enc, ok := cutPrefix(text, "base64:"); ok {
			if data, err = base64.StdEncoding.AppendDecode(data, enc); err != nil {
				return row{}, err
			}
		} else {
			data = append(data, text...)
		}
		p.out.inline = append(p.out.inline, data)
		return row{link: ^int32(len(p.out.inline) - 1)}, nil
	case jsonstream.BeginArray:
		return p.readRange()
	}
	return row{}, fmt.Errorf("neither text nor a reference, at byte %d", p.in.Offset())
}

func cutPrefix(b []byte, prefix string) ([]byte, bool) {
	if len(b) < len(prefix) || string(b[:len(prefix)]) != prefix {
		return b, false
	}
	return b[len(prefix):], true
}

// readRange reads a reference after its opening bracket.
func (p *parser) readRange() (row, error) {
	bad := func() error { return fmt.Errorf("not [url] or [url, offset, length], at byte %d", p.in.Offset()) }
	var w row
	t, err := p.in.Next()
	if err != nil {
		return w, err
	}
	if t != jsonstream.String || len(p.in.Text()) == 0 {
		return w, bad()
	}
	id, ok := p.ids[string(p.in.Text())]
	if !ok {
		url := string(p.in.Text())
		id = int32(len(p.out.urls))
		p.ids[url] = id
		p.out.urls = append(p.out.urls, url)
	}
	w.link = id
	for _, v := range []*int64{&w.offset, &w.size} {
		t, err := p.in.Next()
		if err != nil {
			return w, err
		}
		if t == jsonstream.EndArray && v == &w.offset {
			return w, nil
		}
		if t != jsonstream.Number {
			return w, bad()
		}
		if *v, err = strconv.ParseInt(string(p.in.Text()), 10, 64); err != nil || *v < 0 {
			return w, bad()
		}
	}
	t, err = p.in.Next()
	if err == nil && t != jsonstream.EndArray {
		err = bad()
	}
	return w, err
}

// finish places what waited, expands templates, and puts the rows in order.
func (p *parser) finish() error {
	ds, err := p.metadata.Dataset()
	if err != nil {
		return err
	}
	for _, w := range p.waiting {
		i := strings.LastIndexByte(w.key, '/')
		a := p.grids[w.key[:i]]
		if a == nil {
			return fmt.Errorf("%s: no .zarray describes it", w.key)
		}
		if !a.add(w.key[i+1:], w.row) {
			return a.notInGrid(w.key)
		}
	}
	if len(p.templates) > 0 {
		for i, u := range p.out.urls {
			if p.out.urls[i], err = expand(u, p.templates); err != nil {
				return err
			}
		}
	}
	byIndex := func(a, b row) int { return cmp.Compare(a.index, b.index) }
	for path, a := range p.grids {
		if !slices.IsSortedFunc(a.rows, byIndex) {
			slices.SortFunc(a.rows, byIndex)
		}
		for i := 1; i < len(a.rows); i++ {
			if a.rows[i].index == a.rows[i-1].index {
				return fmt.Errorf("%s/%s is there twice", path, zarr.AppendKey(nil, a.grid, a.rows[i].index))
			}
		}
	}
	p.out.dataset, p.out.arrays = ds, p.grids
	return nil
}

// expand replaces each {{name}} of a url.
func expand(url string, templates map[string]string) (string, error) {
	var out strings.Builder
	rest := url
	for {
		before, after, ok := strings.Cut(rest, "{{")
		out.WriteString(before)
		if !ok {
			return out.String(), nil
		}
		name, tail, ok := strings.Cut(after, "}}")
		value, known := templates[strings.TrimSpace(name)]
		if !ok || !known {
			return "", fmt.Errorf("url %q: no template of this name, or more than a name", url)
		}
		out.WriteString(value)
		rest = tail
	}
}

// Dataset describes the store.
func (r *Reader) Dataset() virtual.Dataset { return r.dataset }

// Close does nothing.
func (r *Reader) Close() error { return nil }

func (r *Reader) reference(w row) virtual.Reference {
	if w.link < 0 {
		return virtual.Reference{Inline: r.inline[^w.link]}
	}
	return virtual.Reference{URL: r.urls[w.link], Offset: w.offset, Size: w.size}
}

// Reference is the reference of one chunk; false when it is missing.
func (r *Reader) Reference(array string, index int64) (virtual.Reference, bool, error) {
	a := r.arrays[array]
	if a == nil {
		return virtual.Reference{}, false, fmt.Errorf("the store has no variable %q", array)
	}
	if index < 0 || index >= a.grid.Count() {
		return virtual.Reference{}, false, fmt.Errorf("variable %s has no chunk %d", array, index)
	}
	i, ok := slices.BinarySearchFunc(a.rows, index, func(w row, x int64) int { return cmp.Compare(w.index, x) })
	if !ok {
		return virtual.Reference{}, false, nil
	}
	return r.reference(a.rows[i]), true, nil
}

// References yields an array's references in ascending order of index.
func (r *Reader) References(ctx context.Context, array string) iter.Seq2[zarr.Row, error] {
	return func(yield func(zarr.Row, error) bool) {
		a := r.arrays[array]
		if a == nil {
			yield(zarr.Row{}, fmt.Errorf("the store has no variable %q", array))
			return
		}
		for i, w := range a.rows {
			if i%4096 == 0 && ctx.Err() != nil {
				yield(zarr.Row{}, ctx.Err())
				return
			}
			if !yield(zarr.Row{Index: w.index, Reference: r.reference(w)}, nil) {
				return
			}
		}
	}
}
