// Package slurm is the engine that queues jobs with SLURM's own commands: sbatch, squeue, sacct, scancel and scontrol. Only their
// text forms are read, which are alike from 22.05 to 26.05; their JSON is not. slurmrestd is not needed, nor is accounting.
package slurm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

// Options configure an engine.
type Options struct {
	// Interval is the shortest time between two polls of all of a user's processes together (the site's poll_interval).
	Interval time.Duration
	// Cache is a folder that those processes share; empty is the user's cache folder, one folder a cluster.
	Cache string
	// Conf is the path of slurm.conf; empty leaves it to SLURM.
	Conf string
}

// Engine is a scheduler.Engine over one SLURM cluster.
type Engine struct {
	commands commands
	cache    *cache
	interval time.Duration

	mu    sync.Mutex
	fresh map[scheduler.JobID]time.Time // jobs submitted here, and when
}

// freshFor is how long a job that was just submitted can't have been forgotten: no site sets MinJobAge lower than this.
const freshFor = 1500 * time.Millisecond

var _ scheduler.Engine = (*Engine)(nil)

// New makes an engine. It asks SLURM nothing.
func New(o Options) (*Engine, error) {
	conf := o.Conf
	if conf == "" {
		conf = os.Getenv("SLURM_CONF")
	}
	c, err := openCache(o.Cache, conf)
	if err != nil {
		return nil, err
	}
	return &Engine{commands: commands{conf: conf, count: c.count}, cache: c, interval: o.Interval, fresh: map[scheduler.JobID]time.Time{}}, nil
}

// Name is "slurm".
func (e *Engine) Name() string { return "slurm" }

// Calls is how many commands all of this user's processes have sent to the scheduler in the last hour.
func (e *Engine) Calls() (int, error) { return e.cache.calls(time.Now().Add(-time.Hour)) }

// Submit implements scheduler.Engine. The request is not interrupted once it is sent: an interrupted sbatch
// may have been heard.
func (e *Engine) Submit(ctx context.Context, s scheduler.Submission) (scheduler.JobID, error) {
	script, err := os.ReadFile(s.Script)
	if err != nil {
		return "", fmt.Errorf("submit %s: %w", s.Name, err)
	}
	directives, err := scheduler.Directives(string(script))
	if err != nil {
		return "", fmt.Errorf("submit %s: %s: %w", s.Name, s.Script, err)
	}
	array, err := s.ArrayOption(directives)
	if err != nil {
		return "", err
	}
	if !isToken(s.Token) {
		return "", fmt.Errorf("submit %s: %q can't be a token: letters, digits and . _ : - only", s.Name, s.Token)
	}
	if err := e.known(ctx, s.After); err != nil {
		return "", fmt.Errorf("submit %s: %w", s.Name, err)
	}
	args := []string{"--parsable", "--job-name=" + s.Name, "--comment=" + s.Token}
	if array != "" {
		args = append(args, "--array="+array)
	}
	if len(s.After) > 0 {
		args = append(args, "--dependency="+dependencies(s.After, s.Any))
	}
	if s.Delay > 0 {
		args = append(args, fmt.Sprintf("--begin=now+%d", int64(s.Delay/time.Second)))
	}
	if len(s.Exclude) > 0 {
		args = append(args, "--exclude="+strings.Join(s.Exclude, ","))
	}
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("submit %s: %w", s.Name, err)
	}
	sent := time.Now()
	out, err := e.commands.send(context.WithoutCancel(ctx), "sbatch", append(args, s.Script)...)
	e.cache.changed()
	if isFull(err) {
		return "", fmt.Errorf("submit %s: %w: %w", s.Name, scheduler.ErrFull, err)
	}
	if err != nil {
		return "", fmt.Errorf("submit %s: %w", s.Name, err)
	}
	// "ID" or "ID;CLUSTER" on the last line; a site's submit plugin may speak before it.
	last := strings.TrimSpace(out[strings.LastIndexByte(strings.TrimSpace(out), '\n')+1:])
	id, _, _ := strings.Cut(last, ";")
	if !isNumber(id) {
		return "", fmt.Errorf("submit %s: %w: sbatch answered %q, which is no job id", s.Name, scheduler.ErrUnreachable, out)
	}
	e.mu.Lock()
	e.fresh[scheduler.JobID(id)] = sent
	e.mu.Unlock()
	return scheduler.JobID(id), nil
}

// isFresh reports whether a job was submitted here a moment ago.
func (e *Engine) isFresh(job scheduler.JobID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Since(e.fresh[job]) < freshFor
}

// known refuses dependencies on jobs that slurmctld has forgotten: 22.05 takes those for satisfied, even of a job that failed.
func (e *Engine) known(ctx context.Context, after []scheduler.Dependency) error {
	var ids []string
	for _, d := range after {
		if !isNumber(string(d.Job)) {
			return fmt.Errorf("%q: %w", d.Job, scheduler.ErrUnknownJob)
		}
		if !e.isFresh(d.Job) {
			ids = append(ids, string(d.Job))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	out, err := e.commands.query(ctx, "squeue", "--noheader", "--states=all", "--format=%F", "--jobs="+strings.Join(ids, ","))
	if err != nil && !isUnknownJob(err) { // which is what squeue says when it knows none of them
		return err
	}
	have := map[string]bool{}
	for id := range strings.FieldsSeq(out) {
		have[id] = true
	}
	for _, id := range ids {
		if !have[id] {
			return fmt.Errorf("to wait for job %s, which SLURM has forgotten: %w", id, scheduler.ErrUnknownJob)
		}
	}
	return nil
}

// dependencies writes them in sbatch's words: all must come true, or any.
func dependencies(after []scheduler.Dependency, first bool) string {
	between := ","
	if first {
		between = "?"
	}
	words := make([]string, len(after))
	for i, d := range after {
		words[i] = string(d.Kind) + ":" + string(d.Job)
	}
	return strings.Join(words, between)
}

// Find implements scheduler.Engine. Where accounting does not store comments, the command line that it stores tells the token.
func (e *Engine) Find(ctx context.Context, token string) (scheduler.JobID, bool, error) {
	if !isToken(token) {
		return "", false, fmt.Errorf("find: %q is no token", token)
	}
	out, err := e.commands.query(ctx, "squeue", "--noheader", "--states=all", "--me", "--format=%F|%k")
	if err != nil {
		return "", false, fmt.Errorf("find %s: %w", token, err)
	}
	if id, ok := findToken(out, token); ok {
		return id, true, nil
	}
	out, err = e.commands.query(ctx, "sacct", "--noheader", "--parsable2", "--allocations", "--starttime=now-7days",
		"--format=JobID,Comment,SubmitLine")
	switch {
	case isNoAccounting(err):
		return "", false, nil
	case err != nil: // not to know is not to know that there is none
		return "", false, fmt.Errorf("find %s: %w: %w", token, scheduler.ErrUnreachable, err)
	}
	id, ok := findToken(out, token)
	return id, ok, nil
}

// Repoint implements scheduler.Engine.
func (e *Engine) Repoint(ctx context.Context, job scheduler.JobID, after []scheduler.Dependency) error {
	if !isNumber(string(job)) {
		return fmt.Errorf("repoint %q: %w", job, scheduler.ErrUnknownJob)
	}
	if err := e.known(ctx, after); err != nil {
		return fmt.Errorf("repoint %s: %w", job, err)
	}
	_, err := e.commands.query(ctx, "scontrol", "update", "JobId="+string(job), "Dependency="+dependencies(after, false))
	e.cache.changed()
	switch said := (*commandError)(nil); {
	case err == nil:
		return nil
	case errors.Is(err, scheduler.ErrUnreachable):
	case errors.As(err, &said) && said.says("No error"):
		return nil // of an array scontrol reports each task, and those that have ended fail
	case isUnknownJob(err):
		if waits, werr := e.waits(ctx, job); werr != nil || waits { // 26.05 reports those that have ended only
			return werr
		}
		return fmt.Errorf("repoint %s: %w: %w", job, scheduler.ErrUnknownJob, err)
	}
	return fmt.Errorf("repoint %s: %w", job, err)
}

// waits reports whether any task of a job has not started.
func (e *Engine) waits(ctx context.Context, job scheduler.JobID) (bool, error) {
	out, err := e.commands.query(ctx, "squeue", "--noheader", "--states=PENDING", "--format=%F", "--jobs="+string(job))
	if err != nil && !isUnknownJob(err) {
		return false, fmt.Errorf("repoint %s: %w", job, err)
	}
	return strings.TrimSpace(out) != "", nil
}

// Cancel implements scheduler.Engine.
func (e *Engine) Cancel(ctx context.Context, job scheduler.JobID, indices []int) error {
	if !isNumber(string(job)) {
		return nil // SLURM never gave such an id
	}
	what := string(job)
	if indices != nil {
		if len(indices) == 0 {
			return nil
		}
		what += "_[" + scheduler.FormatIndices(indices) + "]"
	}
	_, err := e.commands.query(ctx, "scancel", what)
	e.cache.changed()
	if err != nil && !isUnknownJob(err) {
		return fmt.Errorf("cancel %s: %w", what, err)
	}
	return nil
}
