package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	slurmcluster "github.com/cedadev/kerchunk-builder/deploy/slurm-cluster"
)

// site writes a profile for a private cluster, whose only reader we are.
func (s *stage) site(lines ...string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, "site.yaml")
	text := "name: test\npoll_interval: 1s\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// settle waits until the run has ended, with nobody driving it but its own jobs.
func (s *stage) settle(limit time.Duration) report {
	s.t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(time.Second) {
		var reports []report
		if err := json.Unmarshal([]byte(s.kerb(exitDone, "status", "g", "--json")), &reports); err != nil {
			s.t.Fatal(err)
		}
		if reports[0].ended() {
			return reports[0]
		}
		if time.Now().After(end) {
			s.t.Fatalf("the run has not ended within %s:\n%s", limit, s.kerb(exitDone, "status", "g"))
		}
	}
}

// A group of 60 datasets goes through a real SLURM by itself after `kerb submit` has ended, through failures of each class;
// what failed for good is run again, exactly that. Most of them are light, and share tasks.
func TestGroupOnSlurm(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a real SLURM takes a minute")
	}
	cluster := slurmcluster.Start(t, slurmcluster.Options{})
	t.Setenv("SLURM_CONF", cluster.Conf)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	var codes []string
	for i := range 58 {
		codes = append(codes, fmt.Sprintf("d%02d", i))
	}
	codes = append(codes, "large1", "large2")
	s := newStage(t, codes...)
	s.light(codes[10:58]...)
	s.rule("scan.d03", "io")
	s.rule("configure.d04", "io io")
	s.rule("compute.d05", "kill")
	s.rule("compute.d06", "io")
	s.rule("compute.d07", "drift")
	s.rule("test.d08", "panic")
	s.rule("scan.d13", "io")
	s.rule("configure.d14", "kill")
	s.rule("compute.d15", "drift")
	s.rule("test.d16", "panic")
	s.rule("parts.large1.1", "kill")
	s.rule("parts.large2.2", "drift")
	s.rule("combine.large1", "io")
	s.kerb(exitDone, "submit", "g", "--site", s.site("submit_from_jobs: true"))

	r := s.settle(4 * time.Minute)
	broken := map[string]bool{"d07": true, "d08": true, "d15": true, "d16": true, "large2": true}
	var fine []string
	for _, code := range codes {
		if !broken[code] {
			fine = append(fine, code)
		}
	}
	s.wantOnce(fine...)
	if r.Tasks.Failed != 3 || r.Tasks.Items != 2 {
		t.Errorf("%s; want 3 failed, and 2 datasets in tasks that they share with others", r.Tasks)
	}
	if left := cluster.Run(t, "squeue", "--noheader", "--states=PENDING,RUNNING", "--format=%j|%T|%r"); left != "" {
		t.Logf("still in the queue:\n%s", left)
	}

	s.kerb(exitDone, "rerun", "g")
	s.settle(3 * time.Minute)
	s.wantOnce(slices.Concat(codes[:10], codes[58:])...)
	s.wantAll(codes...)
}

// Where jobs may not submit jobs, `kerb advance` leads a run on; two of them at once are as good as one. The controller dies with
// SIGKILL in the middle, and status goes on telling what is known.
func TestAdvanceByHandOnSlurm(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a real SLURM takes a minute")
	}
	cluster := slurmcluster.Start(t, slurmcluster.Options{MinJobAge: 2})
	t.Setenv("SLURM_CONF", cluster.Conf)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	s := newStage(t, "a", "b", "large1")
	s.rule("scan.a", "io")
	s.rule("parts.large1.0", "io")
	s.kerb(exitDone, "submit", "g", "--site", s.site("submit_from_jobs: false", "client_python: python3"))
	s.kerb(exitRefused, "submit", "g", "--site", filepath.Join(s.dir, "site.yaml")) // it goes on
	time.Sleep(6 * time.Second)                                                     // the controller keeps what is older than that
	cluster.Kill(t, "slurmctld")
	if status := s.kerb(exitDone, "status", "g"); !strings.Contains(status, "scan") {
		t.Errorf("status without a controller:\n%s", status)
	}
	cluster.Up(t)

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	advance := func() int {
		cmd := exec.Command(self, "advance", "g", "-w", s.dir)
		if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
			t.Error(err)
			return -1
		}
		return cmd.ProcessState.ExitCode()
	}
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(time.Second) {
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if code := advance(); code != exitDone && code != exitRefused && code != exitUnreachable {
					t.Errorf("advance ends with %d", code)
				}
			})
		}
		wg.Wait()
		var reports []report
		if err := json.Unmarshal([]byte(s.kerb(exitDone, "status", "g", "--json")), &reports); err != nil {
			t.Fatal(err)
		}
		if reports[0].ended() {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the run has not ended:\n%s", s.kerb(exitDone, "status", "g"))
		}
	}
	s.wantOnce("a", "b", "large1")
	for _, code := range []string{"a", "b", "large1"} {
		if n := s.effects()["client."+code]; n != 1 {
			t.Errorf("client.%s happened %d times, want once", code, n)
		}
	}

	// The scheduler has forgotten all of it: a rerun needs the records only.
	s.kerb(exitDone, "rerun", "g", "--job", "parts.large1", "--indices", "1")
	s.kerb(exitDone, "cancel", "g")
	status := s.kerb(exitDone, "status", "g")
	if !strings.Contains(status, "cancelled") {
		t.Errorf("status of a cancelled run:\n%s", status)
	}
}
