package initialise

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// An archive's link "latest" is resolved in patterns and in lists, so that references keep their meaning.
func TestLatest(t *testing.T) {
	root := t.TempDir()
	for _, v := range []string{"v20190731", "v20200101"} {
		for _, day := range []string{"day10.nc", "day9.nc"} {
			touch(t, filepath.Join(root, "tas", v, day))
		}
	}
	if err := os.Symlink("v20190731", filepath.Join(root, "tas", "latest")); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(root, "files.txt")
	if err := os.WriteFile(list, []byte("tas/latest/day10.nc\n\n# the first comes last\n"+root+"/tas/latest/day9.nc\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	day := func(n int) string { return filepath.Join(root, "tas", "v20190731", fmt.Sprintf("day%d.nc", n)) }
	for pattern, want := range map[string][]string{
		"tas/latest/*.nc":    {day(9), day(10)},
		"tas/v2019*/**/*.nc": {day(9), day(10)},
		"files.txt":          {day(10), day(9)},
	} {
		got, err := expand(t.Context(), pattern, root)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		var urls []string
		for _, s := range got {
			urls = append(urls, s.URL)
		}
		if !slices.Equal(urls, want) {
			t.Errorf("%s: %v, want %v", pattern, urls, want)
		}
	}
	if err := os.Symlink("latest", filepath.Join(root, "latest")); err != nil {
		t.Fatal(err)
	}
	if _, err := expand(t.Context(), "latest/*.nc", root); err == nil {
		t.Error("a link to itself is accepted")
	}
	if _, err := expand(t.Context(), "https://example.org/*.nc", root); err == nil {
		t.Error("a pattern on a server is accepted")
	}
}

// A list of thousands of paths keeps its order; one that is not there is named.
func TestLongList(t *testing.T) {
	root := t.TempDir()
	var lines []string
	for i := range 9224 {
		p := filepath.Join(root, fmt.Sprint(1997+i%26), fmt.Sprintf("f%05d.nc", i))
		lines = append(lines, p)
		if i%100 == 0 { // files are made with few inodes: the others are links to them
			touch(t, p)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(p), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(lines[i-i%100], p); err != nil {
			t.Skip("no hard links here: ", err)
		}
	}
	list := filepath.Join(root, "list.txt")
	if err := os.WriteFile(list, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := Expand(context.Background(), "x.csv", []Entry{{Line: 1, Code: "c", Pattern: list}}, root)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range got[0].Sources {
		if s.URL != lines[i] {
			t.Fatalf("file %d is %s, want %s", i, s.URL, lines[i])
		}
	}
	if n := got[0].Definition.Files; n != len(lines) {
		t.Errorf("%d files", n)
	}
	if err := os.Remove(lines[5000]); err != nil {
		t.Fatal(err)
	}
	if _, err := Expand(context.Background(), "x.csv", []Entry{{Line: 3, Code: "c", Pattern: list}}, root); err == nil || !strings.Contains(err.Error(), lines[5000]) || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("%v", err)
	}
}

// naturally is an order: of any names one comes first, whichever is asked for.
func TestNaturally(t *testing.T) {
	name := rapid.StringMatching(`[ab0-9]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := name.Draw(t, "a"), name.Draw(t, "b"), name.Draw(t, "c")
		if naturally(a, b) != -naturally(b, a) || (naturally(a, b) == 0) != (a == b) {
			t.Fatalf("%q and %q: %d and %d", a, b, naturally(a, b), naturally(b, a))
		}
		if naturally(a, b) <= 0 && naturally(b, c) <= 0 && naturally(a, c) > 0 {
			t.Fatalf("%q, %q, %q are in no order", a, b, c)
		}
	})
	if naturally("day9.nc", "day10.nc") >= 0 {
		t.Error("day9 comes after day10")
	}
}
