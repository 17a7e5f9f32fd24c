package local

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

// spec is a job as it was submitted. It is written once, by the process that submits.
type spec struct {
	Name      string
	Token     string
	Indices   []int // one task an index; none: one task, no array
	Throttle  int   // 0: none
	CPUs      int
	Memory    int64
	Time      time.Duration // 0: no limit
	Output    string        // pattern; absolute
	Append    bool
	Dir       string
	SubmitDir string
	Env       []string
	After     []scheduler.Dependency
	Any       bool // one of them is enough
	Submitted time.Time
	Begin     time.Time // not before; zero: at once
}

// task is what the driver noted of one task. The zero value, but for the index, waits.
type task struct {
	Index    int             `json:"i"` // -1: the job is no array
	State    scheduler.State `json:"state"`
	Reason   string          `json:"reason,omitempty"`
	ExitCode int             `json:"exit,omitempty"`
	Signal   int             `json:"signal,omitempty"`
	PeakRSS  int64           `json:"peak,omitempty"`
	Start    time.Time       `json:"start,omitzero"`
	End      time.Time       `json:"end,omitzero"`
	Process  process         `json:"process,omitzero"`
}

// job is a job with what became of its tasks.
type job struct {
	spec
	id    scheduler.JobID
	tasks []task
	at    map[int]int // index to position in tasks

	next int // all tasks before this one have started or ended

	pending, running, ended, failed int
}

func newJob(id scheduler.JobID, s spec) *job {
	indices := s.Indices
	if len(indices) == 0 {
		indices = []int{-1}
	}
	j := &job{spec: s, id: id, at: make(map[int]int, len(indices)), pending: len(indices)}
	for i, index := range indices {
		j.tasks = append(j.tasks, task{Index: index, State: scheduler.Pending})
		j.at[index] = i
	}
	return j
}

// set replaces a task's state.
func (j *job) set(t task) {
	i, ok := j.at[t.Index]
	if !ok {
		return
	}
	j.tally(j.tasks[i].State, -1)
	j.tally(t.State, 1)
	j.tasks[i] = t
	for j.next < len(j.tasks) && j.tasks[j.next].State != scheduler.Pending {
		j.next++
	}
}

func (j *job) tally(s scheduler.State, n int) {
	switch s {
	case scheduler.Pending:
		j.pending += n
	case scheduler.Running:
		j.running += n
	default:
		j.ended += n
		if s != scheduler.Completed {
			j.failed += n
		}
	}
}

// entry is a line of a job's log, which the driver alone appends to: a task's new state, or new dependencies.
type entry struct {
	Task  *task                   `json:"task,omitempty"`
	After *[]scheduler.Dependency `json:"after,omitempty"`
}

func (j *job) apply(e entry) {
	if e.Task != nil {
		j.set(*e.Task)
	}
	if e.After != nil {
		j.After = *e.After
	}
}

// request is something that a process asks of the driver.
type request struct {
	Job     scheduler.JobID
	After   *[]scheduler.Dependency `json:",omitempty"` // re-point
	Cancel  bool                    `json:",omitempty"`
	Indices []int                   `json:",omitempty"` // of the tasks to cancel; none: all
}

// covers reports whether a task is one that the request cancels.
func (r request) covers(t task) bool {
	return r.Cancel && !t.State.Ended() && (len(r.Indices) == 0 || slices.Contains(r.Indices, t.Index))
}

// spool is the engine's folder:
//
//	jobs/ID/{spec.json,script}   a submission; the folder's making takes the id
//	jobs/ID/log.ndjson           what became of its tasks, by the driver
//	requests/NAME.json           what the driver is asked to do
//	driver                       which process drives
type spool struct{ dir string }

func (s spool) job(id scheduler.JobID, name string) string {
	return filepath.Join(s.dir, "jobs", string(id), name)
}

// ids are the ids of all jobs, in the order of their submission.
func (s spool) ids() ([]scheduler.JobID, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "jobs"))
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	ids := make([]scheduler.JobID, len(numbers))
	for i, n := range numbers {
		ids[i] = scheduler.JobID(strconv.Itoa(n))
	}
	return ids, nil
}

// spec reads a submission; nil when there is none, or not yet.
func (s spool) spec(id scheduler.JobID) (*spec, error) {
	text, err := os.ReadFile(s.job(id, "spec.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var sp spec
	if err == nil {
		err = json.Unmarshal(text, &sp)
	}
	if err != nil {
		return nil, fmt.Errorf("local job %s: %w", id, err)
	}
	return &sp, nil
}

// load reads a job and what became of it; nil when there is none. A last line that is cut short was never said.
func (s spool) load(id scheduler.JobID) (*job, error) {
	if _, notNumber := strconv.ParseUint(string(id), 10, 32); notNumber != nil {
		return nil, nil // not an id of ours, and no path
	}
	sp, err := s.spec(id)
	if sp == nil {
		return nil, err
	}
	j := newJob(id, *sp)
	text, err := os.ReadFile(s.job(id, "log.ndjson"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("local job %s: %w", id, err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	for lines.Scan() {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			j.apply(e)
		}
	}
	return j, nil
}

// requests reads what the driver is asked, oldest first.
func (s spool) requests() (names []string, all []request, err error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "requests")) // sorted, and names begin with the time
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		path := filepath.Join(s.dir, "requests", e.Name())
		if filepath.Ext(path) != ".json" || e.Name()[0] == '.' {
			continue
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the driver has just done it
		}
		var r request
		if err == nil {
			err = json.Unmarshal(text, &r)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("local request %s: %w", path, err)
		}
		names, all = append(names, path), append(all, r)
	}
	return names, all, nil
}
