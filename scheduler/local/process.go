package local

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// process names a process so that another one, which was given its number later, is not taken for it. Each task is the leader of a
// session of its own.
type process struct {
	PID   int    `json:"pid"`
	Birth uint64 `json:"birth"` // clock ticks since the machine's start
}

// stat is what /proc/PID/stat says (proc(5)).
type stat struct {
	session int
	birth   uint64
	rss     int64 // bytes
}

func readStat(pid int) (stat, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, err
	}
	// The second field is the command in parentheses, in which anything may stand.
	f := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	const session, birth, rss = 6 - 3, 22 - 3, 24 - 3 // fields from the third on
	if len(f) <= rss {
		return stat{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f)+2)
	}
	var s stat
	if s.session, err = strconv.Atoi(string(f[session])); err != nil {
		return stat{}, err
	}
	if s.birth, err = strconv.ParseUint(string(f[birth]), 10, 64); err != nil {
		return stat{}, err
	}
	pages, err := strconv.ParseInt(string(f[rss]), 10, 64)
	s.rss = pages * int64(os.Getpagesize())
	return s, err
}

// identify names the process of a number.
func identify(pid int) process {
	s, err := readStat(pid)
	if err != nil { // it has ended already, or there is no /proc
		return process{PID: pid}
	}
	return process{PID: pid, Birth: s.birth}
}

// alive reports whether the process still runs.
func (p process) alive() bool {
	s, err := readStat(p.PID)
	return err == nil && p.Birth != 0 && s.birth == p.Birth
}

// eachProcess calls f for every process of this machine.
func eachProcess(f func(pid int, s stat)) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return // no /proc: memory is not watched
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, err := readStat(pid); err == nil {
			f(pid, s)
		}
	}
}

// memoryBySession sums the resident memory of all processes of each session, as SLURM's jobacct_gather/linux does.
func memoryBySession() map[int]int64 {
	sums := map[int]int64{}
	eachProcess(func(_ int, s stat) { sums[s.session] += s.rss })
	return sums
}

// terminate asks a task's processes to end.
func terminate(session int) { _ = syscall.Kill(-session, syscall.SIGTERM) }

// kill ends every process of a task's session, also those that made process groups of their own.
func kill(session int) {
	_ = syscall.Kill(-session, syscall.SIGKILL)
	eachProcess(func(pid int, s stat) {
		if s.session == session {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
}

// machineMemory is the memory that there is: the machine's, or the container's where that is less.
func machineMemory() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("how much memory there is: %w: give it in the options", err)
	}
	total := int64(math.MaxInt64)
	for line := range strings.Lines(string(text)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kib); n == 1 {
			total = kib << 10
		}
	}
	if total == math.MaxInt64 {
		return 0, errors.New("/proc/meminfo does not say how much memory there is")
	}
	for _, limit := range []string{"memory.max", "memory/memory.limit_in_bytes"} { // cgroup v2, v1
		text, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", limit))
		if err != nil { // no such cgroup
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
			total = min(total, n)
		}
	}
	return total, nil
}
