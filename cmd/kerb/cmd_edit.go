package main

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases/compute"
	"github.com/cedadev/kerchunk-builder/phases/configure"
)

type editOptions struct {
	set, remove, variables, dimensions, drop, move cli.StringSlice
	out                                            string
}

func newEditCommand(env environment) *cli.Command {
	opts := &editOptions{}
	return &cli.Command{
		Name:      "edit",
		Usage:     "change a finished store: attributes, names, variables, places of files",
		ArgsUsage: "STORE",
		Description: `All changes of one command are made together or not at all; the source files are not touched. A value that is JSON (a number,
a list, a quoted string) is taken as that, and anything else as text. The store's attribute kerchunk_builder_edits lists
the changes, and so does the history of its dataset when it lies in a workdir.

Example:
   kerb edit sst.parq --set sst.units=kelvin --set title="Sea surface temperature" --remove history
   kerb edit sst.parq --rename-variable analysed_sst=sst --rename-dimension lat=latitude --drop mask
   kerb edit sst.parq --move /old/disk=/new/disk`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "set", Usage: "set an attribute: `[VAR.]ATTR=VALUE`", Destination: &opts.set},
			&cli.StringSliceFlag{Name: "remove", Usage: "remove an attribute: `[VAR.]ATTR`", Destination: &opts.remove},
			&cli.StringSliceFlag{Name: "rename-variable", Usage: "rename a variable: `OLD=NEW`", Destination: &opts.variables},
			&cli.StringSliceFlag{Name: "rename-dimension", Usage: "rename a dimension: `OLD=NEW`", Destination: &opts.dimensions},
			&cli.StringSliceFlag{Name: "drop", Usage: "drop the variable `VAR`", Destination: &opts.drop},
			&cli.StringSliceFlag{Name: "move", Usage: "files have moved: `OLDPREFIX=NEWPREFIX`", Destination: &opts.move},
			&cli.StringFlag{Name: "out", Usage: "leave the store as it is, and write the new one to `COPY`", Destination: &opts.out},
		},
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 1, 1)
			if err != nil {
				return err
			}
			e, err := opts.edit()
			if err != nil {
				return err
			}
			return change(c.Context, args[0], opts.out, e, env)
		},
	}
}

// edit reads the flags.
func (o *editOptions) edit() (compute.Edit, error) {
	e := compute.Edit{Drop: o.drop.Value(), Remove: o.remove.Value()}
	for _, f := range []struct {
		flag string
		list []string
		add  func(left, right string)
	}{
		{"set", o.set.Value(), func(l, r string) { e.Set = append(e.Set, compute.Setting{Key: l, Value: valueOf(r)}) }},
		{"rename-variable", o.variables.Value(), func(l, r string) {
			e.RenameVariables = append(e.RenameVariables, compute.Rename{From: l, To: r})
		}},
		{"rename-dimension", o.dimensions.Value(), func(l, r string) {
			e.RenameDimensions = append(e.RenameDimensions, compute.Rename{From: l, To: r})
		}},
		{"move", o.move.Value(), func(l, r string) { e.Links = append(e.Links, configure.Links{From: l, To: r}) }},
	} {
		for _, s := range f.list {
			left, right, ok := strings.Cut(s, "=")
			if !ok || left == "" || right == "" && f.flag != "set" {
				return e, usagef("edit: --%s takes LEFT=RIGHT, not %q", f.flag, s)
			}
			f.add(left, right)
		}
	}
	return e, nil
}

// valueOf reads an attribute's value: JSON of a kind that attributes have, else text.
func valueOf(s string) any {
	var integer int64
	if json.Unmarshal([]byte(s), &integer) == nil && s != "null" {
		return integer
	}
	var v any
	if json.Unmarshal([]byte(s), &v) != nil {
		return s
	}
	switch v := v.(type) {
	case string, float64, bool:
		return v
	case []any:
		var integers []int64
		var numbers []float64
		var texts []string
		switch {
		case len(v) == 0, slices.Contains(v, nil):
		case json.Unmarshal([]byte(s), &integers) == nil:
			return integers
		case json.Unmarshal([]byte(s), &numbers) == nil:
			return numbers
		case json.Unmarshal([]byte(s), &texts) == nil:
			return texts
		}
	}
	return s
}
