package scheduler

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

// scripted is an engine that answers as told, and keeps what it was asked.
type scripted struct {
	asked   []string
	submit  error
	refuses func(Submission) bool
	found   JobID
	findErr error
}

func (e *scripted) Name() string { return "scripted" }
func (e *scripted) Submit(_ context.Context, s Submission) (JobID, error) {
	e.asked = append(e.asked, "submit "+s.Token)
	if e.refuses != nil && e.refuses(s) {
		return "", errors.New("Requested node configuration is not available")
	}
	return "7", e.submit
}
func (e *scripted) Find(_ context.Context, token string) (JobID, bool, error) {
	e.asked = append(e.asked, "find "+token)
	return e.found, e.found != "", e.findErr
}
func (e *scripted) Poll(context.Context, []JobID) ([]TaskState, error) { return nil, nil }
func (e *scripted) Repoint(_ context.Context, id JobID, _ []Dependency) error {
	e.asked = append(e.asked, "repoint "+string(id))
	return nil
}
func (e *scripted) Cancel(_ context.Context, id JobID, indices []int) error {
	e.asked = append(e.asked, "cancel "+string(id)+" "+FormatIndices(indices))
	return nil
}

func newApplier(e Engine, entries ...Entry) (*Applier, *[]Entry) {
	var written []Entry
	return &Applier{
		Engine: e, Ledger: NewLedger(entries), RunID: "run", Fence: 3,
		Journal: func(e Entry) error { written = append(written, e); return nil },
		Record:  func(workdirs.Record) error { return nil },
		Script:  func(Submit) (string, error) { return "script", nil },
		Check:   func() error { return nil }, Now: time.Now,
	}, &written
}

func kinds(entries []Entry) []EntryKind {
	var k []EntryKind
	for _, e := range entries {
		k = append(k, e.Kind)
	}
	return k
}

func TestSubmitExactlyOnce(t *testing.T) {
	scan := Submit{Ref: Ref{"scan", 1}, Step: Scan, Name: "kerb.g.scan", Array: true, Indices: []int{0, 1}}
	for name, c := range map[string]struct {
		engine  scripted
		asked   []string
		journal []EntryKind
		job     JobID
		err     error
	}{
		"accepted":                     {scripted{}, []string{"submit run:scan:1"}, []EntryKind{EntryIntent, EntryAccepted}, "7", nil},
		"refused":                      {scripted{submit: errors.New("no such partition")}, []string{"submit run:scan:1"}, []EntryKind{EntryIntent, EntryRefused}, "", errors.ErrUnsupported},
		"timed out, but accepted":      {scripted{submit: ErrUnreachable, found: "9"}, []string{"submit run:scan:1", "find run:scan:1"}, []EntryKind{EntryIntent, EntryAccepted}, "9", nil},
		"timed out, and never arrived": {scripted{submit: ErrUnreachable}, []string{"submit run:scan:1", "find run:scan:1"}, []EntryKind{EntryIntent, EntryRefused}, "", ErrUnreachable},
		"timed out, and still away":    {scripted{submit: ErrUnreachable, findErr: ErrUnreachable}, []string{"submit run:scan:1", "find run:scan:1"}, []EntryKind{EntryIntent}, "", ErrUnreachable},
	} {
		a, written := newApplier(&c.engine)
		err := a.Apply(t.Context(), []Action{scan})
		if (err == nil) != (c.err == nil) || errors.Is(c.err, ErrUnreachable) && !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: error %v", name, err)
		}
		if d := cmp.Diff(c.asked, c.engine.asked); d != "" {
			t.Errorf("%s: asked (-want +got):\n%s", name, d)
		}
		if d := cmp.Diff(c.journal, kinds(*written)); d != "" {
			t.Errorf("%s: journal (-want +got):\n%s", name, d)
		}
		if s := a.Ledger.Submission(scan.Ref); s.Job != c.job {
			t.Errorf("%s: job %q, want %q", name, s.Job, c.job)
		}
	}
}

// What a process that died had only written down is finished by the next one, before anything else.
func TestResolve(t *testing.T) {
	intent := Entry{Kind: EntryIntent, Ref: Ref{"scan", 1}, Token: "run:scan:1", Indices: []int{0, 1, 2}, Fence: 1}
	accepted := Entry{Kind: EntryAccepted, Ref: Ref{"scan", 1}, Job: "7", Fence: 1}
	withdraw := Entry{Kind: EntryWithdraw, Ref: Ref{"scan", 1}, Indices: []int{1}, Fence: 1}
	told := Entry{Kind: EntryCancel, Ref: Ref{"scan", 1}, Indices: []int{1}, Fence: 1}
	for name, c := range map[string]struct {
		entries []Entry
		want    []string
	}{
		"nothing open":                 {[]Entry{intent, accepted}, nil},
		"an intent":                    {[]Entry{intent}, []string{"find run:scan:1"}},
		"an intent, withdrawn":         {[]Entry{intent, withdraw}, []string{"find run:scan:1", "cancel 9 1"}},
		"a withdrawal, perhaps untold": {[]Entry{intent, accepted, withdraw}, []string{"cancel 7 1"}},
		"a withdrawal, told":           {[]Entry{intent, accepted, withdraw, told}, nil},
		"a late word of a lost lease":  {[]Entry{intent, {Kind: EntryStop, Fence: 2}, accepted}, []string{"find run:scan:1"}},
	} {
		e := &scripted{found: "9"}
		a, _ := newApplier(e, c.entries...)
		for range 2 { // the second time there is nothing left
			if err := a.Resolve(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(c.want, e.asked); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// A submission that is refused holds up what waits for it, and nothing else; the recover job follows the others.
func TestRefusalIsLocal(t *testing.T) {
	e := &scripted{refuses: func(s Submission) bool { return s.Name == "kerb.g.parts.big" }}
	a, _ := newApplier(e)
	submit := func(key string, after ...Ref) Submit {
		s := Submit{Ref: Ref{key, 1}, Name: "kerb.g." + key, Indices: []int{0}}
		for _, r := range after {
			s.After = append(s.After, Link{AfterOK, r})
		}
		return s
	}
	script := a.Script
	a.Script = func(s Submit) (string, error) {
		if s.Ref.Key == "parts.huge" {
			return "", errors.New("no partition has so much memory")
		}
		return script(s)
	}
	err := a.Apply(t.Context(), []Action{
		submit("parts.huge"), submit("combine.huge", Ref{"parts.huge", 1}), submit("parts.big"), submit("combine.big", Ref{"parts.big", 1}),
		submit("compute"), submit("recover", Ref{"parts.huge", 1}, Ref{"parts.big", 1}, Ref{"compute", 1}),
	})
	for _, want := range []string{"so much memory", "node configuration"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("nobody is told of %q: %v", want, err)
		}
	}
	want := []string{"submit run:parts.big:1", "submit run:compute:1", "submit run:recover:1"}
	if d := cmp.Diff(want, e.asked); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]Link{{AfterOK, Ref{"compute", 1}}}, a.Ledger.Submission(Ref{"recover", 1}).After); d != "" {
		t.Errorf("what the recover job follows (-want +got):\n%s", d)
	}
}

// Where no other node is left, a task is tried again on the one where it failed.
func TestNoOtherNode(t *testing.T) {
	e := &scripted{refuses: func(s Submission) bool { return len(s.Exclude) > 0 }}
	a, written := newApplier(e)
	if err := a.Apply(t.Context(), []Action{Submit{Ref: Ref{"scan", 2}, Step: Scan, Indices: []int{0}, Exclude: []string{"n1"}}}); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]EntryKind{EntryIntent, EntryAccepted}, kinds(*written)); d != "" {
		t.Error(d)
	}
}

func TestApplyStopsWithoutALease(t *testing.T) {
	e := &scripted{}
	a, written := newApplier(e)
	a.Check = func() error { return errors.New("taken over") }
	if err := a.Apply(t.Context(), []Action{Submit{Ref: Ref{"scan", 1}}}); err == nil || len(e.asked)+len(*written) > 0 {
		t.Errorf("%v, %v, %v", err, e.asked, *written)
	}
}
