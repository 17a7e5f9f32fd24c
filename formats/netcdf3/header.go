package netcdf3

import (
	"fmt"
	"io"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// version is the byte after "CDF". It decides the width of counts and offsets.
type version byte

const (
	cdf1 version = 1
	cdf2 version = 2
	cdf5 version = 5
)

func (v version) String() string { return fmt.Sprintf("cdf%d", byte(v)) }

// The tags that open the header's lists.
const (
	tagAbsent    = 0x00
	tagDimension = 0x0A
	tagVariable  = 0x0B
	tagAttribute = 0x0C
)

// maxRank is netCDF's NC_MAX_VAR_DIMS.
const maxRank = 1024

// streaming is the record count in the file of a writer that did not know it.
const streaming = -1

// header is a file's header as it is written.
type header struct {
	version    version
	records    int64 // or streaming
	dimensions []dimension
	attributes []attribute
	variables  []variable
	end        int64 // the first byte after the header
}

type dimension struct {
	name   string
	length int64 // 0 for the record dimension
}

type attribute struct {
	name string
	kind ncType
	raw  []byte // the elements, big-endian, without padding
}

type variable struct {
	name       string
	at         int64   // where the entry starts in the header
	dimensions []int64 // indexes of header.dimensions, checked
	attributes []attribute
	kind       ncType
	begin      int64
}

// readHeader parses: header = magic numrecs dim_list gatt_list var_list.
func readHeader(src io.ReaderAt, size int64) (*header, error) {
	r := &reader{src: src, size: size}
	magic, err := r.take("magic", 4)
	if err != nil {
		return nil, err
	}
	if !Is(magic) {
		return nil, &cdm.FormatError{Struct: "magic", Msg: fmt.Sprintf(`first bytes are %q, not "CDF" and version 1, 2 or 5`, magic)}
	}
	r.version = version(magic[3])
	h := &header{version: r.version}
	if h.records, err = r.records(); err != nil {
		return nil, err
	}
	if h.dimensions, err = r.dimensions(); err != nil {
		return nil, err
	}
	if h.attributes, err = r.attributes(); err != nil {
		return nil, err
	}
	if h.variables, err = r.variables(h.dimensions); err != nil {
		return nil, err
	}
	h.end = r.pos
	return h, nil
}

// dimensions reads: dim_list = ABSENT | NC_DIMENSION nelems [name dim_length ...].
func (r *reader) dimensions() ([]dimension, error) {
	n, err := r.list("dim_list", tagDimension)
	if err != nil {
		return nil, err
	}
	var out []dimension // grows with what was read, not with what n claims
	names := make(map[string]bool)
	hasRecord := false
	for range n {
		at := r.pos
		name, err := r.name("dimension name")
		if err != nil {
			return nil, err
		}
		length, err := r.count("dimension length")
		if err != nil {
			return nil, err
		}
		if names[name] {
			return nil, r.fail(at, "dim_list", "two dimensions are called %q", name)
		}
		if length == 0 && hasRecord {
			return nil, r.fail(at, "dim_list", "dimension %q is a second record dimension", name)
		}
		names[name] = true
		hasRecord = hasRecord || length == 0
		out = append(out, dimension{name: name, length: length})
	}
	return out, nil
}

// attributes reads: att_list = ABSENT | NC_ATTRIBUTE nelems [name nc_type nelems values ...].
func (r *reader) attributes() ([]attribute, error) {
	n, err := r.list("att_list", tagAttribute)
	if err != nil {
		return nil, err
	}
	var out []attribute
	for range n {
		name, err := r.name("attribute name")
		if err != nil {
			return nil, err
		}
		kind, err := r.kind()
		if err != nil {
			return nil, err
		}
		at := r.pos
		count, err := r.count("attribute length")
		if err != nil {
			return nil, err
		}
		if count > r.size/kind.size() {
			return nil, r.fail(at, "att_list", "attribute %q claims %d elements, more than the file's %d bytes hold", name, count, r.size)
		}
		raw, err := r.padded("attribute values", count*kind.size())
		if err != nil {
			return nil, err
		}
		out = append(out, attribute{name: name, kind: kind, raw: raw})
	}
	return out, nil
}

// variables reads: var_list = ABSENT | NC_VARIABLE nelems [name nelems [dimid ...] att_list nc_type vsize begin ...].
func (r *reader) variables(dims []dimension) ([]variable, error) {
	n, err := r.list("var_list", tagVariable)
	if err != nil {
		return nil, err
	}
	var out []variable
	names := make(map[string]bool)
	for range n {
		v := variable{at: r.pos}
		if v.name, err = r.name("variable name"); err != nil {
			return nil, err
		}
		if names[v.name] {
			return nil, r.fail(v.at, "var_list", "two variables are called %q", v.name)
		}
		names[v.name] = true
		if v.dimensions, err = r.dimids(v.name, dims); err != nil {
			return nil, err
		}
		if v.attributes, err = r.attributes(); err != nil {
			return nil, err
		}
		if v.kind, err = r.kind(); err != nil {
			return nil, err
		}
		if _, err = r.vsize(); err != nil {
			return nil, err
		}
		if v.begin, err = r.offset("variable begin"); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (r *reader) dimids(variable string, dims []dimension) ([]int64, error) {
	at := r.pos
	rank, err := r.count("variable rank")
	if err != nil {
		return nil, err
	}
	if rank > maxRank {
		return nil, r.fail(at, "var_list", "variable %q has %d dimensions, more than the %d that netCDF allows", variable, rank, maxRank)
	}
	out := make([]int64, 0, rank)
	for i := range rank {
		at = r.pos
		id, err := r.count("dimid")
		if err != nil {
			return nil, err
		}
		if id >= int64(len(dims)) {
			return nil, r.fail(at, "var_list", "variable %q has dimension %d of %d", variable, id, len(dims))
		}
		if i > 0 && dims[id].length == 0 {
			return nil, r.fail(at, "var_list", "variable %q has the record dimension %q after its first axis", variable, dims[id].name)
		}
		out = append(out, id)
	}
	return out, nil
}
