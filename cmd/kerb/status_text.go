package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// narrow is the number of columns below which a table leaves out what the lines below it say.
const narrow = 100

// lines writes a report for people: a table, and what is to be said of the run as a whole. They fit into columns and rows, of which 0 is no
// limit.
func (r *report) lines(by string, columns, rows int) []string {
	below := r.summary(by, columns)
	if rows > 0 {
		rows = max(rows-len(below)-2, 3) // the head, and what says that rows are left out
	}
	tight := 0 < columns && columns < narrow
	var head []string
	var body []tableRow
	switch by {
	case "dataset":
		head, body = r.datasetTable()
	case "error":
		return append(r.errorLines(columns), below...)
	default:
		head, body = r.jobTable(tight)
	}
	body, left := fit(body, rows)
	cells := [][]string{head}
	for _, row := range body {
		cells = append(cells, row.cells)
	}
	between := 2
	if tight {
		between = 1
	}
	lines := table(cells, between)
	for i := range lines {
		lines[i] = cut(lines[i], columns)
	}
	if left != "" {
		lines = append(lines, left)
	}
	return append(lines, below...)
}

// tableRow is one line of a table, with the state by which it is kept where there is no room for all.
type tableRow struct {
	state string
	cells []string
}

func (r *report) jobTable(tight bool) (head []string, body []tableRow) {
	head = []string{"JOBID", "ARRAY", "PHASE", "GROUP", "DATASET", "ST", "DONE/TOTAL", "FAILED", "TIME", "NODELIST(REASON)"}
	for _, j := range r.Jobs {
		body = append(body, tableRow{j.State, []string{
			cmp.Or(j.Job, "-"), cmp.Or(j.Array, "-"), j.Step, r.Group, cmp.Or(j.Dataset, "-"), j.State, fmt.Sprintf("%d/%d", j.Done, j.Total), strconv.Itoa(j.Failed),
			j.Time, j.Where,
		}})
	}
	if tight { // the lines below name the group
		const array, group, dataset = 1, 3, 4
		head = slices.Delete(head, group, group+1)
		for i := range body {
			c := body[i].cells
			c[array], c[dataset] = cut(c[array], 14), cut(c[dataset], 20)
			body[i].cells = slices.Delete(c, group, group+1)
		}
	}
	return head, body
}

func (r *report) datasetTable() (head []string, body []tableRow) {
	head = []string{"DATASET", "PHASE", "ST", "DONE/TOTAL", "TRIES", "MESSAGE"}
	for _, d := range r.Datasets {
		body = append(body, tableRow{d.State, []string{
			d.Dataset, d.Step, d.State, fmt.Sprintf("%d/%d", d.Done, d.Total), strconv.Itoa(d.Tries),
			strings.TrimPrefix(oneLine(d.Message), "dataset "+d.Dataset+": "),
		}})
	}
	return head, body
}

// errorLines are the kinds of failures, each with the message of its first.
func (r *report) errorLines(columns int) []string {
	if len(r.Errors) == 0 {
		return []string{"nothing has failed for good"}
	}
	cells := [][]string{{"CLASS", "COUNT", "PHASE", "DATASETS"}}
	for _, e := range r.Errors {
		names := strings.Join(e.Datasets[:min(3, len(e.Datasets))], ",")
		if len(e.Datasets) > 3 {
			names += ",..."
		}
		cells = append(cells, []string{cmp.Or(e.Class, "-"), strconv.Itoa(e.Count), e.Step, names})
	}
	heads := table(cells, 2)
	lines := heads[:1:1]
	for i, e := range r.Errors {
		lines = append(lines, cut(heads[i+1], columns))
		lines = append(lines, wrap(oneLine(e.Message), "  ", columns)...)
	}
	return lines
}

// summary is what stands below the table.
func (r *report) summary(by string, columns int) []string {
	state := ""
	if r.Stopped {
		state = "cancelled; "
	}
	lines := wrap(fmt.Sprintf("run %s of group %s: %s%s", r.Run, r.Group, state, r.Tasks), "", columns)
	var from []string
	for _, s := range r.Sources {
		text := fmt.Sprintf("%d %s", s.Facts, s.From)
		if s.Age >= 1 {
			text += fmt.Sprintf(" (%s old)", time.Duration(s.Age*float64(time.Second)).Round(time.Second))
		}
		from = append(from, text)
	}
	lines = append(lines, wrap("known from "+strings.Join(from, ", "), "", columns)...)
	lines = append(lines, runningLines(r.Running)...)
	if r.ToPlan > 0 {
		lines = append(lines, wrap(fmt.Sprintf("the later jobs of %s are planned when they are configured", count(r.ToPlan, "dataset")), "", columns)...)
	}
	if r.Note != "" {
		lines = append(lines, wrap("note: "+r.Note, "", columns)...)
	}
	return append(lines, r.next(by)...)
}

// next says what a person may do now.
func (r *report) next(by string) []string {
	command := func(words ...string) string { return commandLine(r.o.workdir.Root(), words...) }
	t := r.Tasks
	switch {
	case r.Stopped && t.Done < t.Total:
		return []string{"to go on: " + command("rerun", r.Group)}
	case r.ended() && t.Bad() && by == "error":
		return []string{"more of one: " + command("logs", r.Group, "DATASET"), "when the causes are gone: " + command("rerun", r.Group)}
	case r.ended() && t.Bad():
		return []string{"what failed: " + command("status", r.Group, "--by", "error")}
	case !r.ended() && t.Running+t.Queued == 0 && r.live == nil && !r.o.driver(nil).Chain:
		return []string{"nothing is queued; to go on: " + command("advance", r.Group)}
	}
	return nil
}

// Rows of these states go first where there is no room for all.
var spare = []string{"CD", "PD", "BL", "CA"}

// fit leaves out rows until no more than most are left, of which 0 is no limit, and says how many it has left out.
func fit(rows []tableRow, most int) (kept []tableRow, left string) {
	over := len(rows) - most
	if most == 0 || over <= 0 {
		return rows, ""
	}
	drop := make([]bool, len(rows))
	dropped := map[string]int{}
	for _, state := range append(slices.Clone(spare), "") { // in the end, any
		for i := len(rows) - 1; i >= 0 && over > 0; i-- {
			if !drop[i] && (state == "" || rows[i].state == state) {
				drop[i] = true
				dropped[rows[i].state]++
				over--
			}
		}
	}
	for i, row := range rows {
		if !drop[i] {
			kept = append(kept, row)
		}
	}
	var words []string
	for _, row := range rows {
		if n := dropped[row.state]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, row.state))
			delete(dropped, row.state)
		}
	}
	return kept, "and, not shown: " + strings.Join(words, ", ")
}
