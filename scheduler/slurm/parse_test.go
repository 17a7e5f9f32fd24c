package slurm

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

var all = map[scheduler.JobID]bool{"1": true, "2": true, "3": true}

// The rows were printed by SLURM 22.05.8 on a cluster of deploy/slurm-cluster.
func TestParse(t *testing.T) {
	seen := time.Unix(1795362500, 0)
	queue := parseQueue(`1|1|COMPLETED|0|None|n1|1795362444|1795362444|1795362443|100M|tok en|1|
1|3|FAILED|768|NonZeroExitCode|n1|1795362444|1795362444|1795362443|100M|tok en|1|
2|N/A|RUNNING|0|None|n1|1795362444|1795366044|1795362443|100M|(null)|
3|3,5-6%2|PENDING|0|DependencyNeverSatisfied||N/A|N/A|1795362443|100M|t3|
77|1|RUNNING|0|None|n1|1795362444|1795362444|1795362443|100M||
77|2|COMPLETED|0|None|n1|1795362444|1795362444|1795362443|100M||
3|[1-2,...|PENDING|0|Priority||N/A|N/A|1795362443|100M|t3|
`, all, seen)
	accounts := parseAccounts(`1_1|COMPLETED|0:0|None|n1|1795362444|1795362444|1795362443|100M||tok en|1
1_1.batch|COMPLETED|0:0||n1|1795362444|1795362444|1795362444||4184K|
1_1.extern|COMPLETED|0:0||n1|1795362444|1795362444|1795362444||8K|
1_2|CANCELLED by 1000|0:15|None|n1|1795362444|1795362450|1795362443|1.50G||
2|PENDING|0:0|None|n1|1795362444|Unknown|1795362443|16?||
3_[0-4:2%2]|PENDING|0:0|None|None assigned|Unknown|Unknown|1795362443|100M||
77|RUNNING|0:0|None|n1|1795362444|1795362444|1795362443|100M||
77.batch|RUNNING|0:0||n1|1795362444|1795362444|1795362443||100M|
`, all, seen)
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	submit := at(1795362443)
	base := scheduler.TaskState{Submit: submit, Memory: 100 << 20, Seen: seen}
	is := func(job string, index int, change func(*scheduler.TaskState)) scheduler.TaskState {
		s := base
		s.Job, s.Index = scheduler.JobID(job), index
		change(&s)
		return s
	}
	waits := func(source, reason, token string) func(*scheduler.TaskState) {
		return func(s *scheduler.TaskState) {
			s.State, s.Source, s.Reason, s.Token = scheduler.Pending, source, reason, token
		}
	}
	want := []scheduler.TaskState{
		is("1", 1, func(s *scheduler.TaskState) {
			s.State, s.Node, s.Start, s.End, s.Token = scheduler.Completed, "n1", at(1795362444), at(1795362444), "tok en|1"
			s.PeakRSS, s.Source = 4184<<10, "sacct"
		}),
		is("1", 2, func(s *scheduler.TaskState) {
			s.State, s.Node, s.Start, s.End, s.Signal = scheduler.Cancelled, "n1", at(1795362444), at(1795362450), 15
			s.Memory, s.Source = 3<<29, "sacct"
		}),
		is("2", -1, func(s *scheduler.TaskState) {
			s.State, s.Node, s.Start, s.Source = scheduler.Running, "n1", at(1795362444), "squeue"
		}),
		is("1", 3, func(s *scheduler.TaskState) {
			s.State, s.Node, s.Start, s.End, s.Token = scheduler.Failed, "n1", at(1795362444), at(1795362444), "tok en|1"
			s.Reason, s.ExitCode, s.Source = "NonZeroExitCode", 3, "squeue"
		}),
		is("3", 3, waits("squeue", scheduler.NeverSatisfied, "t3")), is("3", 5, waits("squeue", scheduler.NeverSatisfied, "t3")),
		is("3", 6, waits("squeue", scheduler.NeverSatisfied, "t3")),
		is("77", 1, func(s *scheduler.TaskState) { // another job of this user
			s.State, s.Node, s.Start, s.Source = scheduler.Running, "n1", at(1795362444), "squeue"
		}),
	}
	if d := cmp.Diff(want, merge(queue, accounts, true)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestMerge: what two sources say of one task at different moments.
func TestMerge(t *testing.T) {
	start, seen := time.Unix(1000, 0), time.Unix(1100, 0)
	s := func(state scheduler.State, signal int, peak, memory int64, end int64) scheduler.TaskState {
		r := scheduler.TaskState{Job: "1", Index: 0, State: state, Signal: signal, PeakRSS: peak, Memory: memory, Seen: seen, Source: "squeue"}
		if state != scheduler.Pending {
			r.Start = start
		}
		if end > 0 {
			r.End = time.Unix(end, 0)
		}
		return r
	}
	none := scheduler.TaskState{}
	requeued := s(scheduler.Completed, 0, 0, 9, 1090)
	requeued.Start = time.Unix(500, 0)
	for _, c := range []struct {
		name           string
		queue, account scheduler.TaskState
		accounting     bool
		want           scheduler.State
	}{
		{"ended between the two calls", s(scheduler.Running, 0, 0, 9, 0), s(scheduler.Completed, 0, 5, 9, 1095), true, scheduler.Completed},
		{"accounting lags", s(scheduler.Completed, 0, 0, 9, 1095), s(scheduler.Running, 0, 0, 9, 0), true, scheduler.Completed},
		{"an earlier attempt in accounting", s(scheduler.Running, 0, 0, 9, 0), requeued, true, scheduler.Running},
		{"waits again after a requeue", s(scheduler.Pending, 0, 0, 9, 0), requeued, true, scheduler.Pending},
		{"over its memory", s(scheduler.Failed, 9, 0, 9, 1095), s(scheduler.Failed, 9, 10, 9, 1095), true, scheduler.OutOfMemory},
		{"killed within its memory", s(scheduler.Failed, 9, 0, 9, 1095), s(scheduler.Failed, 9, 8, 9, 1095), true, scheduler.Failed},
		{"killed, its peak not told yet", s(scheduler.Failed, 9, 0, 9, 1095), s(scheduler.Running, 0, 0, 0, 0), true, scheduler.Running},
		{"killed, and no row yet", s(scheduler.Failed, 9, 0, 9, 1095), none, true, scheduler.Running},
		{"killed, and no row for long", s(scheduler.Failed, 9, 0, 9, 900), none, true, scheduler.Failed},
		{"killed, without accounting", s(scheduler.Failed, 9, 0, 9, 1095), none, false, scheduler.Failed},
		{"a plain failure needs no peak", s(scheduler.Failed, 0, 0, 9, 1095), none, true, scheduler.Failed},
	} {
		var accounts []scheduler.TaskState
		if c.account.Job != "" {
			c.account.Source = "sacct"
			accounts = append(accounts, c.account)
		}
		got := merge([]scheduler.TaskState{c.queue}, accounts, c.accounting)
		if len(got) != 1 || got[0].State != c.want {
			t.Errorf("%s: %+v, want %s", c.name, got, c.want)
		}
	}
	// An array that accounting shows as one plain job for a moment.
	plain := s(scheduler.Running, 0, 0, 9, 0)
	plain.Index = -1
	if got := merge([]scheduler.TaskState{s(scheduler.Running, 0, 0, 9, 0)}, []scheduler.TaskState{plain}, true); len(got) != 1 || got[0].Index != 0 {
		t.Errorf("%+v", got)
	}
}

// TestStates holds the words of squeue(1) of 22.05 and 26.05. A word that is new says nothing, least of all failure.
func TestStates(t *testing.T) {
	for word, want := range map[string]scheduler.State{
		"PENDING": scheduler.Pending, "REQUEUED": scheduler.Pending, "CONFIGURING": scheduler.Pending, "COMPLETING": scheduler.Running,
		"SUSPENDED": scheduler.Running, "CANCELLED by 25000": scheduler.Cancelled, "CANCELLED+": scheduler.Cancelled, "BOOT_FAIL": scheduler.NodeFail,
		"DEADLINE": scheduler.Timeout, "PREEMPTED": scheduler.Preempted, "OUT_OF_MEMORY": scheduler.OutOfMemory, "BRAND_NEW": scheduler.Unknown, "": scheduler.Unknown,
	} {
		if got := state(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
	for field, want := range map[string][2]int{"3:0": {3, 0}, "0:15": {0, 15}, "768": {3, 0}, "9": {0, 9}, "": {}, "x": {}} {
		if code, signal := exitStatus(field); code != want[0] || signal != want[1] {
			t.Errorf("%q: %d:%d", field, code, signal)
		}
	}
}

func TestFindToken(t *testing.T) {
	text := "12|t-10\n13_[0-5]|t-1\n14||sbatch --parsable --comment=t-2 --array=1 x\nx|t-3\n"
	for token, want := range map[string]scheduler.JobID{"t-1": "13", "t-10": "12", "t-2": "14", "t": "", "t-3": "", "t-100": ""} {
		if got, ok := findToken(text, token); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", token, got, ok)
		}
	}
}
