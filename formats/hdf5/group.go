package hdf5

import (
	"fmt"
	"io/fs"
	"strings"
)

const maxSoftLinks = 16 // on one path, as for libhdf5

// Group is a group. Its Object's methods are its own.
type Group struct{ *Object }

// Links gives all links, in creation order where the file tracks it, otherwise by name (byte
// order). Read once; don't change them.
func (g *Group) Links() ([]Link, error) {
	t, err := g.links.get(g.readLinks)
	if err != nil {
		return nil, err
	}
	return t.links, nil
}

// Link gives the link of that name; ok is false when there is none.
func (g *Group) Link(name string) (l Link, ok bool, err error) {
	t, err := g.links.get(g.readLinks)
	if err != nil {
		return Link{}, false, err
	}
	i, ok := t.byName[name]
	if !ok {
		return Link{}, false, nil
	}
	return t.links[i], true, nil
}

// Open opens the object at a path below the group ("/..." from the root), through hard and soft
// links. An external link on the way is an [*ExternalLinkError]; a missing name [fs.ErrNotExist].
func (g *Group) Open(path string) (*Object, error) {
	hops := 0
	return g.open(path, &hops)
}

func (g *Group) open(path string, hops *int) (*Object, error) {
	at := g.Object
	if strings.HasPrefix(path, "/") {
		root, err := g.f.Root()
		if err != nil {
			return nil, err
		}
		at = root.Object
	}
	parts := strings.Split(path, "/")
	for i, name := range parts {
		if name == "" || name == "." {
			continue
		}
		group, err := at.Group()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		l, ok, err := group.Link(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if !ok {
			return nil, fmt.Errorf("%s: %q: %w", path, name, fs.ErrNotExist)
		}
		switch l.Kind {
		case HardLink:
			at, err = g.f.Object(l.Address)
		case SoftLink:
			if *hops++; *hops > maxSoftLinks {
				return nil, fmt.Errorf("%s: more than %d soft links: %w", path, maxSoftLinks, fs.ErrNotExist)
			}
			at, err = group.open(l.Target, hops)
		case ExternalLink:
			rest := strings.Join(parts[i+1:], "/")
			return nil, &ExternalLinkError{File: l.File, Path: joinPath(l.Target, rest)}
		default:
			return nil, fmt.Errorf("%s: %q is a user-defined link: %w", path, name, fs.ErrNotExist)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return at, nil
}

// ExternalLinkError says that a path leads into another file.
type ExternalLinkError struct {
	File string // the other file's name as stored
	Path string // the path in it
}

func (e *ExternalLinkError) Error() string {
	return fmt.Sprintf("is in another file: %s: %s", e.File, e.Path)
}

func joinPath(a, b string) string {
	if b == "" {
		return a
	}
	return strings.TrimRight(a, "/") + "/" + b
}
