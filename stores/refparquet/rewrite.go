package refparquet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// RewriteURLs copies the store in folder src to the folder dst, which exists and is empty, with each url as
// rewrite makes it. rewrite is called once for each reference. A record whose urls stay as they are is
// copied byte for byte, and so is everything that is no record. Memory is that of one record.
func RewriteURLs(ctx context.Context, src, dst string, rewrite func(url string) (string, error)) error {
	e, err := newEncoder()
	if err != nil {
		return err
	}
	var r rows
	var buf bytes.Buffer
	return filepath.WalkDir(src, func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, name)
		if err != nil {
			return err
		}
		to := filepath.Join(dst, rel)
		if d.IsDir() {
			return os.MkdirAll(to, 0o777)
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is neither a file nor a folder", name)
		}
		if _, ok := recordNumber(d.Name()); !ok {
			return copyFile(to, name)
		}
		if err := readRecord(name, -1, &r); err != nil {
			return err
		}
		changed := false
		urls := make([]string, len(r.urls))
		for _, w := range r.list {
			if w.link <= 0 {
				continue
			}
			u, err := rewrite(r.urls[w.link-1])
			if err != nil {
				return fmt.Errorf("%s, row %d: %w", name, w.n, err)
			}
			urls[w.link-1] = u
			changed = changed || u != r.urls[w.link-1]
		}
		if !changed {
			return copyFile(to, name)
		}
		copy(r.urls, urls)
		if _, err := writeRecord(to, e, &buf, &r, os.O_EXCL); err != nil {
			return err
		}
		return syncFile(to)
	})
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
