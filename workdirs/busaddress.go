package workdirs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// BusAddress is where a process that watches a run takes live progress, and the token that it asks for.
type BusAddress struct {
	Address string    `json:"address"` // HOST:PORT
	Token   string    `json:"token"`
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
}

const busFile = "bus.json"

// WriteBusAddress says where progress is taken, to processes of this user only: the file holds a secret, and its mode is 0600 from its first byte on.
func (r *Run) WriteBusAddress(a BusAddress) (err error) {
	b, err := json.Marshal(a)
	if err != nil {
		return err
	}
	path := r.path(busFile)
	f, err := os.CreateTemp(r.dir, TempPattern(path)) // makes it 0600
	if err != nil {
		return fmt.Errorf("address of the bus: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(append(b, '\n'))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

// BusAddress reads where progress is taken; fs.ErrNotExist when nobody takes any.
func (r *Run) BusAddress() (BusAddress, error) {
	var a BusAddress
	info, err := os.Lstat(r.path(busFile))
	if err != nil {
		return a, err
	}
	if info.Mode().Perm()&0o077 != 0 || !info.Mode().IsRegular() {
		return a, fmt.Errorf("%s is not a file for its owner only: remove it", r.path(busFile))
	}
	if err := ReadJSON(r.path(busFile), &a); err != nil {
		return a, err
	}
	if a.Address == "" || a.Token == "" {
		return a, fmt.Errorf("%s holds no address or no token: remove it", r.path(busFile))
	}
	return a, nil
}

// RemoveBusAddress takes back what WriteBusAddress said, unless another process has said something else since.
func (r *Run) RemoveBusAddress(a BusAddress) error {
	now, err := r.BusAddress()
	if errors.Is(err, fs.ErrNotExist) || err == nil && now.Token != a.Token {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.Remove(r.path(busFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
