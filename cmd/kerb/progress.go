package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

// progress shows how a run goes: one line of bars on a terminal, a plain line whenever something has changed elsewhere.
type progress struct {
	w      io.Writer
	screen *screen // nil: lines are printed, and stay
	live   *live

	mu       sync.Mutex
	pic      *scheduler.Picture
	lookNext time.Time // between the steps of who drives the run
	last     []string
	told     map[string]bool // what was said of running tasks
	toldAt   time.Time
	began    time.Time
}

func newProgress(w io.Writer, o *orchestra) *progress {
	p := &progress{w: w, screen: newScreen(w), began: time.Now(), toldAt: time.Now()}
	fmt.Fprintf(w, "run %s of group %s\n", o.info.ID, o.info.Group)
	return p
}

// stepOrder is the order in which the steps of a run are shown.
var stepOrder = []scheduler.Step{
	scheduler.Scan, scheduler.Configure, scheduler.Compute, scheduler.Parts, scheduler.Combine, scheduler.Correct, scheduler.Reduce, scheduler.Test, scheduler.Client, scheduler.Catalog,
}

// show draws the counts of every step, and how far some of the running tasks have come.
func (p *progress) show(pic *scheduler.Picture) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pic = pic
	p.live.look(pic)
	p.live.hear(pic)
	p.draw(pic)
}

// again draws what the tasks have told since, and on a terminal what they have recorded: elsewhere that would be a line for every task.
func (p *progress) again(ctx context.Context, o *orchestra) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.pic == nil:
		return
	case p.screen == nil:
		p.draw(p.pic)
		return
	}
	if began := time.Now(); o.local == nil && began.After(p.lookNext) {
		if r, err := look(ctx, o); err == nil && r.Note == "" { // whoever drives the run says what is wrong
			p.pic = r.pic
			p.live.look(p.pic)
		}
		p.lookNext = time.Now().Add(max(lookAgain, 10*time.Since(began)))
	}
	p.live.hear(p.pic)
	p.draw(p.pic)
}

// Of this many running tasks the progress is shown; where it can't be drawn over, only so often.
const (
	shownTasks = 4
	tellEvery  = 10 * time.Second
)

func (p *progress) draw(pic *scheduler.Picture) {
	counts := map[scheduler.Step]*scheduler.Tally{}
	for _, v := range pic.Jobs {
		if counts[v.Job.Step] == nil {
			counts[v.Job.Step] = &scheduler.Tally{}
		}
		counts[v.Job.Step].Add(v)
	}
	var lines []string
	var rest time.Duration
	for _, s := range stepOrder {
		if t := counts[s]; t != nil {
			rest = max(rest, left(pic, s, *t)) // no step ends before the one that it follows
			line := p.line(s, *t)
			if rest >= 2*time.Second && t.Done < t.Total && t.Done > 0 {
				line += fmt.Sprintf(", about %s left", rest.Round(time.Second))
			}
			lines = append(lines, line)
		}
	}
	var running []string
	if p.live != nil {
		if rows, err := runningRows(pic, p.live, p.live.run); err == nil { // else it is not shown
			running = runningLines(rows)
		}
	}
	if p.screen != nil {
		p.screen.draw(append(lines, running...))
		return
	}
	p.tell(running)
	for i, line := range lines {
		if i >= len(p.last) || p.last[i] != line {
			fmt.Fprintf(p.w, "%s %s\n", time.Since(p.began).Round(time.Second), line)
		}
	}
	p.last = lines
}

// tell says how far tasks have come, once in a while and what it has not said the last time.
func (p *progress) tell(running []string) {
	if time.Since(p.toldAt) < tellEvery || len(running) == 0 {
		return
	}
	before := p.told
	p.told, p.toldAt = map[string]bool{}, time.Now()
	for _, line := range running {
		if p.told[line] = true; !before[line] {
			fmt.Fprintf(p.w, "%s %s\n", time.Since(p.began).Round(time.Second), line)
		}
	}
}

// left is about how long a step will go on, at the rate so far; 0 when that can't be told.
func left(pic *scheduler.Picture, s scheduler.Step, t scheduler.Tally) time.Duration {
	rest := t.Running + t.Queued + t.Idle + t.Failing
	if t.Done < 2 {
		return 0
	}
	var first, last time.Time
	for _, v := range pic.Jobs {
		if v.Job.Step != s {
			continue
		}
		for i := range v.Tasks {
			if rec := v.Tasks[i].Record; v.Tasks[i].Stand == scheduler.Done && rec != nil {
				first, last = earlier(first, rec.Start), later(last, rec.End)
			}
		}
	}
	return last.Sub(first) * time.Duration(rest) / time.Duration(t.Done)
}

const barWidth = 30

// line is one step's state: its bar on a terminal, its numbers, and what is wrong.
func (p *progress) line(s scheduler.Step, t scheduler.Tally) string {
	b := fmt.Sprintf("%-10s", s)
	if p.screen != nil {
		n := barWidth * t.Done / max(t.Total, 1)
		b += "[" + strings.Repeat("=", n) + strings.Repeat(" ", barWidth-n) + "] "
	}
	b += fmt.Sprintf("%d/%d", t.Done, t.Total)
	if t.Running > 0 {
		b += fmt.Sprintf(", %d running", t.Running)
	}
	if t.Failing > 0 {
		b += fmt.Sprintf(", %d to be tried again", t.Failing)
	}
	if n := t.Failed + t.Items; n > 0 {
		b += fmt.Sprintf(", %d failed", n)
	}
	if t.Blocked > 0 {
		b += fmt.Sprintf(", %d blocked", t.Blocked)
	}
	return b
}
