package scheduler

import (
	"strings"
	"testing"
	"time"
)

// TestNarrow: what a user asks for is what is chosen, whether the site describes it or not.
func TestNarrow(t *testing.T) {
	work := Placement{Request: Request{CPUs: 1, Memory: 1 << 30, Time: 30 * time.Minute}}
	for _, c := range []struct {
		site, partition, qos string
		want                 string // PARTITION/QOS, or a part of the error
	}{
		{"lotus2", "", "", "standard/short"},
		{"lotus2", "debug", "", "debug/debug"},
		{"lotus2", "", "long", "standard/long"},
		{"lotus2", "", "debug", "debug/debug"},
		{"lotus2", "standard", "high", "standard/high"},
		{"lotus2", "standard", "debug", "there is no QoS debug here, only short, standard, high, long"},
		{"lotus2", "nights", "", "there is no partition nights here, only standard, debug, special"},
		{"default", "nights", "", "nights/"},
		{"default", "", "low", "/low"},
		{"default", "nights", "low", "nights/low"},
	} {
		s, err := LoadSite(c.site)
		if err != nil {
			t.Fatal(err)
		}
		s.Account = "mygws"
		got := ""
		if err := s.Narrow(c.partition, c.qos); err != nil {
			got = err.Error()
		} else if p, err := s.Choose(work); err != nil {
			got = err.Error()
		} else {
			got = p.Partition + "/" + p.QoS
		}
		if got != c.want {
			t.Errorf("%s, partition %q, QoS %q: %s, want %s", c.site, c.partition, c.qos, got, c.want)
		}
	}
}

// What was narrowed bounds the rest too: a user of debug may have no more queued than debug allows, and no more memory than it has.
func TestNarrowKeepsLimits(t *testing.T) {
	s := lotus(t)
	if err := s.Narrow("debug", ""); err != nil {
		t.Fatal(err)
	}
	_, err := s.Choose(Placement{Request: Request{CPUs: 1, Memory: 1 << 30, Time: 2 * time.Hour}})
	if len(s.QoS) != 1 || err == nil || !strings.Contains(err.Error(), "over the limit of partition debug") {
		t.Errorf("QoS %v, and two hours in debug: %v", s.QoS, err)
	}
}

// Where an account is required, its lack is said once, whatever the ways to run the work.
func TestAccountIsSaidOnce(t *testing.T) {
	s := lotus(t)
	s.Account = ""
	_, err := s.Choose(Placement{Request: Request{CPUs: 1, Memory: 1 << 30, Time: time.Hour}})
	if err == nil || strings.Count(err.Error(), "--account") != 1 {
		t.Errorf("without an account: %v", err)
	}
}
