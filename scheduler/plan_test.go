package scheduler

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
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
		large := map[string]Needs{}
		var needs []Needs
		for i := range n {
			code := fmt.Sprint("d", i)
			codes = append(codes, code)
			need := Needs{Code: code, Steps: map[Step]Request{Compute: {
				Memory: rapid.Int64Range(0, 40).Draw(t, "memory") * gibibyte / 4,
				Time:   time.Duration(rapid.IntRange(0, 300).Draw(t, "seconds")) * time.Second,
			}}}
			if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
				need.Parts = rapid.IntRange(0, 150).Draw(t, "parts")
				need.Combines = rapid.IntRange(0, 80).Draw(t, "combines")
				need.Reduces = rapid.IntRange(0, 80).Draw(t, "reduces")
				large[code] = need
			}
			needs = append(needs, need)
		}
		plan, err := NewPlan("g", Scan, Catalog, codes, limits)
		if err != nil {
			t.Fatal(err)
		}
		plan.Client = rapid.Bool().Draw(t, "client")
		light := map[string]bool{}
		var begun []Needs
		for _, n := range needs {
			if _, own := large[n.Code]; !own && rapid.Bool().Draw(t, "light") {
				light[n.Code] = true
				begun = append(begun, n)
			}
		}
		plan = plan.Begin(begun)
		cut := rapid.IntRange(0, n).Draw(t, "configured at first")
		plan = plan.Extend(needs[:cut])
		later := slices.DeleteFunc(slices.Clone(codes[cut:]), func(code string) bool { return light[code] })
		if got := plan.Missing(); !slices.Equal(got, later) {
			t.Fatalf("missing %v, want %v", got, later)
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
			if n, own := large[j.Tasks[0][0].Code]; own && strings.HasSuffix(j.Name, "."+n.Code) && len(j.After) > 0 {
				before := keys[j.After[0].Key].Step // all of whose tasks must have ended
				for _, up := range keys {
					if up.Step == before && strings.HasSuffix(up.Name, "."+n.Code) && !slices.Contains(j.After, Wait{AfterOK, up.Key}) {
						t.Fatalf("job %s does not wait for %s", j.Key, up.Key)
					}
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
			for p := range large[code].Reduces {
				want[fmt.Sprint(Reduce, Item{code, p})] = 1
			}
			if large[code].Parts == 0 {
				want[fmt.Sprint(Compute, Item{code, -1})] = 1
				continue
			}
			for p := range large[code].Parts {
				want[fmt.Sprint(Parts, Item{code, p})] = 1
			}
			for c := range large[code].Combines {
				want[fmt.Sprint(Combine, Item{code, c})] = 1
			}
			if large[code].Combines < 2 {
				delete(want, fmt.Sprint(Combine, Item{code, 0}))
				want[fmt.Sprint(Combine, Item{code, -1})] = 1
			}
			want[fmt.Sprint(Correct, Item{code, -1})] = 1
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
		{300, 10, 300},    // two of them are longer than what a task is to have
		{600, 10, 256},    // as many as run at once
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
		p, err := NewPlan("g", from, to, []string{"a", "b", "c", "d"}, DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		p = p.Begin([]Needs{{Code: "d"}}).Extend([]Needs{{Code: "a"}, {Code: "b", Parts: 2, Combines: 2, Reduces: 2}, {Code: "c", Reduces: 2}})
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
		{Scan, Scan, []string{"scan", "scan+2"}},
		{Scan, Configure, []string{"scan", "configure", "scan+2", "configure+2"}},
		{Compute, Compute, []string{"compute", "parts.b", "combine.b", "correct.b"}},
		{Catalog, Catalog, []string{"catalog"}},
		{Test, Catalog, []string{"test", "catalog", "reduce.b", "test.b", "catalog.b", "reduce.c", "test.c", "catalog.c"}},
		{Configure, Test, []string{"configure", "compute", "test", "configure+2", "compute+2", "test+2", "parts.b", "combine.b", "correct.b", "reduce.b", "test.b", "compute.c", "reduce.c", "test.c"}},
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
