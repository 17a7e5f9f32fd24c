package workdirs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func newTestRun(t testing.TB) (*Group, *Run) {
	t.Helper()
	w, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	g, err := w.Group("g")
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Define(GroupInfo{Codes: []string{"a"}}, []byte("a,/x/*.nc\n")); err != nil {
		t.Fatal(err)
	}
	r, err := g.NewRun(RunInfo{From: "scan", To: "catalog"}, map[string]string{"plan": "x"})
	if err != nil {
		t.Fatal(err)
	}
	return g, r
}

func TestGroupsAndRuns(t *testing.T) {
	g, first := newTestRun(t)
	second, err := g.NewRun(RunInfo{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	runs, err := g.Runs()
	if err != nil || len(runs) != 2 || runs[0].ID != first.ID || runs[1].ID != second.ID {
		t.Fatalf("runs %v, %v; want %s, %s", runs, err, first.ID, second.ID)
	}
	w, err := Open(filepath.Dir(filepath.Dir(g.Dir())))
	if err != nil {
		t.Fatal(err)
	}
	found, err := w.FindRun(first.ID)
	if err != nil || found.Group != "g" {
		t.Fatalf("run %s: %v, %v", first.ID, found, err)
	}
	for _, id := range []string{"", ".", "..", "../runs", "no-such-run"} {
		if r, err := w.FindRun(id); err == nil {
			t.Errorf("run %q is found: %v", id, r.Dir())
		}
	}
	if _, err := w.Group("../x"); err == nil {
		t.Error("a group outside the workdir is accepted")
	}
}

func TestRecordsSurviveCompaction(t *testing.T) {
	_, r := newTestRun(t)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var want []Record
	for job := range 3 {
		for index := range 20 {
			for attempt := 1; attempt <= 2; attempt++ {
				rec := Record{Job: fmt.Sprint("j", job), Index: index, Attempt: attempt, State: Failed, Class: "io", Message: "line\nbreak \"quoted\"", Start: start, End: start.Add(time.Minute), Source: "task",
					Items: []ItemResult{{Code: "a", State: Done, Seconds: 1.5}}, Redo: []int{1}, Counters: map[string]int64{"refs": 5}}
				want = append(want, rec)
				if err := r.WriteRecord(rec); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := r.Compact(30); err != nil {
			t.Fatal(err)
		}
	}
	for _, rec := range []Record{ // the plain form, and what does not fit it
		{Job: "k", Attempt: 1, State: Done, Host: "h", Start: start.Add(1), End: start.Add(2), Peak: 7, Source: "task", Items: []ItemResult{{Code: "a", Part: 3, State: Done, Seconds: 0.25}}},
		{Job: "k", Attempt: 2, State: Failed, Class: "memory", Source: "squeue", End: start},
		{Job: "k", Attempt: 3, State: Done, Host: "tab\there", Source: "task"},
		{Job: "k", Attempt: 4, State: Done, Source: "task", Items: []ItemResult{{Code: "a", State: Done}, {Code: "b", State: Skipped}}},
	} {
		want = append(want, rec)
		if err := r.WriteRecord(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Compact(1); err != nil {
		t.Fatal(err)
	}
	check := func(what string) {
		t.Helper()
		got, err := r.Records()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%s (-want +got):\n%s", what, d)
		}
	}
	check("compacted")
	if loose, err := r.looseRecords(); err != nil || len(loose) != 0 {
		t.Fatalf("%d records are left over, %v", len(loose), err)
	}
	one, err := r.TaskRecords("j1", 7)
	if err != nil || len(one) != 2 || one[0].Index != 7 || one[1].Attempt != 2 {
		t.Fatalf("records of one task: %v, %v", one, err)
	}

	// A crash between the two halves of a compaction leaves records in both places: they count once.
	if err := r.WriteRecord(want[0]); err != nil {
		t.Fatal(err)
	}
	check("half compacted")

	// A process that the scheduler gave up writes late: its own word stands against what was concluded.
	concluded := want[1]
	concluded.Source, concluded.Class = "squeue", "node"
	if err := r.WriteRecord(concluded); err != nil {
		t.Fatal(err)
	}
	check("concluded late")

	// Files that a crash left half-written are no records.
	if err := os.WriteFile(r.path(tasksDir, "j0", ".3.a1.json.tmp-1"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	check("with a temporary file")
}

// Readers that run beside compaction never miss a record.
func TestRecordsWhileCompacting(t *testing.T) {
	_, r := newTestRun(t)
	const n = 200
	for i := range n {
		if err := r.WriteRecord(Record{Job: "j", Index: i, Attempt: 1, State: Done, Source: "task"}); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if got, err := r.Records(); err != nil || len(got) != n {
				t.Errorf("%d records, %v; want %d", len(got), err, n)
				return
			}
		}
	})
	for i := range 30 {
		if err := r.Compact(1); err != nil {
			t.Fatal(err)
		}
		for k := range 5 {
			if err := r.WriteRecord(Record{Job: "j", Index: (i*5 + k) % n, Attempt: 1, State: Done, Source: "task"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(stop)
	wg.Wait()
}

func TestJournalSurvivesACutLine(t *testing.T) {
	_, r := newTestRun(t)
	for i := range 3 {
		if err := r.AppendJournal(map[string]int{"n": i}); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(r.path(journalFile), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(`{"n": 9`); err != nil { // a crash in the middle of a write
			t.Fatal(err)
		}
		f.Close()
	}
	var got []int
	err := r.ReadJournal(func(line []byte) error {
		var e map[string]int
		err := json.Unmarshal(line, &e)
		got = append(got, e["n"])
		return err
	})
	if d := cmp.Diff([]int{0, 1, 2}, got); err != nil || d != "" {
		t.Fatalf("%v\n%s", err, d)
	}
}

func TestEvents(t *testing.T) {
	_, r := newTestRun(t)
	w, err := r.OpenEvents("j", 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, ok, err := r.LastEvent("j", 3, 2); ok || err != nil {
		t.Fatalf("an empty file has an event, %v", err)
	}
	for i := range 200 {
		if _, err := w.Append(Event{Code: "a", Done: int64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if e, ok, err := r.LastEvent("j", 3, 2); !ok || err != nil || e.Done != 199 || e.Seq != 200 || e.Attempt != 2 {
		t.Fatalf("last event %+v, %v, %v", e, ok, err)
	}
}

func TestLeaseIsExclusive(t *testing.T) {
	g, _ := newTestRun(t)
	var holders, most, taken atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 40 {
				_, l, err := g.Acquire(t.Context())
				if _, held := errors.AsType[*HeldError](err); held {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n > most.Load() {
					most.Store(n)
				}
				taken.Add(1)
				if err := l.Check(); err != nil {
					t.Error(err)
				}
				holders.Add(-1)
				if err := l.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 || taken.Load() == 0 {
		t.Fatalf("%d held the lease at once, and it was taken %d times", most.Load(), taken.Load())
	}
}

func TestLeaseTakeover(t *testing.T) {
	g, _ := newTestRun(t)
	_, first, err := g.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.Acquire(context.Background()); err == nil {
		t.Fatal("a lease was given twice")
	}
	// A holder on another host that nobody has heard of for longer than the limit.
	far := LeaseHolder{Host: "elsewhere", PID: 1, Since: time.Now()}
	if err := WriteJSON(first.path, far); err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.Acquire(context.Background()); err == nil {
		t.Fatal("a young lease was taken over")
	}
	old := time.Now().Add(-leaseTTL - time.Second)
	if err := os.Chtimes(first.path, old, old); err != nil {
		t.Fatal(err)
	}
	_, second, err := g.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if second.Revision <= first.Revision {
		t.Errorf("revision %d follows %d", second.Revision, first.Revision)
	}
	if first.Check() == nil {
		t.Error("the first holder does not notice")
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if err := second.Check(); err != nil {
		t.Errorf("the first holder's release took the lease from the second: %v", err)
	}
	if err := second.Release(); err != nil {
		t.Fatal(err)
	}

	// A dead process of this host is not waited for.
	_, third, err := g.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	host, _ := os.Hostname()
	if err := WriteJSON(third.path, LeaseHolder{Host: host, PID: 1 << 30, Since: time.Now()}); err != nil {
		t.Fatal(err)
	}
	_, fourth, err := g.Acquire(context.Background())
	if err != nil {
		t.Fatalf("the lease of a dead process holds: %v", err)
	}
	third.cancel(nil)
	if err := fourth.Release(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkRecords is the first look at a run of 100,000 tasks, compacted and loose.
func BenchmarkRecords(b *testing.B) {
	const n = 100_000
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	record := func(i int) Record {
		return Record{Job: fmt.Sprint("compute+", i/1000), Index: i % 1000, Attempt: 1, State: Done, Host: "host123", Start: start, End: start.Add(time.Minute), Peak: 1 << 28, Source: "task",
			Items: []ItemResult{{Code: fmt.Sprint("dataset-", i), State: Done, Seconds: 59.123}}}
	}
	look := func(b *testing.B, dir string) {
		b.ReportAllocs()
		for b.Loop() {
			r := &Run{dir: dir}
			if got, err := r.Records(); err != nil || len(got) != n {
				b.Fatalf("%d records, %v", len(got), err)
			}
		}
	}
	b.Run("compacted", func(b *testing.B) {
		_, r := newTestRun(b)
		list := make([]Record, n)
		for i := range list {
			list[i] = record(i)
		}
		slices.SortFunc(list, func(a, b Record) int { return compareTasks(&a, &b) })
		var text []byte
		for i := range list {
			var err error
			if text, err = appendCompact(text, &list[i]); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.WriteFile(r.path(tasksDir, compactedFile), text, 0o644); err != nil {
			b.Fatal(err)
		}
		look(b, r.dir)
	})
	b.Run("loose", func(b *testing.B) {
		_, r := newTestRun(b)
		for i := range n {
			rec := record(i)
			path := r.recordPath(nameOf(&rec))
			text, err := json.Marshal(rec)
			if err == nil && rec.Index == 0 {
				err = os.MkdirAll(filepath.Dir(path), 0o755)
			}
			if err == nil {
				err = os.WriteFile(path, text, 0o644)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		look(b, r.dir)
	})
}
