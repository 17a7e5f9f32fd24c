package report

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Options are what the caller of Gather decides.
type Options struct {
	Version string
	Note    string // shown at the top of the page
	Full    int    // how many datasets are described in full: those first that need a person
}

// Submitted is a run, and what was observed of it.
type Submitted struct {
	Info     workdirs.RunInfo
	Observed *scheduler.Observed
}

// More attempts than these are not listed, nor more datasets that failed.
const (
	mostAttempts = 300
	mostFailed   = 100
)

// readers is how many datasets are read at the same time: on a shared file system that is mostly waiting.
const readers = 16

// Gather reads how a group stands. run is its newest run, or nil when it has none.
func Gather(w *workdirs.Workdir, group workdirs.GroupInfo, run *Submitted, opts Options) (*Page, error) {
	p := &Page{Group: group.Name, Workdir: w.Root(), Version: opts.Version, Note: opts.Note, Made: time.Now()}
	p.Rerun = command("rerun", group.Name, "-w", w.Root())
	byCode := map[string]*Dataset{}
	codes := group.Codes
	if run != nil && len(run.Observed.Plan.Codes) > 0 {
		codes = run.Observed.Plan.Codes
	}
	for _, code := range codes {
		d := &Dataset{Code: code, State: Open}
		byCode[code] = d
		p.Datasets = append(p.Datasets, d)
	}
	var taken map[string]costs
	if run != nil {
		taken = p.gatherRun(run, byCode)
	}
	var reading errgroup.Group
	reading.SetLimit(readers)
	for _, d := range p.Datasets {
		reading.Go(func() error { return d.gather(w) })
	}
	if err := reading.Wait(); err != nil {
		return nil, err
	}
	for _, d := range p.Datasets {
		p.Totals.Files += int64(d.Files)
		p.Totals.SourceBytes += d.SourceBytes
		p.Totals.StoreBytes += d.StoreBytes
		if d.Plan != nil && d.Store != "" {
			p.Totals.References += d.Plan.References
		}
		switch d.State {
		case Failed, Faulty:
			p.Totals.Failed++
		case Passed:
			p.Totals.Passed++
		default:
			p.Totals.Open++
		}
	}
	order := []State{Failed, Faulty, Open, Untested, Passed}
	slices.SortStableFunc(p.Datasets, func(a, b *Dataset) int { return slices.Index(order, a.State) - slices.Index(order, b.State) })
	p.Listed = min(p.Totals.Failed, mostFailed)
	p.Described = min(opts.Full, len(p.Datasets))
	var drawing errgroup.Group
	drawing.SetLimit(runtime.GOMAXPROCS(0)) // pictures are scaled down, which is the most of a report's work
	for _, d := range p.Datasets[:p.Described] {
		drawing.Go(func() error { return d.gatherFull(w, run, taken[d.Code]) })
	}
	if err := drawing.Wait(); err != nil {
		return nil, err
	}
	return p, nil
}

// costs are what computing a dataset took in a run.
type costs struct {
	seconds float64
	peak    int64
}

// gatherRun describes a run, notes what failed with its dataset, and answers what computing each dataset took.
func (p *Page) gatherRun(run *Submitted, byCode map[string]*Dataset) map[string]costs {
	o, info := run.Observed, run.Info
	pic := scheduler.Look(*o)
	t := scheduler.Count(pic)
	r := &Run{
		ID: info.ID, From: info.From, To: info.To, Scheduler: info.Scheduler, Site: info.Site, User: info.User, Host: info.Host, Created: info.Created,
		State: "finished", Tasks: t.Total, Done: t.Done, Failed: t.Failed + t.Items, Blocked: t.Blocked,
		Open: t.Running + t.Queued + t.Idle + t.Failing,
	}
	p.Run = r
	switch {
	case o.Ledger.Stopped:
		r.State = "cancelled"
	case r.Open > 0:
		r.State = "running"
	}
	records := map[string][]workdirs.Record{}
	for _, rec := range o.Records {
		records[rec.Job] = append(records[rec.Job], rec)
	}
	taken := map[string]costs{}
	var spans []span
	for _, v := range pic.Jobs {
		byIndex := map[int][]workdirs.Record{}
		for _, rec := range records[v.Job.Key] {
			byIndex[rec.Index] = append(byIndex[rec.Index], rec)
		}
		for i := range v.Tasks {
			attempts := byIndex[i]
			spans = append(spans, r.gatherTask(o, v, i, attempts)...)
			for _, rec := range attempts {
				addCosts(taken, v.Job.Step, rec)
			}
			p.noteTask(info, v, i, byCode)
		}
	}
	r.Timeline = newTimeline(spans)
	for _, s := range spans {
		r.TaskTime += s.end.Sub(s.start)
		if r.Start.IsZero() || s.start.Before(r.Start) {
			r.Start = s.start
		}
		if s.end.After(r.End) {
			r.End = s.end
		}
	}
	slices.SortStableFunc(r.Attempts, func(a, b Attempt) int { return a.Start.Compare(b.Start) })
	if n := len(r.Attempts); n > mostAttempts {
		r.Attempts, r.MoreAttempts = r.Attempts[:mostAttempts], n-mostAttempts
	}
	return taken
}

// gatherTask lists when a task ran, and adds those attempts that failed to the run's.
func (r *Run) gatherTask(o *scheduler.Observed, v *scheduler.JobView, i int, attempts []workdirs.Record) []span {
	task := &v.Tasks[i]
	name := v.Job.Key
	if v.Job.Array {
		name = fmt.Sprintf("%s[%d]", v.Job.Key, i)
	}
	what := itemNames(v.Job.Tasks[i])
	var spans []span
	add := func(start, end time.Time, state, title string) {
		spans = append(spans, span{
			task: name, job: v.Job.Key, step: string(v.Job.Step), detail: what, start: start, end: end, state: state,
			title: fmt.Sprintf("%s %s: %s, %s", name, what, title, duration(end.Sub(start))),
		})
	}
	for k := range attempts {
		rec := &attempts[k]
		if rec.State == workdirs.Running {
			continue
		}
		last := k == len(attempts)-1
		start, end := rec.Start, rec.End
		if start.IsZero() { // nobody saw it begin
			start = end
		}
		state := "done"
		if rec.State == workdirs.Failed || len(failedItems(rec)) > 0 {
			if state = "failed"; !last || task.Stand == scheduler.Failing || task.Stand == scheduler.Live {
				state = "again"
				r.Retried++
			}
			r.Attempts = append(r.Attempts, r.attempt(o, v, i, rec, name, what, last))
		}
		if !end.IsZero() {
			add(start, end, state, fmt.Sprintf("attempt %d %s", rec.Attempt, cmp.Or(rec.Class, state)))
		}
	}
	if q := task.Queue; task.Stand == scheduler.Live && q != nil && q.State == scheduler.Running && !q.Start.IsZero() && q.Start.Before(o.Now) {
		add(q.Start, o.Now, "running", fmt.Sprintf("attempt %d running on %s", task.Ref.Attempt, q.Node))
	}
	return spans
}

func (r *Run) attempt(o *scheduler.Observed, v *scheduler.JobView, i int, rec *workdirs.Record, name, what string, last bool) Attempt {
	task := &v.Tasks[i]
	a := Attempt{
		Task: name, What: what, Number: rec.Attempt, Start: rec.Start, Took: rec.End.Sub(rec.Start), Peak: rec.Peak, Node: rec.Host,
		Cause: rec.Class, Message: rec.Message,
	}
	if items := failedItems(rec); rec.Message == "" && len(items) > 0 {
		a.Cause, a.Message = cmp.Or(a.Cause, items[0].Class), items[0].Message
	}
	if a.Start.IsZero() {
		a.Start, a.Took = rec.End, 0
	}
	if s := o.Ledger.Submission(scheduler.Ref{Key: v.Job.Key, Attempt: rec.Attempt}); s != nil {
		a.Asked = scheduler.FormatMemory(s.Request.Memory) + ", " + scheduler.FormatTime(s.Request.Time)
	}
	switch {
	case !last || task.Stand == scheduler.Live:
		a.Then = "tried again"
	case task.Stand == scheduler.Failing:
		a.Then = "to be tried again"
	default:
		a.Then = "given up"
	}
	if last && task.Decision.Reason != "" {
		a.Then += ": " + task.Decision.Reason
	}
	return a
}

// noteTask tells the datasets of a task how far they have come, and of their failures.
func (p *Page) noteTask(info workdirs.RunInfo, v *scheduler.JobView, i int, byCode map[string]*Dataset) {
	task := &v.Tasks[i]
	for k, item := range v.Job.Tasks[i] {
		d := byCode[item.Code]
		if d == nil {
			continue
		}
		var result workdirs.ItemResult
		if task.Record != nil && k < len(task.Record.Items) {
			result = task.Record.Items[k]
		}
		itemFailed := task.Stand == scheduler.Done && result.State == workdirs.Failed
		if task.Stand != scheduler.Blocked && task.Stand != scheduler.Idle && result.State != workdirs.Skipped && len(d.Failures) == 0 {
			d.Step = string(v.Job.Step)
		}
		if task.Stand != scheduler.Dead && !itemFailed {
			continue
		}
		d.State = Failed
		f := Failure{
			Step: string(v.Job.Step), Class: result.Class, Message: result.Message, Tries: max(1, len(task.Failures)),
			Rerun: command("rerun", info.Group, "-w", p.Workdir, "--job", v.Job.Key, "--indices", fmt.Sprint(i)),
			Logs:  command("logs", info.Group, item.Code, "-w", p.Workdir),
		}
		if f.Message == "" && task.Record != nil {
			f.Class, f.Message = task.Record.Class, task.Record.Message
		}
		f.Message = cmp.Or(f.Message, task.Decision.Reason, "the task left no message")
		const mostFailures = 20 // of a dataset in many parts
		if len(d.Failures) < mostFailures {
			d.Failures = append(d.Failures, f)
		}
	}
}

// addCosts adds what an attempt that went well says of the computing of its datasets.
func addCosts(taken map[string]costs, step scheduler.Step, rec workdirs.Record) {
	switch step {
	case scheduler.Compute, scheduler.Parts, scheduler.Combine, scheduler.Correct:
	default:
		return
	}
	for _, item := range rec.Items {
		if item.State == workdirs.Done {
			c := taken[item.Code]
			c.seconds += item.Seconds
			c.peak = max(c.peak, rec.Peak)
			taken[item.Code] = c
		}
	}
}

func failedItems(rec *workdirs.Record) []workdirs.ItemResult {
	var list []workdirs.ItemResult
	for _, item := range rec.Items {
		if item.State == workdirs.Failed {
			list = append(list, item)
		}
	}
	return list
}

// itemNames names the items of a task, the first few of many.
func itemNames(t scheduler.Task) string {
	const most = 3
	var names []string
	for _, item := range t[:min(most, len(t))] {
		if item.Part >= 0 {
			names = append(names, fmt.Sprintf("%s part %d", item.Code, item.Part))
		} else {
			names = append(names, item.Code)
		}
	}
	if n := len(t) - most; n > 0 {
		names = append(names, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(names, ", ")
}

// command is a kerb command as a shell takes it.
func command(words ...string) string {
	text := "kerb"
	for _, w := range words {
		if strings.ContainsFunc(w, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-", r)
		}) {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		text += " " + w
	}
	return text
}

// sizeOf is the size of a file, or of all files in a folder.
func sizeOf(path string) (int64, error) {
	var n int64
	err := filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	return n, err
}
