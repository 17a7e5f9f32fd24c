package slurm

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
)

// askedFor is how long a job that some process asked for is asked for with every poll, so that processes that
// look at different groups are served by the same answer.
const askedFor = 15 * time.Minute

// disabledFor is how long sacct is believed when it says that there is no accounting.
const disabledFor = time.Hour

// Poll implements scheduler.Engine: one squeue of all the user's jobs, and one sacct of the jobs asked for lately. Within
// the interval, and unless a process of ours changed something, the last answer serves every process.
func (e *Engine) Poll(ctx context.Context, jobs []scheduler.JobID) ([]scheduler.TaskState, error) {
	wanted := map[scheduler.JobID]bool{}
	for _, j := range jobs {
		if isNumber(string(j)) {
			wanted[j] = true
		}
	}
	s := e.cache.load()
	if !e.answers(s, wanted) {
		unlock, err := e.cache.lock(ctx)
		if err != nil {
			return nil, fmt.Errorf("poll: %w", err)
		}
		defer unlock()
		if s = e.cache.load(); !e.answers(s, wanted) { // else the process that held the lock asked for us
			fresh, err := e.ask(ctx, s, wanted)
			if err != nil {
				return states(s, wanted), fmt.Errorf("poll: %w", err)
			}
			if s = fresh; e.cache.store(s) == nil {
				e.cache.trim()
			}
		}
	}
	return states(s, wanted), nil
}

// answers reports whether s is recent enough, and was asked for all of the wanted jobs.
func (e *Engine) answers(s snapshot, wanted map[scheduler.JobID]bool) bool {
	age := time.Since(s.Taken)
	if s.Taken.IsZero() || age < 0 || age >= e.interval || s.Change != e.cache.change() {
		return false
	}
	for j := range wanted {
		if _, asked := s.Asked[j]; s.Accounts && !asked {
			return false
		}
	}
	return true
}

// ask asks the scheduler. Accounting that is off, or does not answer, only makes the answer poorer.
func (e *Engine) ask(ctx context.Context, last snapshot, wanted map[scheduler.JobID]bool) (snapshot, error) {
	s := snapshot{Taken: time.Now(), Change: e.cache.change(), Asked: map[scheduler.JobID]time.Time{}}
	for j, at := range last.Asked {
		if s.Taken.Sub(at) < askedFor {
			s.Asked[j] = at
		}
	}
	for j := range wanted {
		s.Asked[j] = s.Taken
	}
	var err error
	if s.Queue, err = e.commands.query(ctx, "squeue", "--noheader", "--states=all", "--me", "--Format="+queueFormat); err != nil {
		return s, err
	}
	if s.Disabled = last.Disabled; s.Taken.Sub(s.Disabled) < disabledFor {
		return s, nil
	}
	if len(s.Asked) == 0 {
		s.Accounts = last.Accounts
		return s, nil
	}
	var ids []string
	for j := range s.Asked {
		ids = append(ids, string(j))
	}
	account, err := e.commands.query(ctx, "sacct", "--noheader", "--parsable2", "--format="+accountFormat, "--jobs="+strings.Join(ids, ","))
	switch {
	case err == nil:
		s.Account, s.Accounts = account, true
	case ctx.Err() != nil:
		return s, err
	case isNoAccounting(err):
		s.Disabled = s.Taken
	}
	return s, nil
}

// states are the wanted tasks of an answer, and all that wait or run.
func states(s snapshot, wanted map[scheduler.JobID]bool) []scheduler.TaskState {
	return merge(parseQueue(s.Queue, wanted, s.Taken), parseAccounts(s.Account, wanted, s.Taken), s.Accounts)
}
