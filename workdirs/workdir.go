// Package workdirs is the only package that knows a path inside a workdir: the layout, the
// records, and how they are written so that a reader on another node never sees half a file.
//
// A workdir may lie on NFS or Lustre and be used from many nodes at once. So there is no flock, no
// database and no mmap here: a file has one writer, is written beside its name, synced and renamed;
// history is appended a line a write.
package workdirs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Workdir is an opened workdir.
type Workdir struct{ root string }

// Open opens the workdir at root, which must exist.
func Open(root string) (*Workdir, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("workdir %s does not exist: create a group in it first with `kerb init`", abs)
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("workdir %s is not a directory", abs)
	}
	return &Workdir{root: abs}, nil
}

// Create opens the workdir at root and makes it when it does not exist.
func Create(root string) (*Workdir, error) {
	if err := os.MkdirAll(root, 0o777); err != nil {
		return nil, fmt.Errorf("workdir: %w", err)
	}
	return Open(root)
}

// Root is the workdir's absolute path.
func (w *Workdir) Root() string { return w.root }

var codePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// CheckName reports why s can be neither a project code nor a group's name; nil when it can.
func CheckName(s string) error {
	switch {
	case s == "":
		return errors.New("empty name")
	case len(s) > 200:
		return fmt.Errorf("%.20s...: longer than 200 characters", s)
	case !codePattern.MatchString(s):
		return fmt.Errorf("%q: only letters, digits, '.', '_' and '-' may be used, and the first must be a letter or a digit", s)
	case strings.Trim(s, "0123456789") == "":
		return fmt.Errorf("%q: all digits", s)
	case strings.Contains(s, ".."):
		return fmt.Errorf("%q: holds '..'", s)
	}
	return nil
}

// WriteFile writes the file at path atomically: readers see the old content or the new, also after
// a crash. Folders on the way are made.
func WriteFile(path string, write func(w io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, TempPattern(path))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 64<<10)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// WriteJSON writes v at path atomically, indented, with a line end.
func WriteJSON(path string, v any) error {
	return WriteFile(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	})
}

// ReadJSON reads the JSON file at path into v. A missing file is fs.ErrNotExist.
func ReadJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// AppendLine appends one JSON line to the history at path in a single write, and syncs it.
func AppendLine(path string, v any) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(b, '\n')); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// ReadLines calls fn for every whole line of the history at path. A last line without its line end
// is a write that was cut short, and is left out; a missing file has no lines.
func ReadLines(path string, fn func(line []byte) error) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	for {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := fn(line); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
}

// PublishDir renames the folder tmp to final, which must not exist, and makes the rename durable.
func PublishDir(tmp, final string) error {
	if _, err := os.Lstat(final); err == nil {
		return fmt.Errorf("%s: %w", final, fs.ErrExist)
	}
	if err := os.MkdirAll(filepath.Dir(final), 0o777); err != nil {
		return err
	}
	if err := SyncDir(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, final); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(final))
}

// Link makes the symbolic link at path point to target, atomically replacing what it pointed to.
func Link(target, path string) error {
	tmp := path + ".tmp"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes the entries of a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

// CatalogDir is where the catalogue of all groups lies.
func (w *Workdir) CatalogDir() string { return filepath.Join(w.root, "catalog") }
