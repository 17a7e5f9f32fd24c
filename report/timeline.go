package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Timeline is when the tasks of a run ran.
type Timeline struct {
	Each   string // what has a lane of its own: "task", "job" or "step"
	Lanes  []Lane
	Ticks  []Tick
	Breaks []Bar // idle times that are drawn shorter than they were
}

// Lane is one line of the timeline.
type Lane struct {
	Label, Detail string
	Bars          []Bar
}

// Bar is a stretch of a lane. Left and Width are percentages of the whole.
type Bar struct {
	Left, Width float64
	State       string // "done", "again" (failed, and tried again), "failed" or "running"
	Title       string
}

// Tick is a mark on the time axis. Its label stands on the right of the mark, and near the end of the axis on the left.
type Tick struct {
	Left  float64
	Label string
}

// AtEnd reports whether there is no room for the label on the right.
func (t Tick) AtEnd() bool { return t.Left > 80 }

// span is one attempt at a task, as the timeline needs it.
type span struct {
	task, job, step string // labels, from fine to coarse
	detail          string // of the task
	start, end      time.Time
	state, title    string
}

// More lanes than these are joined into coarser ones.
const (
	mostTaskLanes = 60
	mostJobLanes  = 80
)

// newTimeline lays spans out. Their order gives the order of the lanes.
func newTimeline(spans []span) Timeline {
	if len(spans) == 0 {
		return Timeline{}
	}
	sc := newScale(spans)
	t := Timeline{Each: "task", Ticks: sc.ticks(), Breaks: sc.breaks()}
	label := func(s *span) (string, string) { return s.task, s.detail }
	if distinct(spans, label) > mostTaskLanes {
		t.Each, label = "job", func(s *span) (string, string) { return s.job, "" }
		if distinct(spans, label) > mostJobLanes {
			t.Each, label = "step", func(s *span) (string, string) { return s.step, "" }
		}
	}
	at := map[string]int{}
	for i := range spans {
		s := &spans[i]
		name, detail := label(s)
		n, known := at[name]
		if !known {
			n = len(t.Lanes)
			at[name] = n
			t.Lanes = append(t.Lanes, Lane{Label: name, Detail: detail})
		}
		left := sc.at(s.start)
		t.Lanes[n].Bars = append(t.Lanes[n].Bars, Bar{Left: left, Width: sc.at(s.end) - left, State: s.state, Title: s.title})
	}
	if t.Each != "task" {
		for i := range t.Lanes {
			t.Lanes[i].Bars = joined(t.Lanes[i].Bars)
		}
	}
	return t
}

func distinct(spans []span, label func(*span) (string, string)) int {
	seen := map[string]bool{}
	for i := range spans {
		name, _ := label(&spans[i])
		seen[name] = true
	}
	return len(seen)
}

// joined draws the bars of one state that touch or nearly touch as one: a lane of many tasks has no more bars than can be told
// apart. What failed is drawn over what went well.
func joined(bars []Bar) []Bar {
	const near = 0.2 // per cent of the width
	order := []string{"done", "running", "again", "failed"}
	slices.SortStableFunc(bars, func(a, b Bar) int {
		return cmp.Or(slices.Index(order, a.State)-slices.Index(order, b.State), cmp.Compare(a.Left, b.Left))
	})
	var out []Bar
	n := 0
	for _, b := range bars {
		if len(out) > 0 {
			last := &out[len(out)-1]
			if last.State == b.State && b.Left <= last.Left+last.Width+near {
				last.Width = max(last.Width, b.Left+b.Width-last.Left)
				n++
				last.Title = fmt.Sprintf("%d attempts: %s", n, b.State)
				continue
			}
		}
		out, n = append(out, b), 1
	}
	return out
}

// scale maps times to percentages. Idle times longer than a part of the busy time are drawn shorter, since a run that is taken up
// again days later would else be two dots.
type scale struct {
	pieces []piece
	width  time.Duration // as drawn
}

// piece is a busy stretch, and the idle one after it.
type piece struct {
	start, end time.Time
	offset     time.Duration // of start, as drawn
	idle       time.Duration // after it
	cut        bool          // whether the idle time is drawn shorter
}

func newScale(spans []span) scale {
	sorted := slices.SortedFunc(slices.Values(spans), func(a, b span) int { return a.start.Compare(b.start) })
	var sc scale
	var busy time.Duration
	for _, s := range sorted {
		if n := len(sc.pieces); n > 0 && !s.start.After(sc.pieces[n-1].end) {
			if last := &sc.pieces[n-1]; s.end.After(last.end) {
				busy += s.end.Sub(last.end)
				last.end = s.end
			}
			continue
		}
		sc.pieces = append(sc.pieces, piece{start: s.start, end: s.end})
		busy += s.end.Sub(s.start)
	}
	longest := max(busy/2, time.Second)
	for i := range sc.pieces {
		p := &sc.pieces[i]
		p.offset = sc.width
		sc.width += p.end.Sub(p.start)
		if i+1 < len(sc.pieces) {
			p.idle = sc.pieces[i+1].start.Sub(p.end)
			if p.cut = p.idle > longest; p.cut {
				sc.width += longest / 8
			} else {
				sc.width += p.idle
			}
		}
	}
	sc.width = max(sc.width, time.Millisecond)
	return sc
}

func (sc *scale) percent(d time.Duration) float64 { return 100 * float64(d) / float64(sc.width) }

// at is where a time within some span lies.
func (sc *scale) at(t time.Time) float64 {
	i, found := slices.BinarySearchFunc(sc.pieces, t, func(p piece, t time.Time) int { return p.start.Compare(t) })
	if !found {
		i = max(i-1, 0)
	}
	p := sc.pieces[i]
	return sc.percent(p.offset + t.Sub(p.start))
}

func (sc *scale) breaks() []Bar {
	var list []Bar
	for i, p := range sc.pieces {
		if p.cut {
			left := sc.percent(p.offset + p.end.Sub(p.start))
			list = append(list, Bar{Left: left, Width: sc.percent(sc.pieces[i+1].offset) - left, Title: "nothing ran for " + duration(p.idle)})
		}
	}
	return list
}

// ticks are round times since the start, or, where idle times are cut, the times at which work went on.
func (sc *scale) ticks() []Tick {
	const apart = 12 // per cent that a short label needs
	if len(sc.breaks()) > 0 {
		const apart = 20 // a time with its date
		list := []Tick{{0, clock(sc.pieces[0].start)}}
		taken := float64(apart)
		for i, p := range sc.pieces[:len(sc.pieces)-1] {
			next := Tick{sc.percent(sc.pieces[i+1].offset), clock(sc.pieces[i+1].start)}
			from := next.Left
			if next.AtEnd() {
				from -= apart
			}
			if p.cut && from >= taken {
				list, taken = append(list, next), from+apart
			}
		}
		return list
	}
	steps := []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond}
	for _, unit := range []time.Duration{time.Second, time.Minute} {
		for _, n := range []time.Duration{1, 2, 5, 10, 20, 30} {
			steps = append(steps, n*unit)
		}
	}
	for _, n := range []time.Duration{1, 2, 4, 8, 24, 48, 120, 240} {
		steps = append(steps, n*time.Hour)
	}
	step := steps[len(steps)-1]
	for _, s := range steps {
		if sc.percent(s) >= apart {
			step = s
			break
		}
	}
	for sc.percent(step) < apart {
		step *= 2
	}
	var list []Tick
	for d := time.Duration(0); d < sc.width; d += step {
		list = append(list, Tick{sc.percent(d), duration(d)})
	}
	return list
}
