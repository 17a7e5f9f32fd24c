package local

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

// attempt is a task that runs.
type attempt struct {
	job     *job
	index   int
	process process
	peak    int64

	// Set when the driver ends it, which decides its state whatever the script then does.
	state  scheduler.State
	reason string
	done   chan struct{}
}

// ending is how an attempt's script ended.
type ending struct {
	attempt *attempt
	state   *os.ProcessState
	overdue bool
}

// launch starts a task's script.
func (d *driver) launch(j *job, index int) (*attempt, error) {
	script := d.spool.job(j.id, "script")
	log, err := openLog(j, index)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the script has it
	if _, err := os.Stat(j.Dir); err != nil {
		return nil, err
	}
	words, err := interpreter(script)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(words[0], append(words[1:], script)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = j.Dir, log, log
	cmd.Env = append(slices.Clone(j.Env), d.variables(j, index)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	a := &attempt{job: j, index: index, process: identify(cmd.Process.Pid), done: make(chan struct{})}
	go func() {
		overdue := make(chan struct{})
		if j.Time > 0 {
			limit := time.AfterFunc(j.Time, func() {
				close(overdue)
				a.signal(d.wait)
			})
			defer limit.Stop()
		}
		_ = cmd.Wait() // how it ended is in ProcessState
		close(a.done)
		kill(a.process.PID) // what it left running, SLURM ends too
		late := false
		select {
		case <-overdue:
			late = true
		default:
		}
		d.ended <- ending{a, cmd.ProcessState, late}
	}()
	return a, nil
}

// end ends an attempt, at once or with time to clean up.
func (a *attempt) end(state scheduler.State, reason string, wait time.Duration) {
	if a == nil || a.state != "" {
		return
	}
	a.state, a.reason = state, reason
	if wait == 0 {
		kill(a.process.PID)
		return
	}
	a.signal(wait)
}

// signal sends SIGTERM, and SIGKILL when that has not helped.
func (a *attempt) signal(wait time.Duration) {
	terminate(a.process.PID)
	go func() {
		select {
		case <-a.done:
		case <-time.After(wait):
			kill(a.process.PID)
		}
	}()
}

// outcome is the task as it ended.
func (a *attempt) outcome(t task, end ending) task {
	// Not the kernel's ru_maxrss: a process inherits it from the one that it was forked from, which is the driver.
	t.End, t.PeakRSS = time.Now(), a.peak
	status, _ := end.state.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		t.Signal = int(status.Signal())
	} else {
		t.ExitCode = status.ExitStatus()
	}
	killed := t.Signal == int(syscall.SIGKILL) || t.ExitCode == 128+int(syscall.SIGKILL)
	switch {
	case a.state != "":
		t.State, t.Reason = a.state, a.reason
	case end.overdue:
		t.State, t.Reason = scheduler.Timeout, "TimeLimit"
	case status.Signaled() && killed && a.job.Memory > 0 && t.PeakRSS > a.job.Memory:
		t.State, t.Reason = scheduler.OutOfMemory, "OutOfMemory" // it grew between two looks, and the kernel was faster
	case status.Signaled():
		t.State, t.Reason = scheduler.Failed, fmt.Sprintf("RaisedSignal:%d(%s)", t.Signal, status.Signal())
	case t.ExitCode != 0:
		t.State, t.Reason = scheduler.Failed, "NonZeroExitCode"
	default:
		t.State = scheduler.Completed
	}
	return t
}

// interpreter reads a script's first line as the kernel does: a program and at most one argument. The script itself is
// not executed, since a file that was written a moment ago may be busy.
func interpreter(script string) ([]string, error) {
	text, err := os.ReadFile(script)
	if err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	program, argument, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "#!")), " ")
	if program == "" {
		return nil, errors.New("the script names no interpreter")
	}
	if argument = strings.TrimSpace(argument); argument != "" {
		return []string{program, argument}, nil
	}
	return []string{program}, nil
}

func openLog(j *job, index int) (*os.File, error) {
	mode := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if j.Append {
		mode = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	}
	path := expand(j.Output, j, index)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, err
	}
	return os.OpenFile(path, mode, 0o666)
}

// expand fills in a pattern of --output (sbatch(1), filename pattern). All tasks of an array have its id here.
func expand(pattern string, j *job, index int) string {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, _ := os.Hostname()
	return strings.NewReplacer("%%", "%", "%A", string(j.id), "%a", strconv.Itoa(max(index, 0)), "%j", string(j.id),
		"%x", j.Name, "%u", name, "%N", host).Replace(pattern)
}

// variables are what SLURM tells a task (sbatch(1), output environment variables).
func (d *driver) variables(j *job, index int) []string {
	id := string(j.id)
	vars := []string{
		"SLURM_JOB_ID=" + id, "SLURM_JOBID=" + id, "SLURM_JOB_NAME=" + j.Name, "SLURM_SUBMIT_DIR=" + j.SubmitDir,
		"SLURM_SUBMIT_HOST=" + d.host, "SLURM_JOB_NODELIST=" + d.host, "SLURMD_NODENAME=" + d.host, "SLURM_JOB_NUM_NODES=1",
		"SLURM_CPUS_PER_TASK=" + strconv.Itoa(j.CPUs), "SLURM_CPUS_ON_NODE=" + strconv.Itoa(j.CPUs),
		"SLURM_CLUSTER_NAME=local", "SLURM_JOB_PARTITION=local",
	}
	if j.Memory > 0 {
		vars = append(vars, "SLURM_MEM_PER_NODE="+strconv.FormatInt((j.Memory-1)>>20+1, 10))
	}
	if index >= 0 {
		vars = append(vars, "SLURM_ARRAY_JOB_ID="+id, "SLURM_ARRAY_TASK_ID="+strconv.Itoa(index),
			"SLURM_ARRAY_TASK_COUNT="+strconv.Itoa(len(j.Indices)), "SLURM_ARRAY_TASK_MIN="+strconv.Itoa(j.Indices[0]),
			"SLURM_ARRAY_TASK_MAX="+strconv.Itoa(j.Indices[len(j.Indices)-1]), "SLURM_ARRAY_TASK_STEP=1")
	}
	return vars
}
