package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

func newManCommand(env environment) *cli.Command {
	return &cli.Command{
		Name:      "man",
		Usage:     "print the manual page",
		ArgsUsage: " ",
		Description: `Prints the manual page, section 1, as man reads it.

Example:
   kerb man | man -l -
   kerb man > ~/.local/share/man/man1/kerb.1`,
		Action: func(c *cli.Context) error {
			if _, err := positionals(c, 0, 0); err != nil {
				return err
			}
			return writeMan(env.stdout, newApp(env))
		},
	}
}

// writeMan writes the manual page of app in the man macros (groff_man(7)), from the same texts as --help.
func writeMan(w io.Writer, app *cli.App) error {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH KERB 1 \"\" \"kerb %s\" \"User Commands\"\n", roff(app.Version))
	fmt.Fprintf(&b, ".SH NAME\nkerb \\- %s\n", roff(app.Usage))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B kerb\n.I COMMAND\n[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]\n")
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", roff(manDescription))
	b.WriteString(".SH COMMANDS\n")
	for _, c := range app.Commands {
		if !c.Hidden {
			manCommand(&b, "kerb", c)
		}
	}
	b.WriteString(".SH EXIT STATUS\n")
	for line := range strings.Lines(exitTable) {
		if code, meaning, ok := strings.Cut(strings.TrimSpace(line), " "); ok && code[0] >= '0' && code[0] <= '9' {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", code, roff(strings.TrimSpace(meaning)))
		}
	}
	b.WriteString(".SH ENVIRONMENT\n")
	for _, v := range manEnvironment {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", v[0], roff(v[1]))
	}
	b.WriteString(".SH FILES\n")
	for _, f := range manFiles {
		fmt.Fprintf(&b, ".TP\n.I %s\n%s\n", roff(f[0]), roff(f[1]))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const manDescription = `kerb turns folders of NetCDF files into virtual Zarr stores: tables of the byte ranges of every chunk in the files, which xarray
opens as one dataset (engine="kerchunk") without a copy of the data. The phases of a dataset are init, scan, configure, compute, test and catalog;
kerb runs them here, or as SLURM job arrays over a group of datasets.`

var (
	manEnvironment = [][2]string{
		{"KERB_WORKDIR", "the workdir, where -w is not given"},
		{"SLURM_CONF", "the configuration of the SLURM cluster, as SLURM's own commands read it"},
	}
	manFiles = [][2]string{
		{"WORKDIR/groups/GROUP/", "a group: its list of datasets and its runs, with their plans, scripts, logs and task records"},
		{"WORKDIR/datasets/PROJ_CODE/stores/", "the finished stores of a dataset; the link latest names the newest"},
		{"WORKDIR/datasets/PROJ_CODE/override.yaml", "what a person decides instead of configure"},
		{"WORKDIR/datasets/PROJ_CODE/test/", "the test's report and pictures"},
		{"WORKDIR/catalog/", "the STAC and intake catalogues of all groups"},
		{"WORKDIR/templates/", "sbatch templates that replace the built-in ones"},
	}
)

// manCommand writes a command, or each of its subcommands.
func manCommand(b *strings.Builder, parent string, c *cli.Command) {
	name := parent + " " + c.Name
	if len(c.Subcommands) > 0 {
		for _, s := range c.Subcommands {
			if !s.Hidden {
				manCommand(b, name, s)
			}
		}
		return
	}
	fmt.Fprintf(b, ".SS \"%s %s\"\n%s.\n", roff(name), roff(strings.TrimSpace(c.ArgsUsage)), roff(upperFirst(c.Usage)))
	about, examples, _ := strings.Cut(c.Description, "\nExample:\n")
	if about = strings.TrimSpace(about); about != "" {
		fmt.Fprintf(b, ".PP\n%s\n", roff(about))
	}
	for _, f := range c.VisibleFlags() {
		doc, ok := f.(cli.DocGenerationFlag)
		if !ok || f.Names()[0] == "help" {
			continue
		}
		var names []string
		usage := doc.GetUsage()
		for _, n := range f.Names() {
			names = append(names, "\\fB"+roff(dashed(n))+"\\fR")
		}
		b.WriteString(".TP\n" + strings.Join(names, ", "))
		if doc.TakesValue() {
			fmt.Fprintf(b, " \\fI%s\\fR", roff(placeholder(usage)))
		}
		b.WriteString("\n" + roff(strings.ReplaceAll(usage, "`", "")))
		if v := doc.GetDefaultText(); doc.TakesValue() && v != "" && v != `""` {
			b.WriteString(" (default: " + roff(strings.Trim(v, `"`)) + ")")
		}
		if env := doc.GetEnvVars(); len(env) > 0 {
			b.WriteString(" [$" + roff(strings.Join(env, ", $")) + "]")
		}
		b.WriteString("\n")
	}
	if examples != "" {
		fmt.Fprintf(b, ".PP\nExample:\n.PP\n.EX\n%s\n.EE\n", roff(strings.TrimRight(examples, "\n")))
	}
}

// dashed is a flag's name as it is typed.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// placeholder is the word that stands for a flag's value: what its usage has in backquotes.
func placeholder(usage string) string {
	if _, rest, ok := strings.Cut(usage, "`"); ok {
		if word, _, ok := strings.Cut(rest, "`"); ok {
			return word
		}
	}
	return "VALUE"
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// roff is text that the formatter takes as it stands: no escapes, no requests at the beginning of a line.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
