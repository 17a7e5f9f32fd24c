package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// The tasks of a big run compact its records themselves, as it goes; nobody has to look at it for that.
func TestTasksCompactTheirRun(t *testing.T) {
	s := newStage(t, "a")
	w, r := s.emptyRun()
	last := compactFrom
	for !compacts("compute", last) {
		last++
	}
	for i := range last {
		if err := r.WriteRecord(workdirs.Record{Job: "compute", Index: i, Attempt: 1, State: workdirs.Done, Source: "task"}); err != nil {
			t.Fatal(err)
		}
	}
	ref := scheduler.Ref{Key: "compute", Attempt: 1}
	if err := r.WriteTaskList(ref.String(), workdirs.TaskList{Job: "compute", Attempt: 1, Step: "compute", Tasks: map[int]string{last: "a"}}); err != nil {
		t.Fatal(err)
	}
	if err := runTask(t.Context(), w, r.ID, ref, last, pretender{s.dir}.do, finishNothing, environment{io.Discard, io.Discard}); err != nil {
		t.Fatal(err)
	}
	if loose, err := os.ReadDir(filepath.Join(r.Dir(), "tasks", "compute")); err == nil && len(loose) > 0 {
		t.Errorf("%d records lie in files of their own", len(loose))
	}
	chosen := 0
	for i := range 100 * compactEvery {
		if compacts(fmt.Sprint("parts.d", i/10), i%10) { // however few tasks the jobs have
			chosen++
		}
	}
	if chosen < 50 || chosen > 200 {
		t.Errorf("%d of %d tasks compact", chosen, 100*compactEvery)
	}
	if recs, err := r.Records(); err != nil || len(recs) != last+1 {
		t.Errorf("%d records, %v, want %d", len(recs), err, last+1)
	}
}
