package workdirs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ReplaceDir puts the folder tmp in the place of the folder final, of which nothing is left then. Where the file system can,
// the two change places in one step, so that whoever opens final finds the one or the other. Elsewhere (NFS) final steps aside for a moment;
// should the process die in it, [Restore] brings it back.
func ReplaceDir(tmp, final string) error {
	if err := SyncDir(tmp); err != nil {
		return err
	}
	err := unix.Renameat2(unix.AT_FDCWD, tmp, unix.AT_FDCWD, final, unix.RENAME_EXCHANGE)
	if err == nil {
		if err := SyncDir(filepath.Dir(final)); err != nil {
			return err
		}
		return os.RemoveAll(tmp)
	}
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.ENOTSUP) {
		return &fs.PathError{Op: "exchange", Path: final, Err: err}
	}
	old := aside(final)
	if err := os.Rename(final, old); err != nil {
		return err
	}
	if err := os.Rename(tmp, final); err != nil {
		return errors.Join(err, os.Rename(old, final))
	}
	if err := SyncDir(filepath.Dir(final)); err != nil {
		return err
	}
	return os.RemoveAll(old)
}

// Restore ends a ReplaceDir of final that died halfway: the old folder comes back when there is no new one, and goes when there is.
func Restore(final string) error {
	old := aside(final)
	if _, err := os.Lstat(old); err != nil {
		return nil
	}
	if _, err := os.Lstat(final); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(old, final)
	}
	return os.RemoveAll(old)
}

// aside is where a folder waits while it is replaced.
func aside(final string) string {
	return filepath.Join(filepath.Dir(final), "."+filepath.Base(final)+asideMark)
}

const asideMark = ".replaced"

// aside lists the stores of the dataset that a ReplaceDir which died has left aside.
func (d *Dataset) aside() ([]string, error) {
	found, err := filepath.Glob(d.Path(StoresDir, ".*"+asideMark))
	for i, path := range found {
		found[i] = filepath.Join(filepath.Dir(path), strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "."), asideMark))
	}
	return found, err
}

// Resolve answers where a store really is that may be called by a link's name. One that has stepped aside when its ReplaceDir died
// comes back.
func Resolve(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return real, err
	}
	target := filepath.Clean(path)
	if link, err := os.Readlink(target); err == nil {
		if target = link; !filepath.IsAbs(link) {
			target = filepath.Join(filepath.Dir(filepath.Clean(path)), link)
		}
	}
	if err := Restore(target); err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// DatasetOf is the dataset of a workdir that the published store at path belongs to; false when it lies in none.
func DatasetOf(path string) (*Dataset, bool) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, false
	}
	dir := filepath.Dir(filepath.Dir(abs))
	if filepath.Base(filepath.Dir(abs)) != StoresDir || filepath.Base(filepath.Dir(dir)) != "datasets" {
		return nil, false
	}
	d := &Dataset{Code: filepath.Base(dir), dir: dir}
	return d, d.Exists()
}
