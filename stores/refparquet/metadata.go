package refparquet

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cedadev/kerchunk-builder/stores/jsonstream"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// MetadataFile is the file of a store that describes it. It is written last: a folder with it is a store.
const MetadataFile = ".zmetadata"

// WriteMetadata writes the store's .zmetadata, which makes it one: it is written last, and in one
// piece. It replaces what is there.
func WriteMetadata(dir string, ds virtual.Dataset, recordSize int) error {
	if err := (Options{RecordSize: recordSize}).check(); err != nil {
		return err
	}
	m, err := zarr.NewMetadata(ds)
	if err != nil {
		return err
	}
	if err := writeMetadata(dir, m, recordSize); err != nil {
		return fmt.Errorf("write metadata: %w", err)
	}
	return nil
}

func writeMetadata(dir string, m zarr.Metadata, recordSize int) error {
	b := []byte(`{"metadata":{`)
	for i, e := range m {
		if i > 0 {
			b = append(b, ',', '\n')
		}
		b = append(jsonstream.AppendString(b, e.Key), ':')
		b = append(b, e.JSON...)
	}
	b = append(b, `},"record_size":`...)
	b = strconv.AppendInt(b, int64(recordSize), 10)
	b = append(b, '}', '\n')

	f, err := os.CreateTemp(dir, MetadataFile+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails when it has its name
	_, err = f.Write(b)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, MetadataFile))
	}
	if err == nil {
		err = syncFile(dir)
	}
	return err
}

// readMetadata reads a store's .zmetadata. Its values are objects; some writers have them as strings of JSON.
func readMetadata(dir string) (m zarr.Metadata, recordSize int, err error) {
	name := filepath.Join(dir, MetadataFile)
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, 0, err
	}
	r := jsonstream.NewReader(bytes.NewReader(b))
	v, err := r.Value()
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", name, err)
	}
	top, ok := v.(jsonstream.Object)
	if !ok {
		return nil, 0, fmt.Errorf("%s: not a JSON object", name)
	}
	size, _ := top.Get("record_size")
	literal, _ := size.(jsonstream.Literal)
	if recordSize, err = strconv.Atoi(string(literal)); err != nil {
		return nil, 0, fmt.Errorf("%s: record_size %v is no integer", name, size)
	}
	if err := (Options{RecordSize: recordSize}).check(); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", name, err)
	}
	entries, _ := top.Get("metadata")
	object, ok := entries.(jsonstream.Object)
	if !ok {
		return nil, 0, fmt.Errorf("%s: no metadata", name)
	}
	for _, e := range object {
		text, ok := e.Value.(string)
		if !ok {
			text = string(jsonstream.AppendValue(nil, e.Value))
		}
		m = append(m, zarr.Entry{Key: e.Name, JSON: []byte(text)})
	}
	return m, recordSize, nil
}
