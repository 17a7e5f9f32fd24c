package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

// twoGroups makes a workdir with the groups ocean (sst-daily, sst-monthly) and rain (rain-daily).
func twoGroups(t *testing.T, dir string) {
	t.Helper()
	w, err := workdirs.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, codes := range map[string][]string{"ocean": {"sst-monthly", "sst-daily"}, "rain": {"rain-daily"}} {
		g, err := w.Group(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Define(workdirs.GroupInfo{Codes: codes}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSuggest(t *testing.T) {
	dir := t.TempDir()
	twoGroups(t, dir)
	t.Setenv("KERB_WORKDIR", "")
	t.Setenv("HOME", filepath.Dir(dir))
	home := "~/" + filepath.Base(dir)
	for _, c := range []struct{ line, want string }{
		{"su", "submit"},
		{"tas", ""}, // hidden
		{"status -w " + dir + " ", "ocean rain"},
		{"status -w=" + dir + " o", "ocean"},
		{"status --workdir " + home + " o", "ocean"},
		{"status --workdir = " + dir + " o", "ocean"},
		{"status ocean -w " + dir + " ", ""},
		{"status ", ""}, // no workdir
		{"status --by ", "job dataset error"},
		{"status --by=d", "--by=dataset"},
		{"status --by = d", "dataset"},
		{"status --by =", "job dataset error"},
		{"submit --w", "--workdir --wait"},
		{"submit ocean --wait --from co", "configure compute"},
		{"submit --site l", "lotus2"},
		{"run c", "configure compute catalog"},
		{"run compute -w " + dir + " sst", "sst-daily sst-monthly"},
		{"logs -w " + dir + " rain ", "rain-daily"},
		{"plot -", "--sel --output -o --width --help"},
		{"init -d ", ""}, // files
		{"inspect ", ""}, // files
		{"completion ", "bash zsh fish"},
		{"profile ", "learn list show"},
		{"profile l", "learn list"},
		{"profile learn -w " + dir + " o", "ocean"},
		{"profile learn --na", "--name"},
		{"profile nonsense ", ""},
		{"nonsense ", ""},
	} {
		got := suggest(commands(environment{io.Discard, io.Discard}), strings.Split(c.line, " "))
		if c.line == "plot -" { // its flags are another's business: that they are all there is enough
			for _, f := range []string{"--output", "-o", "--help"} {
				if !slices.Contains(got, f) {
					t.Errorf("%s: %q has no %s", c.line, got, f)
				}
			}
			continue
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("kerb %s: %q; want %q", c.line, s, c.want)
		}
	}
}

// TestShells asks real shells what they would complete.
func TestShells(t *testing.T) {
	dir := t.TempDir()
	kerb := filepath.Join(dir, "kerb")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", kerb, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	work := filepath.Join(dir, "work")
	twoGroups(t, work)
	for shell, script := range map[string]string{
		"bash": `source <(kerb completion bash)
			ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _kerb; echo "${COMPREPLY[*]}"; }
			ask kerb sta; ask kerb status -w ` + work + ` oc; ask kerb status --by = er; ask kerb inspect x`,
		"fish": `kerb completion fish | source
			for line in "kerb sta" "kerb status -w ` + work + ` oc" "kerb status --by=er" "kerb inspect x"
				echo (complete -C $line)
			end`,
		// compadd works only inside a completion: here it stands for what it is given.
		"zsh": `compdef() { : }; _files() { echo }; compadd() { shift; for name in "$@"; do echo ${(P)name}; done }
			source <(kerb completion zsh)
			ask() { words=("$@"); CURRENT=$#; _kerb }
			ask kerb sta; ask kerb status -w ` + work + ` oc; ask kerb status --by=er; ask kerb inspect x`,
	} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skip("no " + shell + " here")
			}
			cmd := exec.Command(shell, "-c", script)
			cmd.Dir = t.TempDir()
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+cmd.Dir)
			out, err := cmd.CombinedOutput()
			want := "status\nocean\n--by=error\n\n"
			if shell == "bash" {
				want = strings.Replace(want, "--by=", "", 1) // bash takes words apart at "="
			}
			if err != nil || string(out) != want {
				t.Errorf("%v: %q; want %q", err, out, want)
			}
		})
	}
}

func TestManPage(t *testing.T) {
	var b bytes.Buffer
	app := newApp(environment{io.Discard, io.Discard})
	if err := writeMan(&b, app); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, c := range app.Commands {
		if found := strings.Contains(page, ".SS \"kerb "+roff(c.Name)+" "); found == c.Hidden {
			t.Errorf("%s: on the page: %v, hidden: %v", c.Name, found, c.Hidden)
		}
		for _, f := range c.VisibleFlags() {
			if doc := f.(cli.DocGenerationFlag); !c.Hidden && !strings.Contains(page, roff(dashed(f.Names()[0]))) {
				t.Errorf("%s: no flag %s (%s)", c.Name, f.Names()[0], doc.GetUsage())
			}
		}
	}
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("no groff here to read the page")
	}
	cmd := exec.Command("groff", "-man", "-Tascii", "-ww", "-P-c", "-rLL=200n")
	cmd.Stdin = strings.NewReader(page)
	var text, warnings bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &warnings
	if err := cmd.Run(); err != nil || warnings.Len() > 0 {
		t.Errorf("groff: %v: %s", err, warnings.String())
	}
	for _, want := range []string{"kerb init ocean -p 'sst-daily=/archive/sst/**/*.nc'", "scheduler unreachable"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the formatted page doesn't say %q", want)
		}
	}
}
