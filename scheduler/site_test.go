package scheduler

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func lotus(t *testing.T) *Site {
	t.Helper()
	s, err := LoadSite("lotus2")
	if err != nil {
		t.Fatal(err)
	}
	s.Account = "mygws"
	return s
}

// TestLotusChoice follows the QoS table of JASMIN's documentation.
func TestLotusChoice(t *testing.T) {
	s := lotus(t)
	for _, c := range []struct {
		name      string
		ask       Placement
		partition string
		qos       string
	}{
		{"short work", Placement{Request: Request{CPUs: 1, Memory: 1 << 30, Time: time.Hour}}, "standard", "short"},
		{"all that short has", Placement{Request: Request{CPUs: 1, Memory: 200 << 30, Time: 4 * time.Hour}}, "standard", "short"},
		{"over 4 hours", Placement{Request: Request{CPUs: 1, Memory: 1 << 30, Time: 5 * time.Hour}}, "standard", "standard"},
		{"over 24 hours and 1 CPU", Placement{Request: Request{CPUs: 1, Memory: 1 << 30, Time: 100 * time.Hour}}, "standard", "long"},
		{"two CPUs", Placement{Request: Request{CPUs: 2, Memory: 1 << 30, Time: time.Hour}}, "standard", "high"},
		{"much memory", Placement{Request: Request{CPUs: 1, Memory: 500 << 30, Time: time.Hour}}, "standard", "high"},
		{"debug, named", Placement{Partition: "debug", Request: Request{CPUs: 1, Memory: 1 << 30, Time: time.Hour}}, "debug", "debug"},
		{"QoS, named", Placement{QoS: "long", Request: Request{CPUs: 1, Memory: 1 << 30, Time: time.Hour}}, "standard", "long"},
	} {
		got, err := s.Choose(c.ask)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got.Partition != c.partition || got.QoS != c.qos || got.Account != "mygws" {
			t.Errorf("%s: %+v, want %s/%s", c.name, got, c.partition, c.qos)
		}
		if err := s.Check(got); err != nil {
			t.Errorf("%s: chosen, but %v", c.name, err)
		}
	}
}

func TestRefusalNamesTheLimit(t *testing.T) {
	s := lotus(t)
	fits := Placement{Request: Request{CPUs: 1, Memory: 1 << 30, Time: time.Hour}}
	for _, c := range []struct {
		name  string
		spoil func(*Placement)
		words []string
	}{
		{"time", func(p *Placement) { p.Request.Time = 121 * time.Hour }, []string{"121h", "QoS long", "120h"}},
		{"memory", func(p *Placement) { p.Request.Memory = 1001 << 30 }, []string{"1001G", "QoS high", "1000G"}},
		{"CPUs", func(p *Placement) { p.Request.CPUs = 97 }, []string{"97", "QoS high", "96"}},
		{"array", func(p *Placement) { p.MaxIndex = 10000 }, []string{"10000", "MaxArraySize", "9999"}},
		{"partition", func(p *Placement) { p.Partition = "short-serial" }, []string{"short-serial"}},
		{"QoS of another partition", func(p *Placement) { p.QoS = "debug" }, []string{"standard allows", "debug"}},
		{"account", func(p *Placement) { p.Partition, p.QoS = "special", "special" }, []string{"allows account special", "mygws"}},
	} {
		p := fits
		c.spoil(&p)
		got, err := s.Choose(p)
		if err == nil {
			t.Errorf("%s: chose %+v", c.name, got)
			continue
		}
		for _, w := range c.words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", c.name, err, w)
			}
		}
	}
	s.Account = ""
	if _, err := s.Choose(fits); err == nil || !strings.Contains(err.Error(), "account") {
		t.Errorf("no account: %v", err)
	}
	fits.MaxIndex = 9999
	s.Account = "mygws"
	if _, err := s.Choose(fits); err != nil {
		t.Errorf("the highest index: %v", err)
	}
}

func TestThrottleIsTheLowestLimit(t *testing.T) {
	s := lotus(t)
	p := Placement{Tasks: 5000, MaxIndex: 4999, Request: Request{CPUs: 1, Memory: 1 << 30, Time: time.Hour}}
	for _, c := range []struct{ site, asked, want int }{{0, 0, 2000}, {100, 0, 100}, {100, 50, 50}, {0, 3000, 2000}} {
		s.Throttle, p.Throttle = c.site, c.asked
		if got, err := s.Choose(p); err != nil || got.Throttle != c.want {
			t.Errorf("site %d, asked %d: %d, %v; want %d", c.site, c.asked, got.Throttle, err, c.want)
		}
	}
}

// As many tasks run at once as the narrowest of CPUs, memory and limits lets; of a cluster that tells nothing it isn't known.
func TestWidth(t *testing.T) {
	r := Request{Memory: gibibyte, Time: time.Hour, CPUs: 2}
	for name, c := range map[string]struct {
		change func(*Site)
		want   int
	}{
		"CPUs":   {func(s *Site) { s.Partitions[0].CPUs = 100 }, 50},
		"memory": {func(s *Site) { s.Partitions[0].CPUs, s.Partitions[0].Memory = 100, 20*gibibyte+1 }, 20},
		"nodes": {func(s *Site) {
			p := &s.Partitions[0]
			p.CPUs, p.MaxCPUs, p.Memory, p.MaxMemory = 40, 10, 14*gibibyte, 3*gibibyte+gibibyte/2
		}, 12},
		"QoS":          {func(s *Site) { s.Partitions[0].CPUs, s.QoS = 100, []QoS{{Name: "q", MaxJobs: 7}} }, 7},
		"queue":        {func(s *Site) { s.Partitions[0].CPUs, s.MaxSubmit = 100, 9*len(chainSteps) }, 9},
		"short queue":  {func(s *Site) { s.Partitions[0].CPUs, s.MaxSubmit = 100, 2 }, 1},
		"throttle":     {func(s *Site) { s.Throttle = 3 }, 3},
		"one fits":     {func(s *Site) { s.Partitions[0].CPUs = 1 }, 1},
		"all unknown":  {func(*Site) {}, 0},
		"never starts": {func(s *Site) { s.Partitions[0].CPUs, s.Partitions[0].MaxTime = 100, time.Minute }, 0},
	} {
		s := &Site{Partitions: []Partition{{Name: "p", QoS: []string{"q"}}, {Name: "other", CPUs: 1000}}}
		c.change(s)
		s.Partitions[1].OnRequest = true
		if got := s.Width(r); got != c.want {
			t.Errorf("%s: %d tasks at once, want %d", name, got, c.want)
		}
	}
}

func TestMemoryIsWorthCPUs(t *testing.T) {
	s := lotus(t)
	s.MaxMemoryPerCPU = 8 << 30
	got, err := s.Choose(Placement{Request: Request{CPUs: 1, Memory: 64 << 30, Time: time.Hour}})
	if err != nil || got.QoS != "high" {
		t.Errorf("8 CPUs' worth of memory: %+v, %v; only high has more than one CPU", got, err)
	}
}

func TestDefaultSiteLimitsNothing(t *testing.T) {
	s, err := LoadSite("default")
	if err != nil {
		t.Fatal(err)
	}
	p := Placement{MaxIndex: 1 << 20, Tasks: 1 << 20, Request: Request{CPUs: 64, Memory: 1 << 40, Time: 1000 * time.Hour}}
	got, err := s.Choose(p)
	if err != nil || got != p {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestLoadSite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.yaml")
	for text, want := range map[string]string{
		"name: a\npoll_interval: 10s\ntemplates: sbatch\n": "",
		"name: a\npoll_interval: 10s\nmax_aray_size: 10\n": "max_aray_size",
		"name: a\n": "poll_interval",
		"name: a\npoll_interval: 10s\nmemory_per_cpu: lots\n":                                "lots",
		"name: a\npoll_interval: 10s\npartitions: [{name: p, qos: [x]}]\nqos: [{name: y}]\n": "QoS x",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := LoadSite(path)
		switch {
		case want == "" && (err != nil || s.Templates != filepath.Join(filepath.Dir(path), "sbatch")):
			t.Errorf("%q: %+v, %v", text, s, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := LoadSite("lotus3"); err == nil || !strings.Contains(err.Error(), "lotus2") {
		t.Errorf("an unknown name is answered with %v, not with the names that exist", err)
	}
}

// A run keeps the profile of its cluster as JSON.
func TestSiteIsKept(t *testing.T) {
	for _, name := range SiteNames() {
		site, err := LoadSite(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(site)
		if err != nil {
			t.Fatal(err)
		}
		var kept Site
		if err := json.Unmarshal(text, &kept); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(*site, kept); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
