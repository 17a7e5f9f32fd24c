// Package catalog is the last phase: it describes finished stores so that people and programs find them.
//
// For each dataset there is a STAC item, in a collection for its group, in a static catalogue with
// relative links; and for each group an intake catalogue and an intake-esm pair:
//
//	DIR/catalog.json
//	DIR/intake.yaml
//	DIR/GROUP/collection.json
//	DIR/GROUP/intake.yaml
//	DIR/GROUP/esm.json, esm.csv
//	DIR/GROUP/CODE/CODE.json        the item: written by its own task, all the others are made from the items
//
// Bytes depend on the products alone. Every file is replaced atomically, and only when it changes.
package catalog

import (
	"time"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// Kind is how a store is held.
type Kind string

// The kinds.
const (
	Parquet Kind = "parquet" // a folder of record files
	JSON    Kind = "json"    // one file
)

// Product is one finished, tested store: what its catalogue entries are made from.
type Product struct {
	Code        string // project code; the item's id
	Group       string // the collection's id
	Title       string // Code when empty
	Description string
	License     string // an SPDX identifier; "other" when empty

	Store          string // absolute path or URL
	Kind           Kind
	StoreBytes     int64
	StoreDigest    string // SHA-256 in hexadecimal, as stores.Digest has it
	RemoteProtocol string // fsspec's name of how the source files are reached: "file", "https"

	Dataset virtual.Dataset
	Cover   Cover

	SourceFiles int       // how many
	SourceBytes int64     // and how large together
	Newest      time.Time // modification time of the newest of them; the item's date when the data have none

	// Files shown beside the store; empty for none.
	Plot, Report, Client, Sources string

	Faults  int    // found by the test phase: a product with faults is refused
	Version string // of this program
}

// Cover is what a dataset covers on the earth, in time, and along its dimensions.
type Cover struct {
	// Box is west, south, east, north in degrees, longitudes within -180..180; west > east where it
	// crosses the antimeridian. Nil when the data have no longitudes and latitudes.
	Box *[4]float64

	// Start and End are RFC 3339 in UTC. Empty when the data have no time.
	Start, End string

	Dimensions []Dimension
}

// Dimension is one dimension with what is known of its coordinate.
type Dimension struct {
	Name        string
	Length      int64
	Type        string // datacube's: "spatial", "temporal", or another word
	Axis        string // of a spatial one: "x", "y", "z"
	Lo, Hi      float64
	Start, End  string   // of a temporal one, RFC 3339
	Step        *float64 // nil when the values are not evenly spaced
	Unit        string
	Geographic  bool // degrees of longitude or latitude
	Description string
}
