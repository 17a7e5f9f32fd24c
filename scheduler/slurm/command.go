package slurm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

// commandTimeout bounds one command. SLURM's own time-outs (MessageTimeout, 10 to 100 s) come first: measured, sbatch gives up after
// one, squeue after two.
const commandTimeout = 4 * time.Minute

// commands runs SLURM's commands.
type commands struct {
	conf  string
	count func(command string)
}

// query runs a command that may be interrupted and repeated.
func (c commands) query(ctx context.Context, name string, args ...string) (string, error) {
	// Epoch seconds know no time zone, and a length of 0 keeps squeue and sacct from cutting a list of indices at 64 characters.
	return c.run(ctx, name, args, []string{"LC_ALL=C", "SLURM_TIME_FORMAT=%s", "SLURM_BITSTR_LEN=0"}, nil)
}

// send runs a command that changes something and must not be cut off by a ^C at the terminal. What its environment holds, the job gets.
func (c commands) send(ctx context.Context, name string, args ...string) (string, error) {
	return c.run(ctx, name, args, nil, &syscall.SysProcAttr{Setpgid: true})
}

func (c commands) run(ctx context.Context, name string, args, env []string, attr *syscall.SysProcAttr) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	// Not the whole environment: SBATCH_*, SQUEUE_FORMAT and the like would change what is asked, and so would the SLURM_* of a
	// job that this runs in.
	cmd.Env = append(scheduler.JobEnvironment(os.Environ()), env...)
	if c.conf != "" {
		cmd.Env = append(cmd.Env, "SLURM_CONF="+c.conf)
	}
	cmd.SysProcAttr = attr
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	c.count(name)
	err := cmd.Run()
	if err == nil {
		return stdout.String(), nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return stdout.String(), &commandError{name: name, stderr: strings.TrimSpace(stderr.String()), err: err}
}

// commandError is a command that failed. It is scheduler.ErrUnreachable when the scheduler did not answer it.
type commandError struct {
	name   string
	stderr string
	err    error
}

func (e *commandError) Error() string {
	switch {
	case errors.Is(e.err, exec.ErrNotFound):
		return fmt.Sprintf("%s is not installed here: run this where SLURM's commands are, or use --scheduler local", e.name)
	case e.stderr == "":
		return fmt.Sprintf("%s: %v", e.name, e.err)
	}
	return fmt.Sprintf("%s: %s", e.name, e.stderr)
}

func (e *commandError) Unwrap() error { return e.err }

// Is makes a command that went unanswered a scheduler.ErrUnreachable.
func (e *commandError) Is(target error) bool {
	return target == scheduler.ErrUnreachable && e.unanswered()
}

// silences are what SLURM's commands print when they got no answer, in lower case. slurm_errno.c has the whole list.
var silences = []string{
	"unable to contact", "unable to connect", "timed out", "connect failure", "connection", "broken pipe", "no route to host",
	"network is unreachable", "zero bytes were transmitted", "unexpected message received", "configuration source", "standby mode",
	"temporarily unable", "not connected", "unable to process configuration",
}

func (e *commandError) unanswered() bool {
	if errors.Is(e.err, context.DeadlineExceeded) || errors.Is(e.err, context.Canceled) || errors.Is(e.err, exec.ErrNotFound) {
		return true
	}
	if exit := (*exec.ExitError)(nil); errors.As(e.err, &exit) && !exit.Exited() {
		return true // killed by a signal
	}
	for _, s := range silences {
		if e.says(s) {
			return true
		}
	}
	return false
}

func (e *commandError) says(what string) bool {
	return strings.Contains(strings.ToLower(e.stderr), strings.ToLower(what))
}

func isUnknownJob(err error) bool {
	e := (*commandError)(nil)
	return errors.As(err, &e) && (e.says("invalid job id") || e.says("already finished") || e.says("already completing") || e.says("no longer pending"))
}

// isNoAccounting reports whether sacct failed because the cluster keeps no accounts, or because it is not installed.
func isNoAccounting(err error) bool {
	e := (*commandError)(nil)
	return errors.As(err, &e) && e.name == "sacct" && (e.says("storage is disabled") || errors.Is(e.err, exec.ErrNotFound))
}

// isFull reports whether sbatch was refused for the number of jobs that the user, his account or the QoS has in the queue.
func isFull(err error) bool {
	e := (*commandError)(nil)
	return errors.As(err, &e) && e.name == "sbatch" && (e.says("MaxSubmitJob") || e.says("GrpSubmitJob") || e.says("temporarily unable to accept job"))
}
