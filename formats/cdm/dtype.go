package cdm

import (
	"fmt"
	"strconv"
)

// Kind is the basic kind of an element, by NumPy's letters.
type Kind byte

// The kinds. Object is a variable-length UTF-8 string.
const (
	Bool    Kind = 'b'
	Int     Kind = 'i'
	Uint    Kind = 'u'
	Float   Kind = 'f'
	Complex Kind = 'c'
	Bytes   Kind = 'S' // fixed-length bytes, NUL padded
	Unicode Kind = 'U' // fixed-length UCS-4
	Void    Kind = 'V' // opaque bytes, or a record when it has Fields
	Object  Kind = 'O'
)

// DType is an element type that Zarr v2 can hold
// (https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html#data-type-encoding).
type DType struct {
	Kind   Kind
	Size   int     // bytes an element; 0 for Object
	Big    bool    // big-endian; false where it has no meaning
	Fields []Field // of a record (Kind Void)
}

// Field is a member of a record type. Fields follow one another without holes.
type Field struct {
	Name  string
	Type  DType
	Shape []int64 // of an array member; nil otherwise
}

// String is NumPy's type string: "<f4", "|S10", "|b1", "|O". A record is written as its fields.
func (t DType) String() string {
	switch {
	case t.Kind == Object:
		return "|O"
	case t.Kind == Void && len(t.Fields) > 0:
		return fmt.Sprint(t.Zarr())
	case t.Kind == Unicode:
		return string(t.order()) + "U" + strconv.Itoa(t.Size/4)
	}
	return string(t.order()) + string(t.Kind) + strconv.Itoa(t.Size)
}

func (t DType) order() byte {
	switch {
	case t.Kind == Bytes, t.Kind == Void, t.Kind == Bool, t.Size == 1:
		return '|'
	case t.Big:
		return '>'
	}
	return '<'
}

// Zarr is the type as .zarray writes it: a string, or for a record a list of
// [name, type] or [name, type, shape].
func (t DType) Zarr() any {
	if len(t.Fields) == 0 {
		return t.String()
	}
	out := make([]any, len(t.Fields))
	for i, f := range t.Fields {
		if f.Shape != nil {
			out[i] = []any{f.Name, f.Type.Zarr(), f.Shape}
		} else {
			out[i] = []any{f.Name, f.Type.Zarr()}
		}
	}
	return out
}

// Equal reports whether two types have the same layout and names.
func (t DType) Equal(u DType) bool { return fmt.Sprint(t.Zarr()) == fmt.Sprint(u.Zarr()) }

// Numeric reports whether elements are single numbers (booleans included).
func (t DType) Numeric() bool {
	return t.Kind == Int || t.Kind == Uint || t.Kind == Float || t.Kind == Bool
}
