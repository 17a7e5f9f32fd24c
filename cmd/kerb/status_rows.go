package main

import (
	"slices"
	"strings"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

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

func jobRows(r *report) []jobRow {
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
		} else if v.Job.Tasks[0][0].Part >= 0 { // all of them are of one dataset
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
		rows = append(rows, row)
	}
	return rows
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

// runningRow is how far a running task has come.
type runningRow struct {
	Job        string  `json:"job"` // key
	Index      int     `json:"index"`
	Attempt    int     `json:"attempt"`
	Host       string  `json:"host,omitempty"`
	Dataset    string  `json:"dataset"`
	Done       int64   `json:"done"` // files or chunks of the dataset
	Total      int64   `json:"total,omitempty"`
	References int64   `json:"references,omitempty"`
	Rate       float64 `json:"per_second,omitempty"`

	text string
}

// Of at most this many running tasks of a job, and in all, the progress is told: more would not be read by a person either.
const (
	watchedTasks = 16
	watchedFiles = 256
)

// runningRows lists running tasks that have told of their work. With a nil live their event files are read.
func runningRows(pic *scheduler.Picture, l *live, run *workdirs.Run) ([]runningRow, error) {
	var rows []runningRow
	for _, a := range running(pic, watchedTasks, watchedFiles) {
		p, known, err := l.progress(run, a)
		if err != nil {
			return nil, err
		}
		if known && p.Code != "" {
			rows = append(rows, runningRow{a.Job, a.Index, a.Attempt, p.Host, p.Code, p.Files, p.TotalFiles, p.References, p.Rate, progressText(a, p)})
		}
	}
	return rows, nil
}

// runningLines writes the first few for people.
func runningLines(rows []runningRow) []string {
	var lines []string
	for _, r := range rows[:min(shownTasks, len(rows))] {
		lines = append(lines, "  "+r.text)
	}
	return lines
}
