package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDoctorWithoutSlurm: what is missing is said with what to do about it, and the bus is tried all the same.
func TestDoctorWithoutSlurm(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("KERB_WORKDIR", "")
	dir := t.TempDir()
	site := func(bus string) string {
		path := filepath.Join(dir, "site.yaml")
		if err := os.WriteFile(path, []byte("name: here\npoll_interval: 30s\nbus_interface: "+bus+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		bus   string
		wrong []string
	}{{"127.0.0.1", []string{"slurm"}}, {"nosuch0", []string{"slurm", "bus"}}, {"0.0.0.0", []string{"slurm", "bus"}}, {"off", []string{"slurm"}}} {
		var out, text bytes.Buffer
		if code := run(t.Context(), []string{"kerb", "doctor", "--json", "-w", dir, "--site", site(c.bus)}, environment{&out, &text}); code != exitDone {
			t.Fatalf("exit %d: %s", code, text.String())
		}
		var found []finding
		if err := json.Unmarshal(out.Bytes(), &found); err != nil {
			t.Fatal(err)
		}
		var wrong []string
		for _, f := range found {
			if !f.OK {
				wrong = append(wrong, f.Check)
			}
			if f.OK != (f.Remedy == "") {
				t.Errorf("bus %s: %+v", c.bus, f)
			}
		}
		if strings.Join(wrong, " ") != strings.Join(c.wrong, " ") {
			t.Errorf("bus %s: wrong are %q, want %q", c.bus, wrong, c.wrong)
		}
	}
}

// TestInterfaces: the loopback is among the interfaces that one may choose from.
func TestInterfaces(t *testing.T) {
	for _, s := range interfaces() {
		_, address, ok := strings.Cut(strings.TrimSuffix(s, ")"), " (")
		if ip, _, err := net.ParseCIDR(address); ok && err == nil && ip.IsLoopback() {
			return
		}
	}
	t.Errorf("interfaces are %q", interfaces())
}
