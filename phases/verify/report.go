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
	Digest  string    `json:"digest,omitempty"` // of the store of a dataset, as stores.Digest has it
	Verdict Verdict   `json:"verdict"`
	Seed    uint64    `json:"seed"` // of the sample of values
	Faults  int64     `json:"faults"`
	Checks  []*Result `json:"checks"`
	// Gone are the known faults that were not found any more.
	Gone []Fault `json:"gone,omitempty"`
	// Large is the large plot's reduction; nil when there was none.
	Large *Large `json:"large_plot,omitempty"`
}

// NewReport joins the results of the checks of a store. A store passes when nothing was found.
func NewReport(store string, seed uint64, checks ...*Result) *Report {
	return newReport(store, seed, nil, checks)
}

// newReport leaves out the faults that are known.
func newReport(store string, seed uint64, known []Fault, checks []*Result) *Report {
	r := &Report{Store: store, Verdict: Passed, Seed: seed, Gone: accept(known, checks)}
	for _, c := range checks {
		c.shorten()
		r.join(c)
	}
	return r
}

// join adds the result of a later check.
func (r *Report) join(c *Result) {
	r.Checks = append(r.Checks, c)
	if r.Faults += int64(len(c.Faults)) + c.More; r.Faults > 0 {
		r.Verdict = Failed
	}
}

// JSON is the report for programs, indented.
func (r *Report) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	return append(b, '\n'), err
}

// String is the report for people: the verdict, a line for each check, and a paragraph for each fault.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", r.Verdict, r.Store)
	if r.Faults > 0 {
		fmt.Fprintf(&b, " (faults: %d)", r.Faults)
	}
	b.WriteByte('\n')
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "  %-12s %d %s checked, faults: %d", c.Check, c.Checked, c.Unit, int64(len(c.Faults))+c.More)
		if c.Accepted > 0 {
			fmt.Fprintf(&b, ", known and accepted: %d", c.Accepted)
		}
		b.WriteByte('\n')
	}
	if r.Large != nil {
		fmt.Fprintf(&b, "  %-12s %s\n", "large plot", r.Large)
	}
	for _, c := range r.Checks {
		if len(c.Faults) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s\n", c.Check)
		for _, f := range c.Faults {
			f.write(&b)
		}
		if c.More > 0 {
			fmt.Fprintf(&b, "  and %d more in the check of %s\n", c.More, c.Check)
		}
	}
	if len(r.Gone) > 0 {
		b.WriteString("\nknown faults that are not there\n")
		for _, f := range r.Gone {
			fmt.Fprintf(&b, "  %s\n", f.where())
		}
	}
	return b.String()
}
