package netcdf4

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/formats/hdf5"
)

// maxObjects bounds a tree: hard links can make one group appear in many places.
const maxObjects = 1 << 18

// tree is the reading of a file's groups.
type tree struct {
	ctx     context.Context
	file    *file
	objects int
	dims    dimensions
	netcdf  bool // something only the netCDF-4 library writes was seen
}

// node is a group.
type node struct {
	group  *cdm.Group
	parent *node
	where  *container
	object *hdf5.Object
	dims   []*dimension
	arrays []*arrayNode
	nodes  []*node
}

// arrayNode is a dataset that is a variable.
type arrayNode struct {
	variable *cdm.Variable
	where    *container
	dataset  *hdf5.Dataset
	attrs    []hdf5.Attribute
	scale    *dimension   // set when it is a dimension scale
	coords   []int64      // of _Netcdf4Coordinates
	axes     []*dimension // one for each axis, once resolved
}

// read builds the whole tree of the file.
func (t *tree) read(main *container) error {
	t.dims.init()
	g, err := main.h5.Root()
	if err != nil {
		return err
	}
	root := &node{group: &cdm.Group{}, where: main, object: g.Object}
	if err := t.readGroup(root, g); err != nil {
		return err
	}
	t.dims.resolve(root)
	t.build(root)
	t.file.root = root.group
	t.file.format = "hdf5"
	if t.netcdf {
		t.file.format = "netcdf4"
	}
	return nil
}

// readGroup reads a group: its datasets first, in order, then the groups below, as the netCDF library does.
func (t *tree) readGroup(n *node, g *hdf5.Group) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	attrs, err := g.Attributes()
	if err != nil {
		// The variables are good without them.
		t.file.note(n.group.Path, "", err)
	}
	for i := range attrs {
		if name := attrs[i].Name; name == "_NCProperties" || name == "_nc3_strict" {
			t.netcdf = true
		}
	}
	n.group.Attributes = t.attributes(n.where, attrs, n.group.Path)
	links, err := g.Links()
	if err != nil {
		return fmt.Errorf("group /%s: %w", n.group.Path, err)
	}
	type child struct {
		node  *node
		group *hdf5.Group
	}
	var children []child
	for _, l := range links {
		if t.objects++; t.objects > maxObjects {
			return fmt.Errorf("more than %d objects: %w", maxObjects, cdm.ErrUnsupported)
		}
		p := join(n.group.Path, valid(l.Name))
		where, o, err := t.follow(n, g, l)
		if err != nil {
			if l.Kind != hdf5.HardLink {
				t.file.note(p, "", err)
				continue
			}
			t.refuse(n, l.Name, err)
			continue
		}
		switch o.Kind() {
		case hdf5.DatasetKind:
			t.readDataset(n, where, o, l.Name)
		case hdf5.GroupKind:
			if n.within(where, o) {
				t.file.note(p, "", errors.New("it leads back to a group that it is in"))
				continue
			}
			if err := nameable(l.Name); err != nil {
				t.refuse(n, l.Name, fmt.Errorf("a group and all that is in it: %w", err))
				continue
			}
			sub, err := o.Group()
			if err != nil {
				return fmt.Errorf("group /%s: %w", p, err)
			}
			c := &node{group: &cdm.Group{Name: valid(l.Name), Path: p}, parent: n, where: where, object: o}
			children = append(children, child{c, sub})
		}
	}
	for _, c := range children {
		if err := t.readGroup(c.node, c.group); err != nil {
			return err
		}
		n.nodes = append(n.nodes, c.node)
	}
	return nil
}

// follow opens what a link leads to.
func (t *tree) follow(n *node, g *hdf5.Group, l hdf5.Link) (*container, *hdf5.Object, error) {
	where := n.where
	var file, name string
	switch l.Kind {
	case hdf5.HardLink:
		o, err := where.h5.Object(l.Address)
		return where, o, err
	case hdf5.SoftLink:
		o, err := g.Open(l.Target)
		var external *hdf5.ExternalLinkError
		if err == nil || !errors.As(err, &external) {
			return where, o, err
		}
		file, name = external.File, external.Path
	case hdf5.ExternalLink:
		file, name = l.File, l.Target
	default:
		return nil, nil, unsupported("a user-defined link")
	}
	// An external link may lead to another one; a chain has an end.
	for range 16 {
		c, err := t.file.siblingFile(t.ctx, where, file)
		if err != nil {
			return nil, nil, err
		}
		where = c
		root, err := where.h5.Root()
		if err != nil {
			return nil, nil, err
		}
		o, err := root.Open(name)
		var external *hdf5.ExternalLinkError
		if err == nil || !errors.As(err, &external) {
			return where, o, err
		}
		file, name = external.File, external.Path
	}
	return nil, nil, errors.New("a chain of external links without an end")
}

// within says whether a group is n or one that n is in.
func (n *node) within(where *container, o *hdf5.Object) bool {
	for ; n != nil; n = n.parent {
		if n.where == where && n.object.Address() == o.Address() {
			return true
		}
	}
	return false
}

// nonCoordinate is put before the name of a variable that is named as a dimension without being its
// coordinate.
const nonCoordinate = "_nc4_non_coord_"

// notVariable begins the NAME of a scale that is a dimension alone.
const notVariable = "This is a netCDF dimension but not a netCDF variable"

func (t *tree) readDataset(n *node, where *container, o *hdf5.Object, name string) {
	attrs, err := o.Attributes()
	if err != nil {
		t.refuse(n, name, err)
		return
	}
	ds, err := o.Dataset()
	if err != nil {
		t.refuse(n, name, err)
		return
	}
	a := &arrayNode{where: where, dataset: ds, attrs: attrs}
	var isScale, noVariable bool
	id := int64(-1)
	for i := range attrs {
		at := &attrs[i]
		switch at.Name {
		case "CLASS", "NAME":
			v, err := attributeValue(where.h5, at)
			s, _ := v.(string)
			if err == nil && at.Name == "CLASS" {
				isScale = s == "DIMENSION_SCALE"
			} else if err == nil {
				noVariable = strings.HasPrefix(s, notVariable)
			}
		case "_Netcdf4Dimid":
			if v := integers(where.h5, at); len(v) == 1 && v[0] >= 0 {
				id, t.netcdf = v[0], true
			}
		case "_Netcdf4Coordinates":
			if v := integers(where.h5, at); len(v) == len(ds.Space.Dims) {
				a.coords, t.netcdf = v, true
			}
		}
	}
	if isScale && len(ds.Space.Dims) > 0 && !ds.Space.Null {
		a.scale = t.dims.scale(n, a, valid(name), id)
		if noVariable {
			t.netcdf = true
			return
		}
	}
	a.variable = n.add(name)
	n.arrays = append(n.arrays, a)
}

// join is the path of what is called name in a group. Unlike path.Join it takes every name for one.
func join(group, name string) string {
	if group == "" {
		return name
	}
	return group + "/" + name
}

// nameable refuses paths that lead Zarr's readers to another place: they take a backslash for a slash, and keep
// ".z" for themselves.
func nameable(p string) error {
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || part == "." || part == ".." || strings.HasPrefix(part, ".z") || strings.ContainsAny(part, "\\\x00") {
			return unsupported("the name %q can't be one in a Zarr store", part)
		}
	}
	return nil
}

// add makes a variable of a group.
func (n *node) add(name string) *cdm.Variable {
	name = valid(name)
	if rest, ok := strings.CutPrefix(name, nonCoordinate); ok && rest != "" && !n.has(rest) {
		name = rest
	}
	v := &cdm.Variable{Name: name, Path: join(n.group.Path, name)}
	n.group.Variables = append(n.group.Variables, v)
	return v
}

func (n *node) has(name string) bool {
	for _, v := range n.group.Variables {
		if v.Name == name {
			return true
		}
	}
	return false
}

// refuse makes a variable of which nothing else is known.
func (t *tree) refuse(n *node, name string, err error) { n.add(name).Refused = err }

// integers is the value of an attribute of integers, or nil.
func integers(h *hdf5.File, a *hdf5.Attribute) []int64 {
	if a.Type.Class != hdf5.FixedPoint {
		return nil
	}
	v, err := attributeValue(h, a)
	if err != nil {
		return nil
	}
	switch v := v.(type) {
	case int32:
		return []int64{int64(v)}
	case []int32:
		out := make([]int64, len(v))
		for i := range v {
			out[i] = int64(v[i])
		}
		return out
	case int64:
		return []int64{v}
	case []int64:
		return v
	}
	return nil
}
