package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

type statusOptions struct {
	workdir string
	by      string
	watch   bool
	json    bool
}

func newStatusCommand(env environment) *cli.Command {
	var opts statusOptions
	return &cli.Command{
		Name:      "status",
		Usage:     "show how runs stand, in squeue's manner",
		ArgsUsage: "[GROUP|RUN]",
		Description: `Shows the newest run of a group, or of every group. What the tasks recorded themselves comes first; the scheduler is
asked only for what is left open, with one call and not more often than the site's poll interval.
ST is PD (waiting), R (running), CD (done), F (failed), RT (failed, to be tried again), BL (what it needs failed), CA (cancelled).

Example:
   kerb status ocean -w /gws/me/work
   kerb status ocean -w /gws/me/work --by error`,
		Flags: []cli.Flag{
			workdirFlag(&opts.workdir),
			&cli.StringFlag{Name: "by", Usage: "a line per `job`, dataset or error", Value: "job", Destination: &opts.by},
			&cli.BoolFlag{Name: "watch", Usage: "refresh until the run has ended", Destination: &opts.watch},
			jsonFlag(&opts.json),
		},
		Action: func(c *cli.Context) error {
			args, err := positionals(c, 0, 1)
			if err != nil {
				return err
			}
			return runStatus(c.Context, args, opts, env)
		},
	}
}

func runStatus(ctx context.Context, args []string, opts statusOptions, env environment) error {
	if !slices.Contains([]string{"job", "dataset", "error"}, opts.by) {
		return usagef("status: --by is job, dataset or error, not %q", opts.by)
	}
	var names []string
	if len(args) == 1 {
		names = args
	} else {
		w, err := openWorkdir(opts.workdir)
		if err != nil {
			return err
		}
		groups, err := w.Groups()
		if err != nil {
			return err
		}
		for _, g := range groups {
			if runs, err := g.Runs(); err != nil {
				return err
			} else if len(runs) > 0 {
				names = append(names, g.Name)
			}
		}
		if len(names) == 0 && !opts.json {
			fmt.Fprintln(env.stdout, "no runs in this workdir; start one with `kerb submit GROUP`")
		}
	}
	lives := map[string]*live{}
	defer func() {
		for _, l := range lives {
			l.close()
		}
	}()
	for {
		reports := []report{}
		interval := time.Duration(0)
		ended := true
		for _, name := range names {
			o, err := openLatest(opts.workdir, name)
			if err != nil {
				return err
			}
			r, err := look(ctx, o)
			if err != nil {
				return err
			}
			if opts.watch && !r.ended() {
				if lives[r.Run] == nil {
					lives[r.Run] = watchLive(ctx, o, len(names) == 1, env.stderr)
				}
				r.live = lives[r.Run]
				r.live.look(r.pic)
			}
			reports = append(reports, r)
			interval = max(interval, o.lookEvery())
			ended = ended && r.ended()
		}
		if err := printReports(reports, opts, env); err != nil {
			return err
		}
		for i := range reports {
			if err := tidy(ctx, opts.workdir, &reports[i]); err != nil {
				return err
			}
		}
		if !opts.watch || ended {
			return nil
		}
		if err := redraw(ctx, interval, reports, opts, env); err != nil {
			return err
		}
	}
}

// redraw waits for the time to ask the scheduler again. On a terminal it meanwhile shows what the tasks tell.
func redraw(ctx context.Context, interval time.Duration, reports []report, opts statusOptions, env environment) error {
	if opts.onTerminal(env) {
		stop := every(ctx, 2*time.Second, func() {
			for i := range reports {
				reports[i].now = time.Now()
			}
			_ = printReports(reports, opts, env) // the next look says what is wrong
		})
		defer stop()
	}
	return sleep(ctx, interval)
}

// onTerminal reports whether each report is drawn over the one before.
func (opts *statusOptions) onTerminal(env environment) bool {
	f, ok := env.stdout.(*os.File)
	return ok && opts.watch && !opts.json && term.IsTerminal(int(f.Fd()))
}

// tidyFrom is the number of records from which it is worth looking whether they can be compacted for the next reader.
const tidyFrom = 2000

// tidy compacts the records of a big run, if nobody else is at the group.
func tidy(ctx context.Context, dir string, r *report) error {
	if r.Sources[0].Facts < tidyFrom {
		return nil
	}
	w, err := openWorkdir(dir)
	if err != nil {
		return err
	}
	return compactRun(ctx, w, r.run, tidyFrom)
}

// report is how one run stands.
type report struct {
	Run      string          `json:"run"`
	Group    string          `json:"group"`
	Created  time.Time       `json:"created"`
	Stopped  bool            `json:"cancelled,omitempty"`
	Tasks    scheduler.Tally `json:"tasks"`
	Sources  []factSource    `json:"sources"`
	Note     string          `json:"note,omitempty"`
	ToPlan   int             `json:"to_plan,omitempty"` // datasets of which the later jobs are not planned yet
	Jobs     []jobRow        `json:"jobs,omitempty"`
	Datasets []datasetRow    `json:"datasets,omitempty"`
	Errors   []errorRow      `json:"errors,omitempty"`

	pic    *scheduler.Picture
	ledger *scheduler.Ledger
	run    *workdirs.Run
	live   *live // nil: not watched
	now    time.Time
}

func (r *report) ended() bool {
	return r.Stopped || r.Tasks.Running+r.Tasks.Queued+r.Tasks.Idle+r.Tasks.Failing+r.ToPlan == 0
}

// factSource says where facts come from, and how old the oldest of them is.
type factSource struct {
	From  string  `json:"from"` // "records", "squeue", "sacct", "local"
	Facts int     `json:"facts"`
	Age   float64 `json:"age_seconds"`
}

// look finds out how a run stands. A scheduler that does not answer is no error here: what is known without it is shown.
func look(ctx context.Context, o *orchestra) (report, error) {
	r := report{Run: o.info.ID, Group: o.info.Group, Created: o.info.Created, run: o.run, now: time.Now()}
	d := o.driver(nil)
	seen, err := d.Observe(ctx)
	if errors.Is(err, scheduler.ErrUnreachable) {
		r.Note = "the scheduler does not answer: this is what was known without it"
	} else if err != nil {
		return r, err
	}
	r.ledger, r.Stopped = seen.Ledger, seen.Ledger.Stopped
	r.pic = scheduler.Look(*seen)
	r.Tasks = scheduler.Count(r.pic)
	r.ToPlan = len(scheduler.Unplanned(*seen, r.pic))
	r.Sources = sourcesOf(seen, r.now)
	return r, nil
}

func sourcesOf(o *scheduler.Observed, now time.Time) []factSource {
	list := []factSource{{From: "records", Facts: len(o.Records)}}
	for i := range o.Queue {
		q := &o.Queue[i]
		k := slices.IndexFunc(list, func(s factSource) bool { return s.From == q.Source })
		if k < 0 {
			list = append(list, factSource{From: q.Source})
			k = len(list) - 1
		}
		list[k].Facts++
		if !q.Seen.IsZero() {
			list[k].Age = max(list[k].Age, now.Sub(q.Seen).Seconds())
		}
	}
	return list
}

func printReports(reports []report, opts statusOptions, env environment) error {
	for i := range reports {
		r := &reports[i]
		var err error
		switch opts.by {
		case "dataset":
			r.Datasets = datasetRows(r)
		case "error":
			r.Errors = errorRows(r)
		default:
			r.Jobs, err = jobRows(r)
		}
		if err != nil {
			return err
		}
	}
	if opts.json {
		return writeJSON(env.stdout, reports)
	}
	if opts.onTerminal(env) {
		fmt.Fprint(env.stdout, "\x1b[H\x1b[2J")
	}
	for i := range reports {
		if err := printReport(env.stdout, &reports[i], opts.by); err != nil {
			return err
		}
	}
	return nil
}

func printReport(w io.Writer, r *report, by string) error {
	columns, between := width(w), 2
	if 0 < columns && columns < 100 {
		between = 1
	}
	var table bytes.Buffer
	t := tabwriter.NewWriter(&table, 0, 0, between, ' ', 0)
	switch by {
	case "dataset":
		fmt.Fprintln(t, "DATASET\tPHASE\tST\tDONE/TOTAL\tTRIES\tMESSAGE")
		for _, d := range r.Datasets {
			fmt.Fprintf(t, "%s\t%s\t%s\t%d/%d\t%d\t%s\n", d.Dataset, d.Step, d.State, d.Done, d.Total, d.Tries, oneLine(d.Message))
		}
	case "error":
		fmt.Fprintln(t, "CLASS\tCOUNT\tPHASE\tDATASETS\tMESSAGE")
		for _, e := range r.Errors {
			names := strings.Join(e.Datasets[:min(3, len(e.Datasets))], ",")
			if len(e.Datasets) > 3 {
				names += ",..."
			}
			fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\n", e.Class, e.Count, e.Step, names, oneLine(e.Message))
		}
	default:
		fmt.Fprintln(t, "JOBID\tARRAY\tPHASE\tGROUP\tDATASET\tST\tDONE/TOTAL\tFAILED\tTIME\tNODELIST(REASON)")
		for _, j := range r.Jobs {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%d/%d\t%d\t%s\t%s\n",
				cmp.Or(j.Job, "-"), cmp.Or(j.Array, "-"), j.Step, r.Group, cmp.Or(j.Dataset, "-"), j.State, j.Done, j.Total, j.Failed, j.Time, j.Where)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(table.String()) {
		fmt.Fprintln(w, cut(strings.TrimRight(line, " \n"), columns))
	}
	var from []string
	for _, s := range r.Sources {
		text := fmt.Sprintf("%d %s", s.Facts, s.From)
		if s.Age >= 1 {
			text += fmt.Sprintf(" (%s old)", time.Duration(s.Age*float64(time.Second)).Round(time.Second))
		}
		from = append(from, text)
	}
	state := ""
	if r.Stopped {
		state = "cancelled; "
	}
	fmt.Fprintf(w, "run %s: %s%s; from %s\n", r.Run, state, r.Tasks, strings.Join(from, ", "))
	for _, line := range r.live.lines(r.pic, shownTasks) {
		fmt.Fprintln(w, line)
	}
	if r.ToPlan > 0 {
		fmt.Fprintf(w, "the jobs of %d datasets are planned when they are configured\n", r.ToPlan)
	}
	if r.Note != "" {
		fmt.Fprintln(w, "note:", r.Note)
	}
	return nil
}

// jobRow is one job of the plan.
type jobRow struct {
	Job     string `json:"job,omitempty"` // the scheduler's id of the newest submission
	Key     string `json:"key"`
	Name    string `json:"name"`
	Array   string `json:"array,omitempty"` // the indices that are not done
	Step    string `json:"phase"`
	Dataset string `json:"dataset,omitempty"`
	State   string `json:"state"`
	Done    int    `json:"done"`
	Total   int    `json:"total"`
	Failed  int    `json:"failed"`
	Time    string `json:"time,omitempty"`
	Where   string `json:"where,omitempty"`
}

// Events of at most this many running tasks of a job are read for their progress: more would not be read by a person either.
const watchedTasks = 16

func jobRows(r *report) ([]jobRow, error) {
	rows := []jobRow{}
	for _, v := range r.pic.Jobs {
		var t scheduler.Tally
		t.Add(v)
		row := jobRow{Key: v.Job.Key, Name: v.Job.Name, Step: string(v.Job.Step), Done: t.Done, Total: t.Total, Failed: t.Failed + t.Items, State: stateOf(t, r.Stopped)}
		if subs := r.ledger.Of(v.Job.Key); len(subs) > 0 {
			row.Job = string(subs[len(subs)-1].Job)
		}
		var open []int
		var start, end time.Time
		var nodes, reasons []string
		progress := ""
		watched := 0
		for i := range v.Tasks {
			task := &v.Tasks[i]
			if task.Stand != scheduler.Done {
				open = append(open, i)
			}
			if rec := task.Record; rec != nil {
				start, end = earlier(start, rec.Start), later(end, rec.End)
			}
			q := task.Queue
			if task.Stand != scheduler.Live || q == nil {
				continue
			}
			switch q.State {
			case scheduler.Running:
				start, end = earlier(start, q.Start), r.now
				if !slices.Contains(nodes, q.Node) && q.Node != "" {
					nodes = append(nodes, q.Node)
				}
				if watched++; watched <= watchedTasks {
					text, err := r.live.text(r.run, workdirs.Attempt{Job: v.Job.Key, Index: i, Attempt: task.Ref.Attempt})
					if err != nil {
						return nil, err
					}
					progress = cmp.Or(text, progress)
				}
			case scheduler.Pending:
				if !slices.Contains(reasons, q.Reason) && q.Reason != "" {
					reasons = append(reasons, q.Reason)
				}
			}
		}
		if v.Job.Array && len(open) > 0 {
			row.Array = shorten(scheduler.FormatIndices(open))
		}
		if len(v.Job.Tasks) == 1 {
			row.Dataset = itemNames(v.Job.Tasks[0])
		} else if v.Job.Step == scheduler.Parts {
			row.Dataset = v.Job.Tasks[0][0].Code
		}
		if !start.IsZero() && end.After(start) {
			row.Time = scheduler.FormatTime(end.Sub(start))
		}
		slices.Sort(nodes)
		row.Where = shorten(strings.Join(nodes, ","))
		if len(reasons) > 0 {
			row.Where += "(" + strings.Join(reasons, ",") + ")"
		}
		if progress != "" {
			row.Where += " " + progress
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func shorten(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most-3] + "..."
	}
	return s
}

// stateOf is a job's state in squeue's letters.
func stateOf(t scheduler.Tally, stopped bool) string {
	switch {
	case t.Done == t.Total && t.Items == 0:
		return "CD"
	case stopped:
		return "CA"
	case t.Running > 0:
		return "R"
	case t.Failing > 0:
		return "RT"
	case t.Queued+t.Idle > 0:
		return "PD"
	case t.Failed+t.Items > 0:
		return "F"
	case t.Blocked > 0:
		return "BL"
	}
	return "CD"
}

// datasetRow is how far one dataset has come.
type datasetRow struct {
	Dataset string `json:"dataset"`
	Step    string `json:"phase"`
	State   string `json:"state"`
	Done    int    `json:"done"` // tasks of that phase
	Total   int    `json:"total"`
	Tries   int    `json:"tries"`
	Class   string `json:"class,omitempty"`
	Message string `json:"message,omitempty"`
}

// datasetRows shows for every dataset the first step that is not done, or its last.
func datasetRows(r *report) []datasetRow {
	rows := []datasetRow{}
	at := map[string]int{}
	for _, v := range r.pic.Jobs {
		for i := range v.Tasks {
			task := &v.Tasks[i]
			for k, item := range v.Job.Tasks[i] {
				n, known := at[item.Code]
				if !known {
					n = len(rows)
					at[item.Code] = n
					rows = append(rows, datasetRow{Dataset: item.Code})
				}
				row := &rows[n]
				state, class, message := itemState(task, k)
				if row.Step == string(v.Job.Step) {
					row.Total++
					if state == "CD" {
						row.Done++
					} else if row.State == "CD" || state == "F" {
						row.State, row.Class, row.Message = state, class, message
					}
					row.Tries = max(row.Tries, len(task.Failures))
					continue
				}
				if row.Step != "" && row.State != "CD" {
					continue // an earlier step is not done
				}
				*row = datasetRow{Dataset: item.Code, Step: string(v.Job.Step), State: state, Total: 1, Tries: len(task.Failures), Class: class, Message: message}
				if state == "CD" {
					row.Done = 1
				}
			}
		}
	}
	return rows
}

// itemState is the state of one item of a task.
func itemState(t *scheduler.TaskView, k int) (state, class, message string) {
	if t.Record != nil {
		class, message = t.Record.Class, t.Record.Message
		if t.Stand == scheduler.Done {
			class, message = "", ""
		}
		if k < len(t.Record.Items) {
			if item := t.Record.Items[k]; item.State == workdirs.Failed {
				class, message = item.Class, item.Message
				if t.Stand == scheduler.Done {
					return "F", class, message
				}
			} else if item.State == workdirs.Skipped {
				return "BL", "", item.Message
			}
		}
	}
	switch t.Stand {
	case scheduler.Done:
		return "CD", "", ""
	case scheduler.Dead:
		return "F", class, message
	case scheduler.Failing:
		return "RT", class, message
	case scheduler.Blocked:
		return "BL", "", ""
	case scheduler.Live:
		if t.Queue != nil && t.Queue.State == scheduler.Running {
			return "R", "", ""
		}
	}
	return "PD", "", ""
}

// errorRow is one kind of failure.
type errorRow struct {
	Class    string   `json:"class"`
	Step     string   `json:"phase"`
	Message  string   `json:"message"` // of the first of them
	Count    int      `json:"count"`
	Datasets []string `json:"datasets"`
}

// errorRows groups what failed for good by class and step, most frequent first.
func errorRows(r *report) []errorRow {
	rows := []errorRow{}
	for _, f := range failuresOf(r.pic) {
		i := slices.IndexFunc(rows, func(e errorRow) bool { return e.Class == f.Class && e.Step == f.Step })
		if i < 0 {
			rows = append(rows, errorRow{Class: f.Class, Step: f.Step, Message: f.Message})
			i = len(rows) - 1
		}
		rows[i].Count++
		rows[i].Datasets = append(rows[i].Datasets, f.Dataset)
	}
	slices.SortStableFunc(rows, func(a, b errorRow) int { return b.Count - a.Count })
	return rows
}

// refused makes an error of what the user asked for.
func refused(remedy, format string, a ...any) error {
	return phases.Errorf(phases.Input, remedy, format, a...)
}
