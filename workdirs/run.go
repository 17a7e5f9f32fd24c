package workdirs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Run is one submission of phases for a group: groups/GROUP/runs/RUN_ID. It owns its plan, its rendered
// scripts, its logs, the journal of what was sent to the scheduler, and the records of its tasks.
type Run struct {
	ID    string
	Group string
	dir   string
	known knownRecords
}

// RunInfo is what was asked for: run.json. It never changes.
type RunInfo struct {
	ID        string    `json:"run"`
	Group     string    `json:"group"`
	Created   time.Time `json:"created"`
	From      string    `json:"from"` // first phase
	To        string    `json:"to"`   // last phase
	Scheduler string    `json:"scheduler"`
	Site      string    `json:"site,omitempty"`
	Host      string    `json:"host"`
	User      string    `json:"user,omitempty"`
}

const (
	runFile     = "run.json"
	planFile    = "plan.json"
	journalFile = "journal.ndjson"
	stopFile    = "stop.json"
	siteFile    = "site.json"
	scriptsDir  = "scripts"
	logsDir     = "logs"
	tasksDir    = "tasks"
	eventsDir   = "events"
)

// Run returns the group's run with an identifier. It need not exist.
func (g *Group) Run(id string) *Run {
	return &Run{ID: id, Group: g.Name, dir: filepath.Join(g.dir, runsDir, id)}
}

// NewRunID makes the identifier of a new run: a UUID that begins with the time.
func NewRunID() (string, error) {
	id, err := uuid.NewV7()
	return id.String(), err
}

// NewRun makes the folder of a run. The plan is written before run.json, so that a run that exists has one.
func (g *Group) NewRun(info RunInfo, plan any) (*Run, error) {
	if info.ID == "" {
		id, err := NewRunID()
		if err != nil {
			return nil, err
		}
		info.ID = id
	}
	info.Group = g.Name
	if info.Host == "" {
		info.Host, _ = os.Hostname()
	}
	r := g.Run(info.ID)
	for _, d := range []string{scriptsDir, logsDir, tasksDir, eventsDir} {
		if err := os.MkdirAll(r.path(d), 0o777); err != nil {
			return nil, fmt.Errorf("run of group %s: %w", g.Name, err)
		}
	}
	if err := r.WritePlan(plan); err != nil {
		return nil, err
	}
	return r, WriteJSON(r.path(runFile), info)
}

// WriteSite keeps the profile of the cluster as the run finds it, before [Group.NewRun] makes the run.
func (r *Run) WriteSite(site any) error { return WriteJSON(r.path(siteFile), site) }

// ReadSite reads what WriteSite kept; fs.ErrNotExist when it kept nothing.
func (r *Run) ReadSite(site any) error { return ReadJSON(r.path(siteFile), site) }

// RequestStop asks whoever drives the run to cancel it. The journal has one writer, the holder of the lease: this file
// is for everybody else.
func (r *Run) RequestStop() error {
	host, _ := os.Hostname()
	return WriteJSON(r.path(stopFile), struct {
		Time time.Time `json:"time"`
		Host string    `json:"host"`
	}{time.Now().UTC(), host})
}

// StopRequested reports whether the run is to be cancelled.
func (r *Run) StopRequested() (bool, error) {
	_, err := os.Stat(r.path(stopFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Unstop takes a request to cancel the run back, before something of it is run again.
func (r *Run) Unstop() error {
	if err := os.Remove(r.path(stopFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// TaskList is what the tasks of a submission have to know, in a file beside its script: a task need not read the whole plan.
type TaskList struct {
	Job     string         `json:"job"`
	Attempt int            `json:"attempt"`
	Since   int            `json:"since,omitempty"` // attempts up to this one do not count
	Step    string         `json:"step"`
	After   string         `json:"after,omitempty"` // the job whose task of the same index has done the step before
	Tasks   map[int]string `json:"tasks"`           // index to items
}

// WriteTaskList keeps the tasks of a submission.
func (r *Run) WriteTaskList(ref string, l TaskList) error {
	return WriteJSON(r.path(scriptsDir, ref+".tasks.json"), l)
}

// TaskList reads the tasks of a submission.
func (r *Run) TaskList(ref string) (TaskList, error) {
	var l TaskList
	err := ReadJSON(r.path(scriptsDir, ref+".tasks.json"), &l)
	if errors.Is(err, fs.ErrNotExist) {
		return l, fmt.Errorf("run %s has submitted no job %s", r.ID, ref)
	}
	return l, err
}

func (r *Run) path(elem ...string) string {
	return filepath.Join(append([]string{r.dir}, elem...)...)
}

// Dir is the run's folder.
func (r *Run) Dir() string { return r.dir }

// Info reads what was asked for.
func (r *Run) Info() (RunInfo, error) {
	var info RunInfo
	return info, ReadJSON(r.path(runFile), &info)
}

// WritePlan replaces the run's plan.
func (r *Run) WritePlan(plan any) error { return WriteJSON(r.path(planFile), plan) }

// ReadPlan reads the run's plan into plan.
func (r *Run) ReadPlan(plan any) error { return ReadJSON(r.path(planFile), plan) }

// WriteScript keeps the rendered script of a submission, and returns its path.
func (r *Run) WriteScript(ref, text string) (string, error) {
	path := r.path(scriptsDir, ref+".sbatch")
	return path, WriteFile(path, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// LogDir makes the folder of a submission's logs and returns it: some schedulers lose a task whose log has no folder.
func (r *Run) LogDir(ref string) (string, error) {
	dir := r.path(logsDir, ref)
	return dir, os.MkdirAll(dir, 0o777)
}

// Log is the path of one task's log.
func (r *Run) Log(ref string, index int) string {
	return r.path(logsDir, ref, fmt.Sprintf("%d.log", index))
}

// AppendJournal appends one line to the run's journal and syncs it. A line that an earlier crash cut short is closed first,
// so that it spoils no line but itself.
func (r *Run) AppendJournal(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	path := r.path(journalFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	var line []byte
	if info, err := f.Stat(); err != nil {
		return err
	} else if n := info.Size(); n > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, n-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = append(line, '\n')
		}
	}
	line = append(append(line, b...), '\n')
	if _, err := f.Write(line); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return f.Sync()
}

// ReadJournal calls fn for every whole line of the journal. A line that was cut short was never acted upon, since
// nothing is sent before its line is synced: it is passed over.
func (r *Run) ReadJournal(fn func(line []byte) error) error {
	return ReadLines(r.path(journalFile), func(line []byte) error {
		if !json.Valid(line) {
			return nil
		}
		return fn(bytes.Clone(line))
	})
}

// Scripts lists the rendered scripts by the name of their submission.
func (r *Run) Scripts() (map[string]string, error) {
	entries, err := os.ReadDir(r.path(scriptsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	scripts := map[string]string{}
	for _, e := range entries {
		ref, ok := strings.CutSuffix(e.Name(), ".sbatch")
		if !ok || strings.HasPrefix(ref, ".") {
			continue
		}
		b, err := os.ReadFile(r.path(scriptsDir, e.Name()))
		if err != nil {
			return nil, err
		}
		scripts[ref] = string(b)
	}
	return scripts, err
}
