package virtual

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// Header is what is known of one source file before its chunks are looked at.
type Header struct {
	URL    string
	Size   int64
	MTime  time.Time // zero when the source has none
	Groups []Group   // parents before children, the root first

	Variables []*Variable // of all groups, in file order
}

// Variable is a variable in a header. Headers of alike files share it by pointer, so that ten thousand
// of them fit in memory.
type Variable struct {
	cdm.Variable

	// Axes names the dimension of each axis by its path ("time", "g/x"), which tells dimensions of the same
	// name in different groups apart.
	Axes []string

	// Unlimited says of each axis whether its dimension is a record dimension.
	Unlimited []bool

	// Content is a digest of the decoded values; empty when they have not been read.
	Content string

	// Raw holds the decoded values, in Type's layout and C order, of coordinate variables.
	Raw []byte
}

// Coordinate reports whether v is the coordinate variable of its only axis.
func (v *Variable) Coordinate() bool { return len(v.Axes) == 1 && v.Path == v.Axes[0] }

// group is the path of the variable's group, with a slash behind it when it isn't the root.
func (v *Variable) group() string { return v.Path[:len(v.Path)-len(v.Name)] }

// Variable returns the header's variable at path, or nil.
func (h *Header) Variable(path string) *Variable {
	for _, v := range h.Variables {
		if v.Path == path {
			return v
		}
	}
	return nil
}

// Cells is the number of elements.
func (v *Variable) Cells() int64 { return v.Variable.Size() }

// SetContent records the digest of a variable's values. share returns the one variable that stands for all alike ones.
func (h *Header) SetContent(path, content string, share func(*Variable) *Variable) {
	for i, v := range h.Variables {
		if v.Path == path {
			c := *v
			c.Content = content
			h.Variables[i] = share(&c)
			return
		}
	}
}

// NewHeader flattens a file's tree. Values are left for the caller to read.
func NewHeader(url string, size int64, mtime time.Time, root *cdm.Group) *Header {
	h := &Header{URL: url, Size: size, MTime: mtime}
	scopes := map[string]map[string]cdm.Dimension{}
	for g := range root.Walk() {
		h.Groups = append(h.Groups, Group{Path: g.Path, Attributes: g.Attributes})
		dims := make(map[string]cdm.Dimension, len(g.Dimensions))
		for _, d := range g.Dimensions {
			dims[d.Name] = d
		}
		scopes[g.Path] = dims
		for _, v := range g.Variables {
			hv := &Variable{Variable: *v}
			for _, name := range v.Dimensions {
				path, d := resolve(scopes, g.Path, name)
				hv.Axes = append(hv.Axes, path)
				hv.Unlimited = append(hv.Unlimited, d.Unlimited)
			}
			h.Variables = append(h.Variables, hv)
		}
	}
	return h
}

// resolve finds the dimension that name means in a group: the group's own or the nearest outer one.
func resolve(scopes map[string]map[string]cdm.Dimension, group, name string) (path string, d cdm.Dimension) {
	for g := group; ; {
		if d, ok := scopes[g][name]; ok {
			return join(g, name), d
		}
		if g == "" {
			return join(group, name), cdm.Dimension{Name: name}
		}
		i := strings.LastIndexByte(g, '/')
		g = g[:max(i, 0)]
	}
}

func join(group, name string) string {
	if group == "" {
		return name
	}
	return group + "/" + name
}

// Signature identifies all that a header says of a variable but for its values.
func (v *Variable) Signature() string {
	b := make([]byte, 0, 512)
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	numbers := func(list []int64) {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, n := range list {
			b = binary.AppendVarint(b, n)
		}
	}
	text(v.Path)
	if len(v.Type.Fields) > 0 {
		text(fmt.Sprint(v.Type.Zarr()))
	} else {
		b = append(b, byte(v.Type.Kind), byte(v.Type.Size), byte(v.Type.Size>>8), byte(v.Type.Size>>16), flag(v.Type.Big))
	}
	numbers(v.Shape)
	numbers(v.Chunks)
	for d, name := range v.Dimensions {
		text(name)
		text(v.Axes[d])
		b = append(b, flag(v.Unlimited[d]))
	}
	b = append(b, flag(v.Contiguous), flag(v.Fill != nil))
	text(string(v.Fill))
	if v.Refused != nil {
		text(v.Refused.Error())
	}
	for _, c := range v.Codecs {
		text(c.Name())
		if config := c.Config(); config != nil {
			text(fmt.Sprint(config))
		}
	}
	for _, a := range v.Attributes {
		text(a.Name)
		b = appendValue(b, a.Value)
	}
	return string(b)
}

func flag(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// appendValue appends an attribute's value with its type, each value in its own way.
func appendValue(b []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		b = append(binary.AppendUvarint(append(b, 's'), uint64(len(v))), v...)
	case float64:
		b = binary.LittleEndian.AppendUint64(append(b, 'd'), math.Float64bits(v))
	case float32:
		b = binary.LittleEndian.AppendUint32(append(b, 'f'), math.Float32bits(v))
	default:
		b = fmt.Appendf(append(b, 'v'), "%T%v|", v, v)
	}
	return b
}
