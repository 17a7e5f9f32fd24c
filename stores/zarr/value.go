package zarr

import "github.com/cedadev/kerchunk-builder/stores/jsonstream"

// AppendValue appends an attribute's value as JSON, as it stands in a .zattrs.
func AppendValue(b []byte, v any) ([]byte, error) { return appendValue(b, v) }

// ParseValue is the inverse of [AppendValue]: the attribute's value that JSON stands for, as it is read back from a .zattrs.
func ParseValue(text []byte) (any, error) {
	v, err := jsonstream.Parse(text)
	if err != nil {
		return nil, err
	}
	return attributeValue(v), nil
}
