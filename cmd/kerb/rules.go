package main

import (
	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// ruleFlags are the flags that say how files are joined, for commands without a workdir and its override.yaml.
type ruleFlags struct {
	rules                    virtual.Rules
	concat, stack, identical cli.StringSlice
}

func (f *ruleFlags) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "concat", Usage: "concatenate along `DIM`; may be repeated; the coordinates tell when it isn't given", Destination: &f.concat},
		&cli.StringFlag{Name: "new-dimension", Usage: "concatenate along a dimension `DIM` that no file has", Destination: &f.rules.NewDimension},
		&cli.StringSliceFlag{Name: "stack", Usage: "stack `VAR`, which differs from file to file, along the concatenated dimension; may be repeated", Destination: &f.stack},
		&cli.StringSliceFlag{Name: "identical", Usage: "take the first file's values of `VAR` for all files, unchecked; may be repeated", Destination: &f.identical},
		&cli.Int64Flag{Name: "inline-limit", Value: virtual.DefaultInlineLimit, Usage: "the most `BYTES` of an array stored by value where references can't stand for it", Destination: &f.rules.InlineLimit},
	}
}

// read answers the rules once the command line has been parsed.
func (f *ruleFlags) read() virtual.Rules {
	r := f.rules
	r.Concat, r.Stack, r.Identical = f.concat.Value(), f.stack.Value(), f.identical.Value()
	if len(r.Concat) == 0 {
		r.Concat = nil // the coordinates tell
	}
	return r
}
