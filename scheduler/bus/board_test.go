package bus_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler/bus"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

func TestBoard(t *testing.T) {
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	b := bus.NewBoard()
	if _, ok := b.Task("compute", 3, 1); ok {
		t.Error("progress of a task that has told nothing")
	}
	list := []bus.Event{
		{Message: "started", Step: "compute", Total: 2},
		{Code: "a", Done: 1, Total: 10},
		{Code: "a", Done: 5, Total: 10, Refs: 500},
		{Code: "a", Done: 9, Total: 10, Refs: 900},
		{Done: 1, Total: 2},
		{Code: "b", Done: 2, Total: 4},
		{Code: "b", Done: 4, Total: 4},
	}
	for i := range list {
		list[i].Job, list[i].Index, list[i].Attempt, list[i].Seq = "compute", 3, 1, i+1
		list[i].Time = start.Add(time.Duration(2*i) * time.Second)
		b.Add(list[i])
		if i == 3 {
			if p, _ := b.Task("compute", 3, 1); p.Code != "a" || p.Files != 9 || p.TotalFiles != 10 || p.References != 900 || p.Rate != 2 || p.TotalItems != 2 {
				t.Errorf("got %+v", p)
			}
		}
	}
	want, ok := b.Task("compute", 3, 1)
	if !ok || want.Items != 1 || want.TotalItems != 2 || want.Code != "b" || want.Files != 4 || want.References != 0 || want.Rate != 1 || want.Step != "compute" {
		t.Errorf("got %+v", want)
	}
	if !want.Began.Equal(start) || want.Ended {
		t.Errorf("began %v, ended %v: want %v, and that it goes on", want.Began, want.Ended, start)
	}
	for range 50 { // late and repeated events change nothing
		b.Add(list[rand.N(len(list))])
	}
	if got, _ := b.Task("compute", 3, 1); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	last := bus.Event{Job: "compute", Index: 3, Attempt: 1, Seq: 8, Done: 2, Total: 2, Message: workdirs.Done}
	b.Add(last)
	if got, _ := b.Task("compute", 3, 1); !got.Ended {
		t.Error("the last event of an attempt does not end it")
	}
	again := list[0]
	again.Attempt, again.Seq = 2, 1
	b.Add(again)
	if p, ok := b.Task("compute", 3, 2); !ok || p.Code != "" || p.Files != 0 || p.Items != 0 {
		t.Errorf("a new attempt starts with %+v", p)
	}
	if _, ok := b.Task("compute", 3, 1); ok {
		t.Error("progress of an attempt that another has followed")
	}
	b.Add(list[6])
	if p, _ := b.Task("compute", 3, 2); p.Code != "" {
		t.Error("a late event of the attempt before was taken")
	}
}
