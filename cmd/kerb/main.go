// Command kerb builds virtual Zarr stores over archives of NetCDF files, as batch jobs.
//
// There is one file per command: an options struct, newXCommand that fills it from flags, and runX that does
// the work. main.go alone maps errors to exit codes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/scheduler"
)

// The exit codes, one table for all commands.
const (
	exitDone        = 0
	exitInternal    = 1
	exitUsage       = 2
	exitSomeFailed  = 3
	exitRefused     = 4
	exitFault       = 5
	exitUnreachable = 6
	exitInterrupted = 130
)

const exitTable = `EXIT STATUS
   0    done
   1    internal error, or a read or write that failed
   2    usage
   3    finished, but some datasets failed
   4    input refused
   5    the test phase found a fault
   6    scheduler unreachable
   130  interrupted`

// errSomeFailed ends a command that finished although some datasets failed.
var errSomeFailed = errors.New("some datasets failed")

// errInterrupted is what a person reads who has interrupted a command.
var errInterrupted = errors.New("interrupted")

// usageError is a command line that can't be understood.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usagef(format string, a ...any) error { return &usageError{fmt.Sprintf(format, a...)} }

// environment is what a command sees of the world.
type environment struct {
	stdout, stderr io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args, environment{stdout: os.Stdout, stderr: os.Stderr})
	stop()
	os.Exit(code)
}

// run runs one command line and returns the exit code.
func run(ctx context.Context, args []string, env environment) int {
	app := newApp(env)
	given := args
	args, err := flagsFirst(app, args)
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	code := exitCode(ctx, err)
	if code == exitInterrupted {
		err = errInterrupted
	}
	if err != nil && !errors.Is(err, errReported) {
		fmt.Fprintf(env.stderr, "kerb: %v\n", err)
		if advice := adviceOn(err); advice != "" {
			fmt.Fprintln(env.stderr, advice)
		}
		if code == exitUsage {
			fmt.Fprintf(env.stderr, "See `%s --help`.\n", helpOf(app, given))
		}
	}
	return code
}

// adviceOn is what to do about an error that may come up anywhere, and says nothing of that itself.
func adviceOn(err error) string {
	switch e, ok := errors.AsType[*phases.Error](err); {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "Make room, and run the command again: what is done is not done again."
	case ok && e.Remedy != "":
		return ""
	case errors.Is(err, fs.ErrPermission):
		return "See that you may read and write there."
	case errors.Is(err, scheduler.ErrUnreachable):
		return "`kerb doctor` looks for the cause."
	}
	return ""
}

// helpOf is the command whose help says how the arguments should have been.
func helpOf(app *cli.App, args []string) string {
	if len(args) > 1 && app.Command(args[1]) != nil {
		return "kerb " + args[1]
	}
	return "kerb"
}

// errReported is joined to an error whose text the command has shown already.
var errReported = errors.New("reported")

func newApp(env environment) *cli.App {
	app := &cli.App{
		Name:                      "kerb",
		Usage:                     "virtual Zarr stores over archives of NetCDF files, built as batch jobs",
		Version:                   version,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true, // patterns hold commas
		Writer:                    env.stdout,
		ErrWriter:                 env.stderr,
		ExitErrHandler:            func(*cli.Context, error) {}, // run maps errors to exit codes
		OnUsageError:              func(_ *cli.Context, err error, _ bool) error { return usagef("%v", err) },
		CommandNotFound:           func(c *cli.Context, name string) {},
		Commands:                  commands(env),
		CustomAppHelpTemplate:     cli.AppHelpTemplate + "\n" + exitTable + "\n",
	}
	app.Action = func(c *cli.Context) error {
		if c.Args().Present() {
			name := c.Args().First()
			if near := startingWith(name[:min(2, len(name))], commandNames(c.App.Commands)); len(near) > 0 {
				return usagef("there is no command %q; did you mean %s?", name, strings.Join(near, " or "))
			}
			return usagef("there is no command %q", name)
		}
		return cli.ShowAppHelp(c)
	}
	for _, c := range app.Commands {
		finish(c)
	}
	return app
}

// commands lists the commands in the order in which people meet them.
func commands(env environment) []*cli.Command {
	return []*cli.Command{
		newInitCommand(env),
		newRunCommand(env),
		newSubmitCommand(env),
		newStatusCommand(env),
		newRerunCommand(env),
		newAdvanceCommand(env),
		newCancelCommand(env),
		newLogsCommand(env),
		newReportCommand(env),
		newDoctorCommand(env),
		newRefsCommand(env),
		newInspectCommand(env),
		newVerifyCommand(env),
		newPlotCommand(env),
		newDapCommand(env),
		newEditCommand(env),
		newAppendCommand(env),
		newProfileCommand(env),
		newDemoCommand(env),
		newCompletionCommand(env),
		newManCommand(env),
		newTaskCommand(env),
	}
}

// finish gives a command what all commands have in common.
func finish(c *cli.Command) {
	c.HideHelpCommand = true
	c.OnUsageError = func(_ *cli.Context, err error, _ bool) error {
		if flag, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
			return usagef("%s has no flag %s", c.Name, dashed(flag))
		}
		return usagef("%s: %v", c.Name, err)
	}
	require(c)
	if len(c.Subcommands) > 0 {
		for _, s := range c.Subcommands {
			finish(s)
		}
		c.CustomHelpTemplate = cli.SubcommandHelpTemplate + "\n" + exitTable + "\n"
		return
	}
	c.CustomHelpTemplate = cli.CommandHelpTemplate + "\n" + exitTable + "\n"
}

// require makes a missing flag a usage error. cli itself would print the help and end with an error that nobody can tell apart.
func require(c *cli.Command) {
	var required []string
	for _, f := range c.Flags {
		if s, ok := f.(*cli.StringFlag); ok && s.Required {
			s.Required = false
			required = append(required, s.Name)
		}
	}
	act := c.Action
	if len(required) == 0 {
		return
	}
	c.Action = func(ctx *cli.Context) error {
		for _, name := range required {
			if !ctx.IsSet(name) {
				return usagef("%s needs the flag %s", c.Name, dashed(name))
			}
		}
		return act(ctx)
	}
}

// exitCode is the one place where errors become exit codes.
func exitCode(ctx context.Context, err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return exitDone
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, errSomeFailed):
		return exitSomeFailed
	case errors.Is(err, scheduler.ErrUnreachable):
		return exitUnreachable
	}
	switch phases.ClassOf(err) {
	case phases.Input, phases.Drift, phases.Unsupported, phases.Damaged:
		return exitRefused
	case phases.Fault:
		return exitFault
	}
	return exitInternal
}
