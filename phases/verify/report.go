package verify

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Verdict is the outcome of the test phase.
type Verdict string

// The verdicts.
const (
	Passed Verdict = "passed"
	Failed Verdict = "failed"
)

// Report is what the test phase says of a store. It has no times and no machine in it, so that
// the same store gives the same report.
type Report struct {
	Store   string    `json:"store"`
	Verdict Verdict   `json:"verdict"`
	Seed    uint64    `json:"seed"` // of the sample of values
	Faults  int64     `json:"faults"`
	Checks  []*Result `json:"checks"`
}

// NewReport joins the results of the checks of a store. A store passes when nothing was found.
func NewReport(store string, seed uint64, checks ...*Result) *Report {
	r := &Report{Store: store, Verdict: Passed, Seed: seed, Checks: checks}
	for _, c := range checks {
		r.Faults += int64(len(c.Faults)) + c.More
	}
	if r.Faults > 0 {
		r.Verdict = Failed
	}
	return r
}

// JSON is the report for programs, indented.
func (r *Report) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	return append(b, '\n'), err
}

// String is the report for people: the verdict, a line for each check, and a line for each fault.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", r.Verdict, r.Store)
	if r.Faults > 0 {
		fmt.Fprintf(&b, " (faults: %d)", r.Faults)
	}
	b.WriteByte('\n')
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "  %-12s %d %s checked, faults: %d\n", c.Check, c.Checked, c.Unit, int64(len(c.Faults))+c.More)
	}
	for _, c := range r.Checks {
		for _, f := range c.Faults {
			fmt.Fprintf(&b, "  %s\n", f)
		}
		if c.More > 0 {
			fmt.Fprintf(&b, "  and %d more in the check of %s\n", c.More, c.Check)
		}
	}
	return b.String()
}
