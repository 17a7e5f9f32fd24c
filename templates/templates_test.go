package templates

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden scripts anew; read the difference before you commit it")

func array() Data {
	return Data{
		JobName: "kerb.cci.scan", Array: "0-59%20", Partition: "standard", QoS: "short", Account: "mygws",
		CPUs: 1, Memory: 2 << 30, Time: 90 * time.Minute, Output: "/gws/work dir/groups/cci/runs/r1/logs/scan_%A_%a.log",
		Setup: []string{"module load jaspy"}, Scratch: "/work/scratch-pw2/me",
		Kerb: "/home/me/bin/kerb", Workdir: "/gws/work dir", Group: "cci", RunID: "r1", Job: "scan.0",
	}
}

func single() Data {
	return Data{
		JobName: "kerb.cci.advance", CPUs: 1, Memory: 1, Time: time.Second, Output: "/w/logs/advance_%j.log",
		Kerb: "/bin/kerb", Workdir: "/w", Group: "cci", RunID: "r1", Job: "advance.0",
	}
}

// TestGolden compares whole scripts. The golden files were read line by line against sbatch(1) of
// 22.05 when they were written, and sbatch takes them (scheduler/slurm's tests submit such scripts).
func TestGolden(t *testing.T) {
	set, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		step string
		data Data
	}{{"scan", array()}, {"advance", single()}} {
		got, err := set.Render(c.step, c.data)
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", c.step+".golden")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s (-golden +rendered):\n%s", c.step, d)
		}
	}
}

// run executes a script with bash and returns what its kerb was called with, one line an argument.
func run(t interface{ Fatalf(string, ...any) }, script string, env ...string) []string {
	cmd := exec.Command("bash", "-c", script)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, script)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// fakeKerb is a program that prints its arguments, each followed by a zero byte.
func fakeKerb(t *testing.T, name string) string {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\nprintf '%s\\0' \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEveryStepRunsItsTask(t *testing.T) {
	set, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range Steps() {
		d := array()
		d.Setup, d.Kerb = []string{"PREPARED=1"}, fakeKerb(t, "it's a $kerb")
		script, err := set.Render(step, d)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"task", "r1", "scan.0", "7", "--workdir", "/gws/work dir"}
		if d := cmp.Diff(want, run(t, script, "SLURM_ARRAY_TASK_ID=7")); d != "" {
			t.Errorf("%s: %s", step, d)
		}
		want[3] = "0"
		if d := cmp.Diff(want, run(t, script)); d != "" {
			t.Errorf("%s, no array: %s", step, d)
		}
		if !strings.Contains(script, "# "+step+": ") {
			t.Errorf("%s: the script does not say what the step does:\n%s", step, script)
		}
	}
}

// TestQuoteSurvivesTheShell: any value comes out of the shell as it went in.
func TestQuoteSurvivesTheShell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[^\x00]{0,20}`), 1, 8).Draw(t, "words")
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = Quote(w)
		}
		if d := cmp.Diff(words, run(t, `printf '%s\0' `+strings.Join(quoted, " "))); d != "" {
			t.Fatal(d)
		}
	})
}

func TestRefused(t *testing.T) {
	set, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Data){
		"newline in a directive": func(d *Data) { d.Account = "a\n#SBATCH --qos=high" },
		"quote in a directive":   func(d *Data) { d.Output = `/w/a"b` },
		"backslash":              func(d *Data) { d.Workdir = `/w\` },
		"no memory":              func(d *Data) { d.Memory = 0 },
		"no time":                func(d *Data) { d.Time = 0 },
		"no CPUs":                func(d *Data) { d.CPUs = 0 },
		"no kerb":                func(d *Data) { d.Kerb = "" },
		"CRLF in a set-up line":  func(d *Data) { d.Setup = []string{"module load x\r"} },
	} {
		d := array()
		spoil(&d)
		if script, err := set.Render("scan", d); err == nil {
			t.Errorf("%s: rendered\n%s", name, script)
		}
	}
	if _, err := set.Render("head", array()); err == nil {
		t.Error("a shared part was rendered as a step")
	}
}

func TestOverride(t *testing.T) {
	write := func(dir, name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	site, workdir := t.TempDir(), t.TempDir()
	write(site, "scan.sbatch", "#!/bin/bash\n#SBATCH --mem={{memory .Memory}}\n# the site's\ntrue\n")
	write(site, "task.sbatch", "srun {{sh .Kerb}}\n")
	write(workdir, "scan.sbatch", "#!/bin/bash\n# the workdir's\ntrue\n")
	write(workdir, "README", "not a template")
	set, err := Load(site, workdir, filepath.Join(site, "absent"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := set.Render("scan", array()); err != nil || got != "#!/bin/bash\n# the workdir's\ntrue\n" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := set.Render("test", array()); err != nil || !strings.Contains(got, "\nsrun /home/me/bin/kerb\n") {
		t.Errorf("an overridden part is not used: %q, %v", got, err)
	}
	for name, text := range map[string]string{
		"unknown key":   "#!/bin/bash\n{{.Queue}}\n",
		"late #SBATCH":  "#!/bin/bash\ntrue\n#SBATCH --mem=1G\n",
		"no #!":         "# scan\ntrue\n",
		"no such value": "#!/bin/bash\n{{nothing}}\n",
	} {
		dir := t.TempDir()
		write(dir, "scan.sbatch", text)
		set, err := Load(dir)
		if err == nil {
			_, err = set.Render("scan", array())
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	write(site, "scann.sbatch", "#!/bin/bash\n")
	if _, err := Load(site); err == nil {
		t.Error("a file that overrides nothing was taken")
	}
}

func TestUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Second: "0-00:01:00", time.Minute: "0-00:01:00", 61 * time.Second: "0-00:02:00",
		24 * time.Hour: "1-00:00:00", 5*24*time.Hour + 90*time.Minute: "5-01:30:00",
	} {
		if got := timeLimit(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
	for n, want := range map[int64]string{1: "1M", 1 << 20: "1M", 1<<20 + 1: "2M", 2 << 30: "2048M"} {
		if got := memoryMiB(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
