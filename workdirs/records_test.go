package workdirs

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Whatever is written and compacted in whichever order, a process that goes on reading sees what one that begins anew sees, of all
// tasks and of each single one: of each attempt the best word that was ever written.
func TestRecordsAreTheBestWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "records")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		r := &Run{ID: "r", dir: dir}
		jobs := []string{"compute", "compute+2", "parts.a-b", "test"}
		best := map[recordName]Record{}
		for range rapid.IntRange(1, 30).Draw(t, "writes") {
			rec := Record{
				Job: rapid.SampledFrom(jobs).Draw(t, "job"), Index: rapid.IntRange(0, 12).Draw(t, "index"), Attempt: rapid.IntRange(1, 2).Draw(t, "attempt"),
				State: rapid.SampledFrom([]string{Running, Done, Failed}).Draw(t, "state"), Source: rapid.SampledFrom([]string{"task", "squeue"}).Draw(t, "source"),
			}
			if rec.State == Running {
				rec.Source = "task"
			}
			for i := range rapid.IntRange(0, 3).Draw(t, "items") {
				rec.Items = append(rec.Items, ItemResult{Code: fmt.Sprint("d", i), State: Done, Seconds: 0.5})
			}
			attempt := nameOf(&rec).as(ownWord)
			old, there := best[attempt]
			if there && nameOf(&old).kind <= nameOf(&rec).kind && nameOf(&old).final() {
				continue // nobody writes a second time, nor goes on after the end
			}
			best[attempt] = rec
			if err := r.WriteRecord(rec); err != nil {
				t.Fatal(err)
			}
			switch rapid.IntRange(0, 5).Draw(t, "then") {
			case 0:
				if err := r.Compact(rapid.IntRange(0, 20).Draw(t, "least")); err != nil {
					t.Fatal(err)
				}
			case 1:
				if _, err := r.Records(); err != nil {
					t.Fatal(err)
				}
			}
		}
		var want []Record
		for _, rec := range best {
			want = append(want, rec)
		}
		slices.SortFunc(want, func(a, b Record) int { return compareTasks(&a, &b) })
		for _, reader := range []*Run{r, {ID: "r", dir: dir}} {
			got, err := reader.Records()
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("(-want +got):\n%s", d)
			}
		}
		for _, job := range append(jobs, "a", "zz") {
			for index := range 14 {
				of := slices.DeleteFunc(slices.Clone(want), func(rec Record) bool { return rec.Job != job || rec.Index != index })
				got, err := r.TaskRecords(job, index)
				if err != nil {
					t.Fatal(err)
				}
				if len(of)+len(got) > 0 && !cmp.Equal(of, got) {
					t.Fatalf("%s %d: %v, want %v", job, index, got, of)
				}
			}
		}
	})
}

// Tasks that write what they have done so far, and then their last word, lose neither to a compaction that runs meanwhile.
func TestCompactionLosesNoWord(t *testing.T) {
	_, r := newTestRun(t)
	const tasks, items = 40, 4
	stop := make(chan struct{})
	var compacting, writing sync.WaitGroup
	compacting.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := r.Compact(1); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for worker := range 4 {
		writing.Go(func() {
			for index := worker; index < tasks; index += 4 {
				rec := Record{Job: fmt.Sprint("j", index%7), Index: index, Attempt: 1, State: Running, Source: "task"}
				for i := range items {
					rec.Items = append(rec.Items, ItemResult{Code: fmt.Sprint("d", i), State: Done})
					if i == items-1 {
						rec.State = Done
					}
					if err := r.WriteRecord(rec); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	writing.Wait()
	close(stop)
	compacting.Wait()
	if err := r.Compact(1); err != nil {
		t.Fatal(err)
	}
	got, err := r.Records()
	if err != nil || len(got) != tasks {
		t.Fatalf("%d records, %v, want %d", len(got), err, tasks)
	}
	for _, rec := range got {
		if rec.State != Done || len(rec.Items) != items {
			t.Errorf("the last word of %s %d is lost: %s after %d items", rec.Job, rec.Index, rec.State, len(rec.Items))
		}
	}
	entries, err := os.ReadDir(r.path(tasksDir))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v beside the compacted file, %v", entries, err)
	}
}

// Records that can't be read are an error at every look: those that could be read are not taken for all.
func TestDamagedRecordsStayAnError(t *testing.T) {
	r := &Run{ID: "r", dir: t.TempDir()}
	for i := range 10 {
		if err := r.WriteRecord(Record{Job: "compute", Index: i, Attempt: 1, State: Done, Source: "task"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Compact(1); err != nil {
		t.Fatal(err)
	}
	path := r.path(tasksDir, compactedFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text[:len(text)-10], 0o600); err != nil { // within the last record
		t.Fatal(err)
	}
	r = &Run{ID: "r", dir: r.dir} // which has not read them before
	for look := range 2 {
		if list, err := r.Records(); err == nil {
			t.Errorf("look %d finds %d records and no error", look, len(list))
		}
	}
}
