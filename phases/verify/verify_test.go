package verify

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// run does all checks, over all chunks.
func run(t *testing.T, a *archive, n int64) *Report {
	t.Helper()
	ctx := context.Background()
	locator := FromPlan(&a.plan)
	references, err := References(ctx, a, locator, a)
	if err != nil {
		t.Fatal(err)
	}
	values, err := Values(ctx, a, a, locator, a, n, 1)
	if err != nil {
		t.Fatal(err)
	}
	stale, err := Stale(ctx, a.plan.Files, a)
	if err != nil {
		t.Fatal(err)
	}
	return NewReport("store.parq", 1, references, values, stale)
}

func TestAFaultlessStorePasses(t *testing.T) {
	for _, n := range []int64{All, 0, 7, 1000} {
		if r := run(t, newArchive(t), n); r.Verdict != Passed {
			t.Errorf("n = %d: %s", n, r)
		}
	}
	r := run(t, newArchive(t), All)
	const chunks = 1 + 1 + nFiles*nTimes // lat, time, temp
	if r.Checks[0].Checked != chunks || r.Checks[1].Checked != chunks || r.Checks[2].Checked != nFiles {
		t.Error(r)
	}
}

func TestPlantedFaultsAreFoundAndNamed(t *testing.T) {
	for _, c := range []struct {
		name  string
		plant func(a *archive)
		// want is, for each check that must find something, the start of one of its faults and words in it.
		want map[string][]string
	}{
		{"a shifted chunk", func(a *archive) { a.refs["temp"][5] = a.refs["temp"][4] },
			map[string][]string{
				"references": {"repeated temp chunk 5.0.0 of day1.nc", "temp chunk 4.0.0"},
				"values":     {"misplaced temp chunk 5.0.0 of day1.nc", "1200.25", "1100.25", "12 of 12 elements differ"},
			}},
		{"a swapped file", func(a *archive) {
			a.refs["temp"][3], a.refs["temp"][12] = a.refs["temp"][12], a.refs["temp"][3]
		}, map[string][]string{
			"values": {"misplaced temp chunk 3.0.0 of day1.nc", "bytes at", "of day4.nc", "element [3 0 0]"},
		}},
		{"one bit", func(a *archive) {
			raw, _ := a.ReadChunk(context.Background(), "temp", 7)
			raw = slices.Clone(raw)
			raw[8*7+7] ^= 1
			a.refs["temp"][7] = virtual.Reference{Inline: raw}
		}, map[string][]string{
			"values": {"value temp chunk 7.0.0 of day2.nc", "element [7 2 1]", "1 of 12 elements differ"},
		}},
		{"a truncated source", func(a *archive) { a.files["day3.nc"] = a.files["day3.nc"][:300] },
			map[string][]string{
				"references": {"outside temp chunk 10.0.0 of day3.nc", "bytes of a file of 300"},
				"values":     {"source temp chunk 9.0.0 of day3.nc", "cut short"},
				"sources":    {"changed of day3.nc", "found 300 bytes"},
			}},
		{"a missing record", func(a *archive) { a.refs["temp"][14].Size = -1 },
			map[string][]string{
				"references": {"missing temp chunk 14.0.0 of day4.nc", "elements [2 0 0] of temp", "no reference"},
				"values":     {"missing temp chunk 14.0.0 of day4.nc", "no reference"},
			}},
		{"a missing record between others", func(a *archive) { a.refs["temp"][7].Size = -1 },
			map[string][]string{
				"references": {"missing temp chunk 7.0.0 of day2.nc", "elements [1 0 0] of temp", "no reference"},
				"values":     {"missing temp chunk 7.0.0 of day2.nc", "no reference"},
			}},
		{"a missing contiguous variable", func(a *archive) { a.refs["lat"][0].Size = -1 },
			map[string][]string{
				"references": {"missing lat chunk 0 of day0.nc", "elements [0] of lat", "no reference"},
				"values":     {"missing lat chunk 0 of day0.nc", "no reference"},
			}},
		{"a missing file", func(a *archive) { delete(a.files, "day2.nc") },
			map[string][]string{
				"references": {"source of day2.nc", fs.ErrNotExist.Error()},
				"values":     {"source temp chunk 6.0.0 of day2.nc", fs.ErrNotExist.Error()},
				"sources":    {"source of day2.nc", fs.ErrNotExist.Error()},
			}},
		{"a chunk that begins four bytes late", func(a *archive) { a.refs["temp"][0].Offset += 4 },
			map[string][]string{
				"values": {"misplaced temp chunk 0.0.0 of day0.nc"},
			}},
		{"a chunk that reaches into the next", func(a *archive) { a.refs["temp"][1].Size += 8 },
			map[string][]string{
				"references": {"overlap temp chunk 2.0.0 of day0.nc", "temp chunk 1.0.0"},
				"values":     {"unreadable temp chunk 1.0.0 of day0.nc"},
			}},
		{"a chunk outside of the grid", func(a *archive) { a.stray = &zarr.Row{Index: 15, Reference: a.refs["lat"][0]} },
			map[string][]string{"references": {"grid temp:", "found chunk 15"}}},
		{"a chunk twice", func(a *archive) { a.stray = &zarr.Row{Index: 3, Reference: a.refs["temp"][3]} },
			map[string][]string{"references": {"grid temp:", "found chunk 3"}}},
		{"a negative offset", func(a *archive) { a.refs["lat"][0].Offset = -4 },
			map[string][]string{"references": {"outside lat chunk 0 of day0.nc", "offset -4"}}},
		{"a wrong time", func(a *archive) {
			binary.BigEndian.PutUint32(a.refs["time"][0].Inline[4*4:], 33)
		}, map[string][]string{
			"values": {"value time chunk 0 of day1.nc", "8 (0x00000008) hours since 2000-01-02, 2000-01-02T08:00:00 at element [4]", "2000-01-02T09:00:00 (1 of 3 elements differ)"},
		}},
		{"units that the times are not in", func(a *archive) {
			a.plan.Dataset.Arrays[1].Attributes = []cdm.Attribute{{Name: "units", Value: "minutes since 2000-01-01"}}
		}, map[string][]string{
			"values": {"value time chunk 0 of day0.nc", "minutes since 2000-01-01, 2000-01-01T00:08:00 (2 of 3 elements differ)"},
		}},
		{"another type", func(a *archive) { a.plan.Dataset.Arrays[0].Type.Big = false },
			map[string][]string{"values": {"type lat chunk 0 of day0.nc", "expected >f4, found <f4"}}},
		{"a part of no file", func(a *archive) { a.plan.Files[2].Lacks = []string{"temp"} },
			map[string][]string{"values": {"unlocated temp chunk 6.0.0", "a file for each"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newArchive(t)
			c.plant(a)
			if c.name == "a negative offset" { // nothing to read there
				r, err := References(context.Background(), a, FromPlan(&a.plan), a)
				if err != nil {
					t.Fatal(err)
				}
				found(t, r, c.want["references"])
				return
			}
			report := run(t, a, All)
			if report.Verdict != Failed {
				t.Fatal("nothing was found")
			}
			for _, check := range report.Checks {
				found(t, check, c.want[check.Check])
			}
		})
	}
}

// found checks that a result has a fault that starts with the first of words and has the others in it;
// without words, that it has none.
func found(t *testing.T, r *Result, words []string) {
	t.Helper()
	if words == nil {
		if len(r.Faults) > 0 {
			t.Errorf("%s: unexpected %s", r.Check, r.Faults)
		}
		return
	}
	for _, f := range r.Faults {
		line := f.String()
		if strings.HasPrefix(line, words[0]) && !slices.ContainsFunc(words[1:], func(w string) bool { return !strings.Contains(line, w) }) {
			return
		}
	}
	t.Errorf("%s: no fault with %q in\n%s", r.Check, words, r.Faults)
}

func TestUnwrittenChunksNeedNoReference(t *testing.T) {
	a := newArchive(t)
	a.sparse["day1.nc"] = 2
	a.refs["temp"][5].Size = -1
	// The netCDF fill value is what unwritten storage reads as, so zeros would be a fault: see the next test.
	result, err := References(context.Background(), a, FromPlan(&a.plan), a)
	if err != nil || len(result.Faults) > 0 {
		t.Error(err, result)
	}
}

func TestFillValuesOfUnwrittenChunksAreCompared(t *testing.T) {
	a := newArchive(t)
	a.sparse["day1.nc"] = 2
	a.refs["temp"][5].Size = -1 // and reads as zeros
	result, err := Values(context.Background(), a, a, FromPlan(&a.plan), a, All, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Faults) != 1 || !strings.Contains(result.Faults[0].String(), "9.969209968386869e+36") {
		t.Error(result.Faults)
	}
}

func TestWholeChunksMayBeSharedByArrays(t *testing.T) {
	a := newArchive(t)
	twin, lay := a.plan.Dataset.Arrays[0], a.plan.Layouts[0]
	twin.Path = "lat2"
	a.plan.Dataset.Arrays, a.plan.Layouts = append(a.plan.Dataset.Arrays, twin), append(a.plan.Layouts, lay)
	a.refs["lat2"] = a.refs["lat"]
	result, err := References(context.Background(), a, FromPlan(&a.plan), a)
	if err != nil || len(result.Faults) > 0 {
		t.Error(err, result)
	}
}

// With a ledger too small for the files at once they take turns, and the same is found.
func TestTurnsFindTheSame(t *testing.T) {
	find := func(limit int64) []Fault {
		a := newArchive(t)
		a.refs["temp"][5], a.refs["temp"][13] = a.refs["temp"][4], a.refs["temp"][12]
		a.refs["temp"][1].Size += 8
		r, err := (&references{store: a, locator: FromPlan(&a.plan), sources: a, limit: limit}).check(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return r.Faults
	}
	want := find(maxExtents)
	if len(want) != 3 {
		t.Fatal(want)
	}
	if d := cmp.Diff(want, find(1)); d != "" {
		t.Error(d)
	}
}

func TestTransientErrorsBreakTheCheckOff(t *testing.T) {
	broken := errors.New("connection reset")
	for name, check := range map[string]func(a *archive) error{
		"references": func(a *archive) error {
			_, err := References(context.Background(), a, FromPlan(&a.plan), a)
			return err
		},
		"values": func(a *archive) error {
			_, err := Values(context.Background(), a, a, FromPlan(&a.plan), a, All, 0)
			return err
		},
		"stale": func(a *archive) error { _, err := Stale(context.Background(), a.plan.Files, a); return err },
	} {
		a := newArchive(t)
		a.gone["day2.nc"] = broken
		if err := check(a); !errors.Is(err, broken) || !strings.Contains(err.Error(), "day2.nc") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManyFaultsAreCountedAndSomeListed(t *testing.T) {
	r := &Result{}
	for i := range 100 {
		r.add(Fault{Kind: Value, Variable: "a", Chunk: []int64{int64(i)}})
		r.add(Fault{Kind: Value, Variable: "b", Chunk: []int64{int64(i)}})
	}
	report := NewReport("s", 0, r)
	if len(r.Faults) != 2*maxListed || r.More != 200-2*maxListed {
		t.Errorf("%d listed and %d more", len(r.Faults), r.More)
	}
	if report.Faults != 200 || report.Verdict != Failed {
		t.Error(report)
	}
}

func TestKnownFaultsAreAccepted(t *testing.T) {
	faults := func() *Result {
		r := &Result{Check: "values"}
		for i := range 100 {
			r.add(Fault{Kind: Value, Variable: "a", File: "x.nc", Chunk: []int64{int64(i)}, Expected: "1", Found: "2"})
		}
		r.add(Fault{Kind: Value, Variable: "b", File: "x.nc", Chunk: []int64{7}, Expected: "1", Found: "2"})
		return r
	}
	for _, c := range []struct {
		name           string
		known          []Fault
		accepted, left int64
		gone           int
	}{
		{"every chunk of a variable", []Fault{{Kind: Value, Variable: "a"}}, 100, 1, 0},
		{"one chunk", []Fault{{Kind: Value, Variable: "a", Chunk: []int64{5}}}, 1, 100, 0},
		{"all of a file", []Fault{{Kind: Value, File: "x.nc"}}, 101, 0, 0},
		{"another kind", []Fault{{Kind: Missing, Variable: "a"}}, 0, 101, 1},
		{"other values", []Fault{{Kind: Value, Variable: "b", Expected: "1", Found: "3"}}, 0, 101, 1},
		{"another file", []Fault{{Kind: Value, Variable: "b", File: "y.nc"}}, 0, 101, 1},
		{"a report", faults().Faults, 101, 0, 0},
	} {
		r := faults()
		report := newReport("s", 0, c.known, []*Result{r})
		if r.Accepted != c.accepted || report.Faults != c.left || len(report.Gone) != c.gone || (report.Verdict == Passed) != (c.left == 0) {
			t.Errorf("%s: %d accepted, %s", c.name, r.Accepted, report)
		}
	}
}

func TestReadKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allow.json")
	for text, want := range map[string]string{
		"{}":                              "no fault in it",
		"[":                               "unexpected end",
		`{"checks":[{"faults":[{}]}]}`:    "has no kind",
		`{"checks":[{"check":"values"}]}`: "no fault in it",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadKnown(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestReportReadsBack(t *testing.T) {
	a := newArchive(t)
	a.refs["temp"][14].Size = -1
	report := run(t, a, All)
	b, err := report.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if back.String() != report.String() || !strings.HasPrefix(back.String(), "failed: store.parq (faults: 2)\n") {
		t.Errorf("%s\n%s", back.String(), report)
	}
}

func TestSample(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chunks := rapid.SliceOfN(rapid.Int64Range(0, 500), 1, 6).Draw(t, "chunks")
		n := rapid.Int64Range(-1, 800).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		total, all := int64(0), int64(0)
		for i, share := range shares(chunks, n) {
			name := fmt.Sprint(i)
			picks := slices.Collect(strata(chunks[i], share, randomFor(seed, name)))
			if again := slices.Collect(strata(chunks[i], share, randomFor(seed, name))); !slices.Equal(picks, again) {
				t.Fatal("the same seed chooses others")
			}
			if int64(len(picks)) != share || share > chunks[i] {
				t.Fatalf("%d of %d chunks instead of %d", len(picks), chunks[i], share)
			}
			for k, p := range picks {
				if p < 0 || p >= chunks[i] || k > 0 && p <= picks[k-1] {
					t.Fatalf("%v of %d chunks", picks, chunks[i])
				}
			}
			if chunks[i] > 0 && (picks[0] != 0 || chunks[i] > 1 && picks[len(picks)-1] != chunks[i]-1) {
				t.Fatalf("%v leave out an end of %d chunks", picks, chunks[i])
			}
			total, all = total+share, all+chunks[i]
		}
		if want := min(n, all); n >= 0 && total < want || total > max(n, 2*int64(len(chunks)))+2*int64(len(chunks)) && n >= 0 {
			t.Fatalf("%d chunks of %d, when %d were asked for", total, all, n)
		}
		if n < 0 && total != all {
			t.Fatalf("%d chunks of %d, when all were asked for", total, all)
		}
	})
}

func TestLedgerFindsEveryOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type ref struct{ off, size int64 }
		refs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ref {
			return ref{rapid.Int64Range(0, 60).Draw(t, "off"), rapid.Int64Range(0, 12).Draw(t, "size")}
		}), 0, 8).Draw(t, "refs")
		book := newLedger(maxExtents, 0, 1)
		want := false
		for i, r := range refs {
			if i > 0 && r.off%2 == 0 { // half of them follow the one before, as they do in files
				r.off = refs[i-1].off + refs[i-1].size
				refs[i] = r
			}
			book.add("f", r.off, r.size)
			for _, s := range refs[:i] {
				want = want || r.size > 0 && s.size > 0 && r.off < s.off+s.size && s.off < r.off+r.size
			}
		}
		got := len(refs) > 0 && book.files["f"].overlapping()
		if got != want {
			t.Fatalf("overlap is %v, want %v", got, want)
		}
	})
}

func TestRunsVisitEveryElementOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rank := rapid.IntRange(0, 4).Draw(t, "rank")
		outer, offset, count := make([]int64, rank), make([]int64, rank), make([]int64, rank)
		for d := range rank {
			outer[d] = rapid.Int64Range(1, 5).Draw(t, "outer")
			count[d] = rapid.Int64Range(0, outer[d]).Draw(t, "count")
			offset[d] = rapid.Int64Range(0, outer[d]-count[d]).Draw(t, "offset")
		}
		next := int64(0)
		runs(outer, offset, count, func(at, in, n int64) bool {
			for i := range n {
				if at+i != next {
					t.Fatalf("element %d comes after %d", at+i, next-1)
				}
				next++
				inner, whole := at+i, in+i // both as coordinates must agree
				for d := rank - 1; d >= 0; d-- {
					if inner%count[d]+offset[d] != whole%outer[d] {
						t.Fatalf("element %d of the box is not %d", at+i, in+i)
					}
					inner, whole = inner/count[d], whole/outer[d]
				}
			}
			return true
		})
		if next != elements(count) {
			t.Fatalf("%d of %d elements", next, elements(count))
		}
	})
}
