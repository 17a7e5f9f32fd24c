package workdirs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const profileExt = ".json"

// ProfilePath is the file of the configuration profile with a name. It need not exist.
func (w *Workdir) ProfilePath(name string) (string, error) {
	if err := CheckName(name); err != nil {
		return "", fmt.Errorf("profile %w", err)
	}
	return filepath.Join(w.root, "profiles", name+profileExt), nil
}

// Profiles lists the names of the configuration profiles, sorted.
func (w *Workdir) Profiles() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(w.root, "profiles"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), profileExt)
		if ok && CheckName(name) == nil {
			names = append(names, name)
		}
	}
	return names, nil
}

// Workdir is the workdir that the dataset lies in.
func (d *Dataset) Workdir() *Workdir { return &Workdir{root: filepath.Dir(filepath.Dir(d.dir))} }
