package main

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/profile"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// The shells' scripts hand the words of a command line to `kerb completion words` and offer what it prints, or files when it
// prints nothing.
//
//go:embed completion
var completionScripts embed.FS

func newCompletionCommand(env environment) *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print what makes a shell complete kerb's commands, flags, groups and datasets",
		ArgsUsage: "bash|zsh|fish",
		Description: `Prints a script for the shell to read.

Example:
   source <(kerb completion bash)                                  # now; in ~/.bashrc for ever
   kerb completion zsh > ~/.zfunc/_kerb                            # with ~/.zfunc in fpath before compinit
   kerb completion fish > ~/.config/fish/completions/kerb.fish`,
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 1, -1)
			if err != nil {
				return err
			}
			if args[0] == "words" { // what the scripts call
				for _, s := range suggest(commands(env), args[1:]) {
					fmt.Fprintln(env.stdout, s)
				}
				return nil
			}
			text, err := completionScripts.ReadFile("completion/" + filepath.Base(args[0]))
			if err != nil || len(args) > 1 {
				return usagef("completion: takes one of bash, zsh and fish, not %q", strings.Join(args, " "))
			}
			_, err = env.stdout.Write(text)
			return err
		},
	}
}

// suggest lists what may stand in the place of the last of words, which follow "kerb" on a command line. An empty list leaves
// it to the shell to offer files.
func suggest(commands []*cli.Command, words []string) []string {
	words, bare := rejoin(words)
	if len(words) == 0 {
		return nil
	}
	last, before := words[len(words)-1], words[:len(words)-1]
	var c *cli.Command
	for len(commands) > 0 { // descend to the command that is meant
		if len(before) == 0 {
			return startingWith(last, commandNames(commands))
		}
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(before[0]) })
		if i < 0 {
			return nil
		}
		c, commands, before = commands[i], commands[i].Subcommands, before[1:]
	}
	var args []string
	workdir := os.Getenv("KERB_WORKDIR")
	flag := "" // that the last word is the value of
	for _, w := range before {
		switch name, value, ok := strings.Cut(w, "="); {
		case flag != "":
			if flag == "-w" || flag == "--workdir" {
				workdir = w
			}
			flag = ""
		case !strings.HasPrefix(w, "-"):
			args = append(args, w)
		case ok && (name == "-w" || name == "--workdir"):
			workdir = value
		case takesValue(c.Flags, w):
			flag = w
		}
	}
	known := names{workdir: unquoted(workdir)}
	if name, value, ok := strings.Cut(last, "="); ok && flag == "" && strings.HasPrefix(last, "-") {
		list := startingWith(value, known.flagValues(name))
		if !bare {
			for i := range list {
				list[i] = name + "=" + list[i]
			}
		}
		return list
	}
	switch {
	case flag != "":
		return startingWith(last, known.flagValues(flag))
	case strings.HasPrefix(last, "-"):
		var list []string
		for _, f := range c.Flags {
			for _, n := range f.Names() {
				list = append(list, dashed(n))
			}
		}
		return startingWith(last, append(list, "--help"))
	}
	return startingWith(last, known.arguments(c.ArgsUsage, args))
}

func commandNames(commands []*cli.Command) []string {
	var names []string
	for _, c := range commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}

// rejoin puts --flag=value together, which bash has taken apart at the "=". bare reports whether the last word was such a value: bash
// replaces the value only.
func rejoin(words []string) (out []string, bare bool) {
	for _, w := range words {
		n := len(out) - 1
		switch {
		case w == "=" && n >= 0 && strings.HasPrefix(out[n], "-"):
			out[n] += "="
			bare = true
		case bare && n >= 0 && strings.HasSuffix(out[n], "="):
			out[n] += w
		default:
			out, bare = append(out, w), false
		}
	}
	return out, bare
}

func startingWith(prefix string, list []string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return !strings.HasPrefix(s, prefix) })
}

// unquoted is a path as it stands on a command line, without quotes and with its ~ replaced.
func unquoted(path string) string {
	path = strings.Trim(path, `"'`)
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}

// names are those that a workdir knows. What can't be read completes to nothing: there is nobody to tell.
type names struct{ workdir string }

func (n names) flagValues(flag string) []string {
	switch strings.TrimLeft(flag, "-") {
	case "scheduler":
		return []string{"slurm", "local"}
	case "by":
		return []string{"job", "dataset", "error"}
	case "from", "to":
		return phaseNames()
	case "on-unsupported":
		return []string{"fail", "skip"}
	case "site":
		return scheduler.SiteNames()
	}
	return nil
}

// arguments are what may follow args according to the command's usage, as "GROUP DATASET|JOB_INDEX".
func (n names) arguments(usage string, args []string) []string {
	places := strings.Fields(usage)
	if len(args) >= len(places) {
		return nil
	}
	var list []string
	place := strings.Trim(places[len(args)], "[]")
	if strings.HasPrefix(place, "PHASE") {
		return append(phaseNames(), "all")
	}
	for word := range strings.SplitSeq(place, "|") {
		switch word {
		case "GROUP":
			list = append(list, n.groups()...)
		case "PROJ_CODE", "DATASET":
			group := ""
			if word == "DATASET" && len(args) > 0 {
				group = args[0]
			}
			list = append(list, n.datasets(group)...)
		case "PROFILE":
			list = append(list, n.profiles()...)
		case "bash", "zsh", "fish":
			list = append(list, word)
		}
	}
	return list
}

func phaseNames() []string {
	var list []string
	for _, p := range phases.All()[1:] {
		list = append(list, string(p))
	}
	return list
}

func (n names) groups() []string {
	w, err := workdirs.Open(n.workdir)
	if n.workdir == "" || err != nil {
		return nil
	}
	groups, err := w.Groups()
	if err != nil {
		return nil
	}
	var list []string
	for _, g := range groups {
		list = append(list, g.Name)
	}
	return list
}

func (n names) profiles() []string {
	w, err := workdirs.Open(n.workdir)
	if n.workdir == "" || err != nil {
		return nil
	}
	all, err := profile.List(w)
	if err != nil {
		return nil
	}
	var list []string
	for _, p := range all {
		list = append(list, p.Name)
	}
	return list
}

// datasets lists the project codes of a group, or of all groups when that is "".
func (n names) datasets(group string) []string {
	w, err := workdirs.Open(n.workdir)
	if n.workdir == "" || err != nil {
		return nil
	}
	groups, err := w.Groups()
	if err != nil {
		return nil
	}
	var list []string
	for _, g := range groups {
		if group != "" && g.Name != group {
			continue
		}
		if info, err := g.Info(); err == nil {
			list = append(list, info.Codes...)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
