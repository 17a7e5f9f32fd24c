package workdirs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Claim is the right to change a store in place, or to add versions to a dataset, which one process at a time has. It is a folder
// beside the store. What is published is made in it: a process that has been away for so long that another took its claim over
// has lost the folder, and with it what it was about to publish, so that nothing of the other's is overwritten.
//
// All stores of a dataset of a workdir have one claim in common.
type Claim struct{ dir string }

// claimTTL is when a claim of another machine, of whose processes nothing is known, is taken for left behind. The time is that of
// the file server.
const claimTTL = time.Hour

// holderFile, in the folder, says whose it is. A folder with something in it can't be replaced by a rename.
const holderFile = "holder.json"

// ClaimStore claims the store at path, which need not exist. Where another process has claimed it, it returns a *ClaimedError.
func ClaimStore(path string) (*Claim, error) {
	dir := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".changing")
	if d, ok := DatasetOf(path); ok {
		dir = d.Path(StoresDir, ".changing")
	}
	return claim(dir, path, func() error { return Restore(path) })
}

// Claim claims the dataset's stores.
func (d *Dataset) Claim() (*Claim, error) {
	if err := os.MkdirAll(d.Path(StoresDir), 0o777); err != nil {
		return nil, err
	}
	return claim(d.Path(StoresDir, ".changing"), "dataset "+d.Code, func() error {
		aside, err := d.aside()
		for _, store := range aside {
			err = errors.Join(err, Restore(store))
		}
		return err
	})
}

// claim makes the folder dir, and then puts in order what the one who had it before has left.
func claim(dir, what string, settle func() error) (*Claim, error) {
	tmp, err := os.MkdirTemp(filepath.Dir(dir), TempPattern(dir))
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp) // it has moved when the claim is ours
	host, _ := os.Hostname()
	if err := WriteJSON(filepath.Join(tmp, holderFile), LeaseHolder{Host: host, PID: os.Getpid(), Since: time.Now().UTC()}); err != nil {
		return nil, err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return nil, err
	}
	now, err := os.Stat(tmp)
	if err != nil {
		return nil, err
	}
	var h LeaseHolder
	for range 10 { // others may come and go in between
		if err := os.Rename(tmp, dir); err == nil {
			c := &Claim{dir}
			if err := errors.Join(RemoveLeftovers(filepath.Dir(dir), filepath.Base(dir)), settle()); err != nil {
				return nil, errors.Join(err, c.Release())
			}
			return c, nil
		} else if !errors.Is(err, fs.ErrExist) { // which ENOTEMPTY is too
			return nil, err
		}
		held, err := os.Stat(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		h = LeaseHolder{}
		if err := ReadJSON(filepath.Join(dir, holderFile), &h); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		dead := h.Host == host && !processExists(h.PID)
		if !dead && now.ModTime().Sub(held.ModTime()) < claimTTL {
			break
		}
		if err := discard(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, &ClaimedError{what, dir, h}
}

// Path is a path in the claim's folder, for what is to be published.
func (c *Claim) Path(name string) string { return filepath.Join(c.dir, name) }

// Release gives the claim back, and removes what is left in its folder.
func (c *Claim) Release() error {
	var h LeaseHolder
	if err := ReadJSON(c.Path(holderFile), &h); err != nil {
		return nil //nolint:nilerr // taken over, or gone: it is not ours any more
	}
	if host, _ := os.Hostname(); h.Host != host || h.PID != os.Getpid() {
		return nil
	}
	return discard(c.dir)
}

// discard removes a claim's folder: it goes in one step, and what is in it afterwards.
func discard(dir string) error {
	away, err := os.MkdirTemp(filepath.Dir(dir), TempPattern(dir))
	if err != nil {
		return err
	}
	defer os.RemoveAll(away)
	return os.Rename(dir, filepath.Join(away, "gone"))
}

// ClaimedError says that another process is changing a store.
type ClaimedError struct {
	What   string // the store or the dataset
	Dir    string // the claim's folder
	Holder LeaseHolder
}

func (e *ClaimedError) Error() string {
	return fmt.Sprintf("%s is being changed by process %d on %s since %s: try again when it has ended, or remove %s if you know that it is dead",
		e.What, e.Holder.PID, e.Holder.Host, e.Holder.Since.Format(time.RFC3339), e.Dir)
}
