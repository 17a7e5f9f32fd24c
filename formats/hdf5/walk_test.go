package hdf5

import (
	"context"
	"errors"
	"fmt"
)

// walker looks at everything that a file has to show: groups, links, datasets, attributes with
// what they point at and, when chunks is set, all chunk indexes. It goes on after errors.
type walker struct {
	f       *File
	chunks  bool
	limit   int // objects; 0: no limit
	objects int
	seen    map[int64]bool
	errs    []error
}

func (w *walker) walk() error {
	w.seen = make(map[int64]bool)
	root, err := w.f.Root()
	if err != nil {
		return err
	}
	w.object("", root.Object)
	return errors.Join(w.errs...)
}

func (w *walker) fail(path string, err error) {
	if err != nil {
		w.errs = append(w.errs, fmt.Errorf("%s: %w", path, err))
	}
}

func (w *walker) object(path string, o *Object) {
	if w.seen[o.Address()] || w.limit > 0 && w.objects >= w.limit {
		return
	}
	w.seen[o.Address()] = true
	w.objects++
	attributes, err := o.Attributes()
	w.fail(path, err)
	for _, a := range attributes {
		w.values(path+"@"+a.Name, a)
	}
	switch o.Kind() {
	case GroupKind:
		g, err := o.Group()
		if err != nil {
			w.fail(path, err)
			return
		}
		links, err := g.Links()
		w.fail(path, err)
		for _, l := range links {
			switch l.Kind {
			case HardLink:
				child, err := w.f.Object(l.Address)
				if err != nil {
					w.fail(path+"/"+l.Name, err)
					continue
				}
				w.object(path+"/"+l.Name, child)
			case SoftLink:
				_, _ = g.Open(l.Name) // dangling ones are no fault
			}
		}
	case DatasetKind:
		d, err := o.Dataset()
		if err != nil {
			w.fail(path, err)
			return
		}
		switch {
		case d.Layout.Class == Virtual:
			_, err = d.Mappings()
			w.fail(path, err)
		case d.Layout.Class == Chunked && w.chunks:
			for _, err := range d.Chunks(context.Background(), nil) {
				w.fail(path, err)
			}
		}
	case DatatypeKind:
		_, err := o.Datatype()
		w.fail(path, err)
	default:
		w.fail(path, o.errorf("is neither group nor dataset nor datatype"))
	}
}

// values follows what an attribute's elements point at.
func (w *walker) values(path string, a Attribute) {
	for i := 0; i+a.Type.Size <= len(a.Data); i += a.Type.Size {
		elem := a.Data[i : i+a.Type.Size]
		switch {
		case a.Type.Class == VarLen:
			_, _, err := w.f.VarLen(elem, a.Type)
			w.fail(path, err)
		case a.Type.Class == Reference && a.Type.Reference == ObjectReference:
			_, err := w.f.Reference(elem)
			w.fail(path, err)
		default:
			return
		}
	}
}
