package workdirs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Lease lets one process at a time drive a group. It is a file, lease/REVISION.json, made with link(2), which is atomic
// also over NFS; the highest revision is the holder's, and revisions only ever grow, so that what a holder writes can be
// told from what its predecessor writes late (fencing).
//
// A holder renews its file's time. A lease that nobody has renewed for leaseTTL is stale, by the clock of the file server
// alone: the age is the difference to the time that the server gives a file made just now. On the same host a
// dead process's lease is stale at once.
type Lease struct {
	Revision int64
	path     string
	cancel   context.CancelCauseFunc
	stopped  chan struct{}
}

const (
	leaseTTL     = 2 * time.Minute
	leaseRefresh = leaseTTL / 6
	// A holder that could not renew for this long stops before others may take over; the difference to
	// leaseTTL covers a write that hangs.
	leaseGiveUp = leaseTTL / 2
)

// LeaseHolder says who holds a lease.
type LeaseHolder struct {
	Host     string    `json:"host"`
	PID      int       `json:"pid"`
	Job      string    `json:"job,omitempty"` // the batch job it runs in
	Since    time.Time `json:"since"`
	Released bool      `json:"released,omitempty"`
}

// HeldError says that another process drives the group.
type HeldError struct {
	Group  string
	Holder LeaseHolder
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("group %s is being driven by process %d on %s since %s: wait for it, or stop that process",
		e.Group, e.Holder.PID, e.Holder.Host, e.Holder.Since.Format(time.RFC3339))
}

// Acquire takes the group's lease, or returns a *HeldError. The context that it returns ends when the lease is
// released or could not be renewed, which is then its cause.
func (g *Group) Acquire(ctx context.Context) (context.Context, *Lease, error) {
	dir := filepath.Join(g.dir, leaseDir)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, nil, fmt.Errorf("lease of group %s: %w", g.Name, err)
	}
	host, _ := os.Hostname()
	me := LeaseHolder{Host: host, PID: os.Getpid(), Job: os.Getenv("SLURM_JOB_ID"), Since: time.Now().UTC()}
	tmp, now, err := newLeaseFile(dir, me)
	if err != nil {
		return nil, nil, fmt.Errorf("lease of group %s: %w", g.Name, err)
	}
	defer os.Remove(tmp)

	highest, err := highestLease(dir)
	if err != nil {
		return nil, nil, err
	}
	if highest > 0 {
		holder, stale, err := inspectLease(leasePath(dir, highest), now)
		if err != nil {
			return nil, nil, err
		}
		if !stale {
			return nil, nil, &HeldError{g.Name, holder}
		}
	}
	l := &Lease{Revision: highest + 1, path: leasePath(dir, highest+1), stopped: make(chan struct{})}
	if err := os.Link(tmp, l.path); err != nil {
		if errors.Is(err, fs.ErrExist) { // another was quicker
			holder, _, err := inspectLease(l.path, now)
			if err != nil {
				return nil, nil, err
			}
			return nil, nil, &HeldError{g.Name, holder}
		}
		return nil, nil, fmt.Errorf("lease of group %s: %w", g.Name, err)
	}
	// Between the look at the highest revision and the link others may have come, gone and tidied up.
	if h, err := highestLease(dir); err != nil || h != l.Revision {
		os.Remove(l.path)
		if err == nil {
			err = &HeldError{Group: g.Name, Holder: LeaseHolder{Host: "another host", Since: now}}
		}
		return nil, nil, err
	}
	tidyLeases(dir, l.Revision)
	ctx, l.cancel = context.WithCancelCause(ctx)
	go l.renew(ctx)
	return ctx, l, nil
}

// Check returns an error when the lease has been taken over. Whoever changes what the lease guards calls it first.
func (l *Lease) Check() error {
	h, err := highestLease(filepath.Dir(l.path))
	if err != nil {
		return err
	}
	if h != l.Revision {
		return fmt.Errorf("lease revision %d was taken over by revision %d: this process was away for too long, and stops", l.Revision, h)
	}
	return nil
}

// Release gives the lease back. Its file stays, so that revisions never start again.
func (l *Lease) Release() error {
	l.cancel(nil)
	<-l.stopped
	if l.Check() != nil {
		return nil // it is not ours any more
	}
	var h LeaseHolder
	if err := ReadJSON(l.path, &h); err != nil {
		return err
	}
	h.Released = true
	err := WriteJSON(l.path, h)
	if err != nil && os.Chtimes(l.path, time.Time{}, time.Unix(1, 0)) == nil {
		return nil // on a full disk an old time says the same
	}
	return err
}

// renew keeps the file's time young, and ends the context when that has not worked for leaseGiveUp.
func (l *Lease) renew(ctx context.Context) {
	defer close(l.stopped)
	ticker := time.NewTicker(leaseRefresh)
	defer ticker.Stop()
	renewed := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		// Writing, not utimes: the time must be the file server's own.
		if l.Check() == nil && l.touch() == nil {
			renewed = time.Now()
		} else if time.Since(renewed) > leaseGiveUp {
			l.cancel(fmt.Errorf("the lease %s could not be renewed for %s: this process stops, so that another may go on", l.path, leaseGiveUp))
			return
		}
	}
}

func (l *Lease) touch() error {
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write([]byte("\n")); err != nil {
		return err
	}
	return f.Sync()
}

func leasePath(dir string, revision int64) string {
	return filepath.Join(dir, fmt.Sprintf("%09d.json", revision))
}

// newLeaseFile writes a temporary file and returns its path and the file server's time.
func newLeaseFile(dir string, h LeaseHolder) (string, time.Time, error) {
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return "", time.Time{}, err
	}
	defer f.Close()
	b, err := json.Marshal(h)
	if err == nil {
		_, err = f.Write(append(b, '\n'))
	}
	if err == nil {
		err = f.Sync()
	}
	info, serr := f.Stat()
	if err = errors.Join(err, serr); err != nil {
		os.Remove(f.Name())
		return "", time.Time{}, err
	}
	return f.Name(), info.ModTime(), nil
}

func highestLease(dir string) (int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	var highest int64
	for _, e := range entries {
		highest = max(highest, leaseRevision(e.Name()))
	}
	return highest, nil
}

// leaseRevision is the revision in a lease file's name, or 0.
func leaseRevision(name string) int64 {
	if filepath.Ext(name) != ".json" {
		return 0
	}
	n, err := strconv.ParseInt(name[:len(name)-len(".json")], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// tidyLeases removes the revisions below the holder's. The highest is never removed.
func tidyLeases(dir string, holder int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if n := leaseRevision(e.Name()); n > 0 && n < holder {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// inspectLease reads who holds a lease, and whether it is over at now, a time of the file server.
func inspectLease(path string, now time.Time) (LeaseHolder, bool, error) {
	var h LeaseHolder
	info, err := os.Stat(path)
	if err == nil {
		err = ReadJSON(path, &h)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return h, false, nil // replaced by a newer one this moment
	}
	if err != nil {
		return h, false, err
	}
	stale := h.Released || now.Sub(info.ModTime()) > leaseTTL
	if host, err := os.Hostname(); err == nil && host == h.Host && !processExists(h.PID) {
		stale = true
	}
	return h, stale, nil
}

func processExists(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
