package formats

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

var update = flag.Bool("update", false, "write docs/readers.md anew")

const readersTable = "../docs/readers.md"

// feature is a line of the table: what a file may have, and a variable of the fixtures that has it.
type feature struct{ name, file, variable string }

// features are the lines of the table, by their headings.
var features = []struct {
	heading string
	list    []feature
}{
	{"HDF5: storage", []feature{
		{"contiguous", "netcdf4/layout_v1.h5", "contiguous"},
		{"compact", "netcdf4/layout_v4.h5", "compact"},
		{"chunked, v1 B-tree", "netcdf4/index_v1.h5", "btree2"},
		{"chunked, single chunk", "netcdf4/index_v4.h5", "single_gz"},
		{"chunked, implicit index", "netcdf4/layout_v4.h5", "early"},
		{"chunked, fixed array", "netcdf4/index_v4.h5", "fixed_gz"},
		{"chunked, fixed array in pages", "netcdf4/deep_v4.h5", "fixed_paged"},
		{"chunked, extensible array", "netcdf4/index_v4.h5", "extensible_gz"},
		{"chunked, extensible array in pages", "netcdf4/deep_v4.h5", "extensible_paged"},
		{"chunked, v2 B-tree", "netcdf4/index_v4.h5", "btree2_gz"},
		{"chunks larger than the array", "netcdf4/index_v4.h5", "beyond"},
		{"edge chunks that are not filtered", "netcdf4/raw_edges.h5", "raw_edges"},
		{"unwritten chunks", "netcdf4/index_v4.h5", "sparse"},
		{"nothing written, with a fill value", "netcdf4/layout_v4.h5", "late"},
		{"a dimension of length 0", "netcdf4/layout_v4.h5", "empty"},
		{"null dataspace", "netcdf4/types.h5", "null"},
		{"scalar", "netcdf4/layout_v1.h5", "scalar"},
		{"external raw storage, one file", "netcdf4/external.h5", "one"},
		{"external raw storage, several pieces", "netcdf4/external.h5", "pieces"},
		{"virtual dataset along its sources' chunks", "netcdf4/virtual.h5", "by_file_d"},
		{"virtual dataset across its sources' chunks", "netcdf4/virtual.h5", "crossing"},
		{"virtual dataset with a source that is missing", "netcdf4/virtual.h5", "missing"},
		{"user block before the file", "netcdf4/userblock.h5", "fixed_gz"},
	}},
	{"HDF5: filters", []feature{
		{"deflate", "netcdf4/filters.h5", "gzip9"},
		{"shuffle", "netcdf4/filters.h5", "shuffle"},
		{"fletcher32", "netcdf4/filters.h5", "fletcher32"},
		{"shuffle, deflate and fletcher32", "netcdf4/index_v4.h5", "fletcher"},
		{"lzf", "netcdf4/filters.h5", "lzf"},
		{"szip", "netcdf4/filters.h5", "szip"},
		{"nbit", "netcdf4/filters.h5", "nbit"},
		{"scaleoffset", "netcdf4/filters.h5", "scaleoffset"},
		{"lzf, more than the inline limit", "netcdf4/more.h5", "lzf_large"},
		{"a filter that nobody has", "netcdf4/filters.h5", "unknown"},
		{"the same, skipped by every chunk", "netcdf4/more.h5", "skipped"},
		{"bitgroom (quantizes when writing)", "netcdf4/more.h5", "bitgroom"},
		{"granular bitround", "netcdf4/more.h5", "granular"},
		{"chunks that skip all filters", "netcdf4/index_v4.h5", "masks"},
		{"chunks that skip some filters", "netcdf4/index_v4.h5", "masks_one"},
	}},
	{"HDF5: types", []feature{
		{"integers", "netcdf4/types.h5", "n_le_i2"},
		{"big-endian integers", "netcdf4/types.h5", "n_be_i4"},
		{"2-byte floats", "netcdf4/types.h5", "n_le_f2"},
		{"8-byte floats", "netcdf4/types.h5", "n_be_f8"},
		{"complex numbers", "netcdf4/types.h5", "n_le_c8"},
		{"booleans", "netcdf4/types.h5", "bool"},
		{"enumerations", "netcdf4/types.h5", "enum"},
		{"bit fields", "netcdf4/types.h5", "bitfield"},
		{"integers of 17 bits", "netcdf4/types.h5", "odd_bits"},
		{"bfloat16", "netcdf4/types.h5", "bfloat16"},
		{"long double", "netcdf4/types.h5", "longdouble"},
		{"fixed strings", "netcdf4/types.h5", "fixed"},
		{"fixed strings with garbage after the NUL", "netcdf4/types.h5", "pad_term"},
		{"fixed strings padded with spaces", "netcdf4/types.h5", "pad_space"},
		{"variable-length strings", "netcdf4/types.h5", "text"},
		{"variable-length strings, chunked", "netcdf4/types.h5", "text_chunked"},
		{"variable-length string, scalar", "netcdf4/types.h5", "text_scalar"},
		{"variable-length strings with a fill value", "netcdf4/more.h5", "text_fill"},
		{"opaque", "netcdf4/types.h5", "opaque"},
		{"compound", "netcdf4/types.h5", "record_nested"},
		{"compound with holes", "netcdf4/types.h5", "record_holes"},
		{"compound with an array", "netcdf4/types.h5", "record"},
		{"array", "netcdf4/types.h5", "array_chunked"},
		{"variable-length sequences", "netcdf4/types.h5", "sequence"},
		{"object references", "netcdf4/types.h5", "reference"},
	}},
	{"HDF5: names", []feature{
		{"hard link, the second name", "netcdf4/links.h5", "hard"},
		{"soft link", "netcdf4/links.h5", "soft"},
		{"external link", "netcdf4/links.h5", "external"},
		{"names with braces", "netcdf4/more.h5", "{{u}}"},
		{"names with a backslash", "netcdf4/more.h5", `back\slash`},
		{"names that Zarr keeps for itself", "netcdf4/more.h5", ".zattrs"},
	}},
	{"netCDF-4", []feature{
		{"a variable of a nested group", "netcdf4/groups.nc", "g/h/q"},
		{"an array shorter than its unlimited dimension", "netcdf4/groups.nc", "short"},
		{"phony dimensions", "netcdf4/phony.h5", "g/h/y"},
	}},
	{"NetCDF-3", []feature{
		{"CDF-1", "netcdf3/classic.nc", "fixed_f4"},
		{"CDF-1, record variable", "netcdf3/classic.nc", "record_f4"},
		{"CDF-2, record variable", "netcdf3/offset64.nc", "record_f4"},
		{"CDF-5, record variable", "netcdf3/data64.nc", "record_f4"},
		{"the only record variable, without padding", "netcdf3/single_i1.nc", "v"},
		{"streaming header (numrecs -1)", "netcdf3/streaming_classic.nc", "record_f4"},
	}},
}

// TestReadersTable holds docs/readers.md against what the readers do with the fixtures.
func TestReadersTable(t *testing.T) {
	text, err := os.ReadFile("testdata/kerchunk.json")
	if err != nil {
		t.Fatal(err)
	}
	var peer map[string]map[string]string
	if err := json.Unmarshal(text, &peer); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(readersIntroduction)
	for _, section := range features {
		fmt.Fprintf(&b, "\n## %s\n\n| feature | here | kerchunk 0.2.10 |\n|---|---|---|\n", section.heading)
		for _, f := range section.list {
			there, ok := peer[f.file][f.variable]
			switch {
			case peer[f.file] == nil:
				there = "not compared"
			case !ok:
				there = "dropped" // h5py's walk meets each object under one name only, and so does kerchunk's
			case there == "all fill":
				there = "**all fill, silently**"
			case there == "differs":
				there = "**other values, silently**"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", f.name, treatment(t, f), there)
		}
	}
	if *update {
		if err := os.WriteFile(readersTable, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	held, err := os.ReadFile(readersTable)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(held, []byte(b.String())) {
		t.Errorf("%s is out of date: go test ./formats -run TestReadersTable -update", readersTable)
	}
}

const readersIntroduction = `# What the readers do with what files hold

Made by a test from the fixtures of formats/; don't edit it, run ` + "`go test ./formats -run TestReadersTable -update`" + `.

"referenced" is a byte range of the file for each stored chunk; "inlined" are the chunk's bytes in the store, decoded and encoded anew, since no Zarr
reader can make use of the file's; "refused" is an error that names file, variable and reason, or an entry in the store's list of what
it lacks. The values are held against libhdf5's and netCDF's by the readers' own tests. The last column is what came of
the same variable with kerchunk 0.2.10 and its default options, measured by formats/testdata/peer.py: "same" values as h5py's or netCDF4's, or "dropped" with a warning,
or worse.
`

// treatment says in words what becomes of a variable.
func treatment(t *testing.T, of feature) string {
	t.Helper()
	dir, name := filepath.Split(of.file)
	ctx := context.Background()
	f, _, err := OpenURL(ctx, filepath.Join(dir, "testdata", name), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v := f.Root().Variable(of.variable)
	if v == nil {
		t.Fatalf("%s has no %s", of.file, of.variable)
	}
	if errors.Is(v.Refused, cdm.ErrUnsupported) || errors.Is(v.Refused, os.ErrNotExist) {
		reason := strings.TrimSuffix(v.Refused.Error(), ": "+cdm.ErrUnsupported.Error())
		if at := strings.Index(reason, " it lies in another file"); at >= 0 {
			reason = "a source is missing" // its absolute name follows
		}
		return "refused: " + strings.ReplaceAll(reason, "|", `\|`)
	}
	if v.Refused != nil {
		t.Fatal(v.Refused)
	}
	referenced, inlined := 0, 0
	for c, err := range f.Chunks(ctx, v) {
		if err != nil {
			t.Fatal(err)
		}
		if c.Inline != nil {
			inlined++
		} else {
			referenced++
		}
	}
	switch {
	case referenced > 0 && inlined > 0:
		return "referenced; those chunks inlined"
	case referenced > 0:
		return "referenced"
	case inlined > 0:
		return "inlined"
	default:
		return "nothing to reference: reads as its fill value"
	}
}
