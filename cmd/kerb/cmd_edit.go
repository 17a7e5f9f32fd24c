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
a list, a quoted string) is taken as that, and anything else as text. The store's attribute kerchunk_builder_edits records
the changes, and so does the history of its dataset when it lies in a workdir: kerb verify sees through them, and kerb append
makes them of the next version too; only a new compute begins without them.

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

// edit reads the flags. What moves together is one step: of the prefixes that fit a link the longest counts.
func (o *editOptions) edit() (compute.Edit, error) {
	var e compute.Edit
	add := func(s compute.Step) { e.Steps = append(e.Steps, s) }
	var move compute.Rewriting
	pairs := func(flag string, list []string, use func(left, right string)) error {
		for _, s := range list {
			left, right, ok := strings.Cut(s, "=")
			if !ok || left == "" || right == "" && flag != "set" {
				return usagef("edit: --%s takes LEFT=RIGHT, not %q", flag, s)
			}
			use(left, right)
		}
		return nil
	}
	if err := pairs("move", o.move.Value(), func(l, r string) { move = append(move, configure.Links{From: l, To: r}) }); err != nil {
		return e, err
	}
	if move != nil {
		add(compute.Step{Links: move})
	}
	for _, v := range o.drop.Value() {
		add(compute.Step{Drop: v})
	}
	err := pairs("rename-variable", o.variables.Value(), func(l, r string) { add(compute.Step{RenameVariable: &compute.Rename{From: l, To: r}}) })
	if err == nil {
		err = pairs("rename-dimension", o.dimensions.Value(), func(l, r string) { add(compute.Step{RenameDimension: &compute.Rename{From: l, To: r}}) })
	}
	if err == nil {
		err = pairs("set", o.set.Value(), func(l, r string) { add(compute.Step{Set: &compute.Setting{Key: l, Value: valueOf(r)}}) })
	}
	for _, a := range o.remove.Value() {
		add(compute.Step{Remove: a})
	}
	return e, err
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
