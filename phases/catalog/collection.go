package catalog

import (
	"fmt"
	"math"
	"slices"
)

type collection struct {
	Type        string   `json:"type"`
	Version     string   `json:"stac_version"`
	Extensions  []string `json:"stac_extensions"`
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	License     string   `json:"license"`
	Extent      extent   `json:"extent"`
	Links       []link   `json:"links"`
}

type extent struct {
	Spatial  spatial  `json:"spatial"`
	Temporal temporal `json:"temporal"`
}

type spatial struct {
	BBox [][]float64 `json:"bbox"`
}

type temporal struct {
	Interval [][2]any `json:"interval"`
}

type root struct {
	Type        string   `json:"type"`
	Version     string   `json:"stac_version"`
	Extensions  []string `json:"stac_extensions"`
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Links       []link   `json:"links"`
}

// collectionOf makes a group's collection from its items.
func collectionOf(group string, items []*item) *collection {
	c := &collection{
		Type: "Collection", Version: stacVersion, Extensions: []string{}, ID: group, Title: group,
		Description: fmt.Sprintf("%d virtual Zarr stores of group %s.", len(items), group),
		License:     items[0].Properties.License,
		Extent:      extent{spatial{[][]float64{unionBox(items)}}, temporal{[][2]any{unionTime(items)}}},
		Links: []link{
			{Rel: "root", Href: "../catalog.json", Type: "application/json"},
			{Rel: "parent", Href: "../catalog.json", Type: "application/json"},
		},
	}
	for _, it := range items {
		if it.Properties.License != c.License {
			c.License = "other"
		}
		c.Links = append(c.Links, link{
			Rel: "item", Href: "./" + it.ID + "/" + it.ID + ".json", Type: "application/geo+json", Title: it.Properties.Title,
		})
	}
	return c
}

// unionBox holds all items' boxes; the whole earth when an item has none, since it may lie anywhere.
func unionBox(items []*item) []float64 {
	south, north := math.Inf(1), math.Inf(-1)
	var lons arc
	for _, it := range items {
		if len(it.BBox) != 4 {
			return []float64{-180, -90, 180, 90}
		}
		south, north = min(south, it.BBox[1]), max(north, it.BBox[3])
		west, east := it.BBox[0], it.BBox[2]
		if east < west {
			east += 360
		}
		// Marks every quarter degree, which fills each half degree that the box covers.
		for v := west; v < east; v += 0.25 {
			lons.add([]float64{v})
		}
		lons.add([]float64{east})
	}
	west, east, _ := lons.extent(0.5)
	return []float64{tidy(west), south, tidy(east), north}
}

// unionTime runs from the earliest to the latest moment of all items that have a time. The others bear the date of their files, which counts where no
// item has a time.
func unionTime(items []*item) [2]any {
	if timed := slices.DeleteFunc(slices.Clone(items), (*item).undated); len(timed) > 0 {
		items = timed
	}
	var lo, hi string
	for _, it := range items {
		a, b := it.Properties.Start, it.Properties.End
		if a == "" && it.Properties.Datetime != nil {
			a, b = *it.Properties.Datetime, *it.Properties.Datetime
		}
		if a == "" {
			continue
		}
		if lo == "" || a < lo {
			lo = a
		}
		if hi == "" || b > hi {
			hi = b
		}
	}
	return [2]any{orNull(lo), orNull(hi)}
}

// rootOf makes the catalogue of all groups.
func rootOf(groups []string) *root {
	r := &root{
		Type: "Catalog", Version: stacVersion, Extensions: []string{}, ID: "kerchunk-builder", Title: "Virtual Zarr stores",
		Description: "Virtual Zarr stores (kerchunk references) over archived files, one collection for each group.",
		Links:       []link{{Rel: "root", Href: "./catalog.json", Type: "application/json"}},
	}
	for _, g := range groups {
		r.Links = append(r.Links, link{Rel: "child", Href: "./" + g + "/collection.json", Type: "application/json", Title: g})
	}
	return r
}
