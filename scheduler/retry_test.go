package scheduler

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

func TestCauseOf(t *testing.T) {
	request := Request{Memory: 50 << 20, Time: time.Hour, CPUs: 1}
	task := func(class string, ran time.Duration) *workdirs.Record {
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		return &workdirs.Record{Source: "task", State: workdirs.Failed, Class: class, Start: start, End: start.Add(ran)}
	}
	for name, c := range map[string]struct {
		rec   *workdirs.Record
		state *TaskState
		want  Cause
	}{
		"nothing known":              {nil, nil, CauseLost},
		"own word":                   {task("drift", 0), &TaskState{State: Failed, ExitCode: 4}, "drift"},
		"own word, no accounting":    {task("io", 0), nil, "io"},
		"told to stop by the limit":  {task("interrupted", time.Minute), &TaskState{State: Timeout}, CauseTime},
		"told to stop, near limit":   {task("interrupted", 58*time.Minute), nil, CauseTime},
		"told to stop, preempted":    {task("interrupted", time.Minute), &TaskState{State: Preempted}, CausePreempted},
		"told to stop":               {task("interrupted", time.Minute), nil, CauseInterrupted},
		"cgroup":                     {nil, &TaskState{State: OutOfMemory, PeakRSS: 3 << 20}, CauseMemory},
		"killed over its memory":     {nil, &TaskState{State: Failed, Signal: 9, PeakRSS: 322028 << 10, Memory: 50 << 20}, CauseMemory},
		"137 over its memory":        {nil, &TaskState{State: Failed, ExitCode: 137, PeakRSS: 60 << 20}, CauseMemory},
		"killed":                     {nil, &TaskState{State: Failed, Signal: 9, PeakRSS: 3 << 20, Memory: 50 << 20}, CauseSignal},
		"time limit":                 {nil, &TaskState{State: Timeout, Signal: 15}, CauseTime},
		"node":                       {nil, &TaskState{State: NodeFail}, CauseNode},
		"binary not found":           {nil, &TaskState{State: Failed, ExitCode: 127}, CauseLaunch},
		"log folder missing (22.05)": {nil, &TaskState{State: Failed, Signal: 53}, CauseLaunch},
		"cancelled":                  {nil, &TaskState{State: Cancelled}, CauseCancelled},
		"ended well, no record":      {nil, &TaskState{State: Completed}, CauseLost},
		"concluded before":           {&workdirs.Record{Source: "squeue", Class: "memory"}, nil, CauseMemory},
	} {
		if got := CauseOf(c.rec, c.state, request); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestNext(t *testing.T) {
	p := Policy{Attempts: 3, Patience: 6, MaxMemory: 10 * gibibyte, MaxTime: 4 * time.Hour}
	asked := Request{Memory: 2 * gibibyte, Time: time.Hour, CPUs: 1}
	same := func(c Cause, n int) []Attempt { return slices.Repeat([]Attempt{{Cause: c, Request: asked}}, n) }
	with := func(memory int64, time time.Duration) Request { return Request{memory, time, 1} }
	for name, c := range map[string]struct {
		attempts []Attempt
		retry    bool
		want     Request
		exclude  []string
	}{
		"memory, burst not seen": {[]Attempt{{Cause: CauseMemory, Request: asked, Peak: 3 << 20}}, true, with(3*gibibyte, time.Hour), nil},
		"memory, from the peak":  {[]Attempt{{Cause: CauseMemory, Request: asked, Peak: 5 * gibibyte}}, true, with(6656<<20, time.Hour), nil},
		"memory, capped":         {[]Attempt{{Cause: CauseMemory, Request: with(9*gibibyte, time.Hour)}}, true, with(10*gibibyte, time.Hour), nil},
		"memory, at the cap":     {[]Attempt{{Cause: CauseMemory, Request: with(10*gibibyte, time.Hour)}}, false, Request{}, nil},
		"time":                   {same(CauseTime, 1), true, with(2*gibibyte, 2*time.Hour), nil},
		"time, capped":           {[]Attempt{{Cause: CauseTime, Request: with(gibibyte, 3*time.Hour)}}, true, with(gibibyte, 4*time.Hour), nil},
		"time, at the cap":       {[]Attempt{{Cause: CauseTime, Request: with(gibibyte, 4*time.Hour)}}, false, Request{}, nil},
		"node":                   {[]Attempt{{Cause: CauseNode, Request: asked, Node: "n1"}}, true, asked, []string{"n1"}},
		"launch, then node":      {[]Attempt{{Cause: CauseLaunch, Request: asked, Node: "n2"}, {Cause: CauseNode, Request: asked, Node: "n1"}}, true, asked, []string{"n2", "n1"}},
		"preempted more than 3":  {same(CausePreempted, 5), true, asked, nil},
		"preempted for ever":     {same(CausePreempted, 6), false, Request{}, nil},
		"blamed three times":     {same(CauseSignal, 3), false, Request{}, nil},
		"transient":              {[]Attempt{{Cause: "io", Transient: true, Request: asked}}, true, asked, nil},
		"deterministic":          {[]Attempt{{Cause: "drift", Request: asked}}, false, Request{}, nil},
		"ours":                   {[]Attempt{{Cause: "internal", Request: asked}}, false, Request{}, nil},
		"cancelled":              {same(CauseCancelled, 1), false, Request{}, nil},
		"signal: a little more":  {same(CauseSignal, 1), true, with(3*gibibyte, time.Hour), nil},
	} {
		d := Next(c.attempts, p)
		if d.Retry != c.retry || d.Retry && (d.Request != c.want || !slices.Equal(d.Exclude, c.exclude)) {
			t.Errorf("%s: %+v, want retry %v with %+v, without %v", name, d, c.retry, c.want, c.exclude)
		}
		if d.Reason == "" {
			t.Errorf("%s: no reason is given", name)
		}
	}
}

// However a task fails, it is given up after a bounded number of attempts, never asks for more than the caps, and never for less
// than before.
func TestNextEnds(t *testing.T) {
	causes := []Cause{CauseMemory, CauseTime, CauseNode, CauseLaunch, CausePreempted, CauseSignal, CauseLost, CauseInterrupted, "io"}
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{Attempts: 4, Patience: 12, MaxMemory: 8 * gibibyte, MaxTime: 8 * time.Hour}
		request := Request{Memory: gibibyte, Time: time.Hour, CPUs: 1}
		var attempts []Attempt
		for range p.Patience + 1 {
			attempts = append(attempts, Attempt{
				Cause: rapid.SampledFrom(causes).Draw(t, "cause"), Transient: true, Request: request,
				Peak: rapid.Int64Range(0, 20*gibibyte).Draw(t, "peak"), Elapsed: time.Duration(rapid.Int64Range(0, int64(20*time.Hour)).Draw(t, "elapsed")),
			})
			d := Next(attempts, p)
			if !d.Retry {
				return
			}
			if d.Request.Memory < request.Memory || d.Request.Time < request.Time || d.Request.Memory > p.MaxMemory || d.Request.Time > p.MaxTime {
				t.Fatalf("after %+v it asks for %+v", attempts[len(attempts)-1], d.Request)
			}
			request = d.Request
		}
		t.Fatal("it is tried again for ever")
	})
}

func TestRequestText(t *testing.T) {
	for text, want := range map[string]int64{"8G": 8 * gibibyte, "500M": 500 << 20, "1T": 1 << 40, "64": 64 << 20, "4096K": 4 << 20} {
		if got, err := ParseMemory(text); err != nil || got != want {
			t.Errorf("memory %q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "G", "-1G", "1.5G", "8GB", "8GG", "99999999999999999999", "9999999T"} {
		if got, err := ParseMemory(text); err == nil {
			t.Errorf("memory %q is taken for %d", text, got)
		}
	}
	for text, want := range map[string]time.Duration{
		"30": 30 * time.Minute, "5:30": 5*time.Minute + 30*time.Second, "02:00:00": 2 * time.Hour, "1-12": 36 * time.Hour,
		"1-02:03": 26*time.Hour + 3*time.Minute, "1-00:00:01": 24*time.Hour + time.Second, "2h": 2 * time.Hour, "90m": 90 * time.Minute,
	} {
		if got, err := ParseTime(text); err != nil || got != want {
			t.Errorf("time %q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-", "1-", "x", "1:2:3:4", "-5", "1-2:3:4:5", "9999999999", "0.5"} {
		if got, err := ParseTime(text); err == nil {
			t.Errorf("time %q is taken for %s", text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := Request{rapid.Int64Range(0, 1<<44).Draw(t, "memory"), time.Duration(rapid.Int64Range(0, int64(30*24*time.Hour)).Draw(t, "time")), 1}.Rounded()
		memory, err1 := ParseMemory(FormatMemory(r.Memory))
		d, err2 := ParseTime(FormatTime(r.Time))
		if err1 != nil || err2 != nil || memory != r.Memory || d != r.Time {
			t.Fatalf("%+v becomes %d %s (%v, %v)", r, memory, d, err1, err2)
		}
	})
}
