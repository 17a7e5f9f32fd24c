package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cedadev/kerchunk-builder/phases"
)

// working shows on a terminal that a command goes on, and how far it has come, on a line that goes when it is stopped. Of a command that takes
// no second nothing is shown, and elsewhere than on a terminal never.
type working struct {
	screen *screen // nil: no terminal
	what   string
	began  time.Time
	end    func()

	mu sync.Mutex
	at phases.Progress
}

// startWorking begins to show that what is named goes on. It must be stopped before anything else is printed.
func startWorking(ctx context.Context, w io.Writer, what string) *working {
	g := &working{screen: newScreen(w), what: what, began: time.Now(), end: func() {}}
	if g.screen != nil {
		g.end = every(ctx, time.Second, func() { g.screen.draw([]string{g.line(time.Now())}) })
	}
	return g
}

// reach notes how far the work has come.
func (g *working) reach(p phases.Progress) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at = p
}

func (g *working) line(now time.Time) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	took := now.Sub(g.began)
	line := fmt.Sprintf("%s: %s", g.what, took.Round(time.Second))
	if p := g.at; p.Done > 0 && p.Total >= p.Done {
		line += fmt.Sprintf(", %d of %d", p.Done, p.Total)
		if rest := time.Duration(float64(took) * float64(p.Total-p.Done) / float64(p.Done)); rest >= 2*time.Second {
			line += fmt.Sprintf(", about %s left", rest.Round(time.Second))
		}
	}
	return line
}

// stop takes the line away. It may be called again.
func (g *working) stop() {
	g.end()
	if g.screen != nil {
		g.screen.draw(nil)
	}
}
