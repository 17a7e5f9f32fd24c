package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

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
	Running  []runningRow    `json:"running,omitempty"` // some of the tasks that run

	pic    *scheduler.Picture
	ledger *scheduler.Ledger
	o      *orchestra
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
func look(ctx context.Context, o *orchestra) (*report, error) {
	r := &report{Run: o.info.ID, Group: o.info.Group, Created: o.info.Created, o: o, now: time.Now()}
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
	if r.Note == "" {
		halted, err := d.Halted(ctx, seen, r.pic)
		if err != nil && !errors.Is(err, scheduler.ErrUnreachable) {
			return r, err
		}
		if halted {
			r.Note = fmt.Sprintf("nothing in the scheduler's queue leads this run on; kerb advance %s does", r.Group)
		}
	}
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
	slices.SortStableFunc(list[1:], func(a, b factSource) int { return -strings.Compare(a.From, b.From) }) // the queue before the accounts
	return list
}

// update brings a report to this moment: what the tasks have told since the look, and the rows for what is asked.
func (r *report) update(by string) error {
	r.now = time.Now()
	r.live.hear(r.pic)
	r.Tasks = scheduler.Count(r.pic)
	var err error
	switch by {
	case "dataset":
		r.Datasets = datasetRows(r)
	case "error":
		r.Errors = errorRows(r)
	default:
		r.Jobs = jobRows(r)
	}
	r.Running, err = runningRows(r.pic, r.live, r.o.run)
	return err
}
