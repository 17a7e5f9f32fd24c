package verify

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/netcdf3"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// The archive of these tests: nFiles netCDF classic files of nTimes records of time(time) and
// temp(time, y, x), and of the fixed lat(y) which is the same in all.
const (
	nFiles, nTimes, nY, nX = 5, 3, 4, 3
)

var changedAt = time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC)

// archive is source files in memory, a plan and a store of them. It is Store, Reader and Sources at once.
type archive struct {
	plan   virtual.Plan
	files  map[string][]byte
	gone   map[string]error               // errors of opening
	sparse map[string]int64               // the chunk of temp that a file says is unwritten
	refs   map[string][]virtual.Reference // by array and index; Size -1 is none
	stray  *zarr.Row                      // one more row at the end of temp
}

func fileName(i int) string { return fmt.Sprintf("day%d.nc", i) }

// newArchive makes files whose times are hours of their own day, and a store that has hours of the first.
func newArchive(t testing.TB) *archive {
	t.Helper()
	a := &archive{files: map[string][]byte{}, gone: map[string]error{}, sparse: map[string]int64{}, refs: map[string][]virtual.Reference{}}
	const units = "hours since 2000-01-01"
	a.plan.Axes = []virtual.Axis{{Path: "time", Length: nFiles * nTimes}}
	var times []byte
	for i := range nFiles {
		url := fileName(i)
		a.files[url] = classic(i)
		a.plan.Files = append(a.plan.Files, virtual.File{URL: url, Size: int64(len(a.files[url])), MTime: changedAt, Start: []int64{int64(i * nTimes)}, Length: []int64{nTimes}})
		for k := range nTimes {
			times = binary.BigEndian.AppendUint32(times, uint32(24*i+8*k))
		}
		f, err := a.Open(context.Background(), url)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"lat", "temp"} {
			if name == "lat" && i > 0 {
				continue
			}
			for c, err := range f.Chunks(context.Background(), f.Root().Variable(name)) {
				if err != nil {
					t.Fatal(err)
				}
				a.refs[name] = append(a.refs[name], virtual.Reference{URL: url, Offset: c.Offset, Size: c.Size})
			}
		}
		if i == 0 {
			for _, v := range f.Root().Variables {
				arr := virtual.Array{Path: v.Path, Type: v.Type, Dimensions: v.Dimensions, Attributes: slices.Clone(v.Attributes), Grid: virtual.Grid{Shape: slices.Clone(v.Shape), Chunks: slices.Clone(v.Chunks)}}
				lay := virtual.Layout{Role: virtual.Identical, Axes: []int{-1}}
				switch v.Path {
				case "temp":
					arr.Grid.Shape[0] = nFiles * nTimes
					lay = virtual.Layout{Role: virtual.Concatenated, Axes: []int{0, -1, -1}}
				case "time":
					arr.Grid.Shape[0], arr.Grid.Chunks[0] = nFiles*nTimes, nFiles*nTimes
					lay = virtual.Layout{Role: virtual.Decoded, Axes: []int{0}, Units: units, TimeOf: "time"}
				}
				a.plan.Dataset.Arrays = append(a.plan.Dataset.Arrays, arr)
				a.plan.Layouts = append(a.plan.Layouts, lay)
			}
		}
	}
	a.refs["time"] = []virtual.Reference{{Inline: times}}
	return a
}

// classic writes file i in CDF-1.
func classic(i int) []byte {
	be := binary.BigEndian
	word := func(b []byte, n ...uint32) []byte {
		for _, w := range n {
			b = be.AppendUint32(b, w)
		}
		return b
	}
	text := func(b []byte, s string) []byte {
		b = append(word(b, uint32(len(s))), s...)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
		return b
	}
	header := func(lat, tm, temp uint32) []byte {
		b := word([]byte("CDF\x01"), nTimes, 10, 3)
		b = word(text(b, "time"), 0)
		b = word(text(b, "y"), nY)
		b = word(text(b, "x"), nX)
		b = word(b, 0, 0, 11, 3)
		b = word(text(b, "lat"), 1, 1, 0, 0, 5, 4*nY, lat)
		b = word(text(b, "time"), 1, 0, 12, 1)
		b = text(word(text(b, "units"), 2), fmt.Sprintf("hours since 2000-01-%02d", i+1))
		b = word(b, 4, 4, tm)
		return word(text(b, "temp"), 3, 0, 1, 2, 0, 0, 6, 8*nY*nX, temp)
	}
	start := uint32(len(header(0, 0, 0)))
	b := header(start, start+4*nY, start+4*nY+4)
	for y := range nY {
		b = word(b, math.Float32bits(float32(y)-1.5))
	}
	for k := range nTimes {
		b = word(b, uint32(8*k))
		for j := range nY * nX {
			b = be.AppendUint64(b, math.Float64bits(float64(1000*i+100*k+j)+0.25))
		}
	}
	return b
}

// memory is a file's bytes as a netcdf3.Source.
type memory struct {
	*bytes.Reader
	url string
}

func (m memory) URL() string { return m.url }

func (a *archive) Open(_ context.Context, url string) (cdm.File, error) {
	if err := a.gone[url]; err != nil {
		return nil, err
	}
	b, ok := a.files[url]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", url, fs.ErrNotExist)
	}
	f, err := netcdf3.Open(memory{bytes.NewReader(b), url})
	if unwritten, ok := a.sparse[url]; ok && err == nil {
		return sparseFile{f, unwritten}, nil
	}
	return f, err
}

func (a *archive) Stat(_ context.Context, url string) (Stat, error) {
	if err := a.gone[url]; err != nil {
		return Stat{}, err
	}
	b, ok := a.files[url]
	if !ok {
		return Stat{}, fmt.Errorf("stat %s: %w", url, fs.ErrNotExist)
	}
	return Stat{Size: int64(len(b)), MTime: changedAt}, nil
}

// sparseFile is a file in which one chunk of temp was never written.
type sparseFile struct {
	cdm.File
	unwritten int64
}

func (f sparseFile) ReadChunk(ctx context.Context, v *cdm.Variable, index int64) ([]byte, error) {
	if v.Path == "temp" && index == f.unwritten {
		return nil, nil
	}
	return f.File.ReadChunk(ctx, v, index)
}

func (a *archive) Dataset() virtual.Dataset { return a.plan.Dataset }

func (a *archive) Reference(array string, index int64) (virtual.Reference, bool, error) {
	r := a.refs[array][index]
	return r, r.Size >= 0, nil
}

func (a *archive) References(_ context.Context, array string) iter.Seq2[zarr.Row, error] {
	return func(yield func(zarr.Row, error) bool) {
		for i, r := range a.refs[array] {
			if r.Size >= 0 && !yield(zarr.Row{Index: int64(i), Reference: r}, nil) {
				return
			}
		}
		if a.stray != nil && array == "temp" {
			yield(*a.stray, nil)
		}
	}
}

// ReadChunk reads through the references; nothing in these files is encoded.
func (a *archive) ReadChunk(_ context.Context, array string, index int64) ([]byte, error) {
	r := a.refs[array][index]
	switch {
	case r.Inline != nil:
		return r.Inline, nil
	case r.Size < 0:
		return nil, nil
	}
	b := a.files[r.URL]
	if r.Offset+r.Size > int64(len(b)) {
		return nil, io.ErrUnexpectedEOF
	}
	return b[r.Offset : r.Offset+r.Size], nil
}
