package refparquet

import (
	"fmt"
	"os"

	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
)

// batch is how many rows are read at a time.
const batch = 8192

// readRecord reads one record file into r: at most limit rows (all with -1), so that the padding of
// other writers is left out. It reads what kerchunk, fastparquet and pyarrow write: any encoding that
// the library knows, columns that are absent, null throughout or categorical, several row groups.
func readRecord(name string, limit int64, r *rows) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	defer func() { // the library panics on damaged files
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
		if err != nil {
			err = fmt.Errorf("read %s: not a readable record: %w", name, err)
		}
	}()
	r.reset()
	p, err := file.NewParquetReader(f)
	if err != nil {
		return err
	}
	defer p.Close()
	columns := map[string]int{}
	for i := range p.MetaData().Schema.NumColumns() {
		columns[p.MetaData().Schema.Column(i).Path()] = i
	}
	for g := range p.NumRowGroups() {
		if limit >= 0 && int64(len(r.list)) >= limit {
			break
		}
		if err := readGroup(p.RowGroup(g), columns, limit, r); err != nil {
			return err
		}
	}
	return nil
}

func readGroup(g *file.RowGroupReader, columns map[string]int, limit int64, r *rows) error {
	start := len(r.list)
	n := g.NumRows()
	if limit >= 0 {
		n = min(n, limit-int64(start))
	}
	if n > 1<<31-1-int64(start) || n < 0 {
		return fmt.Errorf("%d rows in a record", n)
	}
	column := func(name string) (file.ColumnChunkReader, error) {
		i, ok := columns[name]
		if !ok {
			return nil, nil
		}
		c, err := g.Column(i)
		if err == nil && c.Descriptor().MaxRepetitionLevel() > 0 {
			err = fmt.Errorf("column %s is repeated", name)
		}
		return c, err
	}
	// Paths make the rows; the other columns fill them in.
	c, err := column(pathColumn)
	if err != nil {
		return err
	}
	err = readColumn(c, pathColumn, n, func(c *file.ByteArrayColumnChunkReader, values []parquet.ByteArray, levels []int16) (int64, int, error) {
		return c.ReadBatch(int64(len(values)), values, levels, nil)
	}, func(_ int, v parquet.ByteArray, ok bool) error {
		w := row{n: int32(len(r.list))}
		if ok {
			w.link = urlNumber(r, []byte(v)) + 1
		}
		r.list = append(r.list, w)
		return nil
	})
	if err != nil {
		return err
	}
	added := r.list[start:]
	for _, name := range []string{offsetColumn, sizeColumn} {
		if c, err = column(name); err != nil {
			return err
		}
		err = readColumn(c, name, n, func(c *file.Int64ColumnChunkReader, values []int64, levels []int16) (int64, int, error) {
			return c.ReadBatch(int64(len(values)), values, levels, nil)
		}, func(i int, v int64, ok bool) error {
			switch w := &added[i]; {
			case w.link == 0: // padding holds anything
			case !ok:
				return fmt.Errorf("row %d has a path and no %s", w.n, name)
			case v < 0:
				return fmt.Errorf("row %d has the %s %d", w.n, name, v)
			case name == offsetColumn:
				w.offset = v
			default:
				w.size = v
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if c, err = column(rawColumn); err != nil {
		return err
	}
	return readColumn(c, rawColumn, n, func(c *file.ByteArrayColumnChunkReader, values []parquet.ByteArray, levels []int16) (int64, int, error) {
		return c.ReadBatch(int64(len(values)), values, levels, nil)
	}, func(i int, v parquet.ByteArray, ok bool) error {
		if ok { // inline bytes win over a path, as fsspec has it
			r.inline = append(r.inline, append([]byte{}, v...))
			r.bytes += len(v)
			added[i].link = -int32(len(r.inline))
			added[i].offset, added[i].size = 0, 0
		}
		return nil
	})
}

// readColumn calls visit for each of the first n rows of column c, with its value when it isn't null.
// A column that isn't there is null throughout; so may be one of another type than C reads.
func readColumn[C file.ColumnChunkReader, V any](c file.ColumnChunkReader, name string, n int64,
	read func(C, []V, []int16) (int64, int, error), visit func(i int, v V, ok bool) error) error {
	var zero V
	if c == nil {
		for i := range n {
			if err := visit(int(i), zero, false); err != nil {
				return err
			}
		}
		return nil
	}
	typed, ok := c.(C)
	if !ok {
		if name == pathColumn || name == rawColumn {
			return fmt.Errorf("column %s is of type %s", name, c.Type())
		}
		return fmt.Errorf("column %s is of type %s, not INT64", name, c.Type())
	}
	optional := c.Descriptor().MaxDefinitionLevel() > 0
	values, levels := make([]V, min(n, batch)), make([]int16, min(n, batch))
	for i := int64(0); i < n; {
		want := min(n-i, batch)
		got, _, err := read(typed, values[:want], levels[:want])
		if err != nil {
			return fmt.Errorf("column %s: %w", name, err)
		}
		if got <= 0 {
			return fmt.Errorf("column %s ends at row %d of %d", name, i, n)
		}
		k := 0
		for j := range got {
			present := !optional || levels[j] == c.Descriptor().MaxDefinitionLevel()
			v := zero
			if present {
				v = values[k]
				k++
			}
			if err := visit(int(i+j), v, present); err != nil {
				return err
			}
		}
		i += got
	}
	return nil
}
