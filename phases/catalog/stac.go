package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/virtual/cf"
	"github.com/cedadev/kerchunk-builder/virtual/cftime"
)

const (
	stacVersion   = "1.1.0"
	datacubeURI   = "https://stac-extensions.github.io/datacube/v2.2.0/schema.json"
	fileURI       = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
	processingURI = "https://stac-extensions.github.io/processing/v1.1.0/schema.json"
	xarrayURI     = "https://stac-extensions.github.io/xarray-assets/v1.0.0/schema.json"
)

// The members of a STAC item, catalog and collection, in the order of the specification's own examples
// (https://github.com/radiantearth/stac-spec/tree/v1.1.0).
type item struct {
	Type       string           `json:"type"`
	Version    string           `json:"stac_version"`
	Extensions []string         `json:"stac_extensions"`
	ID         string           `json:"id"`
	Geometry   *geometry        `json:"geometry"`
	BBox       []float64        `json:"bbox,omitempty"`
	Properties properties       `json:"properties"`
	Links      []link           `json:"links"`
	Assets     map[string]asset `json:"assets"`
	Collection string           `json:"collection"`
}

type properties struct {
	Title       string               `json:"title"`
	Description string               `json:"description,omitempty"`
	Datetime    *string              `json:"datetime"`
	Start       string               `json:"start_datetime,omitempty"`
	End         string               `json:"end_datetime,omitempty"`
	Updated     string               `json:"updated,omitempty"`
	License     string               `json:"license"`
	Dimensions  map[string]dimension `json:"cube:dimensions"`
	Variables   map[string]variable  `json:"cube:variables"`
	Software    map[string]string    `json:"processing:software"`
	Lineage     string               `json:"processing:lineage"`
}

type dimension struct {
	Type        string   `json:"type"`
	Axis        string   `json:"axis,omitempty"`
	Description string   `json:"description,omitempty"`
	Extent      [2]any   `json:"extent"`
	Step        *float64 `json:"step,omitempty"`
	Unit        string   `json:"unit,omitempty"`
	Reference   int      `json:"reference_system,omitempty"`
}

type variable struct {
	Dimensions  []string `json:"dimensions"`
	Type        string   `json:"type"`
	Description string   `json:"description,omitempty"`
	Unit        string   `json:"unit,omitempty"`
}

type geometry struct {
	Type        string `json:"type"`
	Coordinates any    `json:"coordinates"`
}

type link struct {
	Rel   string `json:"rel"`
	Href  string `json:"href"`
	Type  string `json:"type,omitempty"`
	Title string `json:"title,omitempty"`
}

type asset struct {
	Href     string         `json:"href"`
	Type     string         `json:"type,omitempty"`
	Title    string         `json:"title,omitempty"`
	Roles    []string       `json:"roles"`
	Size     *int64         `json:"file:size,omitempty"`
	Checksum string         `json:"file:checksum,omitempty"`
	Open     map[string]any `json:"xarray:open_kwargs,omitempty"`
	Storage  map[string]any `json:"xarray:storage_options,omitempty"`
}

// itemOf makes the STAC item of a product that will stand in folder dir.
func itemOf(dir string, p *Product) (*item, error) {
	assets, err := assetsOf(dir, p)
	if err != nil {
		return nil, err
	}
	it := &item{
		Type:       "Feature",
		Version:    stacVersion,
		Extensions: []string{datacubeURI, fileURI, processingURI, xarrayURI},
		ID:         p.Code,
		Properties: properties{
			Title:       orElse(p.Title, p.Code),
			Description: p.Description,
			License:     orElse(p.License, "other"),
			Dimensions:  map[string]dimension{},
			Variables:   map[string]variable{},
			Software:    map[string]string{"kerchunk-builder": orElse(p.Version, "unknown")},
			Lineage: fmt.Sprintf("Virtual Zarr store: references to the chunks of %d source files (%d bytes), which hold the data. Digest of the store: %s.",
				p.SourceFiles, p.SourceBytes, orElse(p.StoreDigest, "none")),
		},
		Links: []link{
			{Rel: "root", Href: "../../catalog.json", Type: "application/json"},
			{Rel: "parent", Href: "../collection.json", Type: "application/json"},
			{Rel: "collection", Href: "../collection.json", Type: "application/json"},
		},
		Assets:     assets,
		Collection: p.Group,
	}
	if !p.Newest.IsZero() {
		it.Properties.Updated = p.Newest.UTC().Format(time.RFC3339)
	}
	switch c := p.Cover; {
	case c.Start != "" && c.Start == c.End:
		it.Properties.Datetime = &c.Start
	case c.Start != "":
		it.Properties.Start, it.Properties.End = c.Start, c.End
	case p.Newest.IsZero():
		return nil, errors.New("the data have no time and the age of the source files is unknown, but a STAC item needs a date")
	default:
		it.Properties.Datetime = &it.Properties.Updated
	}
	if b := p.Cover.Box; b != nil {
		it.BBox, it.Geometry = b[:], outline(*b)
	}
	for _, d := range p.Cover.Dimensions {
		it.Properties.Dimensions[d.Name] = dimensionOf(d)
	}
	for i := range p.Dataset.Arrays {
		a := &p.Dataset.Arrays[i]
		v := variable{Dimensions: p.Cover.namesOf(a), Type: "data", Unit: cf.Text(a, "units")}
		v.Description = orElse(cf.Text(a, "long_name"), cf.Text(a, "standard_name"))
		if cf.IsAuxiliary(&p.Dataset, a) || !a.Type.Numeric() && a.Type.Kind != cdm.Complex {
			v.Type = "auxiliary"
		}
		if _, described := it.Properties.Dimensions[a.Path]; described && v.Type == "auxiliary" {
			continue // a dimension's own coordinate: keys should be unique among dimensions and variables together
		}
		it.Properties.Variables[a.Path] = v
	}
	return it, nil
}

// undated reports whether the item's date is only that of its files, since its data have no time.
func (it *item) undated() bool {
	return it.Properties.Datetime != nil && *it.Properties.Datetime == it.Properties.Updated
}

// namesOf are the names under which an array's dimensions are listed: their own, but for dimensions of one
// name and several lengths.
func (c *Cover) namesOf(a *virtual.Array) []string {
	out := append([]string{}, a.Dimensions...) // never null in JSON
	for i, n := range out {
		for _, d := range c.Dimensions {
			if cf.Name(d.Name) == n && d.Length == a.Grid.Shape[i] {
				out[i] = d.Name
			}
		}
	}
	return out
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func dimensionOf(d Dimension) dimension {
	out := dimension{Type: d.Type, Axis: d.Axis, Description: d.Description, Step: d.Step}
	switch {
	case d.Type == "temporal":
		// No value at all is an open extent.
		out.Extent = [2]any{orNull(d.Start), orNull(d.End)}
		return out
	case d.Geographic:
		out.Reference = 4326
	default:
		out.Unit = d.Unit
	}
	out.Extent = [2]any{d.Lo, d.Hi}
	return out
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// outline is a bounding box as GeoJSON (RFC 7946): a polygon wound counter-clockwise, cut in two at the
// antimeridian; a point or a line where it has no area.
func outline(b [4]float64) *geometry {
	west, south, east, north := b[0], b[1], b[2], b[3]
	switch {
	case west == east && south == north:
		return &geometry{"Point", []float64{west, south}}
	case west == east || south == north && west < east:
		return &geometry{"LineString", [][]float64{{west, south}, {east, north}}}
	case west < east:
		return &geometry{"Polygon", ring(west, south, east, north)}
	}
	if south == north {
		return &geometry{"MultiLineString", [][][]float64{{{west, south}, {180, south}}, {{-180, south}, {east, south}}}}
	}
	return &geometry{"MultiPolygon", [][][][]float64{ring(west, south, 180, north), ring(-180, south, east, north)}}
}

func ring(w, s, e, n float64) [][][]float64 {
	return [][][]float64{{{w, s}, {e, s}, {e, n}, {w, n}, {w, s}}}
}

// assetsOf lists the store and what is shown beside it. The store is named absolutely, since
// readers that open it know nothing of the catalogue's place; the others relative to the item.
func assetsOf(dir string, p *Product) (map[string]asset, error) {
	options := map[string]any{"remote_protocol": orElse(p.RemoteProtocol, "file")}
	store := asset{
		Href:    p.Store,
		Title:   "Virtual Zarr store (kerchunk references)",
		Roles:   []string{"data", "references"},
		Open:    map[string]any{"engine": "kerchunk", "chunks": map[string]any{}, "storage_options": options},
		Storage: options,
	}
	if !datable(&p.Dataset) {
		store.Open["decode_times"] = false
	}
	if p.StoreBytes > 0 {
		store.Size = &p.StoreBytes
	}
	switch p.Kind {
	case JSON:
		store.Type = "application/json"
		if raw, err := hex.DecodeString(p.StoreDigest); err == nil && len(raw) == sha256.Size {
			store.Checksum = sha256Multihash(raw)
		}
	case Parquet:
		store.Type = "application/vnd.apache.parquet"
	default:
		return nil, fmt.Errorf("a store of kind %q is unknown to the catalogue", p.Kind)
	}
	if !strings.Contains(p.Store, "://") && !filepath.IsAbs(p.Store) {
		return nil, fmt.Errorf("store %q: the path must be absolute, or a URL", p.Store)
	}
	out := map[string]asset{"store": store}
	for name, a := range map[string]struct {
		path, kind, title string
		roles             []string
	}{
		"thumbnail": {p.Plot, "image/png", "First look", []string{"thumbnail"}},
		"report":    {p.Report, "application/json", "Test report", []string{"metadata"}},
		"client":    {p.Client, "application/json", "Check through xarray", []string{"metadata"}},
		"sources":   {p.Sources, "application/x-ndjson", "Source files", []string{"metadata"}},
	} {
		if a.path == "" {
			continue
		}
		b, err := fileAsset(dir, a.path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		b.Type, b.Title, b.Roles = a.kind, a.title, a.roles
		out[name] = b
	}
	return out, nil
}

// datable reports whether readers can turn all times into dates. xarray refuses the whole dataset otherwise, unless it is told not to try.
func datable(ds *virtual.Dataset) bool {
	for i := range ds.Arrays {
		a := &ds.Arrays[i]
		if units := cf.Text(a, "units"); a.Type.Numeric() && strings.Contains(units, " since ") {
			if _, err := cftime.Parse(units, cf.Text(a, "calendar")); err != nil {
				return false
			}
		}
	}
	return true
}

// fileAsset describes a file: a URL as it is, a local one with its size and checksum.
func fileAsset(dir, path string) (asset, error) {
	if strings.Contains(path, "://") {
		return asset{Href: path}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return asset{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return asset{}, fmt.Errorf("read %s: %w", path, err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return asset{}, err
	}
	rel, err := filepath.Rel(dir, abs)
	if err != nil {
		return asset{}, err
	}
	return asset{Href: (&url.URL{Path: filepath.ToSlash(rel)}).String(), Size: &n, Checksum: sha256Multihash(h.Sum(nil))}, nil
}

// sha256Multihash is a SHA-256 digest with its multihash code (0x12) and length in front.
func sha256Multihash(digest []byte) string {
	return "1220" + hex.EncodeToString(digest)
}

// finiteExtent refuses what JSON has no number for.
func finiteExtent(p *Product) error {
	for _, d := range p.Cover.Dimensions {
		if math.IsNaN(d.Lo+d.Hi) || math.IsInf(d.Lo, 0) || math.IsInf(d.Hi, 0) {
			return fmt.Errorf("dimension %s runs from %g to %g", d.Name, d.Lo, d.Hi)
		}
	}
	return nil
}
