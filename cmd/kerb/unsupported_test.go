package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cedadev/kerchunk-builder/stores"
)

// kerb runs the program and answers its exit code and what it printed.
func kerb(args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), append([]string{"kerb"}, args...), environment{stdout: &stdout, stderr: &stderr})
	return code, stdout.String(), stderr.String()
}

// What references can't stand for is refused, left out and listed, or stored by value, as the user says.
func TestOnUnsupported(t *testing.T) {
	fixtures := filepath.Join("..", "..", "formats", "netcdf4", "testdata")
	filters, more := filepath.Join(fixtures, "filters.h5"), filepath.Join(fixtures, "more.h5")
	for _, c := range []struct {
		name string
		args []string
		code int
		says string   // on standard error
		has  []string // arrays of the store
		not  []string
		list string // in the store's list of what it lacks
	}{
		{"fail", []string{filters}, 4, "unknown: filter 40000", nil, nil, ""},
		{"skip", []string{filters, "--on-unsupported", "skip"}, 0, "left out unknown: filter 40000", []string{"lzf", "gzip9"}, []string{"unknown"}, "unknown: filter 40000"},
		{"limit", []string{filters, "--on-unsupported", "skip", "--inline-limit", "1000"}, 0, "left out lzf: ", []string{"gzip9"}, []string{"lzf", "unknown"}, "lzf: "},
		{"what can't be decoded can't be inlined", []string{filters, "--on-unsupported", "inline"}, 4, "unknown: filter 40000", nil, nil, ""},
		{"large, fail", []string{more, "--variable", "lzf_large"}, 4, "lzf_large: lzf", nil, nil, ""},
		{"large, inline", []string{more, "--variable", "lzf_large", "--on-unsupported", "inline"}, 0, "", []string{"lzf_large"}, nil, ""},
		{"no such word", []string{filters, "--on-unsupported", "ignore"}, 2, "fail, skip or inline", nil, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, form := range []string{"out.json", "out.parq"} {
				out := filepath.Join(t.TempDir(), form)
				code, _, errs := kerb(append([]string{"refs", "-o", out}, c.args...)...)
				if code != c.code || !strings.Contains(errs, c.says) {
					t.Fatalf("exit code %d, %q; want %d and %q", code, errs, c.code, c.says)
				}
				if code != 0 {
					if _, err := os.Lstat(out); err == nil {
						t.Errorf("%s is there", form)
					}
					continue
				}
				s, err := stores.Open(out)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				ds := s.Dataset()
				for _, path := range c.has {
					if ds.Array(path) < 0 {
						t.Errorf("%s lacks %s", form, path)
					}
				}
				for _, path := range c.not {
					if ds.Array(path) >= 0 {
						t.Errorf("%s has %s", form, path)
					}
				}
				listed := ""
				for _, a := range ds.Groups[0].Attributes {
					if list, ok := a.Value.([]string); ok && a.Name == "kerchunk_builder_skipped" {
						listed = strings.Join(list, "\n")
					}
				}
				if !strings.Contains(listed, c.list) || (c.list == "") != (listed == "") {
					t.Errorf("%s lists %q as skipped, want %q", form, listed, c.list)
				}
			}
		})
	}
}

// The same words in override.yaml, for a dataset that goes through the phases; what no attribute can show is noted in the plan.
func TestUnsupportedInOverride(t *testing.T) {
	fixtures, err := filepath.Abs(filepath.Join("..", "..", "formats", "netcdf4", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	if code, _, errs := kerb("init", "g", "-w", work, "-p", "large="+filepath.Join(fixtures, "more.h5"), "-p", "odd="+filepath.Join(fixtures, "odd_attrs.h5")); code != 0 {
		t.Fatal(code, errs)
	}
	override := filepath.Join(work, "datasets", "large", "override.yaml")
	for _, c := range []struct {
		text string
		code int
	}{
		{"variables: [lzf_large]\n", 4},
		{"variables: [lzf_large]\nunsupported: inline\n", 0},
		{"variables: [lzf_large]\nunsupported: inline\ninline_limit: 1000\n", 4},
		{"unsupported: drop\n", 4},
	} {
		if err := os.WriteFile(override, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		if code, _, errs := kerb("run", "configure,compute", "large", "-w", work); code != c.code {
			t.Errorf("%q: exit code %d, want %d: %s", c.text, code, c.code, errs)
		}
	}
	code, out, errs := kerb("run", "configure", "odd", "-w", work, "--explain")
	if code != 0 || !strings.Contains(out, "v:record: not shown") {
		t.Errorf("exit code %d, %s: %q has no note of v:record", code, errs, out)
	}
	if code, out, errs := kerb("inspect", filepath.Join(fixtures, "odd_attrs.h5")); code != 0 || !strings.Contains(out, "v:record  // an attribute of type") {
		t.Errorf("exit code %d, %s: %q has no note of v:record", code, errs, out)
	}
}
