package workdirs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Group is a named list of datasets that are submitted together: groups/GROUP.
type Group struct {
	Name string
	dir  string
}

// GroupInfo is what init records of a group: group.json.
type GroupInfo struct {
	Name    string    `json:"group"`
	Created time.Time `json:"created"`
	Codes   []string  `json:"datasets"` // in the order of the list they came from
}

// The files of a group's folder.
const (
	groupFile    = "group.json"
	DatasetsFile = "datasets.csv"
	runsDir      = "runs"
	leaseDir     = "lease"
)

// Group returns the group with a name. It need not exist.
func (w *Workdir) Group(name string) (*Group, error) {
	if err := CheckName(name); err != nil {
		return nil, fmt.Errorf("group %w", err)
	}
	return &Group{Name: name, dir: filepath.Join(w.root, "groups", name)}, nil
}

// Groups lists the groups of the workdir by name.
func (w *Workdir) Groups() ([]*Group, error) {
	entries, err := os.ReadDir(filepath.Join(w.root, "groups"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []*Group
	for _, e := range entries {
		g, err := w.Group(e.Name())
		if err == nil && g.Exists() {
			list = append(list, g)
		}
	}
	return list, nil
}

// Dir is the group's folder.
func (g *Group) Dir() string { return g.dir }

// Exists reports whether init has recorded the group.
func (g *Group) Exists() bool {
	_, err := os.Stat(filepath.Join(g.dir, groupFile))
	return err == nil
}

// Define records the group, with the list of datasets as the user gave it. The description is written
// last: a group exists only when all of it is there.
func (g *Group) Define(info GroupInfo, csv []byte) error {
	info.Name = g.Name
	err := WriteFile(filepath.Join(g.dir, DatasetsFile), func(w io.Writer) error {
		_, err := w.Write(csv)
		return err
	})
	if err != nil {
		return fmt.Errorf("group %s: %w", g.Name, err)
	}
	return WriteJSON(filepath.Join(g.dir, groupFile), info)
}

// Info reads what init recorded.
func (g *Group) Info() (GroupInfo, error) {
	var info GroupInfo
	err := ReadJSON(filepath.Join(g.dir, groupFile), &info)
	if errors.Is(err, fs.ErrNotExist) {
		return info, fmt.Errorf("group %s is not in this workdir: create it with `kerb init %s`", g.Name, g.Name)
	}
	return info, err
}

// Runs lists the group's runs, oldest first.
func (g *Group) Runs() ([]*Run, error) {
	entries, err := os.ReadDir(filepath.Join(g.dir, runsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []*Run
	for _, e := range entries {
		r := g.Run(e.Name())
		if _, err := os.Stat(r.path(runFile)); err == nil {
			list = append(list, r)
		}
	}
	// Run identifiers begin with their time (UUID version 7), and so sort by age.
	slices.SortFunc(list, func(a, b *Run) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return list, nil
}

// LatestRun is the group's newest run, or an error that says how to start one.
func (g *Group) LatestRun() (*Run, error) {
	runs, err := g.Runs()
	if err != nil {
		return nil, err
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("group %s has no run yet: start one with `kerb submit %s`", g.Name, g.Name)
	}
	return runs[len(runs)-1], nil
}

// FindRun looks a run up by its identifier in all groups.
func (w *Workdir) FindRun(id string) (*Run, error) {
	groups, err := w.Groups()
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		r := g.Run(id)
		if filepath.Base(r.dir) != id {
			break // not a plain name
		}
		if _, err := os.Stat(r.path(runFile)); err == nil {
			return r, nil
		}
	}
	return nil, fmt.Errorf("run %s is not in this workdir: `kerb status` lists the runs", id)
}

// GroupsOf lists the groups that a dataset belongs to.
func (w *Workdir) GroupsOf(code string) ([]string, error) {
	groups, err := w.Groups()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, g := range groups {
		info, err := g.Info()
		if err != nil {
			return nil, err
		}
		if slices.Contains(info.Codes, code) {
			names = append(names, g.Name)
		}
	}
	return names, nil
}
