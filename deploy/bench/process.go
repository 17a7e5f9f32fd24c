package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// usage is what a process has cost.
type usage struct {
	wall, cpu time.Duration
	rss       int64 // bytes, at the peak
}

func (u usage) String() string {
	return fmt.Sprintf("cpu %s, wall %s, rss %d MB", seconds(u.cpu), seconds(u.wall), u.rss>>20)
}

func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.3f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// times is how many times as long as ours the peer took.
func times(peer, ours time.Duration) string {
	return fmt.Sprintf("%.1fx", peer.Seconds()/ours.Seconds())
}

// process runs a command to its end, with more variables in its environment, and decodes what it prints, JSON, into out.
func process(ctx context.Context, out any, env []string, name string, args ...string) (usage, error) {
	c := exec.CommandContext(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr, c.Env = &stdout, &stderr, append(os.Environ(), env...)
	began := time.Now()
	if err := c.Run(); err != nil {
		return usage{}, fmt.Errorf("%s %v: %w\n%s", name, args, err, stderr.Bytes())
	}
	u := usage{wall: time.Since(began)}
	if r, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.cpu = time.Duration(r.Utime.Nano() + r.Stime.Nano())
		u.rss = r.Maxrss << 10 // Linux counts in KiB
	}
	if out == nil {
		return u, nil
	}
	if err := json.Unmarshal(stdout.Bytes(), out); err != nil {
		return u, fmt.Errorf("%s %v printed %q: %w", name, args, stdout.Bytes(), err)
	}
	return u, nil
}

// self runs one step of ours as a process.
func self(ctx context.Context, out any, env []string, args ...string) (usage, error) {
	exe, err := os.Executable()
	if err != nil {
		return usage{}, err
	}
	return process(ctx, out, env, exe, append([]string{"step"}, args...)...)
}

// best runs f n times and answers the least that it cost.
func best(n int, f func() (usage, error)) (usage, error) {
	var least usage
	for i := range n {
		u, err := f()
		if err != nil {
			return u, err
		}
		if i == 0 {
			least = u
		}
		least = usage{min(least.wall, u.wall), min(least.cpu, u.cpu), max(least.rss, u.rss)}
	}
	return least, nil
}
