package slurm

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

// queueFormat and accountFormat are the columns asked of squeue and sacct. The comment, in which alone a '|' could stand, is last.
const (
	queueFormat = "ArrayJobID:|,ArrayTaskID:|,State:|,exit_code:|,Reason:|,NodeList:|,StartTime:|,EndTime:|,SubmitTime:|,MinMemory:|,Comment:|"
	queueFields = 11

	accountFormat = "JobID,State,ExitCode,Reason,NodeList,Start,End,Submit,ReqMem,MaxRSS,Comment"
	accountFields = 11
)

// parseQueue reads squeue's rows: all of the wanted jobs, and those of other jobs that wait or run. Tasks that wait together are one
// row, which is expanded.
func parseQueue(text string, wanted map[scheduler.JobID]bool, seen time.Time) []scheduler.TaskState {
	var tasks []scheduler.TaskState
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.SplitN(line, "|", queueFields)
		if len(f) < queueFields {
			continue
		}
		now := state(f[2])
		if !wanted[scheduler.JobID(f[0])] && now != scheduler.Pending && now != scheduler.Running {
			continue
		}
		t := scheduler.TaskState{
			Job: scheduler.JobID(f[0]), Index: -1, State: now, Reason: reason(f[4]), Node: node(f[5]),
			Submit: moment(f[8]), Memory: memory(f[9]), Token: none(strings.TrimSuffix(f[10], "|")), Source: "squeue", Seen: seen,
		}
		t.ExitCode, t.Signal = exitStatus(f[3])
		setTimes(&t, moment(f[6]), moment(f[7]))
		tasks = expand(tasks, t, f[1])
	}
	return tasks
}

// parseAccounts reads sacct's rows for the wanted jobs: one for the task, and one for each of its steps, of which the highest
// memory is the task's.
func parseAccounts(text string, wanted map[scheduler.JobID]bool, seen time.Time) []scheduler.TaskState {
	var tasks []scheduler.TaskState
	last := "" // the task whose steps follow
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.SplitN(line, "|", accountFields)
		if len(f) < accountFields {
			continue
		}
		if id, _, isStep := strings.Cut(f[0], "."); isStep {
			if id == last {
				t := &tasks[len(tasks)-1]
				t.PeakRSS = max(t.PeakRSS, memory(f[9]))
			}
			continue
		}
		last = ""
		job, index, isArray := strings.Cut(f[0], "_")
		if !wanted[scheduler.JobID(job)] {
			continue
		}
		t := scheduler.TaskState{
			Job: scheduler.JobID(job), Index: -1, State: state(f[1]), Reason: reason(f[3]), Node: node(f[4]),
			Submit: moment(f[7]), Memory: memory(f[8]), PeakRSS: memory(f[9]), Token: none(f[10]), Source: "sacct", Seen: seen,
		}
		t.ExitCode, t.Signal = exitStatus(f[2])
		setTimes(&t, moment(f[5]), moment(f[6]))
		if !isArray {
			index = "N/A"
		}
		before := len(tasks)
		if tasks = expand(tasks, t, index); len(tasks) == before+1 {
			last = f[0]
		}
	}
	return tasks
}

// setTimes keeps of the start and end times those that are facts: squeue predicts both.
func setTimes(t *scheduler.TaskState, start, end time.Time) {
	if t.State != scheduler.Pending {
		t.Start = start
	}
	if t.State.Ended() {
		t.End = end
	}
}

// expand appends t for each index of a column: 3, 1-2,5, [1-400:3%2], or N/A for a job that is no array. What can't be read is no
// task of ours, and left out: unknown, never failed.
func expand(tasks []scheduler.TaskState, t scheduler.TaskState, index string) []scheduler.TaskState {
	if index == "N/A" || index == "" {
		return append(tasks, t)
	}
	indices, _, err := scheduler.ParseIndices(strings.Trim(index, "[]"))
	if err != nil {
		return tasks
	}
	for _, i := range indices {
		t.Index = i
		tasks = append(tasks, t)
	}
	return tasks
}

// merge joins what the queue says with what accounting says, which was asked after it. The queue is right about
// what waits and runs; accounting has the peak memory, and the tasks that the queue has forgotten. What accounting alone takes for waiting
// or running, a controller that was killed has lost, or its end is on the way to the database: it is not known.
//
// accounting says whether accounting answered at all.
func merge(queue, accounts []scheduler.TaskState, accounting bool) []scheduler.TaskState {
	type key struct {
		job   scheduler.JobID
		index int
	}
	all := make([]scheduler.TaskState, 0, max(len(queue), len(accounts)))
	at := make(map[key]int, cap(all))
	isArray := map[scheduler.JobID]bool{}
	for _, tasks := range [2][]scheduler.TaskState{accounts, queue} {
		for _, t := range tasks {
			if t.Index >= 0 {
				isArray[t.Job] = true
			}
			k := key{t.Job, t.Index}
			if i, ok := at[k]; ok {
				all[i] = join(t, all[i])
				continue
			}
			if accounting && t.Source == "squeue" {
				t = undecided(t)
			}
			at[k] = len(all)
			all = append(all, t)
		}
	}
	kept := all[:0]
	for _, t := range all {
		if t.Index < 0 && isArray[t.Job] {
			continue // shortly after the start accounting may show an array as one plain job
		}
		if t.Source == "sacct" && !t.State.Ended() {
			continue
		}
		t.State = classify(t)
		kept = append(kept, t)
	}
	return kept
}

// join is what the queue and accounting say of one task.
func join(queue, account scheduler.TaskState) scheduler.TaskState {
	sameAttempt := !queue.Start.IsZero() && queue.Start.Equal(account.Start)
	switch {
	case account.State.Ended() && sameAttempt && (queue.State.Ended() || queue.State == scheduler.Running):
		account.Reason = queue.Reason
		account.Token = cmp.Or(account.Token, queue.Token)
		account.Memory = cmp.Or(queue.Memory, account.Memory)
		return account
	case !account.State.Ended():
		return undecided(queue)
	}
	return queue
}

// accountingLag is how long accounting may take to learn of a task's end. Measured: a second or so.
const accountingLag = 2 * time.Minute

// undecided keeps a task that was killed Running until accounting has had the time to tell whether its memory was why: a state
// that has been told as final must not change.
func undecided(t scheduler.TaskState) scheduler.TaskState {
	if t.State == scheduler.Failed && killed(t) && t.Seen.Sub(t.End) < accountingLag {
		t.State, t.End = scheduler.Running, time.Time{}
	}
	return t
}

func none(s string) string {
	if s == "(null)" {
		return ""
	}
	return s
}

func reason(s string) string {
	if s == "None" {
		return ""
	}
	return none(s)
}

func node(s string) string {
	if s == "None assigned" {
		return ""
	}
	return none(s)
}

// moment reads a time: epoch seconds, which is what SLURM_TIME_FORMAT asks for, or SLURM's usual form. N/A and Unknown are no time.
func moment(s string) time.Time {
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		if seconds <= 0 {
			return time.Time{}
		}
		return time.Unix(seconds, 0)
	}
	t, err := time.ParseInLocation("2006-01-02T15:04:05", s, time.Local)
	if err != nil {
		return time.Time{}
	}
	return t
}

// memory reads an amount of memory as squeue and sacct write it: 100M, 4184K, 1.50G, with an n or c (per node, per CPU) before 21.08.
// "16?" is what sacct shows before it knows.
func memory(s string) int64 {
	s = strings.TrimRight(s, "nc")
	scale := 1.0
	if n := len(s); n > 0 {
		if i := strings.IndexByte("KMGTP", s[n-1]); i >= 0 {
			s, scale = s[:n-1], math.Exp2(float64(10*(i+1)))
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v > 0) || v*scale >= math.MaxInt64 {
		return 0
	}
	return int64(v * scale)
}

// isToken reports whether s can be a token: something that no other word of an answer can be mistaken for.
func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._:-", c) >= 0
}

// findToken finds the job in whose line the token stands as a word. Each line begins with the job's id.
func findToken(text, token string) (scheduler.JobID, bool) {
	for line := range strings.SplitSeq(text, "\n") {
		id, rest, ok := strings.Cut(line, "|")
		if !ok || !hasWord(rest, token) {
			continue
		}
		if id, _, _ = strings.Cut(id, "_"); isNumber(id) {
			return scheduler.JobID(id), true
		}
	}
	return "", false
}

func hasWord(s, word string) bool {
	for from := 0; ; {
		i := strings.Index(s[from:], word)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(word)
		if (i == 0 || !isTokenByte(s[i-1])) && (end == len(s) || !isTokenByte(s[end])) {
			return true
		}
		from = i + 1
	}
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
