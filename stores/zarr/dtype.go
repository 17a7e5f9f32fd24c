package zarr

import (
	"fmt"
	"strconv"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/stores/jsonstream"
)

// maxElement is the largest element that is believed.
const maxElement = 1 << 24

// parseDType reads the dtype of a .zarray: a NumPy type string, or a record's list of fields.
func parseDType(v any) (cdm.DType, error) {
	switch v := v.(type) {
	case string:
		return parseTypeString(v)
	case []any:
		t := cdm.DType{Kind: cdm.Void}
		for _, f := range v {
			field, err := parseField(f)
			if err != nil {
				return t, err
			}
			n := int64(field.Type.Size)
			for _, s := range field.Shape {
				if s < 0 || n > 0 && s > maxElement/n {
					return t, fmt.Errorf("dtype: member %q is too large", field.Name)
				}
				n *= s
			}
			if int64(t.Size)+n > maxElement {
				return t, fmt.Errorf("dtype: a record of more than %d bytes", maxElement)
			}
			t.Fields = append(t.Fields, field)
			t.Size += int(n)
		}
		if len(t.Fields) == 0 {
			return t, fmt.Errorf("dtype: a record without members")
		}
		return t, nil
	}
	return cdm.DType{}, fmt.Errorf("dtype: neither a string nor a list")
}

func parseField(v any) (cdm.Field, error) {
	var f cdm.Field
	l, ok := v.([]any)
	if !ok || len(l) < 2 || len(l) > 3 {
		return f, fmt.Errorf("dtype: a member is [name, type] or [name, type, shape]")
	}
	if f.Name, ok = l[0].(string); !ok {
		return f, fmt.Errorf("dtype: a member's name is no string")
	}
	var err error
	if f.Type, err = parseDType(l[1]); err != nil {
		return f, err
	}
	if len(l) == 3 {
		if f.Shape, err = parseInts(l[2]); err != nil {
			return f, fmt.Errorf("dtype: shape of member %q: %w", f.Name, err)
		}
	}
	return f, nil
}

func parseTypeString(s string) (cdm.DType, error) {
	bad := fmt.Errorf("dtype %q: %w", s, cdm.ErrUnsupported)
	if len(s) < 2 {
		return cdm.DType{}, bad
	}
	t := cdm.DType{Kind: cdm.Kind(s[1]), Big: s[0] == '>'}
	if s[0] != '<' && s[0] != '>' && s[0] != '|' {
		return t, bad
	}
	if t.Kind == cdm.Object {
		t.Big = false
		return t, nil
	}
	n, err := strconv.Atoi(s[2:])
	if err != nil || n < 1 || n > maxElement {
		return t, bad
	}
	t.Size = n
	valid := false
	switch t.Kind {
	case cdm.Bool:
		valid = n == 1
	case cdm.Int, cdm.Uint:
		valid = n == 1 || n == 2 || n == 4 || n == 8
	case cdm.Float:
		valid = n == 2 || n == 4 || n == 8
	case cdm.Complex:
		valid = n == 8 || n == 16
	case cdm.Bytes, cdm.Void:
		valid = true
	case cdm.Unicode:
		t.Size = 4 * n
		valid = true
	}
	if !valid {
		return t, bad
	}
	if t.Size == 1 || t.Kind == cdm.Bytes || t.Kind == cdm.Void {
		t.Big = false
	}
	return t, nil
}

// parseInts reads a list of non-negative integers.
func parseInts(v any) ([]int64, error) {
	l, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("not a list")
	}
	out := make([]int64, len(l))
	for i, e := range l {
		s, ok := e.(jsonstream.Literal)
		n, err := strconv.ParseInt(string(s), 10, 64)
		if !ok || err != nil || n < 0 {
			return nil, fmt.Errorf("%v is not a length", e)
		}
		out[i] = n
	}
	return out, nil
}
