package slurm

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	slurmcluster "github.com/cedadev/kerchunk-builder/deploy/slurm-cluster"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/scheduler/enginetest"
	"github.com/cedadev/kerchunk-builder/templates"
)

func newEngine(t *testing.T, c *slurmcluster.Cluster, interval time.Duration) *Engine {
	t.Helper()
	e, err := New(Options{Interval: interval, Cache: t.TempDir(), Conf: c.Conf})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func fixture(t *testing.T, c *slurmcluster.Cluster) enginetest.Fixture {
	return enginetest.Fixture{
		Engine: newEngine(t, c, 200*time.Millisecond),
		EndTime: func(t *testing.T, job scheduler.JobID) {
			c.Run(t, "scontrol", "update", "JobId="+string(job), "EndTime=now+2")
		},
	}
}

// TestMain spoils the environment that the engine must not hand on.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"ENGINETEST_LEAK": "1", "SBATCH_PARTITION": "nowhere", "SQUEUE_FORMAT": "%i", "SLURM_MEM_PER_NODE": "1", "SLURM_TIME_FORMAT": "relative",
	} {
		os.Setenv(name, value)
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "64"); err != nil { // the tests mostly wait
		panic(err)
	}
	os.Exit(m.Run())
}

// TestConformance runs the suite on a SLURM with accounting that forgets a job as soon as it has ended, and on one without
// accounting.
func TestConformance(t *testing.T) {
	t.Run("Accounting", func(t *testing.T) {
		t.Parallel()
		c := slurmcluster.Start(t, slurmcluster.Options{Accounting: true, MinJobAge: 2})
		f := fixture(t, c)
		f.SeesMemory = true
		f.Forget = func(t *testing.T, job scheduler.JobID) {
			for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
				cmd := exec.Command("squeue", "--noheader", "--states=all", "--jobs="+string(job))
				cmd.Env = append(os.Environ(), "SLURM_CONF="+c.Conf, "SQUEUE_FORMAT=")
				if out, err := cmd.CombinedOutput(); err != nil && strings.Contains(string(out), "Invalid job id") {
					return
				}
				if time.Now().After(end) {
					t.Fatalf("job %s is still in the queue", job)
				}
			}
		}
		enginetest.Run(t, f)
	})
	t.Run("NoAccounting", func(t *testing.T) {
		t.Parallel()
		enginetest.Run(t, fixture(t, slurmcluster.Start(t, slurmcluster.Options{})))
	})
}

// wrap puts a command in front of SLURM's own: body runs with "$real" as the true one. It also counts: each call appends a line to the
// file that is returned.
func wrap(t *testing.T, command, body string) (calls string) {
	t.Helper()
	real, err := exec.LookPath(command)
	if err != nil {
		t.Skipf("%s is not installed", command)
	}
	dir := t.TempDir()
	calls = filepath.Join(dir, "calls")
	text := fmt.Sprintf("#!/bin/bash\nreal=%s\necho call >>%s\n%s\n", templates.Quote(real), templates.Quote(calls), body)
	if err := os.WriteFile(filepath.Join(dir, command), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return calls
}

func count(t *testing.T, calls string) int {
	t.Helper()
	text, err := os.ReadFile(calls)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/bash\n#SBATCH --mem=50M --time=5 --output=/dev/null\n"+body+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAnswerIsLost: a submission that SLURM took although the answer never came is found by its token, and is there once.
func TestAnswerIsLost(t *testing.T) {
	c := slurmcluster.Start(t, slurmcluster.Options{})
	e := newEngine(t, c, 0)
	calls := wrap(t, "sbatch", `"$real" "$@" >/dev/null; echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2; exit 1`)
	s := scheduler.Submission{Name: "kerb.test.lost", Token: "lost-1", Script: script(t, "sleep 5"), Indices: []int{1, 2}}
	id, err := e.Submit(t.Context(), s)
	if !errors.Is(err, scheduler.ErrUnreachable) {
		t.Fatalf("job %s, %v", id, err)
	}
	if n := count(t, calls); n != 1 {
		t.Errorf("sent %d times", n)
	}
	id, ok, err := e.Find(t.Context(), "lost-1")
	if err != nil || !ok {
		t.Fatalf("%q, %v, %v", id, ok, err)
	}
	if tasks, err := e.Poll(t.Context(), []scheduler.JobID{id}); err != nil || len(tasks) != 2 || tasks[0].Token != "lost-1" {
		t.Errorf("%+v, %v", tasks, err)
	}
	if _, ok, err := e.Find(t.Context(), "lost-2"); ok || err != nil {
		t.Errorf("what was never sent: %v, %v", ok, err)
	}
}

// TestControllerIsDown: nothing is known for certain, and the last answer is still told.
func TestControllerIsDown(t *testing.T) {
	t.Parallel()
	c := slurmcluster.Start(t, slurmcluster.Options{})
	e := newEngine(t, c, 0)
	s := scheduler.Submission{Name: "kerb.test.down", Token: "down-1", Script: script(t, "sleep 60")}
	id, err := e.Submit(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(6 * time.Second) // slurmctld saves its state every 5 s: what it heard later, a SIGKILL makes it forget
	before, err := e.Poll(t.Context(), []scheduler.JobID{id})
	if err != nil || len(before) != 1 {
		t.Fatalf("%+v, %v", before, err)
	}
	c.Kill(t, "slurmctld")
	failures := make(chan error, 4)
	go func() { _, err := e.Submit(t.Context(), s); failures <- err }()
	go func() { _, _, err := e.Find(t.Context(), "down-1"); failures <- err }()
	go func() { failures <- e.Cancel(t.Context(), id, nil) }()
	go func() { failures <- e.Repoint(t.Context(), id, nil) }()
	after, err := e.Poll(t.Context(), []scheduler.JobID{id})
	if !errors.Is(err, scheduler.ErrUnreachable) {
		t.Errorf("poll: %v", err)
	}
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("the last answer (-then +now):\n%s", d)
	}
	for range cap(failures) {
		if err := <-failures; !errors.Is(err, scheduler.ErrUnreachable) {
			t.Errorf("%v is not ErrUnreachable", err)
		}
	}
	c.Up(t)
	if tasks, err := e.Poll(t.Context(), []scheduler.JobID{id}); err != nil || len(tasks) != 1 || tasks[0].State.Ended() {
		t.Errorf("after the controller came back: %+v, %v", tasks, err)
	}
}

// TestOnePollForAll: many processes that poll are one to the scheduler.
func TestOnePollForAll(t *testing.T) {
	c := slurmcluster.Start(t, slurmcluster.Options{})
	squeue, sacct := wrap(t, "squeue", `exec "$real" "$@"`), wrap(t, "sacct", `exec "$real" "$@"`)
	cache := t.TempDir()
	engine := func() *Engine {
		e, err := New(Options{Interval: time.Hour, Cache: cache, Conf: c.Conf})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	indices := make([]int, 1001)
	for i := range indices {
		indices[i] = i
	}
	var jobs []scheduler.JobID
	for i := range 3 {
		id, err := engine().Submit(t.Context(), scheduler.Submission{Name: "kerb.test.poll", Token: fmt.Sprint("poll-", i), Script: script(t, "sleep 60"), Indices: indices[:1+500*i]})
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, id)
	}
	if n := count(t, squeue); n != 0 {
		t.Fatalf("%d calls of squeue to submit", n)
	}
	done := make(chan error)
	for i := range 20 {
		go func() {
			tasks, err := engine().Poll(t.Context(), jobs[i%3:])
			// Those of the other jobs as well, for they are in the queue.
			if want := 1 + 501 + 1001; err == nil && len(tasks) != want {
				err = fmt.Errorf("%d tasks, want %d", len(tasks), want)
			}
			done <- err
		}()
	}
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if q, a := count(t, squeue), count(t, sacct); q != 1 || a > 1 {
		t.Errorf("20 polls were %d calls of squeue and %d of sacct", q, a)
	}
	// A change of ours makes the answer stale, for all.
	if err := engine().Cancel(t.Context(), jobs[0], nil); err != nil {
		t.Fatal(err)
	}
	if _, err := engine().Poll(t.Context(), jobs[1:]); err != nil {
		t.Fatal(err)
	}
	if q, a := count(t, squeue), count(t, sacct); q != 2 || a > 1 {
		t.Errorf("after a change: %d calls of squeue and %d of sacct; sacct has said that there are no accounts", q, a)
	}
	if n, err := engine().Calls(); err != nil || n != 3+2+1+1 { // sbatch, squeue, sacct, scancel
		t.Errorf("%d calls counted, %v", n, err)
	}
}

// TestCompleteSite: the default profile learns from a cluster of LOTUS2's shape what lotus2.yaml says, and what it chooses is
// taken by sbatch, rendered by the templates.
func TestCompleteSite(t *testing.T) {
	t.Parallel()
	c := slurmcluster.Start(t, slurmcluster.Options{Lotus2: true})
	e := newEngine(t, c, 0)
	blank, err := scheduler.LoadSite("default")
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.Complete(t.Context(), *blank)
	if err != nil {
		t.Fatal(err)
	}
	want, err := scheduler.LoadSite("lotus2")
	if err != nil {
		t.Fatal(err)
	}
	if got.MaxArraySize != want.MaxArraySize || got.MemoryPerCPU != want.MemoryPerCPU {
		t.Errorf("array size %d, memory %s", got.MaxArraySize, got.MemoryPerCPU)
	}
	if d := cmp.Diff([]string{"standard", "debug", "special"}, names(got.Partitions, func(p scheduler.Partition) string { return p.Name })); d != "" {
		t.Error(d)
	}
	for i, p := range got.Partitions {
		w := want.Partitions[i]
		w.MaxCPUs, w.MaxMemory = 8, 4000<<20 // the cluster's nodes are smaller
		w.CPUs, w.Memory = 8, 4000<<20
		if p.Name == "standard" { // of 4 nodes
			w.CPUs, w.Memory = 32, 16000<<20
		}
		if d := cmp.Diff(w, p); d != "" {
			t.Errorf("partition %s (-lotus2.yaml +cluster):\n%s", p.Name, d)
		}
	}
	for _, w := range want.QoS {
		i := slices.IndexFunc(got.QoS, func(q scheduler.QoS) bool { return q.Name == w.Name })
		if i < 0 {
			t.Errorf("QoS %s is missing", w.Name)
			continue
		}
		if w.Name == "debug" {
			w.MaxMemory = got.QoS[i].MaxMemory // the cluster's own invention
		}
		if d := cmp.Diff(w, got.QoS[i]); d != "" {
			t.Errorf("QoS %s (-lotus2.yaml +cluster):\n%s", w.Name, d)
		}
	}
	// A profile that describes partitions, but not how big they are, learns that.
	described, err := e.Complete(t.Context(), *want)
	if err != nil {
		t.Fatal(err)
	}
	described.Account = "mygws"
	if n := described.Width(scheduler.Request{Memory: 1 << 30, Time: time.Hour, CPUs: 1}); n != 15 || described.Partitions[0].MaxCPUs != 192 || want.Partitions[0].CPUs != 0 {
		t.Errorf("%d tasks at once, partitions %+v", n, described.Partitions)
	}
	if n := got.Width(scheduler.Request{Memory: 1 << 30, Time: time.Hour, CPUs: 1}); n != 12 { // 3 on each of its nodes
		t.Errorf("%d tasks at once", n)
	}
	set, err := templates.Load()
	if err != nil {
		t.Fatal(err)
	}
	got.Account = "mygws"
	dir := t.TempDir()
	var jobs []scheduler.JobID
	for _, step := range templates.Steps() {
		p, err := got.Choose(scheduler.Placement{Request: scheduler.Request{CPUs: 1, Memory: 64 << 20, Time: time.Hour}, Tasks: 2, MaxIndex: 1})
		if err != nil {
			t.Fatal(err)
		}
		text, err := set.Render(step, templates.Data{
			JobName: "kerb.test." + step, Array: "0-1%1", Partition: p.Partition, QoS: p.QoS, Account: p.Account, CPUs: p.Request.CPUs, Memory: p.Request.Memory,
			Time: p.Request.Time, Output: dir + "/" + step + "_%A_%a.log", Kerb: "/bin/echo", Workdir: dir, Group: "test", RunID: "r1", Job: step,
			Setup: []string{"export A=b"}, Scratch: "/tmp",
		})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, step+".sbatch")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		id, err := e.Submit(t.Context(), scheduler.Submission{Name: "kerb.test." + step, Token: "step-" + step, Script: path, Indices: []int{0, 1}})
		if err != nil {
			t.Fatalf("sbatch refuses the script of %s: %v\n%s", step, err, text)
		}
		jobs = append(jobs, id)
	}
	for end := time.Now().Add(90 * time.Second); ; time.Sleep(300 * time.Millisecond) {
		tasks, err := e.Poll(t.Context(), jobs)
		if err != nil {
			t.Fatal(err)
		}
		done := 0
		for _, s := range tasks {
			if s.State == scheduler.Completed {
				done++
			}
		}
		if done == 2*len(jobs) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d tasks are done: %+v", done, 2*len(jobs), tasks)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, "scan_"+string(jobs[0])+"_1.log"))
	if want := "task r1 scan 1 --workdir " + dir + "\n"; err != nil || string(log) != want {
		t.Errorf("the task ran as %q, %v; want %q", log, err, want)
	}
}

func names[T any](all []T, name func(T) string) []string {
	var names []string
	for _, v := range all {
		names = append(names, name(v))
	}
	return names
}
