package main

import (
	"context"
	"slices"
	"time"
)

// lookAgain is the shortest time between two looks at a run that is drawn on a terminal. The scheduler is asked no more often for it: a look
// between takes its last answer, and what the tasks have recorded since.
const lookAgain = 2 * time.Second

// watchStatus shows how runs stand until they have ended. On a terminal it draws over what it showed before, and in between shows what the tasks
// tell; elsewhere it prints once an interval.
func watchStatus(ctx context.Context, names []string, opts statusOptions, env environment) error {
	lives := map[string]*live{}
	defer func() {
		for _, l := range lives {
			l.close()
		}
	}()
	var s *screen
	if !opts.json {
		s = newScreen(env.stdout)
	}
	for {
		began := time.Now()
		reports, err := opts.look(ctx, names)
		if err != nil {
			return err
		}
		pause, calm := lookAgain, time.Duration(0)
		for _, r := range reports {
			if !r.ended() {
				if lives[r.Run] == nil {
					lives[r.Run] = watchLive(ctx, r.o, len(names) == 1, env.stderr)
				}
				r.live = lives[r.Run]
				r.live.look(r.pic)
			}
			calm = max(calm, r.o.lookEvery())
			if s == nil || r.Note != "" {
				pause = max(pause, calm)
			}
		}
		pause = max(pause, min(10*time.Since(began), calm)) // to look at a big run is not cheap
		ended := !slices.ContainsFunc(reports, func(r *report) bool { return !r.ended() })
		if s == nil || ended {
			if s != nil {
				s.draw(nil)
			}
			if err := opts.print(reports, env); err != nil || ended {
				return err
			}
			if err := sleep(ctx, pause); err != nil {
				return err
			}
			continue
		}
		if err := drawReports(s, reports, opts.by); err != nil {
			return err
		}
		stop := every(ctx, time.Second, func() { _ = drawReports(s, reports, opts.by) }) // the next look says what is wrong
		err = sleep(ctx, pause)
		stop()
		if err != nil {
			return err
		}
	}
}

// drawReports draws reports under each other, each on its share of the screen.
func drawReports(s *screen, reports []*report, by string) error {
	columns, rows := s.size()
	var lines []string
	for i, r := range reports {
		if err := r.update(by); err != nil {
			return err
		}
		if i > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, r.lines(by, columns, rows/len(reports)-1)...)
	}
	s.draw(lines)
	return nil
}
