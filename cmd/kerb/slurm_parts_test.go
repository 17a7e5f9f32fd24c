package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	slurmcluster "github.com/cedadev/kerchunk-builder/deploy/slurm-cluster"
	"github.com/cedadev/kerchunk-builder/phases/verify"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// The fates of parts, as shell lines that run before the task: line N of fate/INDEX is that of the Nth attempt.
var fates = map[string]string{
	"0": "exit 7",     // it ends before the task could say anything
	"1": "kill -9 $$", // killed, and nobody says why
	// over its memory: what the shell holds is sampled once a second
	"2": "x=$(head -c 400000000 /dev/zero | tr '\\0' x); sleep 20",
	// over its time: SLURM looks at limits every 30 s
	"3": "scontrol update JobId=${SLURM_ARRAY_JOB_ID}_3 EndTime=now+3; sleep 120",
	// its node dies, once it is alone there
	"4": "until [ $(squeue -h -t R -w $SLURMD_NODENAME | wc -l) -le 1 ]; do sleep 1; done; scontrol update nodename=$SLURMD_NODENAME state=down reason=test; sleep 60",
	// fails until nobody tries again
	"5": strings.Repeat("exit 7\n", 4),
}

// list writes what the parts but the last are made of into a file: inode, change and name of each.
const list = `find datasets/sst/parts -path '*/0000[0-4]*' -type f -printf '%i %T@ %P\n' | sort >`

// A real dataset in six parts, each of which fails in a way of its own, on a cluster in LOTUS2's shape with its accounting: what can be
// helped is helped without a word; the part that can't is run again, only that; the others' files stay what they are; and the store is that of
// an undisturbed run, to the byte.
func TestPartsOnSlurm(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a real SLURM takes minutes")
	}
	cluster := slurmcluster.Start(t, slurmcluster.Options{Lotus2: true})
	t.Setenv("SLURM_CONF", cluster.Conf)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	kerb := program(t)
	data, err := filepath.Abs(filepath.Join("..", "..", "showcase", "data", "sst-monthly"))
	if err != nil {
		t.Fatal(err)
	}
	define := func() string {
		w := t.TempDir()
		kerb("init", "g", "-p", "sst="+data+"/*.nc", "-w", w)
		put(t, filepath.Join(w, "datasets", "sst", "override.yaml"), "compute: parallel\nparts: 6\ncombines: 2\nreduces: 3\nrecord_size: 7\nmemory: 120M\n")
		return w
	}
	calm := define()
	kerb("run", "all", "sst", "-w", calm)
	want := contents(t, filepath.Join(calm, "datasets", "sst", "stores"))

	w := define()
	for index, lines := range fates {
		put(t, filepath.Join(w, "fate", index), lines+"\n")
	}
	put(t, filepath.Join(w, "fate", "5"), fates["5"]+list+" before\n")
	put(t, filepath.Join(w, "templates", "parts.sbatch"), `{{template "head.sbatch" . -}}
#SBATCH --no-requeue
n=1
until mkdir fate/$SLURM_ARRAY_TASK_ID.$n 2>/dev/null; do n=$((n+1)); done
eval "$(sed -n ${n}p fate/$SLURM_ARRAY_TASK_ID)"
{{template "task.sbatch" . -}}
`)
	put(t, filepath.Join(w, "templates", "combine.sbatch"), `{{template "head.sbatch" . -}}
#SBATCH --no-requeue
mkdir fate/listing 2>/dev/null && `+list+` after && mkdir fate/listed # the first of the two
until [ -d fate/listed ]; do sleep 0.1; done
{{template "task.sbatch" . -}}
`)
	site := filepath.Join(w, "site.yaml")
	lotus, err := os.ReadFile(filepath.Join("..", "..", "deploy", "sites", "lotus2.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, site, strings.NewReplacer("poll_interval: 60s", "poll_interval: 1s", "submit_from_jobs: false", "submit_from_jobs: true").Replace(string(lotus))+"\naccount: mygws\n")
	kerb("submit", "g", "--site", site, "-w", w)

	s := &stage{t, w}
	r := s.settle(4 * time.Minute)
	if r.Tasks.Failed != 1 || r.Tasks.Blocked == 0 {
		t.Fatalf("want one part failed and what follows blocked: %s\n%s", r.Tasks, s.kerb(exitDone, "status", "g", "--by", "dataset"))
	}
	workdir, err := workdirs.Open(w)
	if err != nil {
		t.Fatal(err)
	}
	run, err := workdir.FindRun(r.Run)
	if err != nil {
		t.Fatal(err)
	}
	for index, cause := range map[int]scheduler.Cause{
		0: scheduler.CauseLaunch, 1: scheduler.CauseSignal, 2: scheduler.CauseMemory, 3: scheduler.CauseTime, 4: scheduler.CauseNode,
	} {
		recs, err := run.TaskRecords("parts.sst", index)
		if err != nil {
			t.Fatal(err)
		}
		last := recs[len(recs)-1]
		if len(recs) != 2 || recs[0].Class != string(cause) || last.State != workdirs.Done {
			t.Errorf("part %d: %+v, want a failure for %s, then success", index, recs, cause)
		}
	}
	ledger, err := scheduler.ReadLedger(run)
	if err != nil {
		t.Fatal(err)
	}
	first := ledger.Of("parts.sst")[0].Request
	for _, sub := range ledger.Of("parts.sst")[1:] {
		if slices.Contains(sub.Indices, 2) && sub.Request.Memory < first.Memory*3/2 {
			t.Errorf("part 2 was over its memory and is given %d bytes", sub.Request.Memory)
		}
		if slices.Contains(sub.Indices, 3) && sub.Request.Time <= first.Time {
			t.Errorf("part 3 was out of time and was given %s", sub.Request.Time)
		}
	}
	before := len(ledger.Of("parts.sst"))

	time.Sleep(6 * time.Second) // the controller keeps what is older than that
	cluster.Kill(t, "slurmctld")
	cluster.Up(t)
	kerb("rerun", "g", "-w", w)
	if r = s.settle(2 * time.Minute); r.Tasks.Bad() {
		t.Fatalf("after the rerun: %s", r.Tasks)
	}
	if ledger, err = scheduler.ReadLedger(run); err != nil {
		t.Fatal(err)
	}
	again := ledger.Of("parts.sst")[before:]
	if len(again) != 1 || !slices.Equal(again[0].Indices, []int{5}) {
		t.Errorf("the rerun submitted %+v, want index 5 and nothing else", again)
	}
	old, err := os.ReadFile(filepath.Join(w, "before"))
	if err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(filepath.Join(w, "after"))
	if err != nil || len(old) == 0 || string(now) != string(old) {
		t.Errorf("the other parts' files before the rerun:\n%sand when they were combined (%v):\n%s", old, err, now)
	}
	if got := contents(t, filepath.Join(w, "datasets", "sst", "stores")); !equalContents(got, want) {
		t.Errorf("the store is not that of an undisturbed run:\n%v\n%v", got, want)
	}
	mean := func(w string) string {
		return contents(t, filepath.Join(w, "datasets", "sst", "test"))[verify.MeanFile]
	}
	if got := mean(w); got == "" || got != mean(calm) {
		t.Error("the mean that three tasks have computed is not that of one process")
	}
	left := "?"
	for end := time.Now().Add(30 * time.Second); left != "" && time.Now().Before(end); time.Sleep(time.Second) { // the last task is on its way out
		left = cluster.Run(t, "squeue", "--noheader", "--states=PENDING,RUNNING", "--format=%j|%T|%r")
	}
	if left != "" {
		t.Errorf("still in the queue:\n%s", left)
	}
}

func equalContents(a, b map[string]string) bool {
	x, _ := json.Marshal(a) // of a map of strings: sorted, and never an error
	y, _ := json.Marshal(b)
	return len(a) > 0 && string(x) == string(y)
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// program is the program itself under its own name, which the scripts of a run call too.
func program(t *testing.T) func(args ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kerb") // a copy: a symlink would be resolved
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("kerb %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
}
