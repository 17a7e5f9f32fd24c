// Package slurmcluster starts a private, real SLURM cluster for a test: slurmctld, several slurmd and munged on this machine,
// and with accounting slurmdbd and MariaDB, without systemd or containers.
package slurmcluster

import (
	"context"
	"embed"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

//go:embed up down slurm.conf.in
var scripts embed.FS

// Options shape a cluster. The zero value is 4 nodes of 8 claimed CPUs and 4000 MiB, without accounting.
type Options struct {
	Accounting bool
	Lotus2     bool // JASMIN LOTUS2's partitions, QoS and MaxArraySize, account mygws; with accounting
	MinJobAge  int  // seconds that a finished job is remembered; 300 when 0
	MaxArray   int  // MaxArraySize; 1001 when 0, 10000 for LOTUS2
}

// Cluster is a running cluster.
type Cluster struct {
	Conf string // for SLURM_CONF
	dir  string
	env  []string
}

// Start starts a cluster and stops it when the test ends. The test is skipped, with the reason, where SLURM is not installed.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	needed := []string{"munged", "slurmctld", "slurmd", "sbatch"}
	if o.Accounting || o.Lotus2 {
		needed = append(needed, "slurmdbd", "sacctmgr", "mariadbd")
	}
	for _, c := range needed {
		if !installed(c) {
			t.Skipf("%s is not installed: apt-get install slurmctld slurmd slurm-client munge slurmdbd mariadb-server", c)
		}
	}
	dir, err := os.MkdirTemp("", "kerb-slurm-") // not t.TempDir, whose path is too long for a unix socket
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"up", "down", "slurm.conf.in"} {
		text, err := scripts.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c := &Cluster{Conf: filepath.Join(dir, "etc", "slurm.conf"), dir: dir}
	c.env = append(os.Environ(), "CLUSTER_DIR="+dir, "CLUSTER_PORT="+strconv.Itoa(freePorts()))
	if o.Accounting {
		c.env = append(c.env, "CLUSTER_ACCOUNTING=1")
	}
	if o.Lotus2 {
		c.env = append(c.env, "CLUSTER_SHAPE=lotus2")
	}
	if o.MinJobAge > 0 {
		c.env = append(c.env, fmt.Sprintf("CLUSTER_MIN_JOB_AGE=%d", o.MinJobAge))
	}
	if o.MaxArray > 0 {
		c.env = append(c.env, fmt.Sprintf("CLUSTER_MAX_ARRAY=%d", o.MaxArray))
	}
	t.Cleanup(func() {
		if out, err := c.script("down", "--purge"); err != nil {
			t.Errorf("the cluster did not stop: %v\n%s", err, out)
		}
	})
	c.Up(t)
	return c
}

// Up starts what is not running: after Kill, the cluster is whole again and remembers what it knew.
func (c *Cluster) Up(t testing.TB) {
	t.Helper()
	if out, err := c.script("up"); err != nil {
		t.Fatalf("the cluster did not start: %v\n%s", err, out)
	}
}

// Kill ends a daemon with SIGKILL: slurmctld, slurmdbd, or slurmd-n1.
func (c *Cluster) Kill(t testing.TB, daemon string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "run", daemon+".pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// Run runs one of SLURM's commands on the cluster and returns what it wrote.
func (c *Cluster) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "SLURM_CONF="+c.Conf)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (c *Cluster) script(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(c.dir, name), args...)
	cmd.Env = c.env
	cmd.WaitDelay = time.Second // the daemons hold nothing of ours open, but a pipe must never hang a test
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// installed reports whether a command can be run; the daemons' folder is not on every user's PATH.
func installed(command string) bool {
	if _, err := exec.LookPath(command); err == nil {
		return true
	}
	_, err := os.Stat(filepath.Join("/usr/sbin", command))
	return err == nil
}

// freePorts finds the first of 20 ports in a row that nobody listens on, below the range that the kernel gives out.
func freePorts() int {
	const row, lowest, highest = 20, 16800, 32000
	for range 100 {
		base := lowest + rand.IntN((highest-lowest)/row)*row
		free := true
		for p := base; free && p < base+row; p++ {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
			if free = err == nil; free {
				l.Close()
			}
		}
		if free {
			return base
		}
	}
	return lowest // up says which port is in use
}
