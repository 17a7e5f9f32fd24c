// Package cdm is the common data model: what every source format is seen as.
//
// The words are those of Unidata's Common Data Model and of the netCDF classic and enhanced
// models: a file holds groups of dimensions, variables and attributes. Each format package
// (hdf5, netcdf3, ...) opens its files as a [File]; everything above knows only this package.
package cdm

import (
	"context"
	"iter"

	"github.com/cedadev/kerchunk-builder/formats/codecs"
)

// File is one opened source file. Its tree is complete and immutable once the file is open.
// The methods may be called from several goroutines.
type File interface {
	// Format names the file's format: "netcdf4", "hdf5", "cdf1", "cdf2" or "cdf5".
	Format() string

	// Root is the root group.
	Root() *Group

	// Chunks yields the stored chunks of v in ascending order of Index, each at most once.
	// A chunk of the grid that is not yielded is unwritten and reads as v.Fill.
	// After an error nothing more is yielded. v must come from this file.
	Chunks(ctx context.Context, v *Variable) iter.Seq2[Chunk, error]

	// ReadChunk returns one chunk decoded by the project's own codecs, straight from the
	// file's own chunk index: the whole chunk shape in C order, in v.Type's layout, edge chunks
	// padded. A nil slice means that the chunk is unwritten. Chunks of Object type are in
	// numcodecs' vlen-utf8 framing (see [DecodeStrings]).
	ReadChunk(ctx context.Context, v *Variable, index int64) ([]byte, error)

	// Close releases the file.
	Close() error
}

// Group is a netCDF group.
type Group struct {
	Name       string // "" for the root
	Path       string // from the root, "g/h", without a leading slash; "" for the root
	Attributes []Attribute
	Dimensions []Dimension
	Variables  []*Variable
	Groups     []*Group
}

// Walk yields g and all groups below it, parents first, in file order.
func (g *Group) Walk() iter.Seq[*Group] {
	return func(yield func(*Group) bool) { g.walk(yield) }
}

func (g *Group) walk(yield func(*Group) bool) bool {
	if !yield(g) {
		return false
	}
	for _, c := range g.Groups {
		if !c.walk(yield) {
			return false
		}
	}
	return true
}

// Variable returns the variable at path ("g/h/name"), or nil.
func (g *Group) Variable(path string) *Variable {
	for h := range g.Walk() {
		for _, v := range h.Variables {
			if v.Path == path {
				return v
			}
		}
	}
	return nil
}

// Dimension is a named axis of a group.
type Dimension struct {
	Name      string
	Length    int64
	Unlimited bool
}

// Variable is an array of a file, described as Zarr v2 would hold it.
type Variable struct {
	Name       string // within its group
	Path       string // from the root, "g/h/name", without a leading slash
	Type       DType
	Shape      []int64  // empty for a scalar
	Dimensions []string // one name an axis, as seen from the variable's group; a dimension of an outer group has its bare name
	Chunks     []int64  // the chunk shape, at least 1 on every axis; for contiguous storage the shape itself

	// Contiguous says that the elements lie uncompressed and in C order in one piece of the
	// file, so that the array may be referenced in chunks of any leading-axis length.
	Contiguous bool

	// Codecs is the filter pipeline in the order of encoding. For Object variables it ends
	// with (and usually is) the vlen-utf8 codec.
	Codecs []codecs.Codec

	// Fill is one element in Type's layout: what unwritten storage reads as. Nil means zeros.
	// It is the storage's fill value and not the attribute _FillValue, which stays in Attributes.
	Fill []byte

	Attributes []Attribute

	// Refused says why the variable can't be represented in a Zarr v2 store; nil when it can.
	// A refused variable has its name, path, and what is known of its shape.
	Refused error
}

// Attribute returns the value of the named attribute, or nil.
func (v *Variable) Attribute(name string) any { return Lookup(v.Attributes, name) }

// Size is the number of elements.
func (v *Variable) Size() int64 {
	n := int64(1)
	for _, s := range v.Shape {
		n *= s
	}
	return n
}

// Attribute is a named value. Value is one of: string, []string; int8 ... int64, uint8 ... uint64,
// float32, float64, bool, or a slice of one of those ([]uint8 included); nil for an empty
// (null dataspace) attribute. A one-element numeric attribute is a scalar, as netCDF has it.
type Attribute struct {
	Name  string
	Value any
}

// Lookup returns the value of the named attribute in attrs, or nil.
func Lookup(attrs []Attribute, name string) any {
	for i := range attrs {
		if attrs[i].Name == name {
			return attrs[i].Value
		}
	}
	return nil
}

// Chunk says where one chunk of a variable's grid lies.
type Chunk struct {
	Index  int64 // C-order position in the variable's chunk grid
	Offset int64 // from the start of the file (of URL when that is set)
	Size   int64 // encoded bytes

	// URL names another file that holds the bytes (external storage, virtual datasets);
	// empty for the file itself.
	URL string

	// Inline is the chunk itself, encoded by the variable's Codecs, when no byte range of a
	// file can stand for it: compact storage, a chunk whose own filter mask differs from the
	// variable's pipeline, variable-length strings. Offset and Size then mean nothing.
	Inline []byte
}
