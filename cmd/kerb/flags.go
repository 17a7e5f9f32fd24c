package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// workdirFlag is on every command that works in a workdir.
func workdirFlag(dst *string) cli.Flag {
	return &cli.StringFlag{Name: "workdir", Aliases: []string{"w"}, Usage: "the `DIR` that holds groups, datasets and stores", EnvVars: []string{"KERB_WORKDIR"}, Destination: dst}
}

func jsonFlag(dst *bool) cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print JSON for programs", Destination: dst}
}

// flagsFirst moves flags before positionals, since cli stops reading flags at the first positional and would
// ignore the rest without a word. After "--" everything is positional.
func flagsFirst(app *cli.App, args []string) ([]string, error) {
	if len(args) < 2 {
		return args, nil
	}
	out := args[:1:1]
	rest := args[1:]
	flags, children := app.Flags, app.Commands
	for len(rest) > 0 { // descend to the command that is meant
		i := slices.IndexFunc(children, func(c *cli.Command) bool { return c.HasName(rest[0]) })
		if i < 0 {
			break
		}
		out = append(out, rest[0])
		flags, children, rest = children[i].Flags, children[i].Subcommands, rest[1:]
	}
	var front, back []string
	for i := 0; i < len(rest); i++ {
		a := rest[i]
		switch {
		case a == "--":
			back = append(back, rest[i+1:]...)
			i = len(rest)
		case len(a) < 2 || a[0] != '-':
			back = append(back, a)
		default:
			front = append(front, a)
			if takesValue(flags, a) {
				if i+1 == len(rest) {
					return nil, usagef("flag %s needs a value", a)
				}
				i++
				front = append(front, rest[i])
			}
		}
	}
	out = append(out, front...)
	if len(back) > 0 {
		if len(children) == 0 {
			out = append(out, "--")
		}
		out = append(out, back...)
	}
	return out, nil
}

// takesValue reports whether the argument after a belongs to the flag a.
func takesValue(flags []cli.Flag, a string) bool {
	name := strings.TrimLeft(a, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			d, ok := f.(cli.DocGenerationFlag)
			return ok && d.TakesValue()
		}
	}
	return false
}

// positionals returns the command's positional arguments when their number is between least and most (no upper limit
// when most is negative), and otherwise says what the command takes.
func positionals(c *cli.Context, least, most int) ([]string, error) {
	args := c.Args().Slice()
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) < least || (most >= 0 && len(args) > most) {
		takes := strings.TrimSpace(c.Command.ArgsUsage)
		if takes == "" {
			return nil, usagef("%s takes no arguments but flags", c.Command.Name)
		}
		if most >= 0 && len(args) > most {
			return nil, usagef("%s takes %s, not %s", c.Command.Name, takes, count(len(args), "argument"))
		}
		return nil, usagef("%s takes %s", c.Command.Name, takes)
	}
	return args, nil
}
