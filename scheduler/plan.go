package scheduler

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Step is what the tasks of one job do. The steps from parts to correct are compute's, for a dataset whose reference set is
// large; reduce is the test's, for one whose values are many.
type Step string

// The steps that work on datasets, in the order of a dataset's way through them, and the two that drive a run.
const (
	Scan      Step = "scan"
	Configure Step = "configure"
	Compute   Step = "compute"
	Parts     Step = "parts"
	Combine   Step = "combine"
	Correct   Step = "correct"
	Reduce    Step = "reduce" // pieces of the mean that the test draws
	Test      Step = "test"
	Client    Step = "client" // the user's own Python reads the store that the test has passed
	Catalog   Step = "catalog"

	Advance Step = "advance" // plans what the datasets configured by now need, and submits it
	Recover Step = "recover" // waits behind a job for a failure, and does what Advance does
)

// phaseOrder is the pipeline, as far as a scheduler sees it.
var phaseOrder = []Step{Scan, Configure, Compute, Test, Catalog}

// Item is one thing that a task does its step to: a dataset, or one part of a large one.
type Item struct {
	Code string
	Part int // -1 for a whole dataset
}

// Task is the items of one array index, done one after the other, each with a result of its own.
type Task []Item

// MarshalText writes the items separated by spaces, as CODE or CODE#PART.
func (t Task) MarshalText() ([]byte, error) {
	var b []byte
	for i, item := range t {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, item.Code...)
		if item.Part >= 0 {
			b = strconv.AppendInt(append(b, '#'), int64(item.Part), 10)
		}
	}
	return b, nil
}

// UnmarshalText reads what MarshalText wrote.
func (t *Task) UnmarshalText(b []byte) error {
	*t = nil
	for _, f := range strings.Fields(string(b)) {
		code, part, ok := strings.Cut(f, "#")
		n := -1
		if ok {
			var err error
			if n, err = strconv.Atoi(part); err != nil || n < 0 {
				return fmt.Errorf("plan: item %q is not CODE or CODE#PART", f)
			}
		}
		*t = append(*t, Item{code, n})
	}
	return nil
}

// Job is one job of a run as it is wanted. What was submitted for it, perhaps several times and for
// some of its indices only, is in the journal.
type Job struct {
	Key     string  `json:"key"`  // STEP[.CODE][+N]: its identity within the run
	Name    string  `json:"name"` // kerb.GROUP.STEP[.CODE]: what people see in the queue
	Step    Step    `json:"step"`
	Array   bool    `json:"array"`
	Tasks   []Task  `json:"tasks"` // one per array index, from 0
	Request Request `json:"request"`
	After   []Wait  `json:"after,omitempty"` // jobs that stand earlier in the plan
}

// Wait is a dependency on another job of the plan.
type Wait struct {
	Kind DependencyKind `json:"kind"`
	Key  string         `json:"job"`
}

// Needs is what the jobs of one configured dataset ask for.
type Needs struct {
	Code     string
	Parts    int              // how many parts compute is split into; 0 when one process does it
	Combines int              // how many tasks put the parts together; 1 unless it is more
	Reduces  int              // how many tasks reduce a variable for the test; 0 when the test does it by itself
	Steps    map[Step]Request // with the time that is predicted; what is missing, or zero, is the step's default
}

// Limits bound how work is cut into jobs and tasks.
type Limits struct {
	MaxArraySize int           `json:"max_array_size"` // the highest index is one less
	PackTime     time.Duration `json:"pack_time"`      // small datasets share a task up to this predicted time
	Width        int           `json:"width"`          // as far as so many tasks, which may run at once, are left
}

// DefaultLimits are SLURM's own default array size and modest packing.
var DefaultLimits = Limits{MaxArraySize: 1001, PackTime: 2 * time.Minute, Width: 256}

// Plan is the jobs of a run. It only ever grows: a job's tasks never change once they are planned, since
// the index is a task's identity.
type Plan struct {
	Group  string   `json:"group"`
	From   Step     `json:"from"`
	To     Step     `json:"to"`
	Codes  []string `json:"datasets"`
	Client bool     `json:"client,omitempty"` // the site names a Python that is to read what was tested
	Limits Limits   `json:"limits"`
	Jobs   []Job    `json:"jobs"`
}

// DefaultRequest is what a task of a step asks for when nothing is known about its dataset.
func DefaultRequest(s Step) Request {
	switch s {
	case Scan, Configure:
		return Request{Memory: 1 * gibibyte, Time: 30 * time.Minute, CPUs: 1}
	case Compute, Parts:
		return Request{Memory: 2 * gibibyte, Time: time.Hour, CPUs: 1}
	case Combine, Test, Client:
		return Request{Memory: 2 * gibibyte, Time: time.Hour, CPUs: 1}
	default:
		return Request{Memory: 1 * gibibyte, Time: 30 * time.Minute, CPUs: 1}
	}
}

// NewPlan is the empty plan of the phases from to to for a group: [Plan.Begin] plans what needs not wait for configure,
// [Plan.Extend] the rest.
func NewPlan(group string, from, to Step, codes []string, limits Limits) (Plan, error) {
	first, last := slices.Index(phaseOrder, from), slices.Index(phaseOrder, to)
	switch {
	case first < 0 || last < 0:
		return Plan{}, fmt.Errorf("a run goes from one of %v to another, not from %q to %q", phaseOrder, from, to)
	case first > last:
		return Plan{}, fmt.Errorf("phase %s comes after %s: swap --from and --to", from, to)
	case len(codes) == 0:
		return Plan{}, fmt.Errorf("group %s has no datasets", group)
	case limits.MaxArraySize < 1:
		return Plan{}, fmt.Errorf("an array size of %d holds no task", limits.MaxArraySize)
	}
	return Plan{Group: group, From: from, To: to, Codes: slices.Clone(codes), Limits: limits}, nil
}

// chainSteps are the steps of a dataset that needs no array of its own.
var chainSteps = []Step{Scan, Configure, Compute, Test, Client, Catalog}

// chain lists those that the run's phases include.
func (p *Plan) chain(steps []Step) []Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s Step) bool { return !p.wants(s) })
}

// Begin returns the plan with scan and configure of all datasets, and of the light ones with all that follows: their compute is
// not worth an array of its own, whatever configure finds, and their memory and time are known well enough.
func (p Plan) Begin(light []Needs) Plan {
	front := p.chain([]Step{Scan, Configure})
	if len(front) == 0 || len(p.Jobs) > 0 {
		return p
	}
	all := p.chain(chainSteps)
	begun := map[string]bool{}
	for _, class := range packed(light, all, p.Limits) {
		p.addChain(all, class.tasks, class.steps)
		for _, task := range class.tasks {
			for _, item := range task {
				begun[item.Code] = true
			}
		}
	}
	var tasks []Task
	for _, code := range p.Codes {
		if !begun[code] {
			tasks = append(tasks, Task{{code, -1}})
		}
	}
	p.addChain(front, tasks, nil)
	return p
}

// wants reports whether the run's phases include s.
func (p *Plan) wants(s Step) bool {
	if s == Client {
		return p.Client && p.wants(Test)
	}
	i := slices.Index(phaseOrder, s)
	return i >= slices.Index(phaseOrder, p.From) && i <= slices.Index(phaseOrder, p.To)
}

// Missing lists the datasets whose jobs after configure are not planned yet.
func (p *Plan) Missing() []string {
	if !p.wants(Compute) && !p.wants(Test) && !p.wants(Catalog) {
		return nil
	}
	planned := map[string]bool{}
	for i := range p.Jobs {
		if s := p.Jobs[i].Step; s == Scan || s == Configure {
			continue
		}
		for _, t := range p.Jobs[i].Tasks {
			for _, item := range t {
				planned[item.Code] = true
			}
		}
	}
	var missing []string
	for _, code := range p.Codes {
		if !planned[code] {
			missing = append(missing, code)
		}
	}
	return missing
}

// Extend returns the plan with the jobs of the given datasets added, as far as they are missing.
// What is planned already stays as it is.
func (p Plan) Extend(needs []Needs) Plan {
	missing := map[string]bool{}
	for _, code := range p.Missing() {
		missing[code] = true
	}
	p.Jobs = slices.Clone(p.Jobs)
	back := p.chain([]Step{Compute, Test, Client, Catalog})
	var small, large []Needs
	for _, n := range needs {
		switch {
		case !missing[n.Code]:
		case n.Parts > 0 && p.wants(Compute), n.Reduces > 0 && p.wants(Test):
			large = append(large, n)
		default:
			small = append(small, n)
		}
		delete(missing, n.Code) // also when it is named twice
	}
	for _, class := range packed(small, back, p.Limits) {
		p.addChain(back, class.tasks, class.steps)
	}
	for _, n := range large {
		p.addLarge(n)
	}
	return p
}

// addChain adds one array per step over the same tasks, each index waiting for its own in the step before. Arrays are cut at
// the largest size allowed. Nothing waits for the client: a Python that is out of order says nothing about a store.
func (p *Plan) addChain(steps []Step, tasks []Task, requests map[Step]Request) {
	for chunk := range slices.Chunk(tasks, p.Limits.MaxArraySize) {
		before := ""
		for _, s := range steps {
			j := p.newJob(s, "", chunk, requests[s])
			j.Array = true
			if before != "" {
				j.After = []Wait{{AfterCorr, before}}
			}
			p.Jobs = append(p.Jobs, j)
			if s != Client {
				before = j.Key
			}
		}
	}
}

// addLarge adds the jobs of a dataset that has arrays of its own: each waits for all tasks of the one before.
func (p *Plan) addLarge(n Needs) {
	var before []Wait
	add := func(s Step, tasks []Task, array bool) {
		var added []Wait
		for chunk := range slices.Chunk(tasks, p.Limits.MaxArraySize) {
			j := p.newJob(s, n.Code, chunk, asked(n.Steps[s]))
			j.Array, j.After = array, before
			p.Jobs = append(p.Jobs, j)
			added = append(added, Wait{AfterOK, j.Key})
		}
		if s != Client {
			before = added
		}
	}
	one := func(s Step) { add(s, []Task{{{n.Code, -1}}}, false) }
	many := func(s Step, of int) {
		tasks := make([]Task, of)
		for i := range tasks {
			tasks[i] = Task{{n.Code, i}}
		}
		add(s, tasks, true)
	}
	switch {
	case !p.wants(Compute):
	case n.Parts == 0:
		one(Compute)
	default:
		many(Parts, n.Parts)
		if n.Combines > 1 {
			many(Combine, n.Combines)
		} else {
			one(Combine)
		}
		one(Correct)
	}
	if n.Reduces > 0 && p.wants(Test) {
		many(Reduce, n.Reduces)
	}
	for _, s := range []Step{Test, Client, Catalog} {
		if p.wants(s) {
			one(s)
		}
	}
}

func (p *Plan) newJob(s Step, code string, tasks []Task, r Request) Job {
	base := string(s)
	if code != "" {
		base += "." + code
	}
	key := base
	for n := 2; slices.ContainsFunc(p.Jobs, func(j Job) bool { return j.Key == key }); n++ {
		key = fmt.Sprintf("%s+%d", base, n) // no project code holds a '+'
	}
	return Job{
		Key:     key,
		Name:    "kerb." + p.Group + "." + base,
		Step:    s,
		Tasks:   slices.Clone(tasks),
		Request: r.Or(DefaultRequest(s)).Rounded(),
	}
}

// Job returns the job with a key.
func (p *Plan) Job(key string) (*Job, bool) {
	i := slices.IndexFunc(p.Jobs, func(j Job) bool { return j.Key == key })
	if i < 0 {
		return nil, false
	}
	return &p.Jobs[i], true
}
