// Package hdf5 reads the metadata of HDF5 files: groups, links, datasets, datatypes,
// attributes, and where each dataset's bytes lie. It never reads a dataset's values.
//
// It follows the HDF5 File Format Specification, version 4.0 (superblocks 0 to 3); section
// numbers in comments are that document's. Every structure is taken for hostile: lengths are
// checked against the file before anything is allocated, addresses against loops, checksums
// verified. What is damaged is a [cdm.FormatError] with the byte offset; what is sound but can't
// be read here (split files, unknown mandatory messages) matches [cdm.ErrUnsupported].
//
// Addresses. Files store addresses relative to a base address (a user block may precede the
// HDF5 part). Everything exported here, and everything that the internal readers return, is an
// absolute byte offset in the file; the undefined address is [Undefined].
//
// A File and all that comes from it may be used by several goroutines.
package hdf5

// Undefined is the undefined address: nothing is stored.
const Undefined int64 = -1

// Unlimited is the maximum size of a dimension without a limit.
const Unlimited = ^uint64(0)

// Kind is the kind of an object.
type Kind uint8

// The kinds of objects.
const (
	GroupKind    Kind = iota + 1
	DatasetKind       // has a data layout
	DatatypeKind      // a committed (named) datatype
)

// LinkKind is the kind of a link.
type LinkKind uint8

// The kinds of links. UserLink is a user-defined link: its meaning is known only to the
// application that made it.
const (
	HardLink LinkKind = iota
	SoftLink
	ExternalLink
	UserLink
)

// Link is one named entry of a group.
type Link struct {
	Name    string
	Kind    LinkKind
	Address int64  // HardLink: the object header; two links with one address are one object
	Target  string // SoftLink: a path; ExternalLink: the path inside the other file
	File    string // ExternalLink: the other file's name as stored
	Order   int64  // creation order; -1 when not tracked
}

// Dataspace is the extent of a dataset or an attribute (IV.A.2.b).
type Dataspace struct {
	Dims    []uint64 // empty for a scalar
	MaxDims []uint64 // as long as Dims; Unlimited where there is no limit
	Null    bool     // no elements at all
}

// Class is a datatype class (IV.A.2.d).
type Class uint8

// The datatype classes, with the file's numbers.
const (
	FixedPoint    Class = 0
	FloatingPoint Class = 1
	Time          Class = 2
	String        Class = 3 // fixed length
	Bitfield      Class = 4
	Opaque        Class = 5
	Compound      Class = 6
	Reference     Class = 7
	Enum          Class = 8
	VarLen        Class = 9
	Array         Class = 10
	Complex       Class = 11
)

// Padding is how a string shorter than its field is filled.
type Padding uint8

// The paddings of strings.
const (
	NullTerminated Padding = iota
	NullPadded
	SpacePadded
)

// ReferenceKind says what a reference points at.
type ReferenceKind uint8

// The kinds of references. The first two are stored as an object header address (of
// size-of-offsets bytes) and as a global heap id; the others are the encoded
// references of HDF5 1.12.
const (
	ObjectReference ReferenceKind = iota
	RegionReference
	ObjectReference2
	RegionReference2
	AttributeReference
)

// Datatype is an element type. One Datatype may be shared by many objects: don't change it.
type Datatype struct {
	Class   Class
	Version uint8
	Size    int // bytes an element, as stored

	// FixedPoint, FloatingPoint, Bitfield, Time; Complex and Enum have them in Base.
	BigEndian bool
	VAX       bool // FloatingPoint in VAX byte order
	Signed    bool // FixedPoint, two's complement
	Offset    int  // first significant bit
	Precision int  // significant bits

	// FloatingPoint (bit positions from Offset's origin).
	Sign, ExponentAt, ExponentSize, MantissaAt, MantissaSize int
	ExponentBias                                             uint32
	Normalization                                            uint8 // 0 none, 1 most significant bit set, 2 implied

	Padding Padding // String, and VarLen with VarString
	UTF8    bool    // character set is UTF-8, not ASCII; likewise

	Tag       string        // Opaque
	Reference ReferenceKind // Reference
	VarString bool          // VarLen: a string; otherwise a sequence of Base

	Base    *Datatype    // Array, Enum, VarLen, Complex
	Dims    []uint64     // Array
	Members []Member     // Compound
	Values  []EnumMember // Enum
}

// Member is a member of a compound type.
type Member struct {
	Name   string
	Offset int
	Type   *Datatype // an old file's array member is an Array here as well
}

// EnumMember is a name of an enumeration with its value: one element of the base type, as stored.
type EnumMember struct {
	Name  string
	Value []byte
}

// Attribute is a named value on an object.
type Attribute struct {
	Name  string
	UTF8  bool // the name's character set
	Type  *Datatype
	Space Dataspace
	Data  []byte // the elements as stored, exactly Space.Elements()*Type.Size bytes; see [File.VarLen]
}

// Filter is one stage of a filter pipeline, in the order of writing (IV.A.2.l).
type Filter struct {
	ID       uint16
	Name     string // as stored; often empty
	Optional bool   // a chunk may have skipped the stage
	Params   []uint32
}

// Fill is a dataset's fill value (IV.A.2.e, f). It is zero when the file doesn't say: unwritten elements are then zeros.
type Fill struct {
	Defined bool   // a user-defined value, or explicitly the default (Value is then nil: zeros)
	Unset   bool   // explicitly undefined: unwritten elements have no value
	Value   []byte // one element as stored
	Alloc   uint8  // when storage is allocated: 1 early, 2 late, 3 incremental; 0 not said
	Write   uint8  // when it is written: 0 on allocation, 1 never, 2 if set by the user
}

// Segment is a piece of external raw storage (IV.A.2.h); pieces follow one another.
type Segment struct {
	Name   string // the file's name as stored
	Offset int64
	Size   uint64 // Unlimited for the last piece without a limit
}

// LayoutClass is the class of a data layout (IV.A.2.i).
type LayoutClass uint8

// The layout classes.
const (
	Compact    LayoutClass = 0
	Contiguous LayoutClass = 1
	Chunked    LayoutClass = 2
	Virtual    LayoutClass = 3
)

// IndexType is the kind of a chunk index, with the file's numbers; BTree1 (layout versions 1 to 3) has 0.
type IndexType uint8

// The kinds of chunk indexes (IV.A.2.i).
const (
	BTree1          IndexType = 0
	SingleChunk     IndexType = 1
	Implicit        IndexType = 2
	FixedArray      IndexType = 3
	ExtensibleArray IndexType = 4
	BTree2          IndexType = 5
)

// Layout says where a dataset's bytes lie.
type Layout struct {
	Class   LayoutClass
	Version uint8 // of the message, 1 to 5

	Address int64  // Contiguous: the data; Chunked: the index (the chunk itself for SingleChunk, all chunks for Implicit); else Undefined
	Size    uint64 // Contiguous, Compact: bytes
	Data    []byte // Compact: the elements

	// Chunked.
	Chunk       []uint64 // elements along each dimension; as long as the dataspace's Dims, all at least 1
	ElementSize uint32
	Index       IndexType
	RawEdges    bool // chunks that reach over the extent's edge are stored unfiltered

	// Parameters of the index.
	Filtered      bool   // SingleChunk: SingleSize and SingleMask are given
	SingleSize    uint64 // SingleChunk: stored bytes
	SingleMask    uint32 // SingleChunk: filter mask
	PageBits      uint8  // FixedArray, ExtensibleArray: log2 of the elements a data block page
	MaxBits       uint8  // ExtensibleArray: bits needed for the number of elements
	IndexElements uint8  // ExtensibleArray: elements in the index block
	MinPointers   uint8  // ExtensibleArray: data block pointers in the smallest super block
	MinElements   uint8  // ExtensibleArray: elements in the smallest data block
	NodeSize      uint32 // BTree2

	heap      int64 // Virtual: global heap collection and index of the mappings
	heapIndex uint32
}

// Selection is a set of elements of a dataspace (VIII, appendix D).
type Selection struct {
	All    bool
	None   bool
	Rank   int
	Hyper  *Hyperslab // a regular hyperslab
	Blocks []Block    // an irregular hyperslab: the union of several blocks
	Points [][]uint64 // a list of points
}

// Hyperslab is a regular hyperslab; a Count or Block of Unlimited follows the sources' size.
type Hyperslab struct {
	Start, Stride, Count, Block []uint64
}

// Block is a box, both corners included.
type Block struct {
	Start, End []uint64
}

// Mapping is one mapping of a virtual dataset: Source of Dataset in File appears at Virtual.
// File and Dataset may hold "%b" for a block's number ("%%" is a percent sign); File "." is the file itself.
type Mapping struct {
	File, Dataset   string
	Source, Virtual Selection
}
