package stores

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cedadev/kerchunk-builder/stores/refjson"
	"github.com/cedadev/kerchunk-builder/stores/refparquet"
)

// Links counts the references by url that a rewriting saw.
type Links struct {
	Rewritten, Unchanged int64
}

// RewritePrefix copies the store at src to dst with the prefix from of its urls replaced by to; in place
// when dst is src. The copy is made beside dst and published at the end: for a JSON file by one
// rename; for a folder in place by two (the old one steps aside as dst.old, and back if the second fails).
//
// It is reversible: RewritePrefix from to back to from gives the first store's references again. Where that
// couldn't be, because a url that doesn't begin with from begins with to already, it is refused and nothing
// is changed. That none begins with from is an error too.
func RewritePrefix(ctx context.Context, src, dst, from, to string) (Links, error) {
	var n Links
	if from == "" || to == "" || from == to {
		return n, fmt.Errorf("rewrite links: from %q to %q: give two different prefixes", from, to)
	}
	src, dst = filepath.Clean(src), filepath.Clean(dst)
	folder, err := isFolder(src)
	if err != nil {
		return n, fmt.Errorf("rewrite links: %w", err)
	}
	if dst != src {
		if _, err := os.Lstat(dst); !errors.Is(err, fs.ErrNotExist) {
			return n, fmt.Errorf("rewrite links: %s is there already", dst)
		}
	}
	rewrite := func(url string) (string, error) {
		if rest, ok := strings.CutPrefix(url, from); ok {
			n.Rewritten++
			return to + rest, nil
		}
		if strings.HasPrefix(url, to) {
			return "", fmt.Errorf("%s begins with %s already, so that the rewriting could not be undone", url, to)
		}
		n.Unchanged++
		return url, nil
	}
	if folder {
		err = rewriteFolder(ctx, src, dst, rewrite, &n, from)
	} else {
		err = rewriteFile(ctx, src, dst, rewrite, &n, from)
	}
	if err != nil {
		return Links{}, fmt.Errorf("rewrite links: %s: %w", src, err)
	}
	return n, nil
}

func none(n *Links, from string) error {
	if n.Rewritten == 0 {
		return fmt.Errorf("none of its %d links begins with %s", n.Unchanged, from)
	}
	return nil
}

func rewriteFile(ctx context.Context, src, dst string, rewrite func(string) (string, error), n *Links, from string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(dst), "."+filepath.Base(dst)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name()) // fails when it has its name
	err = refjson.RewriteURLs(ctx, in, out, rewrite)
	if err == nil {
		err = none(n, from)
	}
	if err == nil {
		err = out.Chmod(info.Mode().Perm())
	}
	if err == nil {
		err = out.Sync()
	}
	if e := out.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(out.Name(), dst)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(dst))
	}
	return err
}

func rewriteFolder(ctx context.Context, src, dst string, rewrite func(string) (string, error), n *Links, from string) error {
	info, err := os.Stat(src)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dst), "."+filepath.Base(dst)+".*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	err = refparquet.RewriteURLs(ctx, src, temp, rewrite)
	if err == nil {
		err = none(n, from)
	}
	if err == nil {
		err = os.Chmod(temp, info.Mode().Perm())
	}
	if err == nil {
		err = syncFolders(temp)
	}
	if err == nil {
		err = publish(temp, src, dst)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(dst))
	}
	return err
}

// publish gives the folder temp the name dst, which is free unless dst is src.
func publish(temp, src, dst string) error {
	if dst != src {
		return os.Rename(temp, dst)
	}
	old := src + ".old"
	if err := os.Rename(src, old); err != nil {
		return err
	}
	if err := os.Rename(temp, dst); err != nil {
		return errors.Join(err, os.Rename(old, src))
	}
	return os.RemoveAll(old)
}

func syncFolders(top string) error {
	return filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncFolder(name)
	})
}

func syncFolder(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
