// Package refjson writes and reads kerchunk's JSON stores (fsspec's reference file system, version 1:
// https://fsspec.github.io/kerchunk/spec.html) as streams.
package refjson

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"

	"github.com/cedadev/kerchunk-builder/stores/jsonstream"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Write writes s as one JSON object of version 1. Memory is that of one row. Inline chunks are always
// base64, since bytes that began with "base64:" would be taken for it; there are no templates,
// which not every reader knows. The same store gives the same bytes.
func Write(ctx context.Context, w io.Writer, s zarr.Store) error {
	ds := s.Dataset()
	m, err := zarr.NewMetadata(ds)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(w, 1<<20)
	line := []byte(`{"version":1,"refs":{`)
	for i, e := range m {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(jsonstream.AppendString(append(line, '\n'), e.Key), ':')
		line = jsonstream.AppendString(line, string(e.JSON))
		if _, err := b.Write(line); err != nil {
			return fmt.Errorf("write store: %w", err)
		}
		line = line[:0]
	}
	var urls quoted
	for _, a := range ds.Arrays {
		prefix := jsonstream.AppendString([]byte(",\n"), a.Path+"/")
		prefix = prefix[:len(prefix)-1] // the key goes on
		for row, err := range s.References(ctx, a.Path) {
			if err != nil {
				return err
			}
			line = append(line[:0], prefix...)
			line = zarr.AppendKey(line, a.Grid, row.Index)
			line = append(line, '"', ':')
			line = appendReference(line, row.Reference, &urls)
			if _, err := b.Write(line); err != nil {
				return fmt.Errorf("write store: %w", err)
			}
		}
	}
	_, _ = b.WriteString("\n}}\n")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write store: %w", err)
	}
	return nil
}

// quoted is the last url in JSON; those of neighbours are mostly the same.
type quoted struct {
	url  string
	text []byte
}

func appendReference(b []byte, ref virtual.Reference, q *quoted) []byte {
	if ref.Inline != nil {
		b = append(b, `"base64:`...)
		b = base64.StdEncoding.AppendEncode(b, ref.Inline)
		return append(b, '"')
	}
	if q.text == nil || q.url != ref.URL {
		q.url, q.text = ref.URL, jsonstream.AppendString(q.text[:0], ref.URL)
	}
	b = append(append(b, '['), q.text...)
	if ref.Offset != 0 || ref.Size != 0 { // else it is the whole file
		b = strconv.AppendInt(append(b, ','), ref.Offset, 10)
		b = strconv.AppendInt(append(b, ','), ref.Size, 10)
	}
	return append(b, ']')
}
