package main

import (
	"strings"
	"testing"
)

// TestPlace: account, partition and QoS that a user asks for stand in every script, and what the site doesn't have is refused.
func TestPlace(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no SLURM: the profile alone decides
	s := newStage(t, "sst")
	text := s.kerb(exitDone, "submit", "g", "--site", "lotus2", "--account", "mygws", "--partition", "standard", "--qos", "high", "--dry-run", "--json")
	jobs := strings.Count(text, `"name":`)
	for _, want := range []string{"--account=mygws", "--partition=standard", "--qos=high"} {
		if n := strings.Count(text, want); n != jobs || n == 0 {
			t.Errorf("%s stands in %d of %d scripts:\n%s", want, n, jobs, text)
		}
	}
	s.kerb(exitRefused, "submit", "g", "--site", "lotus2", "--dry-run")
	s.kerb(exitRefused, "submit", "g", "--site", "lotus2", "--account", "mygws", "--partition", "nights", "--dry-run")
	s.kerb(exitUsage, "submit", "g", "--scheduler", "local", "--account", "mygws")
}
