package netcdf3

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// layout is where a variable's chunks lie: count pieces of size bytes, stride bytes apart.
type layout struct {
	begin, stride, size, count int64
}

// end is the first byte after the variable's last element.
func (l layout) end() int64 {
	if l.count == 0 {
		return l.begin
	}
	return l.begin + (l.count-1)*l.stride + l.size
}

func (h *header) isRecord(v *variable) bool {
	return len(v.dimensions) > 0 && h.dimensions[v.dimensions[0]].length == 0
}

// slab is the bytes of a fixed variable, or of one record of a record variable.
func (h *header) slab(v *variable) (int64, error) {
	n := v.kind.size()
	for _, d := range v.dimensions {
		length := h.dimensions[d].length
		if length == 0 {
			continue // the record dimension
		}
		if n > (math.MaxInt64-3)/length {
			return 0, v.fail("its size overflows 64 bits")
		}
		n *= length
	}
	return n, nil
}

func (v *variable) fail(format string, a ...any) error {
	return &cdm.FormatError{Offset: v.at, Struct: "var_list", Msg: fmt.Sprintf("variable %q: ", v.name) + fmt.Sprintf(format, a...)}
}

// layout places every variable in a file of size bytes. It settles a streaming record count.
func (h *header) layout(size int64) ([]layout, error) {
	out := make([]layout, len(h.variables))
	var records []int // the record variables
	for i := range h.variables {
		v := &h.variables[i]
		slab, err := h.slab(v)
		if err != nil {
			return nil, err
		}
		if v.begin < h.end {
			return nil, v.fail("its data begin at byte %d, inside the header, which ends at %d", v.begin, h.end)
		}
		out[i] = layout{begin: v.begin, stride: slab, size: slab, count: 1}
		if h.isRecord(v) {
			records = append(records, i)
		}
	}
	stride, err := h.recordSize(out, records)
	if err != nil {
		return nil, err
	}
	if h.records == streaming {
		if h.records, err = h.countRecords(out, records, stride, size); err != nil {
			return nil, err
		}
	}
	for _, i := range records {
		out[i].stride, out[i].count = stride, h.records
	}
	for i, l := range out {
		if err := h.variables[i].inside(l, size); err != nil {
			return nil, err
		}
	}
	return out, h.disjoint(out)
}

// recordSize is the distance from one record to the next: each variable's part padded to four
// bytes, but not padded when there is only one.
func (h *header) recordSize(all []layout, records []int) (int64, error) {
	if len(records) == 1 {
		return all[records[0]].size, nil
	}
	total := int64(0)
	for _, i := range records {
		part := pad4(all[i].size)
		if total > math.MaxInt64-part {
			return 0, h.variables[i].fail("the size of a record overflows 64 bits")
		}
		total += part
	}
	return total, nil
}

// countRecords finds how many whole records the file holds.
func (h *header) countRecords(all []layout, records []int, stride, size int64) (int64, error) {
	if len(records) == 0 {
		return 0, nil
	}
	first, last := int64(math.MaxInt64), int64(0) // of the first record's bytes
	for _, i := range records {
		first = min(first, all[i].begin)
		if all[i].begin > math.MaxInt64-all[i].size {
			return 0, h.variables[i].fail("its end overflows 64 bits")
		}
		last = max(last, all[i].end())
	}
	if size <= first {
		return 0, nil
	}
	n, rest := (size-first)/stride, (size-first)%stride
	padding := int64(0) // the library pads the end of a lone variable, but not its records
	if len(records) == 1 {
		padding = pad4(stride) - stride
	}
	switch {
	case padding >= stride:
		v := &h.variables[records[0]]
		return 0, v.fail("the record count is streaming, and records of %d bytes can't be told from the padding at the end of the file", stride)
	case rest <= padding:
		return n, nil
	case rest >= last-first: // only the padding is missing
		return n + 1, nil
	}
	return 0, &cdm.FormatError{Offset: size - rest, Struct: "numrecs",
		Msg: fmt.Sprintf("the record count is streaming and the file ends %d bytes into record %d of %d bytes: it was cut short", rest, n, stride)}
}

// inside checks that the file holds every byte of the variable.
func (v *variable) inside(l layout, size int64) error {
	if l.count == 0 {
		return nil
	}
	if l.begin > size || l.size > size-l.begin {
		return v.fail("its data are bytes %d and %d more, but the file ends at byte %d: it was cut short, or never closed by its writer", l.begin, l.size, size)
	}
	if held := (size-l.begin-l.size)/l.stride + 1; held < l.count {
		return v.fail("it has %d records, but the file ends at byte %d, after %d of them: it was cut short, or never closed by its writer", l.count, size, held)
	}
	return nil
}

// disjoint checks that no two variables share a byte. The layouts lie inside the file.
func (h *header) disjoint(all []layout) error {
	order := make([]int, 0, len(all))
	for i, l := range all {
		if l.count > 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		if c := int(min(1, max(-1, all[a].begin-all[b].begin))); c != 0 {
			return c
		}
		return a - b
	})
	var firstRecord, previous *variable
	var recordsEnd, previousEnd int64
	for _, i := range order {
		v, l := &h.variables[i], all[i]
		if previous != nil && l.begin < previousEnd {
			return v.fail("its data begin at byte %d, inside those of variable %q, which end at %d", l.begin, previous.name, previousEnd)
		}
		// Until the first record is over its parts follow one another; a fixed variable
		// stands before or after all records.
		switch {
		case !h.isRecord(v):
			if firstRecord != nil && l.begin < recordsEnd {
				return v.fail("its data begin at byte %d, among the records, which end at %d", l.begin, recordsEnd)
			}
		case firstRecord == nil:
			firstRecord = v
		case l.begin+l.size-firstRecord.begin > l.stride:
			return v.fail("its first record ends at byte %d, after the start of the second record at %d", l.begin+l.size, firstRecord.begin+l.stride)
		}
		if h.isRecord(v) {
			recordsEnd = max(recordsEnd, l.end())
		}
		previous, previousEnd = v, l.begin+l.size
	}
	return nil
}

// group is the header as the common data model has it. The record count must be settled.
func (h *header) group() *cdm.Group {
	g := &cdm.Group{Attributes: attributesOf(h.attributes)}
	for _, d := range h.dimensions {
		length := d.length
		if length == 0 {
			length = h.records
		}
		g.Dimensions = append(g.Dimensions, cdm.Dimension{Name: d.name, Length: length, Unlimited: d.length == 0})
	}
	for i := range h.variables {
		v := &h.variables[i]
		c := &cdm.Variable{
			Name: v.name, Path: v.name, Type: v.kind.dtype(),
			Shape:      make([]int64, len(v.dimensions)),
			Dimensions: make([]string, len(v.dimensions)),
			Contiguous: !h.isRecord(v),
			Fill:       v.fill(),
			Attributes: attributesOf(v.attributes),
		}
		for axis, d := range v.dimensions {
			c.Shape[axis], c.Dimensions[axis] = g.Dimensions[d].Length, g.Dimensions[d].Name
		}
		c.Chunks = slices.Clone(c.Shape)
		if h.isRecord(v) {
			c.Chunks[0] = 1
		}
		if strings.Contains(v.name, "/") {
			c.Refused = fmt.Errorf("variable %q: its name holds a slash, which separates groups: %w", v.name, cdm.ErrUnsupported)
		}
		g.Variables = append(g.Variables, c)
	}
	return g
}

// fill is what the netCDF library writes before there are data: _FillValue, or the type's own.
func (v *variable) fill() []byte {
	for _, a := range v.attributes {
		if a.name == "_FillValue" && a.kind == v.kind && int64(len(a.raw)) == v.kind.size() {
			return bytes.Clone(a.raw)
		}
	}
	return v.kind.defaultFill()
}

func attributesOf(list []attribute) []cdm.Attribute {
	var out []cdm.Attribute
	for _, a := range list {
		out = append(out, cdm.Attribute{Name: a.name, Value: a.kind.value(a.raw)})
	}
	return out
}
