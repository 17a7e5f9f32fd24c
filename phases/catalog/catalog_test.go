package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// memory is a store whose coordinates are in memory.
type memory struct {
	ds     virtual.Dataset
	values map[string][]float64
}

func (m *memory) Dataset() virtual.Dataset { return m.ds }

func (m *memory) Floats(_ context.Context, array string, start, count []int64) ([]float64, error) {
	v, ok := m.values[array]
	if !ok {
		return nil, fmt.Errorf("nobody should read %s", array)
	}
	for _, a := range m.ds.Arrays {
		if a.Path == array && len(start) > 0 {
			row := int64(1)
			for _, n := range a.Grid.Shape[1:] {
				row *= n
			}
			return v[start[0]*row : (start[0]+count[0])*row], nil
		}
	}
	return v, nil
}

// add puts an array in the store; attrs are pairs of name and value.
func (m *memory) add(path string, dims []string, shape []int64, values []float64, attrs ...any) {
	a := virtual.Array{
		Path: path, Type: cdm.DType{Kind: cdm.Float, Size: 8}, Dimensions: dims,
		Grid: virtual.Grid{Shape: shape, Chunks: slices.Clone(shape)},
	}
	for i := 0; i < len(attrs); i += 2 {
		a.Attributes = append(a.Attributes, cdm.Attribute{Name: attrs[i].(string), Value: attrs[i+1]})
	}
	m.ds.Arrays = append(m.ds.Arrays, a)
	if values != nil {
		m.values[path] = values
	}
}

func evenly(first, step float64, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = first + step*float64(i)
	}
	return v
}

// rain is a year of monthly fields with bounds on time.
func rain(lat, lon []float64) *memory {
	m := &memory{values: map[string][]float64{}}
	time := evenly(15, 30, 12)
	var bounds []float64
	for _, t := range time {
		bounds = append(bounds, t-15, t+15)
	}
	ny, nx := int64(len(lat)), int64(len(lon))
	m.add("time", []string{"time"}, []int64{12}, time, "units", "days since 1990-01-01", "calendar", "360_day", "bounds", "time_bnds")
	m.add("time_bnds", []string{"time", "bnds"}, []int64{12, 2}, bounds)
	m.add("lat", []string{"lat"}, []int64{ny}, lat, "units", "degrees_north")
	m.add("lon", []string{"lon"}, []int64{nx}, lon, "units", "degrees_east")
	m.add("pr", []string{"time", "lat", "lon"}, []int64{12, ny, nx}, nil, "units", "kg m-2 s-1", "long_name", "Precipitation")
	return m
}

func describe(t *testing.T, m *memory) Cover {
	t.Helper()
	c, err := Describe(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDescribe(t *testing.T) {
	c := describe(t, rain(evenly(90, -5, 37), evenly(0, 5, 72)))
	for _, d := range c.Dimensions {
		if d.Geographic && (d.Step == nil || *d.Step != 5) {
			t.Errorf("the step of %s is not 5", d.Name)
		}
	}
	if c.Start != "1990-01-01T00:00:00Z" || c.End != "1991-01-01T00:00:00Z" {
		t.Errorf("the time is %s to %s, not that of the bounds", c.Start, c.End)
	}
	if c.Box == nil || *c.Box != [4]float64{-180, -90, 180, 90} {
		t.Errorf("the box of a grid from 0 to 355 is %v", c.Box)
	}
	for _, want := range []struct {
		name, kind, axis string
		length           int64
		lo, hi           float64
	}{{"lat", "spatial", "y", 37, -90, 90}, {"lon", "spatial", "x", 72, 0, 355}, {"time", "temporal", "", 12, 0, 0}, {"bnds", "index", "", 2, 0, 1}} {
		i := slices.IndexFunc(c.Dimensions, func(d Dimension) bool { return d.Name == want.name })
		if i < 0 {
			t.Fatalf("dimension %s is missing", want.name)
		}
		d := c.Dimensions[i]
		if d.Type != want.kind || d.Axis != want.axis || d.Length != want.length || d.Lo != want.lo || d.Hi != want.hi {
			t.Errorf("dimension %s is described as %+v", want.name, d)
		}
	}
}

func TestBoundingBoxes(t *testing.T) {
	lat := evenly(-30, 2, 11)
	for name, c := range map[string]struct {
		lon        []float64
		west, east float64
	}{
		"a region east of Greenwich":     {evenly(10, 1, 21), 10, 30},
		"the same, counted on from 360":  {evenly(370, 1, 21), 10, 30},
		"a region over Greenwich, 0-360": {append(evenly(350, 1, 10), evenly(0, 1, 11)...), -10, 10},
		"across the antimeridian":        {evenly(170, 1, 31), 170, -160},
		"the same, -180 to 180":          {append(evenly(170, 1, 10), evenly(-180, 1, 21)...), 170, -160},
		"the world from Greenwich":       {evenly(1.25, 2.5, 144), -180, 180},
		"the world from the other side":  {evenly(-180, 1.5, 240), -180, 180},
		"the eastern half":               {evenly(0, 1, 181), 0, 180},
		"one meridian":                   {[]float64{5}, 5, 5},
	} {
		box := describe(t, rain(lat, c.lon)).Box
		if box == nil || box[0] != c.west || box[2] != c.east || box[1] != -30 || box[3] != -10 {
			t.Errorf("%s: the box is %v, want %v to %v", name, box, c.west, c.east)
		}
	}
}

// Latitudes and longitudes of a rotated grid, read in blocks.
func TestCurvilinearBox(t *testing.T) {
	m := &memory{values: map[string][]float64{}}
	const ny, nx = 1200, 1000 // more than one block
	var lat, lon []float64
	for j := range ny {
		for i := range nx {
			la, lo := 50+20*float64(j)/(ny-1), 355+20*float64(i)/(nx-1)
			if j == 0 && i == 0 {
				la, lo = math.NaN(), math.NaN()
			}
			lat, lon = append(lat, la), append(lon, math.Mod(lo, 360))
		}
	}
	m.add("lat", []string{"y", "x"}, []int64{ny, nx}, lat, "standard_name", "latitude")
	m.add("lon", []string{"y", "x"}, []int64{ny, nx}, lon, "standard_name", "longitude")
	m.add("tas", []string{"y", "x"}, []int64{ny, nx}, nil, "coordinates", "lon lat")
	if box := describe(t, m).Box; box == nil || *box != [4]float64{-5, 50, 15, 70} {
		t.Errorf("the box is %v", box)
	}
}

// A grid on the plane of its grid mapping has a place though the file states no longitudes and latitudes. The corners were found by PROJ (gdaltransform).
func TestProjectedBox(t *testing.T) {
	plane := func(x, y []float64, units string, crs ...any) *[4]float64 {
		m := &memory{values: map[string][]float64{}}
		m.add("x", []string{"x"}, []int64{int64(len(x))}, x, "units", units, "standard_name", "projection_x_coordinate")
		m.add("y", []string{"y"}, []int64{int64(len(y))}, y, "units", units, "standard_name", "projection_y_coordinate")
		m.add("crs", nil, nil, []float64{0}, crs...)
		m.add("ice", []string{"y", "x"}, []int64{int64(len(y)), int64(len(x))}, nil, "grid_mapping", "crs")
		return describe(t, m).Box
	}
	near := func(got *[4]float64, want [4]float64) bool {
		for i := range want {
			if got == nil || math.Abs(got[i]-want[i]) > 1e-5 {
				return false
			}
		}
		return true
	}
	// The British national grid's corners, and the middle of its northern side.
	osgb := []any{"grid_mapping_name", "transverse_mercator", "longitude_of_central_meridian", -2.0, "latitude_of_projection_origin", 49.0, "scale_factor_at_central_meridian", 0.9996012717,
		"false_easting", 400000.0, "false_northing", -100000.0, "semi_major_axis", 6377563.396, "semi_minor_axis", 6356256.909}
	box := plane(evenly(0, 100, 8), evenly(0, 100, 14), "km", osgb...)
	if !near(box, [4]float64{-9.49638675, 49.76618581, 3.63474423, 61.5816793}) {
		t.Errorf("the box of Britain is %v", box)
	}
	laea := []any{"grid_mapping_name", "lambert_azimuthal_equal_area", "latitude_of_projection_origin", 90.0, "longitude_of_projection_origin", 0.0}
	box = plane(evenly(-5000e3, 1000e3, 11), evenly(5000e3, -1000e3, 11), "m", laea...)
	if !near(box, [4]float64{-180, 22.67783959, 180, 90}) {
		t.Errorf("the box of the Arctic is %v", box)
	}
	m := &memory{values: map[string][]float64{}}
	m.add("x", []string{"x"}, []int64{2}, []float64{-1e6, 1e6}, "units", "m", "standard_name", "projection_x_coordinate")
	m.add("y", []string{"y"}, []int64{2}, []float64{-1e6, 1e6}, "units", "m", "standard_name", "projection_y_coordinate")
	m.add("lat", []string{"y", "x"}, []int64{2, 2}, []float64{77.2, 77.2, 77.2, 77.2}, "units", "degrees_north")
	m.add("lon", []string{"y", "x"}, []int64{2, 2}, []float64{-45, 45, -135, 135}, "units", "degrees_east")
	m.add("crs", nil, nil, []float64{0}, laea...)
	m.add("ice", []string{"y", "x"}, []int64{2, 2}, nil, "grid_mapping", "crs")
	if box = describe(t, m).Box; box == nil || box[0] != -180 || box[2] != 180 || box[3] != 90 {
		t.Errorf("the box of a grid whose pole lies between its cells' centres is %v", box)
	}
	if box = plane(evenly(0, 1, 3), evenly(0, 1, 3), "m", "grid_mapping_name", "healpix"); box != nil {
		t.Errorf("a plane of nowhere has the box %v", box)
	}
}

// Groups may have dimensions of one name and different lengths.
func TestDimensionsOfGroups(t *testing.T) {
	dir := t.TempDir()
	p := product(t, dir, "g")
	m := &memory{values: map[string][]float64{}}
	m.add("a", []string{"x"}, []int64{3}, nil)
	m.add("g/b", []string{"x"}, []int64{5}, nil)
	m.add("g/s", nil, nil, nil)
	p.Dataset, p.Cover = m.ds, describe(t, m)
	b, err := p.item(dir)
	if err != nil {
		t.Fatal(err)
	}
	var it item
	if err := json.Unmarshal(b, &it); err != nil {
		t.Fatal(err)
	}
	if d := it.Properties.Dimensions; len(d) != 2 || d["x"].Extent[1] != 2.0 || d["g/x"].Extent[1] != 4.0 {
		t.Errorf("the dimensions are %v", d)
	}
	if v := it.Properties.Variables; v["a"].Dimensions[0] != "x" || v["g/b"].Dimensions[0] != "g/x" || v["g/s"].Dimensions == nil {
		t.Errorf("the variables are %v", v)
	}
	if it.Geometry != nil || it.BBox != nil {
		t.Error("data without longitudes have a place")
	}
}

func TestDatesThatTheCommonCalendarLacks(t *testing.T) {
	m := &memory{values: map[string][]float64{}}
	m.add("time", []string{"time"}, []int64{2}, []float64{59, 360}, "units", "days since 1990-01-01", "calendar", "360_day")
	m.add("x", []string{"time"}, []int64{2}, nil)
	c := describe(t, m)
	if c.Start != "1990-02-28T00:00:00Z" || !strings.Contains(c.Dimensions[0].Description, "360_day") {
		t.Errorf("30 February is given as %s, described as %q", c.Start, c.Dimensions[0].Description)
	}
}

func product(t *testing.T, dir, code string) Product {
	t.Helper()
	m := rain(evenly(-30, 2, 11), evenly(170, 1, 31))
	plot := filepath.Join(dir, code+".png")
	if err := os.WriteFile(plot, []byte("picture"), 0o666); err != nil {
		t.Fatal(err)
	}
	return Product{
		Code: code, Group: "cmip", Title: "Rain & <wind> of " + code, Store: "/archive/stores/" + code + ".kr1.0.parq", Kind: Parquet,
		StoreBytes: 1234, StoreDigest: strings.Repeat("ab", 32), Dataset: m.ds, Cover: describe(t, m),
		SourceFiles: 12, SourceBytes: 1 << 40, Newest: time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC), Plot: plot, Version: "1.2.3",
	}
}

// tree is every file of a folder with its content and its identity on disk.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		out[rel] = string(b) + info.ModTime().String()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheSameProductTwiceChangesNothing(t *testing.T) {
	dir, files := t.TempDir(), t.TempDir()
	if err := Write(dir, product(t, files, "rain-1")); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	for _, want := range []string{"catalog.json", "intake.yaml", "cmip/collection.json", "cmip/intake.yaml", "cmip/esm.json", "cmip/esm.csv", "cmip/rain-1/rain-1.json"} {
		if _, ok := before[want]; !ok {
			t.Errorf("%s is missing", want)
		}
	}
	if len(before) != 7 {
		t.Errorf("there are %d files", len(before))
	}
	if err := Write(dir, product(t, files, "rain-1")); err != nil {
		t.Fatal(err)
	}
	after := tree(t, dir)
	for name := range after {
		if before[name] != after[name] {
			t.Errorf("%s was written again", name)
		}
	}
}

// Links lead from file to file and back, and nothing names the folder's own place.
func TestLinks(t *testing.T) {
	dir, files := t.TempDir(), t.TempDir()
	for _, code := range []string{"a", "b"} {
		if err := Write(dir, product(t, files, code)); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	var visit func(file string)
	visit = func(file string) {
		if seen[file] {
			return
		}
		seen[file] = true
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(dir)) {
			t.Errorf("%s names the catalogue's own folder", file)
		}
		var doc struct{ Links []link }
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatal(err)
		}
		for _, l := range doc.Links {
			visit(filepath.Join(filepath.Dir(file), l.Href))
		}
	}
	visit(filepath.Join(dir, "catalog.json"))
	if len(seen) != 4 {
		t.Errorf("%d documents are linked, not catalogue, collection and two items", len(seen))
	}
	var it item
	b, err := os.ReadFile(itemPath(dir, "cmip", "a"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &it); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "cmip", "a", it.Assets["thumbnail"].Href)); err != nil {
		t.Errorf("the thumbnail's link leads nowhere: %v", err)
	}
	if it.Geometry.Type != "MultiPolygon" {
		t.Errorf("a box across the antimeridian is a %s", it.Geometry.Type)
	}
}

// Many tasks at once leave every item in every list.
func TestManyTasksAtOnce(t *testing.T) {
	dir, files := t.TempDir(), t.TempDir()
	var wait sync.WaitGroup
	const n = 16
	for i := range n {
		p := product(t, files, fmt.Sprintf("set-%02d", i))
		wait.Go(func() {
			if err := Write(dir, p); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for name, per := range map[string]string{"cmip/collection.json": `"rel": "item"`, "cmip/esm.csv": "/archive/stores/", "cmip/intake.yaml": "driver: zarr"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Count(b, []byte(per)); got != n {
			t.Errorf("%s lists %d of %d datasets", name, got, n)
		}
	}
}

// Thousands of products cost one look at each: entering them one by one, and finishing once.
func TestThousandsOfProducts(t *testing.T) {
	if testing.Short() {
		t.Skip("2,000 items are many files to write")
	}
	dir, files := t.TempDir(), t.TempDir()
	const n = 2000
	first := product(t, files, "set-0000")
	if err := Add(dir, first); err != nil {
		t.Fatal(err)
	}
	item, err := os.ReadFile(itemPath(dir, first.Group, first.Code))
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < n; i++ { // copies, since it is the finishing that is looked at
		code := fmt.Sprintf("set-%04d", i)
		path := itemPath(dir, first.Group, code)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.ReplaceAll(item, []byte("set-0000"), []byte(code)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Rebuild(dir, first.Group); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, first.Group, "collection.json"))
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(b, []byte(`"rel": "item"`)); got != n {
		t.Errorf("%d of %d items in the collection", got, n)
	}
	// A second look reads nothing again, and finds what was replaced or taken away.
	s := shelf{dir: filepath.Join(dir, first.Group), held: map[string]held{}}
	if changed, err := s.look(); err != nil || !changed {
		t.Fatal(changed, err)
	}
	before := s.held["set-0007"].item
	if changed, err := s.look(); err != nil || changed || s.held["set-0007"].item != before {
		t.Error("an item was read twice:", changed, err)
	}
	if err := os.RemoveAll(filepath.Join(dir, first.Group, "set-0009")); err != nil {
		t.Fatal(err)
	}
	if changed, err := s.look(); err != nil || !changed || len(s.held) != n-1 {
		t.Error("an item that was taken away is still there:", changed, err)
	}
}

// The order in which products were added doesn't show.
func TestOrderDoesNotShow(t *testing.T) {
	files := t.TempDir()
	write := func(codes ...string) map[string]string {
		dir := filepath.Join(t.TempDir(), "c")
		for _, c := range codes {
			p := product(t, files, c)
			p.Plot = ""
			if err := Write(dir, p); err != nil {
				t.Fatal(err)
			}
		}
		out := map[string]string{}
		for name := range tree(t, dir) {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			out[name] = string(b)
		}
		return out
	}
	a, b := write("x", "y", "z"), write("z", "x", "y")
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s depends on the order", name)
		}
	}
}

func TestRefusals(t *testing.T) {
	files := t.TempDir()
	for name, c := range map[string]struct {
		change func(*Product)
		class  phases.Class
	}{
		"a store with faults":         {func(p *Product) { p.Faults = 2 }, phases.Fault},
		"a code that is a path":       {func(p *Product) { p.Code = "../x" }, phases.Input},
		"a relative store":            {func(p *Product) { p.Store = "x.parq" }, phases.Internal},
		"an unknown kind":             {func(p *Product) { p.Kind = "zip" }, phases.Internal},
		"no date at all":              {func(p *Product) { p.Cover.Start, p.Cover.End, p.Newest = "", "", time.Time{} }, phases.Internal},
		"a date that is none":         {func(p *Product) { p.Cover.Start = "yesterday" }, phases.Internal},
		"an extent that is no number": {func(p *Product) { p.Cover.Dimensions[1].Lo = math.NaN() }, phases.Internal},
		"a licence with spaces":       {func(p *Product) { p.License = "do what you like" }, phases.Internal},
	} {
		dir := t.TempDir()
		p := product(t, files, "q")
		c.change(&p)
		err := Write(dir, p)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if got := phases.ClassOf(err); got != c.class {
			t.Errorf("%s: class %s, want %s: %v", name, got, c.class, err)
		}
		if left := tree(t, dir); len(left) > 0 {
			t.Errorf("%s: left %d files behind", name, len(left))
		}
	}
}

// The embedded schemas have teeth: each spoilt item is refused.
func TestSchemasRefuse(t *testing.T) {
	dir, files := t.TempDir(), t.TempDir()
	p := product(t, files, "q")
	good, err := p.item(dir)
	if err != nil {
		t.Fatal(err)
	}
	v, err := newValidator()
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(map[string]any){
		"core: no assets":          func(m map[string]any) { delete(m, "assets") },
		"core: version":            func(m map[string]any) { m["stac_version"] = "0.9.0" },
		"core: no datetime":        func(m map[string]any) { delete(at(m, "properties"), "datetime") },
		"core: bounding box":       func(m map[string]any) { m["bbox"] = []any{1, 2, 3} },
		"core: local time":         func(m map[string]any) { at(m, "properties")["updated"] = "2020-01-01T00:00:00+02:00" },
		"datacube: dimension type": func(m map[string]any) { at(m, "properties", "cube:dimensions", "lat")["axis"] = "q" },
		"datacube: extent":         func(m map[string]any) { at(m, "properties", "cube:dimensions", "lon")["extent"] = []any{1} },
		"datacube: variable":       func(m map[string]any) { at(m, "properties", "cube:variables", "pr")["type"] = "thing" },
		"file: checksum":           func(m map[string]any) { at(m, "assets", "thumbnail")["file:checksum"] = "XYZ" },
		"processing: software":     func(m map[string]any) { at(m, "properties")["processing:software"] = "kerb" },
		"xarray: open_kwargs":      func(m map[string]any) { at(m, "assets", "store")["xarray:open_kwargs"] = "engine" },
		"an extension nobody knows": func(m map[string]any) {
			m["stac_extensions"] = []any{"https://example.org/schema.json"}
		},
	} {
		var m map[string]any
		if err := json.Unmarshal(good, &m); err != nil {
			t.Fatal(err)
		}
		spoil(m)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if v.check(itemSchema, b) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func at(m map[string]any, path ...string) map[string]any {
	for _, p := range path {
		m = m[p].(map[string]any)
	}
	return m
}

func TestIntake(t *testing.T) {
	dir, files := t.TempDir(), t.TempDir()
	if err := Write(dir, product(t, files, "rain-1")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "cmip", "intake.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var f intakeFile
	if err := yaml.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	s := f.Sources["rain-1"]
	if s.Driver != "zarr" || s.Args["urlpath"] != "reference://" || at(s.Args, "storage_options")["fo"] != "/archive/stores/rain-1.kr1.0.parq" {
		t.Errorf("the entry is %+v", s)
	}
	rows, err := os.ReadFile(filepath.Join(dir, "cmip", "esm.csv"))
	if err != nil {
		t.Fatal(err)
	}
	want := "group,proj_code,title,variables,start,end,license,path\n" +
		"cmip,rain-1,Rain & <wind> of rain-1,['pr'],1990-01-01T00:00:00Z,1991-01-01T00:00:00Z,other,/archive/stores/rain-1.kr1.0.parq\n"
	if string(rows) != want {
		t.Errorf("got  %q\nwant %q", rows, want)
	}
}

// A dataset without a time has the date of its files, which is no time of its group's.
func TestTimeOfACollection(t *testing.T) {
	dir, files := t.TempDir(), t.TempDir()
	fixed := product(t, files, "orography")
	fixed.Cover.Start, fixed.Cover.End = "", ""
	interval := func() string {
		b, err := os.ReadFile(filepath.Join(dir, "cmip", "collection.json"))
		if err != nil {
			t.Fatal(err)
		}
		var c collection
		if err := json.Unmarshal(b, &c); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(c.Extent.Temporal.Interval)
	}
	if err := Write(dir, fixed); err != nil {
		t.Fatal(err)
	}
	date := fixed.Newest.UTC().Format(time.RFC3339)
	if got := interval(); got != "[["+date+" "+date+"]]" {
		t.Errorf("alone, its date is the group's: %s", got)
	}
	if err := Write(dir, product(t, files, "rain")); err != nil {
		t.Fatal(err)
	}
	if got := interval(); got != "[[1990-01-01T00:00:00Z 1991-01-01T00:00:00Z]]" {
		t.Errorf("the time of the group is %s", got)
	}
}

// A dimension and its coordinate are described once; what xarray can't turn into dates is not asked of it.
func TestItemsAsReadersTakeThem(t *testing.T) {
	dir := t.TempDir()
	p := product(t, dir, "a")
	read := func() (it item) {
		b, err := p.item(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &it); err != nil {
			t.Fatal(err)
		}
		return it
	}
	it := read()
	for name := range it.Properties.Dimensions {
		if _, twice := it.Properties.Variables[name]; twice {
			t.Errorf("%s is a dimension and a variable", name)
		}
	}
	if v := it.Properties.Variables; v["pr"].Type != "data" || v["time_bnds"].Type != "auxiliary" {
		t.Errorf("the variables are %v", v)
	}
	if v, set := it.Assets["store"].Open["decode_times"]; set {
		t.Errorf("dates that can be decoded are to be decoded: %v", v)
	}
	for i, a := range p.Dataset.Arrays {
		if a.Path == "time" {
			p.Dataset.Arrays[i].Attributes = []cdm.Attribute{{Name: "units", Value: "hour since 0000-01-01 00:00:00"}} // the standard calendar has no year 0
		}
	}
	it = read()
	if v := it.Assets["store"].Open["decode_times"]; v != false {
		t.Errorf("readers are told to decode dates that the calendar lacks: %v", v)
	}
	y, err := intakeSources("g", []*item{&it})
	if err != nil || !strings.Contains(string(y), "decode_times: false") {
		t.Errorf("intake is not told: %v\n%s", err, y)
	}
}

func TestADamagedItemIsNamed(t *testing.T) {
	dir, files := t.TempDir(), t.TempDir()
	if err := Write(dir, product(t, files, "a")); err != nil {
		t.Fatal(err)
	}
	path := itemPath(dir, "cmip", "a")
	if err := os.WriteFile(path, []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Rebuild(dir, "cmip"); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("the error is %v", err)
	}
	if err := Write(dir, product(t, files, "a")); err != nil {
		t.Errorf("the damaged item can't be written anew: %v", err)
	}
}
