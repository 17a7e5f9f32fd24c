package showcase_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// needs is what a notebook imports beyond what all of them do.
var needs = map[string]string{"catalogue.ipynb": "pystac", "intake.ipynb": "intake"}

func notebooks(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob("notebooks/*.ipynb")
	if err != nil || len(list) == 0 {
		t.Fatalf("notebooks: %v, %v", list, err)
	}
	return list
}

// TestNotebooksAreExecuted looks at the notebooks as they are committed: every cell of code was run, in order and without an
// error, and none shows a path of the machine that it was run on.
func TestNotebooksAreExecuted(t *testing.T) {
	for _, path := range notebooks(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var nb struct {
			Cells []struct {
				Type    string `json:"cell_type"`
				Count   int    `json:"execution_count"`
				Outputs []struct {
					Type string `json:"output_type"`
				} `json:"outputs"`
			} `json:"cells"`
		}
		if err := json.Unmarshal(text, &nb); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		n := 0
		for _, c := range nb.Cells {
			if c.Type != "code" {
				continue
			}
			if n++; c.Count != n {
				t.Errorf("%s: code cell %d was run as number %d", path, n, c.Count)
			}
			for _, o := range c.Outputs {
				if o.Type == "error" {
					t.Errorf("%s: code cell %d ended with an error", path, n)
				}
			}
		}
		for _, bad := range []string{"/tmp/", "/home/", "/root/"} {
			if bytes.Contains(text, []byte(bad)) {
				t.Errorf("%s holds a path: %s", path, bad)
			}
		}
	}
}

// TestNotebooksRun makes the example stores and executes the notebooks on them; what the notebooks say is asserted in their cells.
func TestNotebooksRun(t *testing.T) {
	python := pythonWith(t, "xarray", "kerchunk", "nbconvert", "ipykernel", "matplotlib")
	dir := t.TempDir()
	kerb := filepath.Join(dir, "kerb")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", kerb, "github.com/cedadev/kerchunk-builder/cmd/kerb")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	demo := filepath.Join(dir, "demo")
	if out, err := exec.Command(kerb, "demo", "--dir", demo).CombinedOutput(); err != nil {
		t.Fatalf("kerb demo: %v: %s", err, out)
	}
	for _, path := range notebooks(t) {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			if module := needs[name]; module != "" && !imports(python, module) {
				t.Skipf("that Python has no %s", module)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			copied := filepath.Join(dir, name)
			if err := os.WriteFile(copied, text, 0o666); err != nil {
				t.Fatal(err)
			}
			cmd := withEnv(python, "KERB_DEMO="+demo, "-m", "nbconvert", "--to", "notebook", "--execute", "--output", "executed-"+name, copied)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// pythonWith is a command that starts a Python which has the modules: KERB_ORACLE (a program that runs a command), that of a
// folder beside the checkout, or python3 itself. Without one the test is skipped.
func pythonWith(t *testing.T, modules ...string) []string {
	t.Helper()
	runner := os.Getenv("KERB_ORACLE")
	if runner == "" {
		if beside, err := filepath.Abs("../../shared/oracle/run"); err == nil {
			runner = beside
		}
	}
	for _, python := range [][]string{{runner, "python3"}, {"python3"}} {
		if imports(python, modules...) {
			return python
		}
	}
	t.Skipf("no Python with %s: set KERB_ORACLE to a program that runs one, or install them for python3", strings.Join(modules, ", "))
	return nil
}

func imports(python []string, modules ...string) bool {
	args := append(slices.Clone(python[1:]), "-c", "import "+strings.Join(modules, ", "))
	return exec.Command(python[0], args...).Run() == nil
}

// withEnv starts Python with a variable, through env since a runner may clear the environment.
func withEnv(python []string, variable string, args ...string) *exec.Cmd {
	words := append(slices.Clone(python[:len(python)-1]), "env", variable, python[len(python)-1])
	words = append(words, args...)
	return exec.Command(words[0], words[1:]...)
}
