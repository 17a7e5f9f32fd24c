// Package enginetest is what every scheduler.Engine promises, as tests: one suite, run over a real SLURM and over the local engine.
package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

// Fixture is an engine whose jobs run, and what only its kind can do.
type Fixture struct {
	Engine scheduler.Engine

	// EndTime makes a running job's time run out. Nil: the engine keeps a --time of seconds by itself.
	EndTime func(t *testing.T, job scheduler.JobID)
	// Forget returns when the scheduler's queue has forgotten a job that ended. Nil: it never does.
	Forget func(t *testing.T, job scheduler.JobID)
	// SeesMemory: the engine learns a task's peak memory.
	SeesMemory bool
}

// Run runs the suite. The tests run at the same time, since most of a test is waiting.
func Run(t *testing.T, f Fixture) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *bench)
	}{
		{"Single", single}, {"Array", array}, {"ManyIndices", manyIndices}, {"Throttle", throttle}, {"Delay", delay}, {"ScriptIsKept", scriptIsKept},
		{"AfterOK", afterOK}, {"AfterAny", afterAny}, {"AfterNotOK", afterNotOK}, {"AfterNotOKWaitsForAll", afterNotOKWaitsForAll}, {"AfterCorr", afterCorr}, {"AfterTwo", afterTwo}, {"AfterEither", afterEither},
		{"FailureIsLatched", failureIsLatched}, {"RepointPerTask", repointPerTask}, {"RepointToNothing", repointToNothing},
		{"UnknownDependency", unknownDependency}, {"NotWaiting", notWaiting},
		{"Find", find}, {"Cancel", cancelSome}, {"CancelAll", cancelAll}, {"CancelWaiting", cancelWaiting}, {"CancelEnded", cancelEnded},
		{"ExitCodes", exitCodes}, {"Timeout", timeout}, {"Memory", memory}, {"Environment", environment},
		{"Refused", refused}, {"UnknownJob", unknownJob}, {"Forgotten", forgotten},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, &bench{Fixture: f, t: t, dir: t.TempDir()})
		})
	}
}

// bench is one test's place: a folder, and the steps that the tests share.
type bench struct {
	Fixture
	t   *testing.T
	dir string
	n   int
}

// patience is how long a state may take to come: SLURM looks at time limits every 30 s only.
const patience = 2 * time.Minute

// write makes a script of SBATCH options and a body, which runs in the test's folder.
func (b *bench) write(body string, options ...string) string {
	b.t.Helper()
	b.n++
	text := "#!/bin/bash\n"
	for _, o := range append([]string{"--mem=50M", "--time=5", "--output=" + b.dir + "/log.%j", "--kill-on-invalid-dep=no"}, options...) {
		text += "#SBATCH " + o + "\n"
	}
	text += "cd '" + b.dir + "'\n" + body + "\n"
	path := filepath.Join(b.dir, fmt.Sprintf("script%d", b.n))
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func (b *bench) submit(s scheduler.Submission) scheduler.JobID {
	b.t.Helper()
	if s.Name == "" {
		s.Name = "kerb.test." + b.t.Name()[strings.LastIndexByte(b.t.Name(), '/')+1:]
	}
	if s.Token == "" {
		s.Token = fmt.Sprintf("t-%d-%d", time.Now().UnixNano(), b.n)
	}
	id, err := b.Engine.Submit(b.t.Context(), s)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = b.Engine.Cancel(context.Background(), id, nil) }) // most have ended
	return id
}

// gate is a file that tasks wait for: the line that waits, and the function that opens it.
func (b *bench) gate(name string) (wait string, open func()) {
	return "until [ -e " + name + " ]; do sleep .1; done", func() {
		if err := os.WriteFile(filepath.Join(b.dir, name), nil, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bench) poll(job scheduler.JobID) map[int]scheduler.TaskState {
	b.t.Helper()
	states, err := b.Engine.Poll(b.t.Context(), []scheduler.JobID{job})
	if err != nil {
		b.t.Fatal(err)
	}
	tasks := map[int]scheduler.TaskState{}
	for _, s := range states {
		if s.Job != job && s.State != scheduler.Pending && s.State != scheduler.Running {
			b.t.Fatalf("asked for job %s, told of %+v", job, s)
		}
		if s.Job != job {
			continue
		}
		if _, twice := tasks[s.Index]; twice {
			b.t.Fatalf("task %d of job %s is told of twice: %+v", s.Index, job, states)
		}
		tasks[s.Index] = s
	}
	return tasks
}

// until polls a job until it is as wanted, and fails when it never is.
func (b *bench) until(job scheduler.JobID, what string, wanted func(map[int]scheduler.TaskState) bool) map[int]scheduler.TaskState {
	b.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		tasks := b.poll(job)
		if wanted(tasks) {
			return tasks
		}
		if time.Now().After(end) {
			b.t.Fatalf("job %s is not %s, but %+v", job, what, tasks)
		}
	}
}

// ends polls until the tasks of these indices have ended, and checks how.
func (b *bench) ends(job scheduler.JobID, want map[int]scheduler.State) map[int]scheduler.TaskState {
	b.t.Helper()
	tasks := b.until(job, fmt.Sprint(want), func(tasks map[int]scheduler.TaskState) bool {
		for i := range want {
			if s, ok := tasks[i]; !ok || !s.State.Ended() {
				return false
			}
		}
		return true
	})
	got := map[int]scheduler.State{}
	for i := range want {
		got[i] = tasks[i].State
	}
	if d := cmp.Diff(want, got); d != "" {
		b.t.Fatalf("job %s (-want +got):\n%s%+v", job, d, tasks)
	}
	return tasks
}

func (b *bench) completes(job scheduler.JobID) scheduler.TaskState {
	b.t.Helper()
	return b.ends(job, map[int]scheduler.State{-1: scheduler.Completed})[-1]
}

// neverStarts waits until these tasks are known never to start by themselves.
func (b *bench) neverStarts(job scheduler.JobID, indices ...int) {
	b.t.Helper()
	b.until(job, "waiting for ever", func(tasks map[int]scheduler.TaskState) bool {
		for _, i := range indices {
			if s := tasks[i]; s.State != scheduler.Pending || s.Reason != scheduler.NeverSatisfied {
				return false
			}
		}
		return true
	})
}

// lines are the lines of a file in the test's folder, sorted; none when there is no file.
func (b *bench) lines(name string) []string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		b.t.Fatal(err)
	}
	lines := strings.Fields(string(text))
	slices.Sort(lines)
	return lines
}

func (b *bench) hasLines(name string, want ...string) {
	b.t.Helper()
	if d := cmp.Diff(want, b.lines(name), cmp.Transformer("list", func(s []string) []string { return append([]string{}, s...) })); d != "" {
		b.t.Fatalf("%s (-want +got):\n%s", name, d)
	}
}

func single(t *testing.T, b *bench) {
	token := "single-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	before := time.Now().Add(-2 * time.Second) // SLURM counts in seconds
	id := b.submit(scheduler.Submission{Script: b.write("echo done >out"), Token: token})
	s := b.completes(id)
	b.hasLines("out", "done")
	if s.Token != token {
		t.Errorf("the token is %q, was %q", s.Token, token)
	}
	if s.Memory != 50<<20 {
		t.Errorf("memory %d, asked for 50M", s.Memory)
	}
	if s.Node == "" || s.Source == "" || s.Seen.Before(before) {
		t.Errorf("node, source or time of the answer are missing: %+v", s)
	}
	if s.Submit.Before(before) || s.Start.Before(s.Submit.Truncate(time.Second)) || s.End.Before(s.Start) {
		t.Errorf("times are out of order: %+v", s)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "log."+string(id))); err != nil {
		t.Errorf("the log is not where --output says: %v", err)
	}
}

func array(t *testing.T, b *bench) {
	id := b.submit(scheduler.Submission{
		Script:  b.write(`echo $SLURM_ARRAY_TASK_ID >>out; echo $SLURM_ARRAY_JOB_ID >>job; echo log of $SLURM_ARRAY_TASK_ID`, "--output="+b.dir+"/log.%A_%a"),
		Indices: []int{7, 1, 4, 12},
	})
	done := scheduler.Completed
	tasks := b.ends(id, map[int]scheduler.State{1: done, 4: done, 7: done, 12: done})
	if len(tasks) != 4 {
		t.Errorf("told of %d tasks: %+v", len(tasks), tasks)
	}
	b.hasLines("out", "1", "12", "4", "7")
	b.hasLines("job", string(id), string(id), string(id), string(id))
	b.hasLines("log."+string(id)+"_12", "12", "log", "of")
}

// manyIndices: a list of indices that is long to write is told whole.
func manyIndices(t *testing.T, b *bench) {
	wait, open := b.gate("go")
	first := b.submit(scheduler.Submission{Script: b.write(wait)})
	var indices []int
	for i := range 31 {
		indices = append(indices, i*i)
	}
	id := b.submit(scheduler.Submission{
		Script: b.write("true"), Indices: indices, After: []scheduler.Dependency{{Kind: scheduler.AfterNotOK, Job: first}},
	})
	tasks := b.poll(id)
	for _, i := range indices {
		if tasks[i].State != scheduler.Pending {
			t.Fatalf("task %d is %+v", i, tasks[i])
		}
	}
	if len(tasks) != len(indices) {
		t.Errorf("told of %d tasks, there are %d", len(tasks), len(indices))
	}
	open()
	b.completes(first)
}

func throttle(t *testing.T, b *bench) {
	indices := []int{0, 1, 2, 3, 4, 5}
	id := b.submit(scheduler.Submission{
		Script:  b.write(`date +%s%N >start.$SLURM_ARRAY_TASK_ID; sleep .5; date +%s%N >end.$SLURM_ARRAY_TASK_ID`, "--array=0-99%2"),
		Indices: indices,
	})
	want := map[int]scheduler.State{}
	for _, i := range indices {
		want[i] = scheduler.Completed
	}
	b.ends(id, want)
	at := func(name string, i int) string { return strings.Join(b.lines(fmt.Sprintf("%s.%d", name, i)), "") }
	for _, i := range indices {
		running := 0
		for _, j := range indices {
			if at("start", j) <= at("start", i) && at("start", i) < at("end", j) {
				running++
			}
		}
		if running > 2 {
			t.Errorf("%d tasks ran at once when task %d started, 2 are allowed", running, i)
		}
	}
}

// delay: a job that must wait does so, although nothing is in its way.
func delay(t *testing.T, b *bench) {
	id := b.submit(scheduler.Submission{Script: b.write("true"), Delay: 5 * time.Second})
	s := b.completes(id)
	if s.Start.Sub(s.Submit) < 4*time.Second { // SLURM counts in seconds
		t.Errorf("submitted at %s, started at %s", s.Submit, s.Start)
	}
}

func scriptIsKept(t *testing.T, b *bench) {
	wait, open := b.gate("go")
	first := b.submit(scheduler.Submission{Script: b.write(wait)})
	script := b.write("echo kept >out")
	id := b.submit(scheduler.Submission{Script: script, After: []scheduler.Dependency{{Kind: scheduler.AfterOK, Job: first}}})
	if err := os.WriteFile(script, []byte("#!/bin/bash\necho changed >"+b.dir+"/out\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	open()
	b.completes(id)
	b.hasLines("out", "kept")
}

// pair submits an array whose task 2 fails, behind a gate, and a job that waits for it.
func (b *bench) pair(kind scheduler.DependencyKind, fails string, waiting []int) (first, second scheduler.JobID, open func()) {
	b.t.Helper()
	wait, open := b.gate("go")
	first = b.submit(scheduler.Submission{Script: b.write(wait + "\n" + fails), Indices: []int{1, 2, 3}})
	second = b.submit(scheduler.Submission{
		Script: b.write(`echo ${SLURM_ARRAY_TASK_ID:-ran} >>out`), Indices: waiting,
		After: []scheduler.Dependency{{Kind: kind, Job: first}},
	})
	if n := len(b.lines("out")); n != 0 {
		b.t.Fatal("it did not wait")
	}
	return first, second, open
}

const (
	nothingFails = "true"
	twoFails     = `[ $SLURM_ARRAY_TASK_ID != 2 ]`
)

func afterOK(t *testing.T, b *bench) {
	_, second, open := b.pair(scheduler.AfterOK, nothingFails, nil)
	open()
	b.completes(second)
	b.hasLines("out", "ran")
}

func afterAny(t *testing.T, b *bench) {
	_, second, open := b.pair(scheduler.AfterAny, twoFails, nil)
	open()
	b.completes(second)
}

func afterNotOK(t *testing.T, b *bench) {
	_, second, open := b.pair(scheduler.AfterNotOK, twoFails, nil)
	open()
	b.completes(second)
	wait, open := b.gate("go2")
	good := b.submit(scheduler.Submission{Script: b.write(wait)})
	never := b.submit(scheduler.Submission{Script: b.write("echo bad >>out"), After: []scheduler.Dependency{{Kind: scheduler.AfterNotOK, Job: good}}})
	open()
	b.neverStarts(never, -1)
	b.hasLines("out", "ran")
}

// afterNotOKWaitsForAll: one failure is not the end of an array.
func afterNotOKWaitsForAll(t *testing.T, b *bench) {
	wait, open := b.gate("go")
	first := b.submit(scheduler.Submission{
		Script: b.write("[ $SLURM_ARRAY_TASK_ID != 2 ] || exit 1\n" + wait + "\ntouch done.$SLURM_ARRAY_TASK_ID"), Indices: []int{1, 2, 3}})
	second := b.submit(scheduler.Submission{
		Script: b.write("[ -e done.1 -a -e done.3 ]"), After: []scheduler.Dependency{{Kind: scheduler.AfterNotOK, Job: first}}})
	b.ends(first, map[int]scheduler.State{2: scheduler.Failed})
	b.until(second, "waiting", func(tasks map[int]scheduler.TaskState) bool { return tasks[-1].State == scheduler.Pending })
	open()
	b.completes(second)
}

func afterCorr(t *testing.T, b *bench) {
	first, second, open := b.pair(scheduler.AfterCorr, twoFails, []int{1, 2, 3})
	open()
	b.ends(first, map[int]scheduler.State{1: scheduler.Completed, 2: scheduler.Failed, 3: scheduler.Completed})
	b.ends(second, map[int]scheduler.State{1: scheduler.Completed, 3: scheduler.Completed})
	b.neverStarts(second, 2)
	b.hasLines("out", "1", "3")
}

func afterTwo(t *testing.T, b *bench) {
	wait1, open1 := b.gate("go1")
	wait2, open2 := b.gate("go2")
	one := b.submit(scheduler.Submission{Script: b.write(wait1 + "; echo one >>out")})
	two := b.submit(scheduler.Submission{Script: b.write(wait2 + "; echo two >>out")})
	both := b.submit(scheduler.Submission{Script: b.write("cp out seen"), After: []scheduler.Dependency{
		{Kind: scheduler.AfterOK, Job: one}, {Kind: scheduler.AfterAny, Job: two}}})
	open1()
	b.until(one, "ended", func(tasks map[int]scheduler.TaskState) bool { return tasks[-1].State.Ended() })
	open2()
	b.completes(both)
	b.hasLines("seen", "one", "two")
}

// afterEither: one dependency that comes true is enough, and one that never does stops nothing while another may.
func afterEither(t *testing.T, b *bench) {
	wait1, open1 := b.gate("go1")
	wait2, open2 := b.gate("go2")
	one := b.submit(scheduler.Submission{Script: b.write(wait1)})
	two := b.submit(scheduler.Submission{Script: b.write(wait2 + "; exit 1")})
	either := func(kind scheduler.DependencyKind, body string) scheduler.JobID {
		return b.submit(scheduler.Submission{Script: b.write(body), Any: true, After: []scheduler.Dependency{{Kind: kind, Job: one}, {Kind: kind, Job: two}}})
	}
	failure, end := either(scheduler.AfterNotOK, "echo failure >>out"), either(scheduler.AfterAny, "echo end >>out")
	open1()
	b.completes(one)
	b.completes(end)
	b.until(failure, "waiting", func(tasks map[int]scheduler.TaskState) bool { return tasks[-1].State == scheduler.Pending })
	open2()
	b.ends(two, map[int]scheduler.State{-1: scheduler.Failed})
	b.completes(failure)
	b.hasLines("out", "end", "failure")
}

func failureIsLatched(t *testing.T, b *bench) {
	_, second, open := b.pair(scheduler.AfterOK, twoFails, nil)
	open()
	b.neverStarts(second, -1)
	wait, open := b.gate("again")
	rerun := b.submit(scheduler.Submission{Script: b.write(wait), Indices: []int{2}})
	if err := b.Engine.Repoint(t.Context(), second, []scheduler.Dependency{{Kind: scheduler.AfterOK, Job: rerun}}); err != nil {
		t.Fatal(err)
	}
	b.until(second, "waiting again", func(tasks map[int]scheduler.TaskState) bool {
		return tasks[-1].State == scheduler.Pending && tasks[-1].Reason != scheduler.NeverSatisfied
	})
	b.hasLines("out")
	open()
	b.completes(second)
	b.hasLines("out", "ran")
}

func repointPerTask(t *testing.T, b *bench) {
	first, second, open := b.pair(scheduler.AfterCorr, twoFails, []int{1, 2, 3})
	open()
	b.ends(first, map[int]scheduler.State{1: scheduler.Completed, 2: scheduler.Failed, 3: scheduler.Completed})
	b.ends(second, map[int]scheduler.State{1: scheduler.Completed, 3: scheduler.Completed})
	b.neverStarts(second, 2)
	wait, open := b.gate("again")
	rerun := b.submit(scheduler.Submission{Script: b.write(wait), Indices: []int{2}})
	// Tasks 1 and 3 have ended, and can't be re-pointed: that is no error.
	if err := b.Engine.Repoint(t.Context(), second, []scheduler.Dependency{{Kind: scheduler.AfterCorr, Job: rerun}}); err != nil {
		t.Fatal(err)
	}
	b.hasLines("out", "1", "3")
	open()
	b.ends(second, map[int]scheduler.State{2: scheduler.Completed})
	b.hasLines("out", "1", "2", "3")
}

func repointToNothing(t *testing.T, b *bench) {
	_, second, open := b.pair(scheduler.AfterOK, twoFails, nil)
	open()
	b.neverStarts(second, -1)
	if err := b.Engine.Repoint(t.Context(), second, nil); err != nil {
		t.Fatal(err)
	}
	b.completes(second)
}

func unknownDependency(t *testing.T, b *bench) {
	wait, open := b.gate("go")
	first := b.submit(scheduler.Submission{Script: b.write(wait)})
	second := b.submit(scheduler.Submission{Script: b.write("true"), After: []scheduler.Dependency{{Kind: scheduler.AfterOK, Job: first}}})
	// Also among others that are known, where squeue says nothing.
	bad := []scheduler.Dependency{{Kind: scheduler.AfterAny, Job: first}, {Kind: scheduler.AfterOK, Job: "999999"}}
	for _, after := range [][]scheduler.Dependency{bad, bad[1:], {{Kind: scheduler.AfterOK, Job: "no id"}}} {
		s := scheduler.Submission{Name: "kerb.test.unknown", Token: "t-unknown", Script: b.write("echo bad >>out"), After: after}
		if id, err := b.Engine.Submit(t.Context(), s); !errors.Is(err, scheduler.ErrUnknownJob) {
			t.Errorf("to wait for %v is job %s, %v", after, id, err)
		}
		if err := b.Engine.Repoint(t.Context(), second, after); !errors.Is(err, scheduler.ErrUnknownJob) {
			t.Errorf("re-pointed to %v: %v", after, err)
		}
	}
	open()
	b.completes(second)
}

func notWaiting(t *testing.T, b *bench) {
	wait, open := b.gate("go")
	running := b.submit(scheduler.Submission{Script: b.write(wait)})
	ended := b.submit(scheduler.Submission{Script: b.write("true")})
	b.completes(ended)
	for _, id := range []scheduler.JobID{ended, "999999", "no id"} {
		err := b.Engine.Repoint(t.Context(), id, []scheduler.Dependency{{Kind: scheduler.AfterOK, Job: running}})
		if !errors.Is(err, scheduler.ErrUnknownJob) {
			t.Errorf("%s: %v", id, err)
		}
	}
	open()
}

func find(t *testing.T, b *bench) {
	token := "find-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	wait, open := b.gate("go")
	alone := b.submit(scheduler.Submission{Script: b.write(wait), Token: token + "-1"})
	many := b.submit(scheduler.Submission{Script: b.write(wait), Token: token + "-10", Indices: []int{3, 5}})
	check := func(token string, want scheduler.JobID) {
		t.Helper()
		if id, ok, err := b.Engine.Find(t.Context(), token); err != nil || id != want || ok != (want != "") {
			t.Errorf("%s: %q, %v, %v; want %q", token, id, ok, err, want)
		}
	}
	check(token+"-1", alone)
	check(token+"-10", many)
	check(token, "")
	check(token+"-100", "")
	open()
	b.ends(many, map[int]scheduler.State{3: scheduler.Completed, 5: scheduler.Completed})
	check(token+"-10", many)
}

func cancelSome(t *testing.T, b *bench) {
	wait, open := b.gate("go")
	id := b.submit(scheduler.Submission{Script: b.write("echo $SLURM_ARRAY_TASK_ID >>out; " + wait), Indices: []int{0, 1, 2, 3}})
	b.until(id, "running", func(tasks map[int]scheduler.TaskState) bool { return len(b.lines("out")) == 4 })
	if err := b.Engine.Cancel(t.Context(), id, []int{1, 3}); err != nil {
		t.Fatal(err)
	}
	b.ends(id, map[int]scheduler.State{1: scheduler.Cancelled, 3: scheduler.Cancelled})
	open()
	b.ends(id, map[int]scheduler.State{0: scheduler.Completed, 2: scheduler.Completed})
	if err := b.Engine.Cancel(t.Context(), id, []int{}); err != nil {
		t.Errorf("to cancel no task: %v", err)
	}
}

func cancelAll(t *testing.T, b *bench) {
	id := b.submit(scheduler.Submission{Script: b.write("echo $SLURM_ARRAY_TASK_ID >>out; sleep 100 & wait", "--array=0-9%2"), Indices: []int{0, 1, 2, 3}})
	b.until(id, "running", func(tasks map[int]scheduler.TaskState) bool { return len(b.lines("out")) == 2 })
	if err := b.Engine.Cancel(t.Context(), id, nil); err != nil {
		t.Fatal(err)
	}
	c := scheduler.Cancelled
	b.ends(id, map[int]scheduler.State{0: c, 1: c, 2: c, 3: c})
	b.hasLines("out", "0", "1")
}

func cancelWaiting(t *testing.T, b *bench) {
	_, second, open := b.pair(scheduler.AfterCorr, nothingFails, []int{1, 2, 3})
	if err := b.Engine.Cancel(t.Context(), second, []int{2}); err != nil {
		t.Fatal(err)
	}
	b.until(second, "cancelled", func(tasks map[int]scheduler.TaskState) bool {
		s, known := tasks[2] // SLURM drops such a task from the array
		return !known || s.State == scheduler.Cancelled
	})
	open()
	b.ends(second, map[int]scheduler.State{1: scheduler.Completed, 3: scheduler.Completed})
	b.hasLines("out", "1", "3")
}

func cancelEnded(t *testing.T, b *bench) {
	id := b.submit(scheduler.Submission{Script: b.write("true")})
	b.completes(id)
	for _, id := range []scheduler.JobID{id, "999999", "no id"} {
		if err := b.Engine.Cancel(t.Context(), id, nil); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	b.completes(id)
}

func exitCodes(t *testing.T, b *bench) {
	f := scheduler.Failed
	id := b.submit(scheduler.Submission{
		Script: b.write(`case $SLURM_ARRAY_TASK_ID in
1) exit 3 ;; 2) exit 300 ;; 3) nosuchcommand ;; 4) kill -9 $$ ;; 5) kill -TERM $$ ;; 6) exit 0 ;; esac`),
		Indices: []int{1, 2, 3, 4, 5, 6},
	})
	tasks := b.ends(id, map[int]scheduler.State{1: f, 2: f, 3: f, 4: f, 5: f, 6: scheduler.Completed})
	for i, want := range map[int][2]int{1: {3, 0}, 2: {300 % 256, 0}, 3: {127, 0}, 4: {0, 9}, 5: {0, 15}, 6: {0, 0}} {
		if got := [2]int{tasks[i].ExitCode, tasks[i].Signal}; got != want {
			t.Errorf("task %d: exit code and signal %v, want %v", i, got, want)
		}
	}
	// Once SLURM's queue has forgotten a task, its accounting tells the exit code, but no reason.
	if r := tasks[1].Reason; r != "NonZeroExitCode" && (r != "" || tasks[1].Source != "sacct") {
		t.Errorf("reason %q", tasks[1].Reason)
	}
}

func timeout(t *testing.T, b *bench) {
	id := b.submit(scheduler.Submission{Script: b.write("trap 'echo told >>out; exit 1' TERM; echo started >>out; sleep 300 & wait", "--time=0:02")})
	if b.EndTime != nil {
		b.until(id, "running", func(map[int]scheduler.TaskState) bool { return len(b.lines("out")) == 1 })
		b.EndTime(t, id)
	}
	s := b.ends(id, map[int]scheduler.State{-1: scheduler.Timeout})[-1]
	if s.End.Sub(s.Start) > patience {
		t.Errorf("it ran for %s", s.End.Sub(s.Start))
	}
	b.hasLines("out", "started", "told") // so that a task can write its record
}

func memory(t *testing.T, b *bench) {
	// bash holds what it reads: 300 MB, over the script's 50 MiB.
	id := b.submit(scheduler.Submission{Script: b.write("x=$(head -c 300000000 /dev/zero | tr '\\0' x); sleep 20; echo ${#x} >out")})
	if !b.SeesMemory {
		b.ends(id, map[int]scheduler.State{-1: scheduler.Failed})
		t.Log("without accounting nobody tells the peak, and OUT_OF_MEMORY can't be told from FAILED")
		return
	}
	s := b.ends(id, map[int]scheduler.State{-1: scheduler.OutOfMemory})[-1]
	if s.PeakRSS < 50<<20 || s.Memory != 50<<20 {
		t.Errorf("peak %d of %d", s.PeakRSS, s.Memory)
	}
	b.hasLines("out")
}

func environment(t *testing.T, b *bench) {
	name := "kerb.test.environment"
	id := b.submit(scheduler.Submission{
		Name:    name,
		Script:  b.write(`env >env.$SLURM_ARRAY_TASK_ID; pwd -P >pwd.$SLURM_ARRAY_TASK_ID`, "--cpus-per-task=2", "--chdir="+b.dir),
		Indices: []int{4, 9},
	})
	b.ends(id, map[int]scheduler.State{4: scheduler.Completed, 9: scheduler.Completed})
	env := b.lines("env.9")
	for _, want := range []string{"SLURM_ARRAY_JOB_ID=" + string(id), "SLURM_ARRAY_TASK_ID=9", "SLURM_ARRAY_TASK_COUNT=2", "SLURM_ARRAY_TASK_MIN=4",
		"SLURM_ARRAY_TASK_MAX=9", "SLURM_JOB_NAME=" + name, "SLURM_CPUS_PER_TASK=2", "SLURM_MEM_PER_NODE=50", "HOME=" + os.Getenv("HOME")} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is not among %q", want, env)
		}
	}
	for _, name := range []string{"SLURM_JOB_ID=", "SLURM_SUBMIT_DIR=", "SLURM_JOB_NODELIST=", "SLURMD_NODENAME=", "PATH="} {
		if !slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, name) && len(kv) > len(name) }) {
			t.Errorf("%s is missing or empty", name)
		}
	}
	if slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "ENGINETEST_") }) {
		t.Error("the submitter's environment leaks into the job")
	}
}

func refused(t *testing.T, b *bench) {
	for name, s := range map[string]scheduler.Submission{
		"no script":          {Script: filepath.Join(b.dir, "absent")},
		"an empty selection": {Script: b.write("echo bad >out"), Indices: []int{}},
		"an array's script":  {Script: b.write("echo bad >out", "--array=0-3")},
		"a bad token":        {Script: b.write("echo bad >out"), Token: "a b|c"},
		"a negative index":   {Script: b.write("echo bad >out"), Indices: []int{-1}},
		"a bad option":       {Script: b.write("echo bad >out", "--mem=much")},
	} {
		s.Name = "kerb.test.refused"
		if s.Token == "" {
			s.Token = "t-refused"
		}
		if id, err := b.Engine.Submit(t.Context(), s); err == nil || errors.Is(err, scheduler.ErrUnreachable) {
			t.Errorf("%s became job %s, %v", name, id, err)
		}
	}
	b.hasLines("out")
}

func unknownJob(t *testing.T, b *bench) {
	for _, id := range []scheduler.JobID{"999999", "no id"} {
		if tasks := b.poll(id); len(tasks) != 0 {
			t.Errorf("%s: %+v", id, tasks)
		}
	}
}

func forgotten(t *testing.T, b *bench) {
	if b.Forget == nil {
		t.Skip("this engine's queue does not forget, or there is no accounting to ask instead")
	}
	token := "forgotten-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	id := b.submit(scheduler.Submission{Script: b.write("exit $SLURM_ARRAY_TASK_ID"), Indices: []int{0, 7}, Token: token})
	want := map[int]scheduler.State{0: scheduler.Completed, 7: scheduler.Failed}
	b.ends(id, want)
	b.Forget(t, id)
	if s := b.ends(id, want)[7]; s.ExitCode != 7 {
		t.Errorf("exit code %d", s.ExitCode)
	}
	if got, ok, err := b.Engine.Find(t.Context(), token); got != id || !ok || err != nil {
		t.Errorf("found %q, %v, %v", got, ok, err)
	}
}
