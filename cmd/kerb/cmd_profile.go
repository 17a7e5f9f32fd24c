package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases/learn"
	"github.com/cedadev/kerchunk-builder/phases/profile"
)

type profileOptions struct {
	workdir string
	name    string
	json    bool
}

func newProfileCommand(env environment) *cli.Command {
	var opts profileOptions
	return &cli.Command{
		Name:      "profile",
		Usage:     "learn from finished datasets what alike ones will cost and how to build them",
		ArgsUsage: "list|learn|show",
		Description: `Each has a help of its own: kerb profile learn --help.

Example:
   kerb profile learn sst -w /gws/me/work
   kerb profile list -w /gws/me/work
   kerb profile show sst -w /gws/me/work`,
		Subcommands: []*cli.Command{
			{
				Name:      "learn",
				Usage:     "make a profile from the finished datasets of a group, or from one dataset",
				ArgsUsage: "GROUP|PROJ_CODE",
				Description: `What the datasets cost is learned, and what all their users chose in override.yaml about how to build the store. configure and
scan apply a profile by themselves to datasets of the same variables, types and codecs; and only its figures to those of
the same format whose project code begins as the codes that it was learned from. The plan says so. A
dataset's override.yaml decides otherwise: profile: NAME, or profile: none.

Example:
   kerb profile learn sst -w /gws/me/work
   kerb profile learn sst-daily --name ostia -w /gws/me/work`,
				Flags: []cli.Flag{
					workdirFlag(&opts.workdir),
					&cli.StringFlag{Name: "name", Usage: "call the profile `NAME`; by default as the group or dataset", Destination: &opts.name},
					jsonFlag(&opts.json),
				},
				Action: func(c *cli.Context) error {
					args, err := positionals(c, 1, 1)
					if err != nil {
						return err
					}
					return runProfileLearn(args[0], opts, env)
				},
			},
			{
				Name:      "list",
				Usage:     "list the profiles of a workdir",
				ArgsUsage: " ",
				Description: `Example:
   kerb profile list -w /gws/me/work`,
				Flags: []cli.Flag{workdirFlag(&opts.workdir), jsonFlag(&opts.json)},
				Action: func(c *cli.Context) error {
					if _, err := positionals(c, 0, 0); err != nil {
						return err
					}
					return runProfileList(opts, env)
				},
			},
			{
				Name:      "show",
				Usage:     "show what a profile holds, and what it was learned from",
				ArgsUsage: "PROFILE",
				Description: `Example:
   kerb profile show ostia -w /gws/me/work`,
				Flags: []cli.Flag{workdirFlag(&opts.workdir), jsonFlag(&opts.json)},
				Action: func(c *cli.Context) error {
					args, err := positionals(c, 1, 1)
					if err != nil {
						return err
					}
					return runProfileShow(args[0], opts, env)
				},
			},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("profile: there is no %q; there are list, learn and show", c.Args().First())
			}
			return usagef("profile takes list, learn or show")
		},
	}
}

func runProfileLearn(word string, opts profileOptions, env environment) error {
	w, err := openWorkdir(opts.workdir)
	if err != nil {
		return err
	}
	codes, err := learn.Names(w, word)
	if err != nil {
		return err
	}
	name := opts.name
	if name == "" {
		name = word
	}
	p, left, err := learn.Run(w, codes, name)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		fmt.Fprintf(env.stderr, "not computed yet, or by an older kerb: %s\n", strings.Join(left, ", "))
	}
	return showProfile(&p, opts, env)
}

func runProfileList(opts profileOptions, env environment) error {
	w, err := openWorkdir(opts.workdir)
	if err != nil {
		return err
	}
	list, err := profile.List(w)
	if err != nil {
		return err
	}
	if opts.json {
		if list == nil {
			list = []*profile.Profile{}
		}
		return writeJSON(env.stdout, list)
	}
	if len(list) == 0 {
		fmt.Fprintln(env.stdout, "no profiles yet; make one of finished datasets:", commandLine(w.Root(), "profile", "learn", "GROUP"))
		return nil
	}
	t := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PROFILE\tFORMAT\tVARIABLES\tFAMILY\tDATASETS")
	for _, p := range list {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%d\n", p.Name, p.Kind.Format, len(p.Kind.Variables), p.Family, len(p.From))
	}
	return t.Flush()
}

func runProfileShow(name string, opts profileOptions, env environment) error {
	w, err := openWorkdir(opts.workdir)
	if err != nil {
		return err
	}
	p, err := profile.Load(w, name)
	if err != nil {
		return err
	}
	return showProfile(p, opts, env)
}

func showProfile(p *profile.Profile, opts profileOptions, env environment) error {
	if opts.json {
		return writeJSON(env.stdout, p)
	}
	fmt.Fprintf(env.stdout, "profile %s\n", p.Name)
	if len(p.Kind.Variables) > 0 {
		fmt.Fprintf(env.stdout, "fits datasets of %s files with the variables\n  %s\n", p.Kind.Format, strings.Join(p.Kind.Variables, "\n  "))
	}
	if p.Family != "" {
		fmt.Fprintf(env.stdout, "its figures fit datasets of %s files whose project code begins with %s too\n", p.Kind.Format, p.Family)
	}
	for _, key := range slices.Sorted(maps.Keys(p.Settings)) {
		fmt.Fprintf(env.stdout, "setting %s: %v\n", key, p.Settings[key])
	}
	t := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\nfigure\tbase\tper array\tper file\tper reference\twithin a factor\t")
	f := p.Figures
	for _, l := range []struct {
		name string
		line profile.Line
	}{{"seconds", f.Seconds}, {"memory, bytes", f.Memory}, {"parquet store, bytes", f.Parquet}, {"JSON store, bytes", f.JSON}} {
		fmt.Fprintf(t, "%s\t%.3g\t%.3g\t%.3g\t%.3g\t%.3g\t\n", l.name, l.line.Base, l.line.PerArray, l.line.PerFile, l.line.PerReference, l.line.Within)
	}
	fmt.Fprintf(t, "read in a second, bytes\t%.3g\t\t\t\t\t\n", f.Reading)
	fmt.Fprintln(t, "\nlearned from\tfiles\treferences\tseconds\tpeak memory\tstore\t")
	for _, code := range slices.Sorted(maps.Keys(p.From)) {
		c := p.From[code]
		fmt.Fprintf(t, "%s\t%d\t%d\t%.3f\t%s\t%s\t\n", code, c.Files, c.References, c.Seconds, byteSize(c.Memory), byteSize(c.Bytes))
	}
	return t.Flush()
}
