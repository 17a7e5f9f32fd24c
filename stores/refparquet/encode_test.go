package refparquet

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// BenchmarkEncode is the cost of turning one full record into a file.
func BenchmarkEncode(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := sampleRows(n)
			e, err := newEncoder()
			if err != nil {
				b.Fatal(err)
			}
			var buf bytes.Buffer
			b.ReportAllocs()
			for b.Loop() {
				buf.Reset()
				if err := e.encode(&buf, r); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(buf.Len())/float64(n), "bytes/row")
			_, _ = io.Discard.Write(buf.Bytes())
		})
	}
}

func sampleRows(n int) *rows {
	r := &rows{}
	r.reset()
	off := int64(4096)
	for i := range n {
		size := int64(60000 + (i*7919)%9973)
		if i%1000 == 500 {
			r.add(row{n: int32(i)})
			continue
		}
		r.put(int32(i), virtual.Reference{URL: fmt.Sprintf("/archive/institute/project/product/v1.0/2003/05/%06d_a_rather_long_file_name_%d.nc", i/400, i/400), Offset: off, Size: size})
		off += size
	}
	return r
}
