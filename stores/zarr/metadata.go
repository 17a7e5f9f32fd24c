package zarr

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/stores/jsonstream"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Entry is one metadata key of a store and its JSON object.
type Entry struct {
	Key  string // ".zgroup", "g/name/.zarray"
	JSON []byte
}

// Metadata is all metadata of a store, in the order of the dataset: the same dataset gives the same bytes.
type Metadata []Entry

// NewMetadata describes ds in Zarr v2's words. A group that ds implies by an array's path and doesn't
// list gets its .zgroup all the same.
func NewMetadata(ds virtual.Dataset) (Metadata, error) {
	if err := checkPaths(ds); err != nil {
		return nil, err
	}
	m := make(Metadata, 0, 2*(len(ds.Groups)+len(ds.Arrays)))
	done := map[string]bool{}
	var group func(p string)
	group = func(p string) {
		if done[p] {
			return
		}
		done[p] = true
		if p != "" {
			group(parent(p))
		}
		m = append(m, Entry{joinKey(p, ".zgroup"), []byte(`{"zarr_format":2}`)})
	}
	group("")
	for _, g := range ds.Groups {
		group(g.Path)
		if g.Attributes == nil {
			continue
		}
		text, err := appendAttributes(nil, g.Attributes, nil)
		if err != nil {
			return nil, fmt.Errorf("group /%s: %w", g.Path, err)
		}
		m = append(m, Entry{joinKey(g.Path, ".zattrs"), text})
	}
	for _, a := range ds.Arrays {
		group(parent(a.Path))
	}
	for _, a := range ds.Arrays {
		zarray, err := appendArray(nil, a)
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", a.Path, err)
		}
		zattrs, err := appendAttributes(nil, a.Attributes, a.Dimensions)
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", a.Path, err)
		}
		m = append(m, Entry{a.Path + "/.zarray", zarray}, Entry{a.Path + "/.zattrs", zattrs})
	}
	return m, nil
}

func joinKey(p, name string) string {
	if p == "" {
		return name
	}
	return p + "/" + name
}

// parent is the path of the group that p is in.
func parent(p string) string {
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		return p[:i]
	}
	return ""
}

// checkPaths refuses names that a store's keys can't hold: readers would take them for metadata,
// or they would lie outside the store's folder.
func checkPaths(ds virtual.Dataset) error {
	arrays := make(map[string]bool, len(ds.Arrays))
	groups := map[string]bool{"": true}
	for _, g := range ds.Groups {
		if g.Path == "" {
			continue
		}
		if err := CheckPath(g.Path); err != nil {
			return fmt.Errorf("group: %w", err)
		}
		if groups[g.Path] {
			return fmt.Errorf("group %q is there twice", g.Path)
		}
		groups[g.Path] = true
	}
	for _, a := range ds.Arrays {
		if err := CheckPath(a.Path); err != nil {
			return fmt.Errorf("variable: %w", err)
		}
		if arrays[a.Path] {
			return fmt.Errorf("variable %q is there twice", a.Path)
		}
		arrays[a.Path] = true
		for p := parent(a.Path); p != ""; p = parent(p) {
			groups[p] = true
		}
	}
	for p := range arrays {
		if groups[p] {
			return fmt.Errorf("%q is a variable and a group: a store can't hold both", p)
		}
	}
	return nil
}

// CheckPath refuses an array's or group's path that a store can't hold.
func CheckPath(p string) error {
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || part == "." || part == ".." || strings.HasPrefix(part, ".z") || strings.ContainsRune(part, 0) {
			return fmt.Errorf("the path %q can't be one in a Zarr v2 store: %w", p, cdm.ErrUnsupported)
		}
	}
	return nil
}

// isCompressor: these are the numcodecs codecs that Zarr v2 writers put under "compressor".
func isCompressor(id any) bool {
	switch id {
	case "zlib", "gzip", "zstd", "blosc", "bz2", "lz4", "lzma":
		return true
	}
	return false
}

// appendArray appends the .zarray of a ("Arrays: Metadata" of the specification).
func appendArray(b []byte, a virtual.Array) ([]byte, error) {
	if err := checkGrid(a.Grid); err != nil {
		return nil, err
	}
	if a.Dimensions != nil && len(a.Dimensions) != len(a.Grid.Shape) {
		return nil, fmt.Errorf("%d dimensions for %d axes", len(a.Dimensions), len(a.Grid.Shape))
	}
	compressor, filters := "null", []string{}
	for i, c := range a.Codecs {
		config := c.Config()
		if config == nil {
			return nil, fmt.Errorf("no Zarr v2 codec reads %s: %w", c.Name(), cdm.ErrUnsupported)
		}
		text, err := json.Marshal(config)
		if err != nil {
			return nil, fmt.Errorf("codec %s: %w", c.Name(), err)
		}
		if i == len(a.Codecs)-1 && isCompressor(config["id"]) {
			compressor = string(text)
		} else {
			filters = append(filters, string(text))
		}
	}
	b = append(b, `{"chunks":`...)
	b = appendList(b, a.Grid.Chunks, appendNumber)
	b = append(b, `,"compressor":`+compressor+`,"dimension_separator":".","dtype":`...)
	b = appendDType(b, a.Type)
	b = append(b, `,"fill_value":`...)
	b, err := appendFill(b, a.Type, a.Fill)
	if err != nil {
		return nil, err
	}
	b = append(b, `,"filters":`...)
	if len(filters) == 0 {
		b = append(b, "null"...)
	} else {
		b = append(b, '[')
		b = append(b, strings.Join(filters, ",")...)
		b = append(b, ']')
	}
	b = append(b, `,"order":"C","shape":`...)
	b = appendList(b, a.Grid.Shape, appendNumber)
	return append(b, `,"zarr_format":2}`...), nil
}

func appendDType(b []byte, t cdm.DType) []byte {
	if len(t.Fields) == 0 {
		return jsonstream.AppendString(b, t.String())
	}
	return appendList(b, t.Fields, func(b []byte, f cdm.Field) []byte {
		b = append(jsonstream.AppendString(append(b, '['), f.Name), ',')
		b = appendDType(b, f.Type)
		if f.Shape != nil {
			b = appendList(append(b, ','), f.Shape, appendNumber)
		}
		return append(b, ']')
	})
}

// maxAxes is NumPy's limit, and so Zarr's.
const maxAxes = 64

func checkGrid(g virtual.Grid) error {
	if len(g.Chunks) != len(g.Shape) {
		return fmt.Errorf("a chunk shape of %d axes for a shape of %d", len(g.Chunks), len(g.Shape))
	}
	if len(g.Shape) > maxAxes {
		return fmt.Errorf("%d axes, more than the %d of NumPy", len(g.Shape), maxAxes)
	}
	n := int64(1)
	for i := range g.Shape {
		if g.Shape[i] < 0 || g.Chunks[i] < 1 {
			return fmt.Errorf("axis %d has length %d and chunks of %d", i, g.Shape[i], g.Chunks[i])
		}
		if g.Shape[i] > 1<<62 || g.Chunks[i] > 1<<62 {
			return fmt.Errorf("axis %d is too long", i)
		}
		c := (g.Shape[i] + g.Chunks[i] - 1) / g.Chunks[i]
		if c > 0 && n > 1<<62/c {
			return fmt.Errorf("more than 2^62 chunks")
		}
		n *= c
	}
	return nil
}

// Dataset is the inverse of NewMetadata; it also reads the metadata of other writers' stores.
func (m Metadata) Dataset() (virtual.Dataset, error) {
	var ds virtual.Dataset
	attrs := map[string][]byte{}
	for _, e := range m {
		if p, ok := cutKey(e.Key, ".zattrs"); ok {
			attrs[p] = e.JSON
		}
	}
	for _, e := range m {
		p, ok := cutKey(e.Key, ".zgroup")
		if !ok {
			continue
		}
		if err := checkFormat(e.JSON); err != nil {
			return ds, fmt.Errorf("%s: %w", e.Key, err)
		}
		g := virtual.Group{Path: p}
		if text := attrs[p]; text != nil {
			var err error
			if g.Attributes, _, err = parseAttributes(text); err != nil {
				return ds, fmt.Errorf("%s: %w", joinKey(p, ".zattrs"), err)
			}
			if g.Attributes == nil {
				g.Attributes = []cdm.Attribute{}
			}
		}
		ds.Groups = append(ds.Groups, g)
	}
	for _, e := range m {
		p, ok := cutKey(e.Key, ".zarray")
		if !ok {
			continue
		}
		a, err := parseArray(e.JSON)
		if err != nil {
			return ds, fmt.Errorf("%s: %w", e.Key, err)
		}
		a.Path = p
		if text := attrs[p]; text != nil {
			if a.Attributes, a.Dimensions, err = parseAttributes(text); err != nil {
				return ds, fmt.Errorf("%s/.zattrs: %w", p, err)
			}
		}
		ds.Arrays = append(ds.Arrays, a)
	}
	if !parentsFirst(ds.Groups) {
		slices.SortStableFunc(ds.Groups, func(a, b virtual.Group) int { return depth(a.Path) - depth(b.Path) })
	}
	return ds, checkPaths(ds)
}

func parentsFirst(groups []virtual.Group) bool {
	seen := map[string]bool{"": true}
	for _, g := range groups {
		if !seen[parent(g.Path)] {
			return false
		}
		seen[g.Path] = true
	}
	return true
}

// depth counts a path's parts: none for the root.
func depth(p string) int {
	if p == "" {
		return 0
	}
	return 1 + strings.Count(p, "/")
}

// cutKey splits a metadata key into its path and name.
func cutKey(key, name string) (string, bool) {
	if key == name {
		return "", true
	}
	return strings.CutSuffix(key, "/"+name)
}

// IsMetadata reports whether a store's key is one of Zarr v2's metadata keys.
func IsMetadata(key string) bool {
	switch key[strings.LastIndexByte(key, '/')+1:] {
	case ".zgroup", ".zarray", ".zattrs", ".zmetadata":
		return true
	}
	return false
}

func checkFormat(text []byte) error {
	v, err := jsonstream.Parse(text)
	if err != nil {
		return err
	}
	o, ok := v.(jsonstream.Object)
	if !ok {
		return fmt.Errorf("no JSON object")
	}
	if f, _ := o.Get("zarr_format"); f != jsonstream.Literal("2") {
		return fmt.Errorf("zarr_format is %v; only Zarr v2 is read", f)
	}
	return nil
}

func parseArray(text []byte) (virtual.Array, error) {
	var a virtual.Array
	if err := checkFormat(text); err != nil {
		return a, err
	}
	v, err := jsonstream.Parse(text)
	if err != nil {
		return a, err
	}
	o := v.(jsonstream.Object)
	get := func(name string) any { v, _ := o.Get(name); return v }
	if s := get("order"); s != nil && s != "C" {
		return a, fmt.Errorf("order %v: only C order is read", s)
	}
	if s := get("dimension_separator"); s != nil && s != "." {
		return a, fmt.Errorf("dimension_separator %v: reference stores have \".\"", s)
	}
	if a.Type, err = parseDType(get("dtype")); err != nil {
		return a, err
	}
	if a.Grid.Shape, err = parseInts(get("shape")); err != nil {
		return a, fmt.Errorf("shape: %w", err)
	}
	if a.Grid.Chunks, err = parseInts(get("chunks")); err != nil {
		return a, fmt.Errorf("chunks: %w", err)
	}
	if err := checkGrid(a.Grid); err != nil {
		return a, err
	}
	if a.Fill, err = parseFill(a.Type, get("fill_value")); err != nil {
		return a, err
	}
	var configs []any
	if f := get("filters"); f != nil {
		l, ok := f.([]any)
		if !ok {
			return a, fmt.Errorf("filters: not a list")
		}
		configs = l
	}
	if c := get("compressor"); c != nil {
		configs = append(configs, c)
	}
	for _, c := range configs {
		var config map[string]any
		if err := json.Unmarshal(jsonstream.AppendValue(nil, c), &config); err != nil || config == nil {
			return a, fmt.Errorf("a codec is no JSON object")
		}
		a.Codecs = append(a.Codecs, codecOf(config))
	}
	return a, nil
}

// ParseKey reads the chunk key "1.0.2" of an array with grid g ("Chunks" of the specification); false
// when it is no key of the grid.
func ParseKey(g virtual.Grid, key string) (int64, bool) {
	if len(g.Shape) == 0 {
		return 0, key == "0"
	}
	index := int64(0)
	for d := range g.Shape {
		part, rest, more := strings.Cut(key, ".")
		if more != (d < len(g.Shape)-1) {
			return 0, false
		}
		key = rest
		c, err := strconv.ParseInt(part, 10, 64)
		n := (g.Shape[d] + g.Chunks[d] - 1) / g.Chunks[d]
		if err != nil || c < 0 || c >= n || len(part) > 1 && part[0] == '0' || part[0] == '+' || part[0] == '-' {
			return 0, false
		}
		index = index*n + c
	}
	return index, true
}

// AppendKey appends the chunk key of C-order index i of grid g: "0" for a scalar.
func AppendKey(b []byte, g virtual.Grid, i int64) []byte {
	if len(g.Shape) == 0 {
		return append(b, '0')
	}
	var stack [maxAxes]int64
	for d := len(g.Shape) - 1; d >= 0; d-- {
		n := (g.Shape[d] + g.Chunks[d] - 1) / g.Chunks[d]
		stack[d] = i % n
		i /= n
	}
	for d := range g.Shape {
		if d > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendInt(b, stack[d], 10)
	}
	return b
}
