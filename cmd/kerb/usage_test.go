package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/scheduler"
)

// Wrong command lines end with 2, one sentence, and where to read more; nothing goes to standard output.
func TestUsageErrors(t *testing.T) {
	t.Setenv("KERB_WORKDIR", "")
	for _, c := range []struct{ line, want string }{
		{"nonsense", `there is no command "nonsense"`},
		{"staus", `there is no command "staus"; did you mean status?`},
		{"inspect a b", "inspect takes STORE|FILE, not 2 arguments"},
		{"init", "init takes GROUP"},
		{"run all", "run takes PHASE[,PHASE...]|all PROJ_CODE"},
		{"run all a b", "run takes PHASE[,PHASE...]|all PROJ_CODE"},
		{"run all a", "no workdir: give -w DIR or set KERB_WORKDIR"},
		{"run all a --bogus", "run has no flag --bogus"},
		{"run all a -w", "flag -w needs a value"},
		{"plot", "plot needs the flag --output"},
		{"refs a.nc", "refs needs the flag --output"},
		{"man page", "man takes no arguments but flags"},
		{"completion tcsh", "completion: takes one of bash, zsh and fish"},
		{"report g --full -1 -w .", "report: --full takes a number from 0"},
	} {
		var out, text bytes.Buffer
		code := run(t.Context(), append([]string{"kerb"}, strings.Fields(c.line)...), environment{&out, &text})
		help := "See `kerb " + strings.Fields(c.line)[0] + " --help`."
		if c.line == "nonsense" || c.line == "staus" {
			help = "See `kerb --help`."
		}
		if got := text.String(); code != exitUsage || !strings.HasPrefix(got, "kerb: "+c.want) || !strings.HasSuffix(got, help+"\n") || out.Len() > 0 {
			t.Errorf("kerb %s: exit %d, %q, %q; want 2, %q, %q", c.line, code, got, out.String(), c.want, help)
		}
	}
}

// Every command shows a description with an example and the exit codes.
func TestHelp(t *testing.T) {
	for _, c := range newApp(environment{}).Commands {
		var out, text bytes.Buffer
		code := run(t.Context(), []string{"kerb", c.Name, "--help"}, environment{&out, &text})
		for _, want := range []string{"Example:", "kerb " + c.Name, "EXIT STATUS"} {
			if code != 0 || !strings.Contains(out.String(), want) {
				t.Errorf("kerb %s --help: exit %d, and no %q: %s%s", c.Name, code, want, out.String(), text.String())
			}
		}
	}
}

// What may come up anywhere is said with what to do, once.
func TestAdvice(t *testing.T) {
	full := &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	for _, c := range []struct {
		err  error
		want string
	}{
		{&phases.Error{Class: phases.IO, Err: full, Remedy: "try another folder"}, "Make room"},
		{fmt.Errorf("lease: %w", os.ErrPermission), "See that you may"},
		{&phases.Error{Class: phases.Input, Err: os.ErrPermission, Remedy: "choose another"}, ""},
		{fmt.Errorf("poll: %w", scheduler.ErrUnreachable), "`kerb doctor`"},
		{errors.New("else"), ""},
	} {
		if got := adviceOn(c.err); !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
