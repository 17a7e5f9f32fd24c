// Package templates renders the sbatch script of each step. The templates are embedded; a site's or a
// workdir's folder may override any of them, or a part that they share (head.sbatch, task.sbatch, drive.sbatch).
//
// Every value passes one of these functions: sh quotes it for the shell, value checks it for an #SBATCH
// line, memory and limit write it in sbatch's units. Only the set-up lines are shell text as they stand.
package templates

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"
)

//go:embed *.sbatch
var embedded embed.FS

// suffix ends the name of a template's file: STEP.sbatch.
const suffix = ".sbatch"

// Steps returns the names of the steps that have a template, in the order in which they run.
func Steps() []string {
	return []string{"scan", "configure", "advance", "compute", "parts", "combine", "correct", "reduce", "test", "client", "catalog", "recover"}
}

// Data is what a template is filled from. Empty partition, QoS and account leave the choice to SLURM.
type Data struct {
	JobName   string // kerb.GROUP.STEP[.CODE]
	Array     string // indices and throttle in sbatch's words, "0-59%50"; empty for a job that is no array
	Partition string
	QoS       string
	Account   string
	CPUs      int           // CPUs a task, at least 1
	Memory    int64         // bytes a task; written in MiB, rounded up
	Time      time.Duration // wall time a task; rounded up to a minute, which is SLURM's grain
	Output    string        // path pattern of the log: %A_%a for an array, %j otherwise; a literal % is written %%
	Setup     []string      // shell lines that run first: module loads, a scratch folder
	Scratch   string        // becomes TMPDIR; empty leaves it alone

	Kerb    string // path of the kerb binary
	Workdir string // absolute
	Group   string // who reads the script finds there whose it is
	RunID   string
	Job     string // the job's name in the run's plan; the task's index is SLURM's, 0 for a job that is no array
}

// Set is a set of templates, one a step.
type Set struct{ root *template.Template }

// Load parses the embedded templates and then, in turn, the *.sbatch files of each override folder,
// so that the last folder wins. A folder that does not exist overrides nothing; a file in one that
// is named after no template is an error, since it would never be used.
func Load(overrides ...string) (*Set, error) {
	root := template.New("").Option("missingkey=error").Funcs(template.FuncMap{
		"sh": Quote, "value": directiveValue, "memory": memoryMiB, "limit": timeLimit,
	})
	if _, err := root.ParseFS(embedded, "*"+suffix); err != nil {
		return nil, err
	}
	for _, dir := range overrides {
		if err := override(root, dir); err != nil {
			return nil, err
		}
	}
	return &Set{root}, nil
}

func override(root *template.Template, dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("templates: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		if root.Lookup(e.Name()) == nil {
			return fmt.Errorf("template %s overrides nothing: a step is one of %s", path, strings.Join(Steps(), ", "))
		}
		if _, err := root.ParseFiles(path); err != nil {
			return fmt.Errorf("template %s: %w", path, err)
		}
	}
	return nil
}

// Render fills the template of a step. The script is complete: it can be read, and submitted by hand.
func (s *Set) Render(step string, d Data) (string, error) {
	if !slices.Contains(Steps(), step) {
		return "", fmt.Errorf("no template for step %q: it is one of %s", step, strings.Join(Steps(), ", "))
	}
	if err := d.check(); err != nil {
		return "", fmt.Errorf("script of %s: %w", step, err)
	}
	var b strings.Builder
	if err := s.root.ExecuteTemplate(&b, step+suffix, d); err != nil {
		return "", fmt.Errorf("script of %s: %w", step, err)
	}
	script := b.String()
	if err := checkScript(script); err != nil {
		return "", fmt.Errorf("script of %s: %w", step, err)
	}
	return script, nil
}

func (d Data) check() error {
	for _, f := range []struct{ name, value string }{
		{"job name", d.JobName}, {"kerb binary", d.Kerb}, {"workdir", d.Workdir}, {"group", d.Group}, {"run", d.RunID}, {"job", d.Job}, {"output", d.Output},
	} {
		if f.value == "" {
			return fmt.Errorf("no %s given", f.name)
		}
	}
	switch {
	case d.CPUs < 1:
		return fmt.Errorf("%d CPUs asked for", d.CPUs)
	case d.Memory < 1:
		return fmt.Errorf("%d bytes of memory asked for", d.Memory)
	case d.Time <= 0:
		return fmt.Errorf("a time of %s asked for", d.Time)
	}
	return nil
}

// maxScript is the largest script that SLURM takes (its max_script_size is 4 MiB).
const maxScript = 4 << 20

// checkScript refuses what SLURM would refuse, or take and silently misread.
func checkScript(script string) error {
	switch {
	case !strings.HasPrefix(script, "#!"):
		return errors.New("the first line must be #!/bin/bash")
	case strings.ContainsAny(script, "\r\x00"):
		return errors.New("it holds a carriage return or a zero byte, which sbatch refuses")
	case len(script) > maxScript:
		return fmt.Errorf("it has %d bytes, sbatch takes %d", len(script), maxScript)
	}
	command := 0
	for i, line := range strings.Split(script, "\n") {
		switch {
		case strings.HasPrefix(line, "#SBATCH") && command > 0:
			return fmt.Errorf("line %d: #SBATCH after the first command (line %d) is ignored by sbatch; move it up", i+1, command)
		case command == 0 && line != "" && !strings.HasPrefix(line, "#"):
			command = i + 1
		}
	}
	return nil
}
