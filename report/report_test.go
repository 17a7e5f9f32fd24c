package report

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cedadev/kerchunk-builder/phases/verify"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// group makes a workdir with a group of datasets whose names say how they stand after a run of scan and test: good and
// faulty have a store, dead failed its scan twice. The run goes through the scheduler's own journal and records.
func group(t *testing.T) (*workdirs.Workdir, workdirs.GroupInfo, *Submitted) {
	t.Helper()
	w, err := workdirs.Create(filepath.Join(t.TempDir(), "a work dir"))
	if err != nil {
		t.Fatal(err)
	}
	codes := []string{"good", "dead", "faulty"}
	info := workdirs.GroupInfo{Name: "ocean", Created: noon, Codes: codes}
	g, err := w.Group("ocean")
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Define(info, []byte("good,*.nc\n")); err != nil {
		t.Fatal(err)
	}
	for _, code := range codes {
		d, err := w.Dataset(code)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Define(workdirs.Definition{Code: code, Pattern: "/data/" + code + "/*.nc", Files: 3, Bytes: 3000}, nil); err != nil {
			t.Fatal(err)
		}
		if code == "dead" {
			continue
		}
		store := d.StoreName(0, ".json")
		write(t, d.Path(workdirs.StoresDir, store), []byte(`{"refs": {}}`))
		result := &verify.Result{Check: "references", Checked: 40, Unit: "chunks"}
		if code == "faulty" {
			result.Faults = []verify.Fault{{Kind: verify.Outside, File: "/data/<b>.nc", Variable: "sst", Expected: "bytes before 100", Found: "bytes to 200"}}
		}
		text, err := verify.NewReport(store, 0, result).JSON()
		if err != nil {
			t.Fatal(err)
		}
		write(t, d.Path(workdirs.TestDir, verify.ReportFile), text)
		write(t, d.Path(workdirs.TestDir, verify.SmallPlotFile), picture(t, 660, 330))
	}
	plan, err := scheduler.NewPlan("ocean", scheduler.Scan, scheduler.Scan, codes, scheduler.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	run, err := g.NewRun(workdirs.RunInfo{Created: noon, From: "scan", To: "scan", Scheduler: "slurm", User: "ann"}, plan.Begin(nil))
	if err != nil {
		t.Fatal(err)
	}
	for attempt, indices := range [][]int{{0, 1, 2}, {1}} {
		ref := scheduler.Ref{Key: "scan", Attempt: attempt + 1}
		for _, e := range []scheduler.Entry{
			{Kind: scheduler.EntryIntent, Ref: ref, Name: "kerb.ocean.scan", Indices: indices, Request: &scheduler.Request{Memory: int64(attempt+1) << 30, Time: time.Hour, CPUs: 1}},
			{Kind: scheduler.EntryAccepted, Ref: ref, Job: "7"},
		} {
			if err := run.AppendJournal(e); err != nil {
				t.Fatal(err)
			}
		}
		for _, i := range indices {
			rec := workdirs.Record{
				Job: "scan", Index: i, Attempt: attempt + 1, State: workdirs.Done, Source: "task", Host: "node1",
				Start: noon.Add(time.Duration(attempt) * time.Hour), End: noon.Add(time.Duration(attempt)*time.Hour + time.Minute),
				Items: []workdirs.ItemResult{{Code: codes[i], State: workdirs.Done}},
			}
			if codes[i] == "dead" {
				rec.State, rec.Class, rec.Message, rec.Transient = workdirs.Failed, "io", "reading <script>alert(1)</script>.nc failed", attempt == 0
				rec.Items[0].State, rec.Items[0].Class, rec.Items[0].Message = workdirs.Failed, rec.Class, rec.Message
			}
			if err := run.WriteRecord(rec); err != nil {
				t.Fatal(err)
			}
		}
	}
	d := scheduler.Driver{Files: run, Policy: scheduler.DefaultPolicy, Now: func() time.Time { return noon.Add(2 * time.Hour) }}
	seen, err := d.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	runInfo, err := run.Info()
	if err != nil {
		t.Fatal(err)
	}
	return w, info, &Submitted{runInfo, seen}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
}

func picture(t *testing.T, w, h int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, color.RGBA{uint8(x * 255 / w), uint8(y * 255 / h), 40, 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGather(t *testing.T) {
	w, info, run := group(t)
	p, err := Gather(w, info, run, Options{Version: "1", Full: 3})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, d := range p.Datasets {
		order = append(order, d.Code+" "+string(d.State))
	}
	if got, want := strings.Join(order, ", "), "dead failed, faulty has faults, good passed"; got != want {
		t.Errorf("datasets: %s; want those that failed first: %s", got, want)
	}
	if p.Totals.Passed != 1 || p.Totals.Failed != 2 || p.Totals.Files != 9 || p.Totals.SourceBytes != 9000 {
		t.Errorf("totals: %+v", p.Totals)
	}
	dead := p.Datasets[0]
	if len(dead.Failures) != 1 {
		t.Fatalf("failures of dead: %+v", dead.Failures)
	}
	want := "kerb rerun ocean -w '" + w.Root() + "' --job scan --indices 1"
	if f := dead.Failures[0]; f.Rerun != want || f.Class != "io" || f.Tries != 2 {
		t.Errorf("failure: %+v; want two tries and the command %s", f, want)
	}
	if faulty := p.Datasets[1]; len(faulty.Faults) != 1 || !strings.Contains(faulty.Faults[0], "/data/<b>.nc") {
		t.Errorf("faults: %q", faulty.Faults)
	}
	r := p.Run
	if r.Tasks != 3 || r.Done != 2 || r.Failed != 1 || r.Retried != 1 || r.State != "finished" || r.TaskTime != 4*time.Minute {
		t.Errorf("run: %+v", r)
	}
	if len(r.Attempts) != 2 || r.Attempts[0].Then != "tried again" || !strings.HasPrefix(r.Attempts[1].Then, "given up") || r.Attempts[1].Asked != "2G, 01:00:00" {
		t.Errorf("attempts: %+v", r.Attempts)
	}
	if n := len(r.Timeline.Lanes); n != 3 || len(r.Timeline.Breaks) != 1 {
		t.Errorf("%d lanes, breaks %v; want a lane per task, and the hour between the attempts cut", n, r.Timeline.Breaks)
	}
}

func TestGatherWithoutRun(t *testing.T) {
	w, info, _ := group(t)
	p, err := Gather(w, info, nil, Options{Full: 1})
	if err != nil {
		t.Fatal(err)
	}
	if p.Run != nil || p.Datasets[0].Code != "faulty" || p.Datasets[1].State != Open || p.Described != 1 {
		t.Errorf("page: %+v", p)
	}
	if err := p.Write(new(bytes.Buffer)); err != nil {
		t.Error(err)
	}
}

func TestPageNeedsNothingElse(t *testing.T) {
	w, info, run := group(t)
	p, err := Gather(w, info, run, Options{Version: "1", Full: 3})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, bad := range []string{"http://", "https://", "<link", "<script", "@import", "url(", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if n := strings.Count(page, `src="data:image/png;base64,`); n != 2 || n != strings.Count(page, "src=") {
		t.Errorf("%d pictures in the page, %d sources; want 2 of each", n, strings.Count(page, "src="))
	}
	for _, want := range []string{"&lt;script&gt;alert(1)&lt;/script&gt;", "--job scan --indices 1", "2 of 3 datasets failed"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page doesn't say %q", want)
		}
	}
}

func TestReportOfAnEarlierStoreIsNoVerdict(t *testing.T) {
	w, info, _ := group(t)
	d, err := w.Dataset("good")
	if err != nil {
		t.Fatal(err)
	}
	write(t, d.Path(workdirs.StoresDir, d.StoreName(1, ".json")), []byte("{}"))
	p, err := Gather(w, info, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range p.Datasets {
		if d.Code == "good" && (d.State != Untested || len(d.Checks) > 0) {
			t.Errorf("a new store has the verdict of the one before: %+v", d)
		}
	}
}

func TestTimeline(t *testing.T) {
	var spans []span
	for i := range 5000 {
		start := noon.Add(time.Duration(i%100) * time.Minute)
		if i >= 2500 {
			start = start.Add(72 * time.Hour)
		}
		s := span{task: fmt.Sprint(i), job: "compute", step: "compute", start: start, end: start.Add(90 * time.Second), state: "done"}
		if i%1000 == 7 {
			s.state = "failed"
		}
		spans = append(spans, s)
	}
	tl := newTimeline(spans)
	if tl.Each != "job" || len(tl.Lanes) != 1 {
		t.Fatalf("%d lanes, one per %s; want one job's", len(tl.Lanes), tl.Each)
	}
	failed := 0
	for _, b := range tl.Lanes[0].Bars {
		if b.Left < -1e-9 || b.Width < 0 || b.Left+b.Width > 100+1e-9 || math.IsNaN(b.Left) {
			t.Errorf("bar %+v is outside of the page", b)
		}
		if b.State == "failed" {
			failed++
		}
	}
	if n := len(tl.Lanes[0].Bars); n > 200 || failed == 0 {
		t.Errorf("%d bars, %d of them of failures", n, failed)
	}
	if len(tl.Breaks) != 1 || tl.Breaks[0].Width > 10 {
		t.Errorf("breaks %+v; want the three days drawn short", tl.Breaks)
	}
}

func TestScaleKeepsOrder(t *testing.T) {
	spans := []span{{start: noon, end: noon.Add(time.Second)}, {start: noon.Add(time.Hour), end: noon.Add(time.Hour + 3*time.Second)}, {start: noon.Add(time.Hour + time.Second), end: noon.Add(time.Hour + 2*time.Second)}}
	sc := newScale(spans)
	at := []float64{sc.at(noon), sc.at(noon.Add(time.Second)), sc.at(noon.Add(time.Hour)), sc.at(noon.Add(time.Hour + 2*time.Second)), sc.at(noon.Add(time.Hour + 3*time.Second))}
	for i := 1; i < len(at); i++ {
		if at[i] <= at[i-1] {
			t.Errorf("times in order lie at %v", at)
		}
	}
	if at[0] != 0 || math.Abs(at[4]-100) > 1e-9 {
		t.Errorf("the first time is at %v and the last at %v", at[0], at[4])
	}
}

func TestTicksHaveRoom(t *testing.T) {
	for _, length := range []time.Duration{3 * time.Millisecond, time.Second, 100 * time.Second, time.Hour, 30 * time.Hour, 400 * 24 * time.Hour} {
		for stretches := 1; stretches < 6; stretches++ {
			var spans []span
			for i := range stretches {
				start := noon.Add(time.Duration(i) * 100 * (length + time.Second))
				spans = append(spans, span{start: start, end: start.Add(length)})
			}
			sc := newScale(spans)
			ticks := sc.ticks()
			if len(ticks) == 0 || len(ticks) > 10 || (stretches > 1) != (len(sc.breaks()) > 0) {
				t.Errorf("%v, %d stretches: %d ticks, %d breaks", length, stretches, len(ticks), len(sc.breaks()))
			}
			for i := 1; i < len(ticks); i++ {
				if gap := ticks[i].Left - ticks[i-1].Left; gap < 8 || ticks[i].Left > 100 || ticks[i].AtEnd() && !ticks[i-1].AtEnd() && len(ticks[i].Label) > 8 && gap < 40 {
					t.Errorf("%v, %d stretches: %+v run into each other", length, stretches, ticks[i-1:i+1])
				}
			}
		}
	}
}

func TestShrink(t *testing.T) {
	img, err := png.Decode(bytes.NewReader(picture(t, 1280, 300)))
	if err != nil {
		t.Fatal(err)
	}
	small := shrink(img, 640)
	if b := small.Bounds(); b.Dx() != 640 || b.Dy() != 150 {
		t.Fatalf("size %v", b)
	}
	for _, p := range []image.Point{{0, 0}, {320, 75}, {639, 149}} {
		r, g, b, a := small.At(p.X, p.Y).RGBA()
		r0, g0, b0, _ := img.At(2*p.X, 2*p.Y).RGBA()
		for i, d := range []float64{float64(r) - float64(r0), float64(g) - float64(g0), float64(b) - float64(b0), float64(a) - 0xffff} {
			if math.Abs(d) > 3*257 {
				t.Errorf("pixel %v: channel %d is off by %v", p, i, d)
			}
		}
	}
}

func TestText(t *testing.T) {
	for d, want := range map[time.Duration]string{1500 * time.Microsecond: "2ms", 61 * time.Second: "1m1s", 90 * time.Minute: "1h30m", 50*time.Hour + 31*time.Minute: "2d03h"} {
		if got := duration(d); got != want {
			t.Errorf("%v: %s; want %s", d, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1\u202f000", 1234567: "1\u202f234\u202f567", -1234: "-1\u202f234"} {
		if got := count(n); got != want {
			t.Errorf("%d: %q; want %q", n, got, want)
		}
	}
	if got := command("rerun", "it's", "a/b"); got != `kerb rerun 'it'\''s' a/b` {
		t.Error(got)
	}
}
