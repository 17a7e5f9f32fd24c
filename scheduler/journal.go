package scheduler

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Ref names one submission of a job: "parts.CODE@2" is the second time that something was submitted for
// the job "parts.CODE". A submission may hold some of the job's indices only.
type Ref struct {
	Key     string
	Attempt int
}

func (r Ref) String() string { return r.Key + "@" + strconv.Itoa(r.Attempt) }

// MarshalText writes KEY@ATTEMPT.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads KEY@ATTEMPT.
func (r *Ref) UnmarshalText(b []byte) error {
	ref, err := ParseRef(string(b))
	*r = ref
	return err
}

// ParseRef reads KEY@ATTEMPT, or KEY alone for the first attempt.
func ParseRef(s string) (Ref, error) {
	key, attempt, ok := strings.Cut(s, "@")
	n := 1
	if ok {
		var err error
		if n, err = strconv.Atoi(attempt); err != nil || n < 1 {
			return Ref{}, fmt.Errorf("%q: after the '@' of a job stands the attempt, a number", s)
		}
	}
	if key == "" {
		return Ref{}, fmt.Errorf("%q names no job", s)
	}
	return Ref{key, n}, nil
}

// Link is a dependency on a submission.
type Link struct {
	Kind DependencyKind `json:"kind"`
	Ref  Ref            `json:"ref"`
}

// EntryKind says what a journal entry records.
type EntryKind string

// The entries, in the order in which they can follow one another for a submission.
const (
	EntryIntent   EntryKind = "intent"   // about to be submitted
	EntryAccepted EntryKind = "accepted" // the scheduler gave it an id
	EntryRefused  EntryKind = "refused"  // the scheduler refused it, or never heard of it
	EntryRepoint  EntryKind = "repoint"  // it waits for other submissions now
	EntryWithdraw EntryKind = "withdraw" // some of its indices are cancelled, to be submitted anew or never
	EntryCancel   EntryKind = "cancel"   // the scheduler has been told to cancel some of its indices
	EntryRerun    EntryKind = "rerun"    // a person wants indices of a job run again, whatever became of them up to that attempt, and the run to go on
	EntryStop     EntryKind = "stop"     // a person cancelled the run
)

// Entry is one line of a run's journal. What the entry is about is written and synced before the scheduler is told.
type Entry struct {
	Kind    EntryKind `json:"kind"`
	Time    time.Time `json:"time"`
	Fence   int64     `json:"fence"` // the writer's lease revision
	Ref     Ref       `json:"ref,omitzero"`
	Name    string    `json:"name,omitempty"`
	Token   string    `json:"token,omitempty"`
	Indices []int     `json:"indices,omitempty"` // ascending
	Request *Request  `json:"request,omitempty"`
	After   []Link    `json:"after,omitempty"`
	Any     bool      `json:"any,omitempty"` // one of them that comes true is enough
	Exclude []string  `json:"exclude,omitempty"`
	Job     JobID     `json:"job,omitempty"`
	Reason  string    `json:"reason,omitempty"`
}

// Submitted is what the journal says of one submission.
type Submitted struct {
	Ref       Ref
	Name      string
	Token     string
	Job       JobID // empty while it is not known whether the scheduler accepted it
	Indices   []int
	Request   Request
	After     []Link
	Any       bool // one of them that comes true is enough
	Exclude   []string
	Time      time.Time
	Refused   bool
	withdrawn map[int]bool      // not to be run by this submission
	cancel    map[int]bool      // of those, the ones of which it is not known whether the scheduler has been told
	told      map[int]time.Time // when the scheduler was last told to cancel them
}

// Open reports whether it is not known whether the scheduler accepted the submission.
func (s *Submitted) Open() bool { return s.Job == "" && !s.Refused }

// Holds reports whether index is to be run by this submission.
func (s *Submitted) Holds(index int) bool { return !s.Refused && !s.withdrawn[index] }

// Ledger is the journal, read: all submissions of a run, and what people asked for since.
type Ledger struct {
	Submissions []*Submitted // in the order of their intents
	Stopped     bool
	byKey       map[string][]*Submitted
	byJob       map[JobID]*Submitted
	attempts    map[string]int
	rerun       map[taskKey]rerunOrder
	fence       int64
}

type taskKey struct {
	key   string
	index int
}

// rerunOrder makes a task start afresh: what happened up to the attempt does not count any more.
type rerunOrder struct {
	after   int
	request Request // zero where nothing else was asked for
}

// NewLedger folds journal entries in their order. An entry with a lower fence than one before it was written by
// a process that had lost its lease, and does not count.
func NewLedger(entries []Entry) *Ledger {
	l := &Ledger{byKey: map[string][]*Submitted{}, byJob: map[JobID]*Submitted{}, attempts: map[string]int{}, rerun: map[taskKey]rerunOrder{}}
	for _, e := range entries {
		l.Add(e)
	}
	return l
}

// Add folds one more entry.
func (l *Ledger) Add(e Entry) {
	if e.Fence < l.fence {
		return
	}
	l.fence = e.Fence
	s := l.Submission(e.Ref)
	switch e.Kind {
	case EntryIntent:
		if s == nil {
			s = &Submitted{Ref: e.Ref, withdrawn: map[int]bool{}, cancel: map[int]bool{}, told: map[int]time.Time{}}
			l.Submissions = append(l.Submissions, s)
			l.byKey[e.Ref.Key] = append(l.byKey[e.Ref.Key], s)
			l.attempts[e.Ref.Key] = max(l.attempts[e.Ref.Key], e.Ref.Attempt)
		}
		s.Name, s.Token, s.Indices, s.After, s.Any, s.Exclude, s.Time = e.Name, e.Token, e.Indices, e.After, e.Any, e.Exclude, e.Time
		if e.Request != nil {
			s.Request = *e.Request
		}
	case EntryAccepted:
		if s != nil {
			s.Job, s.Time = e.Job, e.Time
			l.byJob[e.Job] = s
		}
	case EntryRefused:
		if s != nil {
			s.Refused = true
		}
	case EntryRepoint:
		if s != nil {
			s.After = e.After
		}
	case EntryWithdraw:
		if s != nil {
			for _, i := range e.Indices {
				s.withdrawn[i], s.cancel[i] = true, true
			}
		}
	case EntryCancel:
		if s != nil {
			for _, i := range e.Indices {
				delete(s.cancel, i)
				s.told[i] = e.Time
			}
		}
	case EntryRerun:
		l.Stopped = false
		order := rerunOrder{after: e.Ref.Attempt}
		if e.Request != nil {
			order.request = *e.Request
		}
		for _, i := range e.Indices {
			l.rerun[taskKey{e.Ref.Key, i}] = order
		}
	case EntryStop:
		l.Stopped = true
	}
}

// Submission returns the submission with a ref, or nil.
func (l *Ledger) Submission(r Ref) *Submitted {
	list := l.byKey[r.Key]
	i := slices.IndexFunc(list, func(s *Submitted) bool { return s.Ref == r })
	if i < 0 {
		return nil
	}
	return list[i]
}

// Of lists the submissions of a job, oldest first.
func (l *Ledger) Of(key string) []*Submitted { return l.byKey[key] }

// ByJob returns the newest submission that got a scheduler's id, or nil.
func (l *Ledger) ByJob(id JobID) *Submitted { return l.byJob[id] }

// Token is what identifies a submission to the scheduler: it becomes the job's --comment. It holds letters, digits and . _ : - only.
func Token(run string, r Ref) string {
	return run + ":" + strings.ReplaceAll(r.Key, "+", "::") + ":" + strconv.Itoa(r.Attempt)
}
