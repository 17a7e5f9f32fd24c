package virtual

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
)

// Stack says that variables have an axis in the dataset which they don't have in the files: a new first one, along which
// the values of a file hold for all of the file's stretch. So are members of an ensemble joined that have no dimension
// for it, and scalars that are another in every file.
type Stack struct {
	Axis      string   `json:"dimension"` // path of one of Plan.Axes
	Variables []string `json:"variables"`

	// Counter is set when no file has a coordinate of the axis: it is then the number of the file in the plan.
	Counter bool `json:"counter,omitempty"`
}

// View is file as the plan sees it, which must be its file f: variables that the plan stacks have their new axis.
func (p *Plan) View(f int, file cdm.File) cdm.File {
	if len(p.Stacks) == 0 {
		return file
	}
	v := &view{File: file, layers: map[*cdm.Variable]layer{}}
	root := file.Root()
	for _, s := range p.Stacks {
		ax := slices.IndexFunc(p.Axes, func(a Axis) bool { return a.Path == s.Axis })
		if ax < 0 {
			continue
		}
		root = v.stack(root, s, p.Files[f].Length[ax])
		if s.Counter {
			root = v.count(root, s.Axis, p.Files[f].Start[ax])
		}
	}
	v.root = root
	return v
}

// view is a file some of whose variables have one axis more.
type view struct {
	cdm.File
	root   *cdm.Group
	layers map[*cdm.Variable]layer
}

// layer is what a variable of a view is made of: a variable of the file, or a chunk of its own.
type layer struct {
	inner *cdm.Variable
	times int64 // its chunks come that many times
	chunk []byte
}

// Root is the tree of the view.
func (v *view) Root() *cdm.Group { return v.root }

// Chunks yields the chunks of a variable of the view.
func (v *view) Chunks(ctx context.Context, of *cdm.Variable) iter.Seq2[cdm.Chunk, error] {
	l, ok := v.layers[of]
	switch {
	case !ok:
		return v.File.Chunks(ctx, of)
	case l.inner == nil:
		return func(yield func(cdm.Chunk, error) bool) { yield(cdm.Chunk{Inline: l.chunk}, nil) }
	}
	n := Grid{l.inner.Shape, l.inner.Chunks}.Count()
	return func(yield func(cdm.Chunk, error) bool) {
		for k := range l.times {
			for c, err := range v.File.Chunks(ctx, l.inner) {
				c.Index += k * n
				if !yield(c, err) || err != nil {
					return
				}
			}
		}
	}
}

// ReadChunk decodes a chunk of a variable of the view.
func (v *view) ReadChunk(ctx context.Context, of *cdm.Variable, index int64) ([]byte, error) {
	l, ok := v.layers[of]
	switch {
	case !ok:
		return v.File.ReadChunk(ctx, of, index)
	case l.inner == nil:
		return l.chunk, nil
	}
	n := Grid{l.inner.Shape, l.inner.Chunks}.Count()
	if n == 0 || index < 0 || index >= n*l.times {
		return nil, fmt.Errorf("%s: no chunk %d: %w", of.Path, index, cdm.ErrFormat)
	}
	return v.File.ReadChunk(ctx, l.inner, index%n)
}

// stack copies the tree and gives the stack's variables an axis of length n.
func (v *view) stack(g *cdm.Group, s Stack, n int64) *cdm.Group {
	return edit(g, func(vars []*cdm.Variable) []*cdm.Variable {
		for i, inner := range vars {
			if slices.Contains(s.Variables, inner.Path) {
				outer := stacked(*inner, s.Axis, n)
				v.layers[&outer] = layer{inner: inner, times: n}
				vars[i] = &outer
			}
		}
		return vars
	})
}

// count adds the coordinate that numbers the files.
func (v *view) count(g *cdm.Group, path string, number int64) *cdm.Group {
	c, raw := counter(path, number)
	v.layers[&c] = layer{chunk: raw}
	g = edit(g, func(vars []*cdm.Variable) []*cdm.Variable { return vars })
	g.Variables = append(g.Variables, &c)
	return g
}

// edit copies a tree with other variables.
func edit(g *cdm.Group, variables func([]*cdm.Variable) []*cdm.Variable) *cdm.Group {
	c := *g
	c.Variables = variables(slices.Clone(g.Variables))
	c.Groups = slices.Clone(g.Groups)
	for i := range c.Groups {
		c.Groups[i] = edit(c.Groups[i], variables)
	}
	return &c
}

// stacked is v with a first axis of length n. Each element of it is a chunk row of its own, and all of them are the same.
func stacked(v cdm.Variable, axis string, n int64) cdm.Variable {
	v.Shape = slices.Concat([]int64{n}, v.Shape)
	v.Chunks = slices.Concat([]int64{1}, v.Chunks)
	v.Dimensions = slices.Concat([]string{axis[strings.LastIndexByte(axis, '/')+1:]}, v.Dimensions)
	v.Contiguous = v.Contiguous && n == 1 && len(v.Shape) > 1
	return v
}

// counter is the coordinate of a new dimension that no file has one for.
func counter(path string, number int64) (cdm.Variable, []byte) {
	return cdm.Variable{Name: path, Path: path, Type: cdm.DType{Kind: cdm.Int, Size: 8}, Shape: []int64{1}, Dimensions: []string{path}, Chunks: []int64{1},
			Attributes: []cdm.Attribute{{Name: "long_name", Value: "number of the source file"}}},
		binary.LittleEndian.AppendUint64(nil, uint64(number))
}
