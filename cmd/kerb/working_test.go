package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/cedadev/kerchunk-builder/phases"
)

func TestWorking(t *testing.T) {
	var out bytes.Buffer
	g := startWorking(t.Context(), &out, "compute")
	began := g.began
	for _, c := range []struct {
		at   phases.Progress
		want string
	}{
		{phases.Progress{}, "compute: 10s"},
		{phases.Progress{Done: 5}, "compute: 10s"},
		{phases.Progress{Done: 5, Total: 20}, "compute: 10s, 5 of 20, about 30s left"},
		{phases.Progress{Done: 20, Total: 20}, "compute: 10s, 20 of 20"},
	} {
		g.reach(c.at)
		if got := g.line(began.Add(10 * time.Second)); got != c.want {
			t.Errorf("at %+v: %q, want %q", c.at, got, c.want)
		}
	}
	g.stop()
	g.stop()
	if out.Len() > 0 {
		t.Errorf("what is no terminal got %q", out.String())
	}
}
