package workdirs_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cedadev/kerchunk-builder/workdirs"
)

func eventsOf(t *testing.T) (*workdirs.Run, workdirs.Attempt, string) {
	t.Helper()
	w, err := workdirs.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	g, err := w.Group("ocean")
	if err != nil {
		t.Fatal(err)
	}
	run := g.Run("1")
	a := workdirs.Attempt{Job: "compute", Index: 7, Attempt: 2}
	events, err := run.OpenEvents(a.Job, a.Index, a.Attempt)
	if err != nil {
		t.Fatal(err)
	}
	if err := events.Close(); err != nil {
		t.Fatal(err)
	}
	return run, a, filepath.Join(run.Dir(), "events", "compute", "7.a2.ndjson")
}

// TestTailOfGrowingFile: however a file's bytes come, its events are read once each and in order, and what is no event of the attempt is not.
func TestTailOfGrowingFile(t *testing.T) {
	run, a, path := eventsOf(t)
	var text strings.Builder
	var want []int
	for seq := 1; seq <= 300; seq++ {
		switch rand.IntN(6) {
		case 0:
			text.WriteString("no event\n\n{}\n")
		case 1:
			fmt.Fprintf(&text, `{"job":"compute","index":8,"attempt":2,"seq":%d}`+"\n", seq)
		case 2:
			if seq%50 == 0 {
				text.WriteString(strings.Repeat("x", 200<<10) + "\n")
			}
		}
		fmt.Fprintf(&text, `{"job":"compute","index":7,"attempt":2,"seq":%d,"message":"%s"}`+"\n", seq, strings.Repeat("m", rand.IntN(2000)))
		want = append(want, seq)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tail := run.TailEvents()
	var got []int
	for rest := text.String(); rest != ""; {
		n := min(1+rand.IntN(20_000), len(rest))
		if _, err := f.WriteString(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
		stopAfter := rand.IntN(20)
		err := tail.Read(a, func(e workdirs.Event) bool {
			got = append(got, e.Seq)
			stopAfter--
			return stopAfter != 0
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := tail.Read(a, func(e workdirs.Event) bool { got = append(got, e.Seq); return true }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d events, want %d: %v", len(got), len(want), got)
	}
}

func TestEventFiles(t *testing.T) {
	run, a, path := eventsOf(t)
	for _, name := range []string{"x.a1.ndjson", "1.ndjson", "1.a0.ndjson", "-1.a1.ndjson", "1.a1.json"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := run.EventFiles(); err != nil || !slices.Equal(got, []workdirs.Attempt{a}) {
		t.Errorf("got %v: %v", got, err)
	}
}

// TestEventNumbersGoOn: an attempt that a scheduler starts again does not use its numbers twice.
func TestEventNumbersGoOn(t *testing.T) {
	run, a, _ := eventsOf(t)
	for want := 1; want <= 4; {
		events, err := run.OpenEvents(a.Job, a.Index, a.Attempt)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			e, err := events.Append(workdirs.Event{})
			if err != nil || e.Seq != want {
				t.Errorf("number %d, want %d: %v", e.Seq, want, err)
			}
			want++
		}
		if err := events.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
