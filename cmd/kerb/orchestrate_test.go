package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// The test binary is the kerb that the rendered scripts call, with work that does nothing but fail as told.
func TestMain(m *testing.M) {
	if os.Getenv("KERB_PRETEND") != "" && len(os.Args) > 1 && os.Args[1] == "task" {
		os.Exit(pretendTask(os.Args[2:]))
	}
	os.Exit(m.Run())
}

func pretendTask(args []string) int {
	env := environment{stdout: os.Stdout, stderr: os.Stderr}
	ctx := context.Background()
	w, err := workdirs.Open(args[4])
	if err == nil {
		var ref scheduler.Ref
		if ref, err = scheduler.ParseRef(args[1]); err == nil {
			var index int
			if index, err = strconv.Atoi(args[2]); err == nil {
				err = runTask(ctx, w, args[0], ref, index, pretender{w.Root()}.do, env)
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kerb:", err)
	}
	return exitCode(ctx, err)
}

// pretender is work that follows rules: the file pretend/STEP.CODE[.PART] holds one word for each attempt, and what
// is not ruled succeeds.
type pretender struct{ root string }

func (p pretender) do(_ context.Context, step scheduler.Step, code string, part int, progress func()) error {
	name := string(step) + "." + code
	if part >= 0 {
		name += "." + strconv.Itoa(part)
	}
	progress()
	tries, err := os.ReadFile(filepath.Join(p.root, "pretend", name+".tries"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.root, "pretend", name+".tries"), append(tries, '.'), 0o644); err != nil {
		return err
	}
	rules, err := os.ReadFile(filepath.Join(p.root, "pretend", name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if words := strings.Fields(string(rules)); len(tries) < len(words) {
		switch words[len(tries)] {
		case "io":
			return phases.Errorf(phases.IO, "", "file f.nc: read error")
		case "drift":
			return phases.Errorf(phases.Drift, "", "file f.nc: units differ")
		case "panic":
			panic("as told")
		case "kill":
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
	if step == scheduler.Configure {
		mode, parts := "serial", 0
		if strings.HasPrefix(code, "large") {
			mode, parts = "parallel", 3
		}
		path := filepath.Join(p.root, "datasets", code, "configure.json")
		if err := workdirs.WriteJSON(path, map[string]any{"compute": map[string]any{"mode": mode, "parts": parts, "memory_bytes": 100 << 20, "seconds": 1}}); err != nil {
			return err
		}
	}
	return workdirs.AppendLine(filepath.Join(p.root, "pretend", "effects"), name)
}

// stage is a workdir with a group of datasets that are worked on by the pretender.
type stage struct {
	t   *testing.T
	dir string
}

func newStage(t *testing.T, codes ...string) *stage {
	t.Helper()
	t.Setenv("KERB_PRETEND", "1")
	s := &stage{t, t.TempDir()}
	w, err := workdirs.Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	g, err := w.Group("g")
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Define(workdirs.GroupInfo{Codes: codes}, []byte(strings.Join(codes, "\n"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.dir, "pretend"), 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) rule(name, words string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "pretend", name), []byte(words), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// kerb runs a command line and returns what it printed.
func (s *stage) kerb(code int, args ...string) string {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	got := run(context.Background(), append(append([]string{"kerb"}, args...), "-w", s.dir), environment{&stdout, &stderr})
	if got != code {
		s.t.Fatalf("kerb %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &stdout, &stderr)
	}
	return stdout.String()
}

// effects counts how often each step of each dataset has succeeded.
func (s *stage) effects() map[string]int {
	s.t.Helper()
	n := map[string]int{}
	err := workdirs.ReadLines(filepath.Join(s.dir, "pretend", "effects"), func(line []byte) error {
		var name string
		if err := json.Unmarshal(line, &name); err != nil {
			return err
		}
		n[name]++
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// steps are the effects of a dataset that went through.
func steps(code string) []string {
	if strings.HasPrefix(code, "large") {
		return []string{"scan." + code, "configure." + code, "parts." + code + ".0", "parts." + code + ".1", "parts." + code + ".2",
			"combine." + code, "correct." + code, "test." + code, "catalog." + code}
	}
	return []string{"scan." + code, "configure." + code, "compute." + code, "test." + code, "catalog." + code}
}

func (s *stage) wantOnce(codes ...string) {
	s.t.Helper()
	got := s.effects()
	for _, code := range codes {
		for _, name := range steps(code) {
			if got[name] != 1 {
				s.t.Errorf("%s happened %d times, want once", name, got[name])
			}
		}
	}
}

func TestSubmitLocal(t *testing.T) {
	s := newStage(t, "a", "b", "large1")
	s.kerb(exitDone, "submit", "g", "--scheduler", "local")
	s.wantOnce("a", "b", "large1")
	status := s.kerb(exitDone, "status", "g")
	for _, want := range []string{"JOBID", "parts", "large1", "CD", "3/3"} {
		if !strings.Contains(status, want) {
			t.Errorf("status has no %q:\n%s", want, status)
		}
	}
}

func TestFailuresAndRerun(t *testing.T) {
	s := newStage(t, "a", "b", "c", "d", "large1", "large2")
	s.rule("scan.a", "io io")         // passes with the third attempt
	s.rule("compute.b", "kill")       // dies without a record
	s.rule("compute.c", "drift")      // never passes by itself
	s.rule("test.d", "panic")         // a fault of ours: not tried again
	s.rule("parts.large1.1", "io")    // one part fails once
	s.rule("parts.large2.2", "drift") // one part fails for good
	s.kerb(exitSomeFailed, "submit", "g", "--scheduler", "local", "--wait")
	s.wantOnce("a", "b", "large1")
	got := s.effects()
	for _, name := range []string{"compute.c", "test.c", "test.d", "catalog.d", "combine.large2"} {
		if got[name] != 0 {
			t.Errorf("%s happened", name)
		}
	}
	var reports []report
	if err := json.Unmarshal([]byte(s.kerb(exitDone, "status", "g", "--by", "error", "--json")), &reports); err != nil {
		t.Fatal(err)
	}
	classes := map[string][]string{}
	for _, e := range reports[0].Errors {
		classes[e.Class+" "+e.Step] = e.Datasets
	}
	for key, want := range map[string][]string{"drift compute": {"c"}, "internal test": {"d"}, "drift parts": {"large2#2"}} {
		if !slices.Equal(classes[key], want) {
			t.Errorf("status --by error: %s is %v, want %v", key, classes[key], want)
		}
	}
	if logs := s.kerb(exitDone, "logs", "g", "c"); !strings.Contains(logs, "units differ") {
		t.Errorf("the log of c does not name its error:\n%s", logs)
	}

	// The rules are spent: what failed, and only that, is run again.
	s.kerb(exitDone, "rerun", "g")
	s.wantOnce("a", "b", "c", "d", "large1", "large2")
	if out := s.kerb(exitDone, "rerun", "g"); !strings.Contains(out, "nothing has failed") {
		t.Errorf("rerun of a run without failures says %q", out)
	}
}

func TestRerunNamedIndices(t *testing.T) {
	s := newStage(t, "large1", "a")
	s.kerb(exitDone, "submit", "g", "--scheduler", "local")
	s.kerb(exitDone, "rerun", "g", "--job", "parts.large1", "--indices", "0,2", "--mem", "300M", "--time", "10m")
	got := s.effects()
	want := map[string]int{"parts.large1.0": 2, "parts.large1.1": 1, "parts.large1.2": 2, "combine.large1": 2, "correct.large1": 2,
		"test.large1": 2, "catalog.large1": 2, "configure.large1": 1, "compute.a": 1, "test.a": 1}
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s happened %d times, want %d", name, got[name], n)
		}
	}
	s.kerb(exitUsage, "rerun", "g", "--indices", "0")
	s.kerb(exitRefused, "rerun", "g", "--job", "parts.large1", "--indices", "3")
	s.kerb(exitRefused, "rerun", "g", "--job", "nothing", "--indices", "0")
}

func TestSubmitDryRun(t *testing.T) {
	s := newStage(t, "a", "b")
	var jobs []dryJob
	if err := json.Unmarshal([]byte(s.kerb(exitDone, "submit", "g", "--dry-run", "--json", "--to", "configure")), &jobs); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, j := range jobs {
		names = append(names, j.Name+" "+j.Array+" "+j.Dependency)
		if !strings.HasPrefix(j.Script, "#!/bin/bash") {
			t.Errorf("job %s has no script", j.Name)
		}
	}
	want := []string{"kerb.g.scan 0-1 ", "kerb.g.recover.scan  afternotok:scan", "kerb.g.configure 0-1 aftercorr:scan", "kerb.g.recover.configure  afternotok:configure"}
	if !slices.Equal(names, want) {
		t.Errorf("dry run shows %q, want %q", names, want)
	}
	if entries, _ := os.ReadDir(filepath.Join(s.dir, "groups", "g", "runs")); len(entries) > 0 {
		t.Error("a dry run has left a run behind")
	}
}

func TestBadSubmits(t *testing.T) {
	s := newStage(t, "a")
	s.kerb(exitRefused, "submit", "nogroup")
	s.kerb(exitUsage, "submit", "g", "--from", "catalog", "--to", "scan")
	s.kerb(exitUsage, "submit", "g", "--scheduler", "pbs")
	s.kerb(exitRefused, "submit", "g", "--scheduler", "local", "--from", "compute") // not configured
	s.kerb(exitRefused, "status", "nogroup")
	s.kerb(exitUsage, "status", "g", "--by", "colour")
	s.kerb(exitRefused, "advance", "nogroup")
}
