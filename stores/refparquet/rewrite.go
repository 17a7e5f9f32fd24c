package refparquet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// CopyArray gives the store in folder dst, which is being made, the records that the store in folder src has of an array, under
// another name when to is not from, and with each url as rewrite makes it; nil leaves them. A record that stays as it is becomes
// another name of the same file where the file system can. rewrite is called once for each url of a record. Memory is that of one record.
func CopyArray(ctx context.Context, src, from, dst, to string, rewrite func(url string) (string, error)) error {
	e, err := newEncoder()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(src, filepath.FromSlash(from)))
	if errors.Is(err, fs.ErrNotExist) { // no chunk has a reference
		return nil
	}
	if err != nil {
		return fmt.Errorf("variable %s: %w", from, err)
	}
	folder := filepath.Join(dst, filepath.FromSlash(to))
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return fmt.Errorf("variable %s: %w", to, err)
	}
	var r rows
	var buf bytes.Buffer
	for _, entry := range entries {
		n, ok := recordNumber(entry.Name())
		if !ok {
			continue
		}
		err := ctx.Err()
		if err == nil {
			err = copyRecord(filepath.Join(src, recordPath(from, n)), filepath.Join(dst, recordPath(to, n)), rewrite, e, &r, &buf)
		}
		if err != nil {
			return fmt.Errorf("variable %s, record %d: %w", from, n, err)
		}
	}
	return syncFile(folder)
}

func copyRecord(from, to string, rewrite func(url string) (string, error), e *encoder, r *rows, buf *bytes.Buffer) error {
	if rewrite == nil {
		return linkFile(from, to)
	}
	if err := readRecord(from, -1, r); err != nil {
		return err
	}
	changed := false
	for i, url := range r.urls {
		home, err := rewrite(url)
		if err != nil {
			return err
		}
		changed = changed || home != url
		r.urls[i] = home
	}
	if !changed {
		return linkFile(from, to)
	}
	if _, err := writeRecord(to, e, buf, r, os.O_EXCL); err != nil {
		return err
	}
	return syncFile(to)
}

// linkFile gives a finished file a second name. Where the file system has none for it, it is copied.
func linkFile(from, to string) error {
	if err := os.Link(from, to); err == nil || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return copyFile(to, from)
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	if e := out.Close(); err == nil {
		err = e
	}
	return err
}
