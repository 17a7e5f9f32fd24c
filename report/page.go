// Package report writes how a group stands as one HTML page that needs nothing beside it: what failed and how to run it
// again, what the tasks did and when, and what is known of every dataset, from its plan to its pictures.
//
// Gather reads a workdir's records into a Page; Page.Write renders it. Nothing is decided here, and nothing is changed.
package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

// Page is all that the page shows.
type Page struct {
	Group   string
	Workdir string
	Version string // of the program
	Made    time.Time
	Rerun   string // the command that runs all again that failed
	Note    string // what a reader must know of the figures; may be empty

	Run       *Run // nil when the group has not been submitted
	Totals    Totals
	Datasets  []*Dataset // those that need a person first
	Listed    int        // so many of them are listed with what failed
	Described int        // so many of them are described in full
}

// Run is how the newest run went.
type Run struct {
	ID, From, To          string
	Scheduler, Site       string
	User, Host            string
	Created, Start, End   time.Time // Start and End are the tasks'; zero when none has run
	State                 string    // "finished", "running" or "cancelled"
	Tasks, Done, Retried  int
	Failed, Blocked, Open int
	TaskTime              time.Duration // of all attempts together
	Timeline              Timeline
	Attempts              []Attempt // that failed, oldest first
	MoreAttempts          int       // that are not listed
}

// Totals are sums over the datasets.
type Totals struct {
	Passed, Failed, Open int
	Files                int64
	SourceBytes          int64
	References           int64
	StoreBytes           int64
}

// Attempt is one attempt at a task that failed.
type Attempt struct {
	Task    string // JOB[INDEX]
	What    string // the datasets
	Number  int
	Start   time.Time
	Took    time.Duration
	Asked   string // memory and time
	Peak    int64
	Node    string
	Cause   string
	Message string
	Then    string // what was done about it
}

// State is how a dataset stands; its text is shown.
type State string

// The states, in the order in which datasets are listed.
const (
	Failed   State = "failed"     // a step of the run failed for good
	Faulty   State = "has faults" // the test phase found faults in the newest store
	Open     State = "not done"   // on its way, or never submitted
	Untested State = "not tested" // there is a store that the test phase has not seen
	Passed   State = "passed"     // the test phase found no fault in the newest store
)

// Dataset is what is known of one dataset.
type Dataset struct {
	Code     string
	State    State
	Failures []Failure
	Step     string // the step that it is at, or has come to

	Pattern     string
	Files       int
	SourceBytes int64

	Scan      *Scan
	Plan      *Plan
	Forecasts []Forecast

	Store      string // path; empty when there is none
	StoreBytes int64

	Checks   []Check
	Remarks  []string // what else the test phase did: the large plot, the check through xarray
	Faults   []string
	More     int64 // faults that are not listed
	Pictures []Picture
}

// Failure is why a dataset failed, and what runs it again.
type Failure struct {
	Step, Class, Message string
	Tries                int
	Rerun, Logs          string // commands
}

// Scan is what the scan phase found.
type Scan struct {
	Formats []string
	Nc, Tc  float64
	Tk      int64
	Chunks  int64
}

// Plan is what the configure phase decided.
type Plan struct {
	Mode, Format  string
	Parts         int
	References    int64
	RecordSize    int64
	Because       string
	Axes          []Axis
	Variables     int
	Reencoded     int // of the variables: those that are decoded and encoded anew
	Decisions     []Decision
	MoreDecisions int // that are not listed
}

// Axis is a dimension that the files are joined along.
type Axis struct {
	Dimension string
	Length    int64
}

// Decision is one decision of the plan and where it comes from.
type Decision struct{ Subject, Decision, Evidence, From string }

// Forecast holds a figure that scan predicted against what it became.
type Forecast struct {
	What                string
	Low, Expected, High string
	Actual              string // empty when it is not known
	Verdict             string // "as predicted", "more" or "less"
}

// Check is one check of the test phase.
type Check struct {
	Name, Unit                string
	Checked, Faults, Accepted int64 // Accepted are faults that were known
}

// Picture is a small copy of a picture of the test phase.
type Picture struct {
	Name string
	Data template.URL // data:image/png;base64,...
}

//go:embed report.html
var pageHTML string

// Write renders the page.
func (p *Page) Write(w io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"bytes": byteSize, "count": count, "duration": duration, "clock": clock, "badge": badge, "line": line,
	}).Parse(pageHTML)
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}

// byteSize writes a number of bytes for people, in powers of 1000.
func byteSize(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, units := float64(n)/1000, "kMGTPE"
	for v >= 999.95 && len(units) > 1 {
		v, units = v/1000, units[1:]
	}
	return fmt.Sprintf("%.1f %cB", v, units[0])
}

// count writes a number with its thousands apart, by a thin space as SI has it.
func count(n any) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// duration writes a time span to about three digits.
func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	case d < 48*time.Hour:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	d = d.Round(time.Hour)
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// line puts a message on one line, with no more of it than a table bears.
func line(s string) string {
	const most = 300
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + " ..."
	}
	return s
}

// badge is the style of a state.
func badge(s State) string {
	switch s {
	case Failed, Faulty:
		return "bad"
	case Passed:
		return "good"
	}
	return "open"
}
