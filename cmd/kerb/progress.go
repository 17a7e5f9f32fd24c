package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

// progress shows how a run goes: one line of bars on a terminal, a plain line whenever something has changed elsewhere.
type progress struct {
	w        io.Writer
	terminal bool
	live     *live

	mu     sync.Mutex
	pic    *scheduler.Picture
	last   string
	told   map[string]bool // what was said of running tasks
	toldAt time.Time
	drawn  int
	began  time.Time
}

func newProgress(w io.Writer, o *orchestra) *progress {
	p := &progress{w: w, began: time.Now(), toldAt: time.Now()}
	if f, ok := w.(*os.File); ok {
		p.terminal = term.IsTerminal(int(f.Fd()))
	}
	fmt.Fprintf(w, "run %s of group %s\n", o.info.ID, o.info.Group)
	return p
}

// stepOrder is the order in which the steps of a run are shown.
var stepOrder = []scheduler.Step{
	scheduler.Scan, scheduler.Configure, scheduler.Compute, scheduler.Parts, scheduler.Combine, scheduler.Correct, scheduler.Test, scheduler.Client, scheduler.Catalog,
}

// show draws the counts of every step, and how far some of the running tasks have come.
func (p *progress) show(pic *scheduler.Picture) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pic = pic
	p.live.look(pic)
	p.draw(pic)
}

// again draws what the tasks have told since.
func (p *progress) again() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pic != nil {
		p.draw(p.pic)
	}
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
	for _, s := range stepOrder {
		if t := counts[s]; t != nil {
			lines = append(lines, p.line(s, *t)+left(pic, s, *t))
		}
	}
	running := p.live.lines(pic, shownTasks)
	if p.terminal {
		lines = append(lines, running...)
	} else {
		p.tell(running)
	}
	for i, columns := 0, width(p.w); i < len(lines); i++ {
		lines[i] = cut(lines[i], columns) // one that breaks would not be drawn over as a whole
	}
	text := strings.Join(lines, "\n")
	if text == p.last {
		return
	}
	if p.terminal {
		if p.drawn > 0 {
			fmt.Fprintf(p.w, "\x1b[%dA\x1b[J", p.drawn) // back over what was drawn before
		}
		fmt.Fprintln(p.w, text)
		p.drawn = len(lines)
	} else {
		before := strings.Split(p.last, "\n")
		for i, line := range lines {
			if i >= len(before) || before[i] != line {
				fmt.Fprintf(p.w, "%s %s\n", time.Since(p.began).Round(time.Second), line)
			}
		}
	}
	p.last = text
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

// left says about how long a step will go on, at the rate so far.
func left(pic *scheduler.Picture, s scheduler.Step, t scheduler.Tally) string {
	rest := t.Running + t.Queued + t.Idle + t.Failing
	if t.Done < 2 || rest == 0 {
		return ""
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
	d := last.Sub(first) * time.Duration(rest) / time.Duration(t.Done)
	if d < 2*time.Second {
		return ""
	}
	return fmt.Sprintf(", about %s left", d.Round(time.Second))
}

const barWidth = 30

// line is one step's state: its bar on a terminal, its numbers, and what is wrong.
func (p *progress) line(s scheduler.Step, t scheduler.Tally) string {
	b := fmt.Sprintf("%-10s", s)
	if p.terminal {
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

func (p *progress) close() { p.drawn = 0 }
