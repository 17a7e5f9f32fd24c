package initialise

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

// statters bounds how many files are asked for their size at once.
const statters = 16

// Find finds the files that a recorded pattern stands for today.
func Find(ctx context.Context, pattern string) ([]workdirs.Source, error) {
	if !filepath.IsAbs(pattern) && !isURL(pattern) {
		return nil, fmt.Errorf("the pattern %s is relative, and to what is not known any more", pattern)
	}
	return expand(ctx, pattern, "/")
}

// expand finds the files that a pattern, or a list of paths, stands for, in natural order, with their sizes and times.
func expand(ctx context.Context, pattern, base string) ([]workdirs.Source, error) {
	var paths []string
	var err error
	switch ext := filepath.Ext(pattern); {
	case isURL(pattern) && strings.ContainsAny(pattern, "*["):
		return nil, errors.New("a server's files can't be searched by a pattern: give a list of their URLs, one a line, in a .txt file")
	case isURL(pattern):
		return []workdirs.Source{{URL: pattern}}, nil
	case (ext == ".txt" || ext == ".csv") && !strings.ContainsAny(pattern, "*?["):
		paths, err = readList(absolute(pattern, base))
	default:
		paths, err = glob(absolute(pattern, base))
	}
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no file matches %s", pattern)
	}
	sources := make([]workdirs.Source, len(paths))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(statters)
	for i, p := range paths {
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if isURL(p) {
				sources[i] = workdirs.Source{URL: p}
				return nil
			}
			info, err := os.Stat(p)
			if err != nil {
				return err
			}
			if !info.Mode().IsRegular() {
				return fmt.Errorf("%s is not a regular file", p)
			}
			sources[i] = workdirs.Source{URL: p, Size: info.Size(), MTime: info.ModTime().UTC()}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return sources, nil
}

func isURL(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}

func absolute(p, base string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(base, p)
}

// readList reads a list of files, one a line (of a .csv the first column), in its own order.
func readList(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var paths []string
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		p := sc.Text()
		if filepath.Ext(name) == ".csv" {
			p, _, _ = strings.Cut(p, ",")
		}
		p = strings.Trim(strings.TrimSpace(p), `"`)
		if p == "" || p[0] == '#' {
			continue
		}
		if !isURL(p) {
			p = absolute(p, filepath.Dir(name))
			if p, err = resolveLatest(p); err != nil {
				return nil, err
			}
		}
		paths = append(paths, p)
	}
	return paths, sc.Err()
}

// glob expands a pattern in which ** stands for any number of folders. What it answers is in natural order.
func glob(pattern string) ([]string, error) {
	pattern, err := resolveLatest(pattern)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(pattern, "/")
	dirs := []string{"/"}
	for i, part := range parts[1:] {
		last := i == len(parts)-2
		var next []string
		for _, dir := range dirs {
			switch {
			case part == "**":
				below, err := folders(dir)
				if err != nil {
					return nil, err
				}
				if last {
					for _, d := range below {
						found, err := match(d, "*", true)
						if err != nil {
							return nil, err
						}
						next = append(next, found...)
					}
				} else {
					next = append(next, below...)
				}
			case !strings.ContainsAny(part, "*?["):
				p := filepath.Join(dir, part)
				if _, err := os.Stat(p); err == nil {
					next = append(next, p)
				} else if !errors.Is(err, fs.ErrNotExist) {
					return nil, err
				}
			default:
				found, err := match(dir, part, last)
				if err != nil {
					return nil, err
				}
				next = append(next, found...)
			}
		}
		dirs = next
	}
	slices.SortFunc(dirs, naturally)
	return slices.Compact(dirs), nil
}

// match lists the entries of dir whose names match; files only for the last part of a pattern, folders otherwise.
func match(dir, pattern string, files bool) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(pattern, ".") {
			continue
		}
		ok, err := filepath.Match(pattern, e.Name())
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		if !ok {
			continue
		}
		p := filepath.Join(dir, e.Name())
		isDir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(p)
			if err != nil {
				return nil, err
			}
			isDir = info.IsDir()
		}
		if isDir != files {
			out = append(out, p)
		}
	}
	return out, nil
}

// folders lists dir and all folders below it. Links to folders are not followed, so there is no loop.
func folders(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			out = append(out, p)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return out, err
}

// resolveLatest replaces links named "latest" by the version that they point to, as archives keep them: the references must
// not change their meaning when the next version comes.
func resolveLatest(p string) (string, error) {
	const name = "/latest"
	for from := 0; ; {
		i := strings.Index(p[from:], name)
		if i < 0 {
			return p, nil
		}
		end := from + i + len(name)
		from = end
		if end < len(p) && p[end] != '/' {
			continue
		}
		dest, err := os.Readlink(p[:end])
		if err != nil {
			continue // no link: a folder of that name, or nothing
		}
		if !filepath.IsAbs(dest) {
			dest = filepath.Join(filepath.Dir(p[:end]), dest)
		}
		if len(dest) > 4096 || dest == p[:end] {
			return "", fmt.Errorf("%s is a link to itself", p[:end])
		}
		p, from = dest+p[end:], len(dest)
	}
}

// naturally compares names as people order them: runs of digits by their value, so that day9 comes before day10.
func naturally(a, b string) int {
	for i, j := 0, 0; ; {
		if i == len(a) || j == len(b) {
			return cmp.Or(cmp.Compare(len(a)-i, len(b)-j), cmp.Compare(a, b))
		}
		if digit(a[i]) && digit(b[j]) {
			x, y := run(a[i:]), run(b[j:])
			i, j = i+len(x), j+len(y)
			x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
				return c
			}
			continue
		}
		if c := cmp.Compare(a[i], b[j]); c != 0 {
			return c
		}
		i, j = i+1, j+1
	}
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func run(s string) string {
	n := 0
	for n < len(s) && digit(s[n]) {
		n++
	}
	return s[:n]
}
