package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

// memoryFiles is a run's files in memory. Everything goes through JSON, as on disk.
type memoryFiles struct {
	plan    []byte
	journal [][]byte
	records map[string]workdirs.Record
	dead    bool // the process that writes has died
	stop    bool // a person cancelled the run
}

func (m *memoryFiles) ReadPlan(p any) error { return json.Unmarshal(m.plan, p) }
func (m *memoryFiles) WritePlan(p any) (err error) {
	m.plan, err = json.Marshal(p)
	return err
}
func (m *memoryFiles) ReadJournal(fn func([]byte) error) error {
	for _, line := range m.journal {
		if err := fn(line); err != nil {
			return err
		}
	}
	return nil
}
func (m *memoryFiles) AppendJournal(e any) error {
	if m.dead {
		return errCrash
	}
	b, err := json.Marshal(e)
	m.journal = append(m.journal, b)
	return err
}
func (m *memoryFiles) Records() ([]workdirs.Record, error) {
	list := slices.Collect(maps.Values(m.records))
	slices.SortFunc(list, func(a, b workdirs.Record) int {
		if c := strings.Compare(a.Job, b.Job); c != 0 {
			return c
		}
		if a.Index != b.Index {
			return a.Index - b.Index
		}
		return a.Attempt - b.Attempt
	})
	return list, nil
}
func (m *memoryFiles) WriteRecord(r workdirs.Record) error {
	m.records[fmt.Sprint(r.Job, " ", r.Index, " ", r.Attempt)] = r
	return nil
}
func (m *memoryFiles) Compact(int) error            { return nil }
func (m *memoryFiles) StopRequested() (bool, error) { return m.stop, nil }

// errCrash stands for the end of the process at an instruction.
var errCrash = errors.New("crash")

// simulation is a cluster with virtual time, as the facts about SLURM describe one: failures are latched, ended jobs are
// forgotten, a dead node's process may go on, and what a fault has hidden stays hidden.
type simulation struct {
	t     *rapid.T
	files *memoryFiles
	now   time.Time
	queue
	saved   queue // what the controller has written down
	forgot  bool  // it has died, and come back with that
	chain   bool  // advance and recover jobs do the stepping
	faults  bool  // of the scheduler and of our own process
	limit   int   // tasks in the queue; 0: none
	crashIn int   // journal writes or calls until our process dies; 0: never
	drive   func()
	plan    func() *Plan

	done     map[string]int // successful effects of STEP CODE PART
	zombies  bool           // some effect may rightly happen twice
	prepared map[string]bool
	peaks    map[string]int64         // memory that an item really needs
	times    map[string]time.Duration // time that it really needs
}

// queue is what a controller knows.
type queue struct {
	jobs  map[JobID]*simJob
	order []JobID
	last  int
}

func (q queue) copy() queue {
	c := queue{map[JobID]*simJob{}, slices.Clone(q.order), q.last}
	for id, j := range q.jobs {
		k := *j
		k.tasks = map[int]*TaskState{}
		for i, t := range j.tasks {
			state := *t
			k.tasks[i] = &state
		}
		c.jobs[id] = &k
	}
	return c
}

// controllerDies brings back what the controller had last written down. What it has heard of since runs to its end unseen, and its ids are
// handed out again; what was cancelled since lives again.
func (s *simulation) controllerDies() {
	lost := s.queue
	s.zombies, s.forgot = true, true
	s.queue = s.saved.copy()
	for _, id := range lost.order {
		for _, i := range slices.Sorted(maps.Keys(lost.jobs[id].tasksOrNone())) {
			if t := lost.jobs[id].tasks[i]; t.State == Running && s.jobs[id] == nil {
				s.end(lost.jobs[id], t)
			}
		}
	}
}

func (j *simJob) tasksOrNone() map[int]*TaskState {
	if j == nil {
		return nil
	}
	return j.tasks
}

type simJob struct {
	id    JobID
	sub   Submission
	ref   Ref
	tasks map[int]*TaskState
	need  Request
}

func (s *simulation) crash() error {
	if s.crashIn > 0 {
		if s.crashIn--; s.crashIn == 0 {
			s.files.dead = true
		}
	}
	if s.files.dead {
		return errCrash
	}
	return nil
}

func (s *simulation) Name() string { return "simulation" }

func (s *simulation) Submit(_ context.Context, sub Submission) (JobID, error) {
	if err := s.crash(); err != nil {
		return "", err
	}
	away := s.faults && rapid.IntRange(0, 19).Draw(s.t, "submit fault") == 0
	if away && rapid.Bool().Draw(s.t, "not accepted") {
		return "", ErrUnreachable
	}
	for _, j := range s.jobs {
		if j.sub.Token == sub.Token {
			s.t.Fatalf("token %s submitted twice", sub.Token)
		}
	}
	s.last++
	j := &simJob{id: JobID(fmt.Sprint(s.last)), sub: sub, tasks: map[int]*TaskState{}}
	ledger, err := ReadLedger(s.files)
	if err != nil {
		return "", err
	}
	for _, known := range ledger.Submissions {
		if known.Token == sub.Token {
			j.ref, j.need = known.Ref, known.Request
		}
	}
	if j.ref.Key == "" {
		s.t.Fatalf("%s was submitted before its intent was in the journal", sub.Token)
	}
	indices := sub.Indices
	if indices == nil {
		indices = []int{-1}
	}
	for _, i := range indices {
		j.tasks[i] = &TaskState{Job: j.id, Index: i, Token: sub.Token, State: Pending, Reason: "Priority", Memory: j.need.Memory, Source: "squeue"}
	}
	s.jobs[j.id] = j
	s.order = append(s.order, j.id)
	queued := 0
	for _, other := range s.jobs {
		for _, t := range other.tasks {
			if !t.State.Ended() {
				queued++
			}
		}
	}
	if s.limit > 2*drivers && !s.faults && queued > s.limit+drivers { // a pass that can do nothing else goes over it by a few
		s.t.Fatalf("%d tasks are in the queue, %d may", queued, s.limit)
	}
	if away {
		return "", ErrUnreachable
	}
	return j.id, s.crash()
}

func (s *simulation) Find(_ context.Context, token string) (JobID, bool, error) {
	if s.faults && rapid.IntRange(0, 9).Draw(s.t, "find fault") == 0 {
		return "", false, ErrUnreachable
	}
	for _, j := range s.jobs {
		if j.sub.Token == token {
			return j.id, true, nil
		}
	}
	return "", false, nil
}

func (s *simulation) Poll(_ context.Context, jobs []JobID) ([]TaskState, error) {
	if s.faults && rapid.IntRange(0, 19).Draw(s.t, "poll fault") == 0 {
		return nil, ErrUnreachable
	}
	var list []TaskState
	for _, id := range s.order {
		if j := s.jobs[id]; j != nil {
			for _, i := range slices.Sorted(maps.Keys(j.tasks)) {
				if t := *j.tasks[i]; slices.Contains(jobs, id) || !t.State.Ended() {
					t.Seen = s.now
					list = append(list, t)
				}
			}
		}
	}
	return list, nil
}

func (s *simulation) Repoint(_ context.Context, id JobID, after []Dependency) error {
	if err := s.crash(); err != nil {
		return err
	}
	j := s.jobs[id]
	if j == nil || j.tasks[-1] == nil || j.tasks[-1].State != Pending {
		return ErrUnknownJob
	}
	j.sub.After = after
	return s.crash()
}

func (s *simulation) Cancel(_ context.Context, id JobID, indices []int) error {
	if err := s.crash(); err != nil {
		return err
	}
	j := s.jobs[id]
	if j == nil {
		return nil
	}
	for i, t := range j.tasks {
		if !t.State.Ended() && (indices == nil || slices.Contains(indices, i)) {
			t.State, t.End = Cancelled, s.now
		}
	}
	return s.crash()
}

// ready looks at a pending task's dependencies: can it start, can it ever?
func (s *simulation) ready(j *simJob, index int) (now, ever bool) {
	if j.sub.Any {
		for _, d := range j.sub.After {
			n, e := s.came(d, index)
			now, ever = now || n, ever || e
		}
		return now, ever
	}
	now, ever = true, true
	for _, d := range j.sub.After {
		n, e := s.came(d, index)
		now, ever = now && n, ever && e
	}
	return now, ever
}

// came looks at one dependency.
func (s *simulation) came(d Dependency, index int) (now, ever bool) {
	up := s.jobs[d.Job]
	if up == nil { // purged: 22.05 takes it for satisfied
		return true, true
	}
	now, ever = true, true
	for i, t := range up.tasks {
		if d.Kind == AfterCorr && i != index {
			continue
		}
		switch {
		case !t.State.Ended():
			now = false
		case d.Kind != AfterAny && d.Kind != AfterNotOK && t.State != Completed:
			now, ever = false, false
		}
	}
	if d.Kind == AfterNotOK && now {
		failed := false
		for _, t := range up.tasks {
			failed = failed || t.State != Completed
		}
		now, ever = failed, failed
	}
	return now, ever
}

// tick lets a minute pass.
func (s *simulation) tick() {
	s.now = s.now.Add(time.Minute)
	crash := -1
	if s.faults && s.saved.jobs != nil {
		crash = rapid.IntRange(0, 29).Draw(s.t, "controller")
	}
	if crash == 0 { // before anything else became of what it was told
		s.controllerDies()
	}
	defer func() {
		if crash == 1 {
			s.controllerDies()
		}
		s.saved = s.queue.copy()
	}()
	for _, id := range slices.Clone(s.order) {
		j := s.jobs[id]
		if j == nil {
			continue
		}
		for _, i := range slices.Sorted(maps.Keys(j.tasks)) {
			t := j.tasks[i]
			switch t.State {
			case Pending:
				now, ever := s.ready(j, i)
				switch {
				case now:
					t.State, t.Reason, t.Start, t.Node = Running, "None", s.now, fmt.Sprint("n", rapid.IntRange(1, 4).Draw(s.t, "node"))
				case !ever && j.ref.Key == string(Recover):
					t.State, t.End = Cancelled, s.now // --kill-on-invalid-dep=yes
				case !ever:
					t.Reason = "DependencyNeverSatisfied"
				}
			case Running:
				if rapid.IntRange(0, 2).Draw(s.t, "ends") > 0 {
					s.end(j, t)
				}
			}
		}
	}
	if s.faults && rapid.IntRange(0, 29).Draw(s.t, "purge") == 0 {
		for id, j := range s.jobs {
			if !slices.ContainsFunc(slices.Collect(maps.Values(j.tasks)), func(t *TaskState) bool { return !t.State.Ended() }) {
				delete(s.jobs, id)
			}
		}
	}
}

// end lets a task end, one way or another.
func (s *simulation) end(j *simJob, t *TaskState) {
	t.End = s.now
	if j.ref.Key == string(Recover) || j.ref.Key == string(Advance) {
		if j.ref.Key == string(Advance) && rapid.IntRange(0, 3).Draw(s.t, "advance is killed") == 0 {
			t.State, t.Signal = Failed, 9
			return
		}
		t.State = Completed
		s.drive()
		return
	}
	plan := s.plan()
	job, ok := plan.Job(j.ref.Key)
	if !ok {
		s.t.Fatalf("%s is not in the plan", j.ref)
	}
	index := max(t.Index, 0)
	rec := workdirs.Record{Job: job.Key, Index: index, Attempt: j.ref.Attempt, Start: t.Start, End: s.now, Host: t.Node, Source: "task", State: workdirs.Done}
	name := string(job.Step) + " " + job.Tasks[index][0].Code
	s.checkOrder(job, index)
	fate := rapid.IntRange(0, 24).Draw(s.t, "fate")
	switch {
	case s.peaks[name] > j.need.Memory:
		t.State, t.Reason, t.PeakRSS = OutOfMemory, "OutOfMemory", j.need.Memory
		return
	case s.times[name] > j.need.Time:
		t.State, t.Reason = Timeout, "TimeLimit"
		return
	case fate == 0:
		t.State, t.Reason = NodeFail, "NodeDown"
		if rapid.Bool().Draw(s.t, "zombie") { // its process runs on and finishes
			s.zombies = true
			s.effect(job, index)
			s.files.WriteRecord(rec)
		}
		return
	case fate == 1:
		t.State = Preempted
		return
	case fate == 2:
		rec.State, rec.Class, rec.Transient, rec.Message = workdirs.Failed, "io", true, "read error"
	case fate == 3 && rapid.IntRange(0, 3).Draw(s.t, "drift") == 0:
		rec.State, rec.Class, rec.Message = workdirs.Failed, "drift", "units differ"
	case fate == 4:
		t.State, t.Reason, t.ExitCode = Failed, "NonZeroExitCode", 127
		return
	case fate == 5 && s.faults: // ended well, and its record got lost
		t.State = Completed
		s.zombies = true
		s.effect(job, index)
		return
	case fate == 6 && s.faults: // the controller lost it
		s.zombies = true
		delete(j.tasks, t.Index)
		return
	}
	if rec.State == workdirs.Done {
		t.State = Completed
		s.effect(job, index)
	} else {
		t.State, t.ExitCode = Failed, 1
	}
	s.files.WriteRecord(rec)
}

// effect is what a task leaves behind.
func (s *simulation) effect(job *Job, index int) {
	for _, item := range job.Tasks[index] {
		key := fmt.Sprint(job.Step, " ", item.Code, " ", item.Part)
		s.done[key]++
		if s.done[key] > 1 && !s.zombies {
			s.t.Fatalf("%s was done twice", key)
		}
		if job.Step == Configure {
			s.prepared[item.Code] = true
		}
	}
}

// checkOrder makes sure that a task never starts before what it needs is there. A purge makes SLURM 22.05 take a dependency for
// satisfied, which only the steps' own checks can find: not asked for where there are faults.
func (s *simulation) checkOrder(job *Job, index int) {
	if s.faults || s.forgot {
		return
	}
	plan := s.plan()
	for _, w := range job.After {
		up, _ := plan.Job(w.Key)
		for i, task := range up.Tasks {
			if w.Kind == AfterCorr && i != index {
				continue
			}
			for _, item := range task {
				if s.done[fmt.Sprint(up.Step, " ", item.Code, " ", item.Part)] == 0 {
					s.t.Fatalf("%s index %d started before %s of %s was done", job.Key, index, up.Key, item.Code)
				}
			}
		}
	}
}

func newSimulation(t *rapid.T, chain, faults bool) (*simulation, *Driver) {
	s := &simulation{
		t: t, chain: chain, faults: faults, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), queue: queue{jobs: map[JobID]*simJob{}},
		files: &memoryFiles{records: map[string]workdirs.Record{}}, done: map[string]int{}, prepared: map[string]bool{},
		peaks: map[string]int64{}, times: map[string]time.Duration{},
	}
	var codes []string
	large := map[string]Needs{}
	var light []Needs
	for i := range rapid.IntRange(1, 6).Draw(t, "datasets") {
		code := fmt.Sprint("d", i)
		codes = append(codes, code)
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			several := func(label string, most int) int { return rapid.IntRange(0, most).Draw(t, label) }
			large[code] = Needs{Parts: several("parts", 5), Combines: several("combines", 3), Reduces: several("reduces", 3)}
		case 1:
			light = append(light, Needs{Code: code, Steps: map[Step]Request{Scan: {Time: 20 * time.Minute}}})
		}
		for _, step := range []Step{Scan, Configure, Compute, Parts, Combine, Reduce, Test} {
			switch rapid.IntRange(0, 11).Draw(t, "hunger") {
			case 0:
				s.peaks[string(step)+" "+code] = rapid.Int64Range(1, 20).Draw(t, "peak") * gibibyte
			case 1:
				s.times[string(step)+" "+code] = time.Duration(rapid.IntRange(1, 20).Draw(t, "time")) * time.Hour
			}
		}
	}
	limits := Limits{MaxArraySize: rapid.IntRange(1, 4).Draw(t, "array size"), PackTime: time.Hour, Width: rapid.IntRange(1, 4).Draw(t, "width")}
	plan, err := NewPlan("g", Scan, Catalog, codes, limits)
	if err != nil {
		t.Fatal(err)
	}
	s.files.WritePlan(plan.Begin(light))
	s.plan = func() *Plan {
		var p Plan
		if err := s.files.ReadPlan(&p); err != nil {
			t.Fatal(err)
		}
		return &p
	}
	s.limit = rapid.SampledFrom([]int{0, 1, 4, 7, 20}).Draw(t, "queue")
	fence := int64(0)
	d := &Driver{
		RunID: "run", Files: s.files, Engine: s, Chain: chain,
		Policy: Policy{Attempts: 4, Patience: 12, MaxMemory: 16 * gibibyte, MaxTime: 16 * time.Hour, Grace: 10 * time.Minute, MaxQueued: s.limit},
		Script: func(Submit) (string, error) { return "script", s.crash() },
		Needs: func(_ context.Context, codes []string) ([]Needs, error) {
			var list []Needs
			for _, c := range codes {
				if !s.prepared[c] {
					t.Fatalf("dataset %s is planned before it is configured", c)
				}
				list = append(list, Needs{Code: c, Parts: large[c].Parts, Combines: large[c].Combines, Reduces: large[c].Reduces, Steps: map[Step]Request{Compute: {Time: 20 * time.Minute}}})
			}
			return list, nil
		},
		Check: func() error { return s.crash() },
		Now:   func() time.Time { return s.now },
		Fence: fence,
	}
	return s, d
}

// outcome checks that every dataset either is through or has a reason why not.
func (s *simulation) outcome(pic *Picture) {
	if pic == nil {
		s.t.Fatal("no picture")
	}
	reasons := map[string]bool{}
	through := map[string]bool{}
	for _, v := range pic.Jobs {
		for i, task := range v.Tasks {
			for _, item := range v.Job.Tasks[i] {
				switch task.Stand {
				case Done:
					through[item.Code] = through[item.Code] || v.Job.Step == Catalog
					if s.done[fmt.Sprint(v.Job.Step, " ", item.Code, " ", item.Part)] == 0 {
						s.t.Fatalf("%s of %s counts as done and never was", v.Job.Key, item.Code)
					}
				case Dead:
					if task.Decision.Reason == "" {
						s.t.Fatalf("%s index %d is given up without a reason", v.Job.Key, i)
					}
					reasons[item.Code] = true
				case Blocked:
				default:
					s.t.Fatalf("%s index %d is left as %s", v.Job.Key, i, task.Stand)
				}
			}
		}
	}
	for _, code := range s.plan().Codes {
		if !through[code] && !reasons[code] {
			s.t.Fatalf("dataset %s came to nothing, without a reason", code)
		}
	}
}

// A process that steps every few minutes, dies anywhere, loses answers and starts again brings every run to its end.
func TestDriverConvergesUnderFaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, d := newSimulation(t, false, true)
		for range 3000 {
			if rapid.IntRange(0, 5).Draw(t, "crash") == 0 {
				s.crashIn = rapid.IntRange(1, 30).Draw(t, "crash in")
			}
			pic, finished, err := d.Step(context.Background())
			s.crashIn, s.files.dead = 0, false
			if err != nil && !errors.Is(err, errCrash) && !errors.Is(err, ErrUnreachable) {
				t.Fatal(err)
			}
			if finished {
				s.outcome(pic)
				s.nothingWaits()
				return
			}
			s.tick()
		}
		t.Fatal("the run does not come to an end")
	})
}

// A run that is cancelled leaves nothing in the queue, whatever the controller has forgotten: at the latest when it is cancelled again.
// Run again, it goes on to its end.
func TestCancelLeavesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, d := newSimulation(t, false, true)
		step := func() {
			if _, _, err := d.Step(context.Background()); err != nil && !errors.Is(err, ErrUnreachable) {
				t.Fatal(err)
			}
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			step()
			s.tick()
		}
		s.files.stop = true
		step()
		for range rapid.IntRange(0, 5).Draw(t, "steps after") {
			s.tick()
			step()
		}
		s.controllerDies()
		s.faults = false
		for range 3 {
			s.tick()
			step()
		}
		s.nothingWaits()

		o, err := d.Observe(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		entries, err := Rerun(*o, RerunOrder{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			s.files.AppendJournal(e)
		}
		s.files.stop = false
		s.toTheEnd(d)
	})
}

// When the controller has lost all that it was told, it is said that nothing leads the run on, and not while something does.
func TestHalted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, d := newSimulation(t, true, false)
		halted := func(after time.Duration) bool {
			now := s.now
			s.now = now.Add(after)
			defer func() { s.now = now }()
			o, err := d.Observe(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			halted, err := d.Halted(context.Background(), o, Look(*o))
			if err != nil {
				t.Fatal(err)
			}
			return halted
		}
		s.drive = func() {
			if _, _, err := d.Step(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		s.saved = s.queue.copy()
		s.drive()
		if halted(time.Hour) {
			t.Fatal("its jobs are in the queue")
		}
		s.controllerDies()
		if halted(time.Minute) {
			t.Fatal("it may have been a moment ago")
		}
		if !halted(time.Hour) {
			t.Fatal("nothing of it is in the queue")
		}
	})
}

// toTheEnd steps until nothing is left to do, and checks what has come of it.
func (s *simulation) toTheEnd(d *Driver) {
	for range 1000 {
		pic, finished, err := d.Step(context.Background())
		if err != nil {
			s.t.Fatal(err)
		}
		if finished {
			s.outcome(pic)
			return
		}
		s.tick()
	}
	s.t.Fatal("the run does not come to an end")
}

// nothingWaits checks that no task of the run is left in the queue that does not run.
func (s *simulation) nothingWaits() {
	for _, j := range s.jobs {
		for i, t := range j.tasks {
			if t.State == Pending {
				s.t.Fatalf("task %d of %s is left in the queue: %s", i, j.ref, t.Reason)
			}
		}
	}
}

// Without faults of the scheduler every effect happens exactly once, and in order.
func TestDriverDoesEverythingOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, d := newSimulation(t, false, false)
		s.toTheEnd(d)
	})
}

// After the first step nothing but the jobs of the chain themselves leads the run to its end.
func TestChainDrivesItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, d := newSimulation(t, true, false)
		step := func() {
			if _, _, err := d.Step(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		s.drive = step
		step()
		for range 1000 {
			s.tick()
			moving := false
			for _, j := range s.jobs {
				for i, task := range j.tasks {
					now, _ := s.ready(j, i)
					moving = moving || task.State == Running || task.State == Pending && now
				}
			}
			if !moving {
				pic, finished, err := d.Step(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				if !finished {
					for _, v := range pic.Jobs {
						for i, task := range v.Tasks {
							t.Logf("%s %d %s %s %v", v.Job.Key, i, task.Stand, task.Ref, task.Queue)
						}
					}
					t.Fatal("the chain has come to a halt before the end")
				}
				s.outcome(pic)
				return
			}
		}
		t.Fatal("the run does not come to an end")
	})
}
