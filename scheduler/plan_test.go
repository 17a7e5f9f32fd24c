package scheduler

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// However work is cut, every dataset and every part is in exactly one task of each of its steps, no array is over the limit, and
// each job waits for jobs before it that hold the same datasets.
func TestPlanLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "datasets")
		limits := Limits{
			MaxArraySize: rapid.IntRange(1, 70).Draw(t, "array size"),
			PackTime:     time.Duration(rapid.IntRange(0, 600).Draw(t, "pack")) * time.Second,
			Width:        rapid.IntRange(0, 30).Draw(t, "width"),
		}
		var codes []string
		parts := map[string]int{}
		var needs []Needs
		for i := range n {
			code := fmt.Sprint("d", i)
			codes = append(codes, code)
			need := Needs{Code: code, Steps: map[Step]Request{Compute: {
				Memory: rapid.Int64Range(0, 40).Draw(t, "memory") * gibibyte / 4,
				Time:   time.Duration(rapid.IntRange(0, 300).Draw(t, "seconds")) * time.Second,
			}}}
			if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
				need.Parts = rapid.IntRange(1, 150).Draw(t, "parts")
				parts[code] = need.Parts
			}
			needs = append(needs, need)
		}
		plan, err := NewPlan("g", Scan, Catalog, codes, limits)
		if err != nil {
			t.Fatal(err)
		}
		plan.Client = rapid.Bool().Draw(t, "client")
		cut := rapid.IntRange(0, n).Draw(t, "configured at first")
		plan = plan.Extend(needs[:cut])
		if got := plan.Missing(); !slices.Equal(got, codes[cut:]) {
			t.Fatalf("missing %v, want %v", got, codes[cut:])
		}
		frozen := plan.Jobs
		plan = plan.Extend(needs) // those planned already are named again
		if !cmp.Equal(frozen, plan.Jobs[:len(frozen)]) {
			t.Fatal("planned jobs have changed")
		}
		if again := plan.Extend(needs); len(again.Jobs) != len(plan.Jobs) {
			t.Fatal("extending twice adds jobs")
		}

		seen := map[string]int{}
		keys := map[string]*Job{}
		for i := range plan.Jobs {
			j := &plan.Jobs[i]
			if keys[j.Key] != nil {
				t.Fatalf("key %s is given twice", j.Key)
			}
			if len(j.Tasks) == 0 || len(j.Tasks) > limits.MaxArraySize {
				t.Fatalf("job %s has %d tasks, limit %d", j.Key, len(j.Tasks), limits.MaxArraySize)
			}
			for _, task := range j.Tasks {
				if len(task) == 0 {
					t.Fatalf("job %s has an empty task", j.Key)
				}
				for _, item := range task {
					seen[fmt.Sprint(j.Step, item)]++
					if w := needs[slices.Index(codes, item.Code)].Steps[Compute]; j.Step == Compute && (j.Request.Memory < w.Memory || j.Request.Time < w.Time) {
						t.Fatalf("job %s asks for less than %s needs", j.Key, item.Code)
					}
				}
			}
			for _, w := range j.After {
				up := keys[w.Key]
				if up == nil {
					t.Fatalf("job %s waits for %s, which does not stand before it", j.Key, w.Key)
				}
				if w.Kind == AfterCorr && !cmp.Equal(up.Tasks, j.Tasks) {
					t.Fatalf("job %s and %s pair different tasks", j.Key, up.Key)
				}
				if up.Step == Client || j.Step == Client && up.Step != Test {
					t.Fatalf("job %s waits for %s", j.Key, up.Key)
				}
			}
			keys[j.Key] = j
		}
		want := map[string]int{}
		for _, code := range codes {
			for _, s := range []Step{Scan, Configure, Test, Catalog} {
				want[fmt.Sprint(s, Item{code, -1})] = 1
			}
			if plan.Client {
				want[fmt.Sprint(Client, Item{code, -1})] = 1
			}
			if parts[code] == 0 {
				want[fmt.Sprint(Compute, Item{code, -1})] = 1
				continue
			}
			for _, s := range []Step{Combine, Correct} {
				want[fmt.Sprint(s, Item{code, -1})] = 1
			}
			for p := range parts[code] {
				want[fmt.Sprint(Parts, Item{code, p})] = 1
			}
		}
		if d := cmp.Diff(want, seen); d != "" {
			t.Fatalf("tasks (-want +got):\n%s", d)
		}

		text, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		var read Plan
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(plan, read); d != "" {
			t.Fatalf("the plan changes on disk:\n%s", d)
		}
	})
}

// Few datasets get a task each, so that they run at once; thousands of quick ones share.
func TestPacking(t *testing.T) {
	for _, c := range []struct {
		datasets  int
		seconds   int
		wantTasks int
	}{
		{60, 10, 60},
		{256, 10, 256},
		{9000, 10, 750},   // 12 of 10 s in 2 minutes
		{9000, 300, 9000}, // each is longer than what is packed
	} {
		var codes []string
		var needs []Needs
		for i := range c.datasets {
			code := fmt.Sprint("d", i)
			codes = append(codes, code)
			needs = append(needs, Needs{Code: code, Steps: map[Step]Request{Compute: {Memory: gibibyte, Time: time.Duration(c.seconds) * time.Second}}})
		}
		plan, err := NewPlan("g", Compute, Compute, codes, Limits{MaxArraySize: 100000, PackTime: 2 * time.Minute, Width: 256})
		if err != nil {
			t.Fatal(err)
		}
		plan = plan.Extend(needs)
		if len(plan.Jobs) != 1 || len(plan.Jobs[0].Tasks) != c.wantTasks {
			t.Errorf("%d datasets of %d s: %d jobs, %d tasks in the first, want %d", c.datasets, c.seconds, len(plan.Jobs), len(plan.Jobs[0].Tasks), c.wantTasks)
		}
	}
}

func TestPlanPhases(t *testing.T) {
	keys := func(from, to Step) []string {
		p, err := NewPlan("g", from, to, []string{"a", "b"}, DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		p = p.Extend([]Needs{{Code: "a"}, {Code: "b", Parts: 2}})
		var keys []string
		for _, j := range p.Jobs {
			keys = append(keys, j.Key)
		}
		return keys
	}
	for _, c := range []struct {
		from, to Step
		want     []string
	}{
		{Scan, Scan, []string{"scan"}},
		{Scan, Configure, []string{"scan", "configure"}},
		{Compute, Compute, []string{"compute", "parts.b", "combine.b", "correct.b"}},
		{Test, Catalog, []string{"test", "catalog"}},
		{Configure, Test, []string{"configure", "compute", "test", "parts.b", "combine.b", "correct.b", "test.b"}},
	} {
		if d := cmp.Diff(c.want, keys(c.from, c.to)); d != "" {
			t.Errorf("%s to %s:\n%s", c.from, c.to, d)
		}
	}
	for _, bad := range [][2]Step{{Catalog, Scan}, {"init", Scan}, {Scan, Parts}} {
		if _, err := NewPlan("g", bad[0], bad[1], []string{"a"}, DefaultLimits); err == nil {
			t.Errorf("a plan from %s to %s is accepted", bad[0], bad[1])
		}
	}
	if _, err := NewPlan("g", Scan, Catalog, nil, DefaultLimits); err == nil {
		t.Error("a plan without datasets is accepted")
	}
}
