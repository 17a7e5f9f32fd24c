package zarr

import (
	"fmt"
	"math"
	"strconv"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/stores/jsonstream"
)

// dimensionsKey is xarray's attribute for the names of an array's dimensions.
const dimensionsKey = "_ARRAY_DIMENSIONS"

// appendAttributes appends attrs as the object of a .zattrs, after the dimension names when dims is not nil.
func appendAttributes(b []byte, attrs []cdm.Attribute, dims []string) ([]byte, error) {
	b = append(b, '{')
	if dims != nil {
		b = append(b, `"`+dimensionsKey+`":`...)
		b = appendList(b, dims, jsonstream.AppendString)
	}
	seen := make(map[string]bool, len(attrs))
	for _, a := range attrs {
		if seen[a.Name] {
			return nil, fmt.Errorf("attribute %q is there twice", a.Name)
		}
		seen[a.Name] = true
		if a.Name == dimensionsKey {
			return nil, fmt.Errorf("attribute %q is the store's own", a.Name)
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(jsonstream.AppendString(b, a.Name), ':')
		var err error
		if b, err = appendValue(b, a.Value); err != nil {
			return nil, fmt.Errorf("attribute %q: %w", a.Name, err)
		}
	}
	return append(b, '}'), nil
}

// appendValue appends an attribute's value. Floats always have a point or an exponent and integers
// never, so that both kinds read back; a float32 is written as the float64 that it equals. Values that
// are not finite are Python's literals NaN and Infinity: strict JSON has no number for them, a string
// would change the attribute's type, and xarray, zarr and fsspec read the literals. A null value
// (HDF5's null dataspace) is the empty string, as kerchunk and netCDF4-python have it.
func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, `""`...), nil
	case string:
		return jsonstream.AppendString(b, v), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case float32:
		return appendNumber(b, v), nil
	case float64:
		return appendNumber(b, v), nil
	case int8:
		return appendNumber(b, v), nil
	case int16:
		return appendNumber(b, v), nil
	case int32:
		return appendNumber(b, v), nil
	case int64:
		return appendNumber(b, v), nil
	case uint8:
		return appendNumber(b, v), nil
	case uint16:
		return appendNumber(b, v), nil
	case uint32:
		return appendNumber(b, v), nil
	case uint64:
		return appendNumber(b, v), nil
	case []string:
		return appendList(b, v, jsonstream.AppendString), nil
	case []bool:
		return appendList(b, v, strconv.AppendBool), nil
	case []float32:
		return appendList(b, v, appendNumber), nil
	case []float64:
		return appendList(b, v, appendNumber), nil
	case []int8:
		return appendList(b, v, appendNumber), nil
	case []int16:
		return appendList(b, v, appendNumber), nil
	case []int32:
		return appendList(b, v, appendNumber), nil
	case []int64:
		return appendList(b, v, appendNumber), nil
	case []uint8:
		return appendList(b, v, appendNumber), nil
	case []uint16:
		return appendList(b, v, appendNumber), nil
	case []uint32:
		return appendList(b, v, appendNumber), nil
	case []uint64:
		return appendList(b, v, appendNumber), nil
	}
	return nil, fmt.Errorf("a value of Go type %T can't be an attribute", v)
}

func appendNumber[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64](b []byte, v T) []byte {
	switch v := any(v).(type) {
	case float32:
		return jsonstream.AppendFloat(b, float64(v))
	case float64:
		return jsonstream.AppendFloat(b, v)
	case uint64:
		return strconv.AppendUint(b, v, 10)
	}
	return strconv.AppendInt(b, int64(v), 10)
}

func appendList[T any](b []byte, l []T, one func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, v := range l {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(b, v)
	}
	return append(b, ']')
}

// parseAttributes reads the object of a .zattrs. JSON keeps less than the files have: integers
// come back as int64 (uint64 when larger), floats as float64. What no attribute can be (objects,
// nested and mixed lists, in other writers' stores) comes back as its JSON text.
func parseAttributes(text []byte) (attrs []cdm.Attribute, dims []string, err error) {
	v, err := jsonstream.Parse(text)
	if err != nil {
		return nil, nil, err
	}
	object, ok := v.(jsonstream.Object)
	if !ok {
		return nil, nil, fmt.Errorf("attributes are no JSON object")
	}
	for _, m := range object {
		if m.Name == dimensionsKey {
			l, ok := m.Value.([]any)
			if !ok {
				return nil, nil, fmt.Errorf("%s is no list", dimensionsKey)
			}
			dims = make([]string, len(l))
			for i := range l {
				if dims[i], ok = l[i].(string); !ok {
					return nil, nil, fmt.Errorf("%s holds what is no name", dimensionsKey)
				}
			}
			continue
		}
		attrs = append(attrs, cdm.Attribute{Name: m.Name, Value: attributeValue(m.Value)})
	}
	return attrs, dims, nil
}

func attributeValue(v any) any {
	switch v := v.(type) {
	case jsonstream.Literal:
		return number(v)
	case []any:
		if l, ok := numbers(v); ok {
			return l
		}
		if l, ok := all[string](v); ok {
			return l
		}
		if l, ok := all[bool](v); ok {
			return l
		}
		return string(jsonstream.AppendValue(nil, v))
	case jsonstream.Object:
		return string(jsonstream.AppendValue(nil, v))
	}
	return v
}

func all[T any](l []any) ([]T, bool) {
	out := make([]T, len(l))
	for i := range l {
		v, ok := l[i].(T)
		if !ok {
			return nil, false
		}
		out[i] = v
	}
	return out, true
}

// number is the int64, uint64 or float64 that a literal stands for.
func number(s jsonstream.Literal) any {
	if n, err := strconv.ParseInt(string(s), 10, 64); err == nil {
		return n
	}
	if n, err := strconv.ParseUint(string(s), 10, 64); err == nil {
		return n
	}
	f, ok := fillFloat(s)
	if !ok {
		return math.NaN()
	}
	return f
}

// numbers is a list of numbers as a slice of one type: of int64 when all are, of uint64 when all
// are not negative, else of float64.
func numbers(l []any) (any, bool) {
	ints, uints := make([]int64, len(l)), make([]uint64, len(l))
	floats := make([]float64, len(l))
	allInt, allUint := true, true
	for i := range l {
		s, ok := l[i].(jsonstream.Literal)
		if !ok {
			return nil, false
		}
		switch n := number(s).(type) {
		case int64:
			ints[i], uints[i], floats[i] = n, uint64(n), float64(n)
			allUint = allUint && n >= 0
		case uint64:
			uints[i], floats[i] = n, float64(n)
			allInt = false
		case float64:
			floats[i] = n
			allInt, allUint = false, false
		}
	}
	switch {
	case allInt:
		return ints, true
	case allUint:
		return uints, true
	}
	return floats, true
}
