package slurm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// cache is the folder through which all of a user's processes share one answer of the scheduler, so that a site sees one poll an
// interval whatever the number of processes. It holds
//
//	snapshot  the last answer
//	changed   a mark that is new whenever a process of ours changed something, which makes the last answer stale
//	calls     a line for each command sent, with its time
//	lock      there while a process polls
//
// It holds nothing that can't be asked again: a lost lock costs a call, and no more.
type cache struct{ dir string }

// openCache opens the cache of the cluster that conf describes, in dir or in the user's cache folder.
func openCache(dir, conf string) (*cache, error) {
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil { // no HOME: a batch node or a container
			base = filepath.Join(os.TempDir(), "kerb-"+strconv.Itoa(os.Getuid()))
		}
		dir = filepath.Join(base, "kerb", "slurm")
	}
	cluster := fnv.New32a()
	_, _ = io.WriteString(cluster, conf) // a hash never fails
	dir = filepath.Join(dir, fmt.Sprintf("%08x", cluster.Sum32()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder that polls are shared through: %w", err)
	}
	return &cache{dir}, nil
}

// snapshot is one answer of the scheduler: what squeue and sacct printed, and what they were asked.
type snapshot struct {
	Taken    time.Time                     // zero: there is none
	Change   string                        // the mark that stood when it was taken
	Asked    map[scheduler.JobID]time.Time // the jobs that sacct was asked for, with when a process last asked for each
	Accounts bool                          // whether accounting answered
	Disabled time.Time                     // when sacct last said that there is no accounting here
	Queue    string                        `json:"-"`
	Account  string                        `json:"-"`
}

// header precedes the two texts in the snapshot's file.
type header struct {
	snapshot
	QueueBytes int
}

func (c *cache) path(name string) string { return filepath.Join(c.dir, name) }

// load reads the last answer; one that can't be read is none.
func (c *cache) load() snapshot {
	text, err := os.ReadFile(c.path("snapshot"))
	if err != nil {
		return snapshot{}
	}
	line, rest, ok := bytes.Cut(text, []byte("\n"))
	var h header
	if !ok || json.Unmarshal(line, &h) != nil || h.QueueBytes < 0 || h.QueueBytes > len(rest) {
		return snapshot{}
	}
	h.Queue, h.Account = string(rest[:h.QueueBytes]), string(rest[h.QueueBytes:])
	return h.snapshot
}

func (c *cache) store(s snapshot) error {
	line, err := json.Marshal(header{s, len(s.Queue)})
	if err != nil {
		return err
	}
	return workdirs.WriteFile(c.path("snapshot"), func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n%s%s", line, s.Queue, s.Account)
		return err
	})
}

// changed makes the last answer stale, for all processes. When that fails they see the change an interval later.
func (c *cache) changed() {
	mark := fmt.Sprintf("%d %d\n", time.Now().UnixNano(), os.Getpid())
	_ = os.WriteFile(c.path("changed"), []byte(mark), 0o600)
}

func (c *cache) change() string {
	mark, _ := os.ReadFile(c.path("changed"))
	return string(mark)
}

const (
	// staleLock is the age at which a lock's holder must be dead: longer than the two commands of a poll can take.
	staleLock = 2*commandTimeout + time.Minute
	lockWait  = 30 * time.Millisecond
)

// lock waits until no other process polls.
func (c *cache) lock(ctx context.Context) (unlock func(), err error) {
	path := c.path("lock")
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			host, _ := os.Hostname()
			fmt.Fprintf(f, "%d %s\n", os.Getpid(), host)
			f.Close()
			return func() { os.Remove(path) }, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if info, err := os.Stat(path); err == nil && (time.Since(info.ModTime()) > staleLock || holderIsDead(path)) {
			os.Remove(path) // should two processes do this at once, both poll: one call too many
			continue
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lockWait):
		}
	}
}

// holderIsDead reports whether the lock at path is of a process of this host that is no more.
func holderIsDead(path string) bool {
	text, err := os.ReadFile(path)
	var pid int
	var host string
	if n, _ := fmt.Sscan(string(text), &pid, &host); err != nil || n != 2 {
		return false
	}
	here, err := os.Hostname()
	return err == nil && host == here && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// count notes that a command is sent.
func (c *cache) count(command string) {
	f, err := os.OpenFile(c.path("calls"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return // the count is for people, and no reason to fail
	}
	defer f.Close()
	fmt.Fprintf(f, "%d %s\n", time.Now().Unix(), command)
}

// calls counts the commands sent since a time.
func (c *cache) calls(since time.Time) (int, error) {
	text, err := os.ReadFile(c.path("calls"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return len(recentCalls(text, since)), err
}

func recentCalls(text []byte, since time.Time) []string {
	var recent []string
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		at, _, _ := strings.Cut(lines.Text(), " ")
		if seconds, err := strconv.ParseInt(at, 10, 64); err == nil && seconds >= since.Unix() {
			recent = append(recent, lines.Text())
		}
	}
	return recent
}

// trim drops the notes of calls that are older than an hour once they are many. It is called under the lock; a note
// that another process makes meanwhile is lost.
func (c *cache) trim() {
	const many = 256 << 10
	if info, err := os.Stat(c.path("calls")); err != nil || info.Size() < many {
		return
	}
	text, err := os.ReadFile(c.path("calls"))
	if err != nil {
		return
	}
	_ = workdirs.WriteFile(c.path("calls"), func(w io.Writer) error {
		for _, line := range recentCalls(text, time.Now().Add(-time.Hour)) {
			if _, err := fmt.Fprintln(w, line); err != nil {
				return err
			}
		}
		return nil
	})
}
