package hdf5

import (
	"errors"
	"io"
)

var errTODO = errors.New("not written yet")

// File is an open HDF5 file.
type File struct {
	cache      cache
	base       int64 // base address
	offsetSize int   // bytes of an address
	lengthSize int   // bytes of a length
}

// absolute makes a stored address absolute; ok is false when no file can have it.
func (f *File) absolute(a uint64) (abs int64, ok bool) {
	if a == ^uint64(0)>>(64-8*f.offsetSize) {
		return Undefined, true
	}
	if a > 1<<62 {
		return Undefined, false
	}
	return int64(a) + f.base, true
}

// Open reads the superblock of an HDF5 file of the given size. It looks for it at byte 0, 512, 1024, 2048, ...
// (a user block precedes it). The reader must allow concurrent calls, as io.ReaderAt says.
func Open(r io.ReaderAt, size int64) (*File, error) { return nil, errTODO }

// Size is the file's size in bytes.
func (f *File) Size() int64 { return f.cache.size }

// Root is the root group.
func (f *File) Root() (*Group, error) { return nil, errTODO }

// Object opens the object whose header is at the absolute offset. The same address gives the same *Object.
func (f *File) Object(addr int64) (*Object, error) { return nil, errTODO }

// GlobalHeapObject gives an object of the global heap collection at the absolute offset (III.E).
func (f *File) GlobalHeapObject(addr int64, index uint32) ([]byte, error) { return nil, errTODO }

// VarLen resolves one stored element of a VarLen type: the bytes of the sequence, n of them
// elements of the base type (for a string: bytes). An element without storage gives nil and 0.
func (f *File) VarLen(elem []byte, t *Datatype) (data []byte, n int, err error) { return nil, 0, errTODO }

// Reference gives the address that a stored element of kind ObjectReference points at: for
// [File.Object]. A null reference gives Undefined.
func (f *File) Reference(elem []byte) (int64, error) { return Undefined, errTODO }

// Object is one object header.
type Object struct{}

// Kind is the object's kind.
func (o *Object) Kind() Kind { return 0 }

// Address is the absolute offset of the object header: the object's identity.
func (o *Object) Address() int64 { return 0 }

// Attributes gives the object's attributes in creation order where the file tracks it, otherwise
// in the order of storage (dense storage without creation order: by name). Decoded once.
func (o *Object) Attributes() ([]Attribute, error) { return nil, errTODO }

// Group is the object as a group; an error if it is none.
func (o *Object) Group() (*Group, error) { return nil, errTODO }

// Dataset is the object as a dataset; an error if it is none.
func (o *Object) Dataset() (*Dataset, error) { return nil, errTODO }

// Datatype is the object as a committed datatype; an error if it is none.
func (o *Object) Datatype() (*Datatype, error) { return nil, errTODO }

// Group is a group. Its Object's methods are its own.
type Group struct{ *Object }

// Links gives all links, in creation order where the file tracks it, otherwise by name (byte order). Read once.
func (g *Group) Links() ([]Link, error) { return nil, errTODO }

// Open opens the object at a path below the group ("/..." from the root), through hard and soft
// links. An external link on the way is an [*ExternalLinkError]; a missing name [fs.ErrNotExist].
func (g *Group) Open(path string) (*Object, error) { return nil, errTODO }

// ExternalLinkError says that a path leads into another file.
type ExternalLinkError struct {
	File string // the other file's name as stored
	Path string // the path in it
}

func (e *ExternalLinkError) Error() string { return "is in another file: " + e.File + ": " + e.Path }

// Dataset is a dataset. Its Object's methods are its own.
type Dataset struct {
	*Object
	Space    Dataspace
	Type     *Datatype
	Layout   Layout
	Filters  []Filter // nil unless Chunked
	Fill     Fill
	External []Segment // set for external raw storage; Layout is then Contiguous at Undefined
}

// Mappings gives the mappings of a virtual dataset, in order; later ones win where they overlap.
func (d *Dataset) Mappings() ([]Mapping, error) { return nil, errTODO }

// Elements is the number of elements: 1 for a scalar, 0 for a null dataspace. An error where it overflows an int64.
func (s *Dataspace) Elements() (int64, error) { return 0, errTODO }
