package refparquet

import (
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/schema"
)

// The columns of a record, as fsspec's LazyReferenceMapper reads them.
const (
	pathColumn   = "path"
	offsetColumn = "offset"
	sizeColumn   = "size"
	rawColumn    = "raw"
)

// encoder writes records as Parquet files that fastparquet, pyarrow and strict readers take:
// one row group, data pages of version 1, statistics on offset and size (without them fastparquet
// makes floats of them), a root that is required (the library's own default, repeated, is refused by
// strict readers), no Arrow or pandas metadata (which would make paths categorical, and missing
// chunks NaN). Nothing in the file depends on time or machine. An encoder may be used again and
// again, by one goroutine at a time.
type encoder struct {
	schema        *schema.GroupNode
	properties    map[layout]*parquet.WriterProperties
	present       []int16
	offset, size  []int64
	path, raw     []parquet.ByteArray
	urlBytes      []parquet.ByteArray
	presentInline []int16
}

func newEncoder() (*encoder, error) {
	node := func(name string, r parquet.Repetition, t parquet.Type, l schema.LogicalType) (schema.Node, error) {
		return schema.NewPrimitiveNodeLogical(name, r, l, t, 0, -1)
	}
	var fields schema.FieldList
	for _, c := range []struct {
		name string
		r    parquet.Repetition
		t    parquet.Type
		l    schema.LogicalType
	}{
		{pathColumn, parquet.Repetitions.Optional, parquet.Types.ByteArray, schema.StringLogicalType{}},
		{offsetColumn, parquet.Repetitions.Required, parquet.Types.Int64, schema.NoLogicalType{}},
		{sizeColumn, parquet.Repetitions.Required, parquet.Types.Int64, schema.NoLogicalType{}},
		{rawColumn, parquet.Repetitions.Optional, parquet.Types.ByteArray, schema.NoLogicalType{}},
	} {
		n, err := node(c.name, c.r, c.t, c.l)
		if err != nil {
			return nil, fmt.Errorf("parquet schema: %w", err)
		}
		fields = append(fields, n)
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		return nil, fmt.Errorf("parquet schema: %w", err)
	}
	return &encoder{schema: root, properties: map[layout]*parquet.WriterProperties{}}, nil
}

// layout is what differs between records. The library makes a new zstd encoder, of megabytes, for each
// page, which costs more than it saves on a small one: those are left as they are, and those
// between go through snappy, which has no state.
type layout struct {
	compression compress.Compression
	dictionary  bool // of the paths
}

func layoutOf(r *rows, paths int) layout {
	l := layout{compress.Codecs.Zstd, len(r.urls) > 0 && 2*len(r.urls) <= paths} // fastparquet fails on an empty dictionary
	switch n := 16*len(r.list) + r.bytes; {
	case n < 16<<10:
		l.compression = compress.Codecs.Uncompressed
	case n < 512<<10:
		l.compression = compress.Codecs.Snappy
	}
	return l
}

func (l layout) properties() *parquet.WriterProperties {
	return parquet.NewWriterProperties(
		parquet.WithRootRepetition(parquet.Repetitions.Required),
		parquet.WithCreatedBy("kerchunk-builder"),
		parquet.WithDictionaryDefault(false),
		parquet.WithDictionaryFor(pathColumn, l.dictionary),
		parquet.WithDictionaryPageSizeLimit(1<<30), // layoutOf has chosen; no change of mind in mid-column
		parquet.WithDataPageVersion(parquet.DataPageV1),
		parquet.WithDataPageSize(8<<20),
		parquet.WithBatchSize(1<<16),
		parquet.WithCompression(l.compression),
		parquet.WithCompressionLevel(1),
		parquet.WithStats(true),
		parquet.WithStatsFor(pathColumn, false),
		parquet.WithStatsFor(rawColumn, false),
	)
}

// encode writes r, sorted and whole, as one record.
func (e *encoder) encode(w io.Writer, r *rows) (err error) {
	defer func() { // the library panics where it should return errors
		if p := recover(); p != nil {
			err = fmt.Errorf("write parquet: %v", p)
		}
	}()
	e.present, e.presentInline = e.present[:0], e.presentInline[:0]
	e.offset, e.size = e.offset[:0], e.size[:0]
	e.path, e.raw, e.urlBytes = e.path[:0], e.raw[:0], e.urlBytes[:0]
	for _, u := range r.urls {
		e.urlBytes = append(e.urlBytes, parquet.ByteArray(u))
	}
	for i := range r.list {
		w := &r.list[i]
		var url, raw int16
		switch {
		case w.link > 0:
			url = 1
			e.path = append(e.path, e.urlBytes[w.link-1])
		case w.link < 0:
			raw = 1
			e.raw = append(e.raw, r.inline[-w.link-1])
		}
		e.present = append(e.present, url)
		e.presentInline = append(e.presentInline, raw)
		e.offset = append(e.offset, w.offset)
		e.size = append(e.size, w.size)
	}
	l := layoutOf(r, len(e.path))
	properties := e.properties[l]
	if properties == nil {
		properties = l.properties()
		e.properties[l] = properties
	}
	f := file.NewParquetWriter(w, e.schema, file.WithWriterProps(properties))
	g := f.AppendRowGroup()
	for range 4 {
		c, err := g.NextColumn()
		if err != nil {
			return fmt.Errorf("write parquet: %w", err)
		}
		switch name := c.Descr().Name(); name {
		case offsetColumn:
			_, err = c.(*file.Int64ColumnChunkWriter).WriteBatch(e.offset, nil, nil)
		case sizeColumn:
			_, err = c.(*file.Int64ColumnChunkWriter).WriteBatch(e.size, nil, nil)
		case pathColumn:
			_, err = c.(*file.ByteArrayColumnChunkWriter).WriteBatch(e.path, e.present, nil)
		case rawColumn:
			_, err = c.(*file.ByteArrayColumnChunkWriter).WriteBatch(e.raw, e.presentInline, nil)
		}
		if err != nil {
			return fmt.Errorf("write parquet: %w", err)
		}
	}
	clear(e.path)
	clear(e.raw)
	clear(e.urlBytes)
	if err := f.Close(); err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	return nil
}
