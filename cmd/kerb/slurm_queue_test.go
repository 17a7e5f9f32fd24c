package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	slurmcluster "github.com/cedadev/kerchunk-builder/deploy/slurm-cluster"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// A group of which not all fits into the queue goes through all the same, with nobody there: what the cluster says of its limits is
// kept to, and what does not fit comes later.
func TestMoreThanTheQueueHolds(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a real SLURM takes a minute")
	}
	cluster := slurmcluster.Start(t, slurmcluster.Options{Lotus2: true})
	t.Setenv("SLURM_CONF", cluster.Conf)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	cluster.Run(t, "sacctmgr", "-i", "modify", "qos", "short", "set", "MaxSubmitJobsPerUser=24")
	codes := []string{"large1", "large2"}
	for i := range 24 {
		codes = append(codes, fmt.Sprintf("d%02d", i))
	}
	s := newStage(t, codes...)
	s.rule("scan.d03", "io")
	s.rule("parts.large1.1", "kill")
	s.kerb(exitDone, "submit", "g", "--site", s.site("submit_from_jobs: true", "account: mygws")) // root has another account of his own

	r := s.settle(4 * time.Minute)
	if r.Tasks.Bad() {
		t.Errorf("want all done: %s", r.Tasks)
	}
	s.wantOnce(codes...)
	w, err := workdirs.Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	run, err := w.FindRun(r.Run)
	if err != nil {
		t.Fatal(err)
	}
	err = run.ReadJournal(func(line []byte) error {
		var e scheduler.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		// A task that has written its record is in the queue a moment longer, so that it may be full now and then.
		if e.Kind == scheduler.EntryRefused && !strings.Contains(e.Reason, scheduler.ErrFull.Error()) {
			t.Errorf("%s was refused: %s", e.Ref, e.Reason)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
