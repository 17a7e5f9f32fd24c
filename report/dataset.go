package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/phases/profile"
	"github.com/cedadev/kerchunk-builder/phases/scan"
	"github.com/cedadev/kerchunk-builder/phases/verify"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// More decisions and faults of a dataset than these are counted, not listed.
const (
	mostDecisions = 200
	mostFaults    = 50
)

// gather reads what the table of all datasets shows.
func (d *Dataset) gather(w *workdirs.Workdir) error {
	ds, err := w.Dataset(d.Code)
	if err != nil {
		return err
	}
	def, err := ds.Definition()
	if err != nil {
		return err
	}
	d.Pattern, d.Files, d.SourceBytes = def.Pattern, def.Files, def.Bytes

	var s scan.Report
	if found, err := read(ds, workdirs.ScanFile, &s); err != nil {
		return err
	} else if found {
		d.Scan = &Scan{Formats: s.Formats, Nc: s.Nc, Tc: s.Tc, Tk: s.Tk, Chunks: s.TotalChunks}
	}
	// The document without its list of files, which may be long.
	var c struct {
		Compute configure.Compute `json:"compute"`
		Axes    []struct {
			Dimension string `json:"dimension"`
			Length    int64  `json:"length"`
		} `json:"concatenated"`
		Variables []struct {
			Role string `json:"role"`
		} `json:"variables"`
		Decisions []virtual.Note `json:"decisions"`
	}
	if found, err := read(ds, workdirs.ConfigureFile, &c); err != nil {
		return err
	} else if found {
		d.Plan = &Plan{
			Mode: c.Compute.Mode, Format: c.Compute.Format, Parts: c.Compute.Parts, References: c.Compute.References, RecordSize: c.Compute.RecordSize,
			Because: c.Compute.Because, Variables: len(c.Variables),
		}
		for _, a := range c.Axes {
			d.Plan.Axes = append(d.Plan.Axes, Axis{a.Dimension, a.Length})
		}
		for _, v := range c.Variables {
			if v.Role == "decoded" {
				d.Plan.Reencoded++
			}
		}
		for _, n := range c.Decisions[:min(mostDecisions, len(c.Decisions))] {
			d.Plan.Decisions = append(d.Plan.Decisions, Decision{n.Subject, n.Decision, n.Evidence, n.From})
		}
		d.Plan.MoreDecisions = max(0, len(c.Decisions)-mostDecisions)
	}
	stores, err := ds.Stores()
	if err != nil || len(stores) == 0 {
		return err
	}
	d.Store = stores[len(stores)-1].Path
	if d.StoreBytes, err = sizeOf(d.Store); err != nil {
		return err
	}
	return d.gatherTest(ds)
}

// gatherTest reads what the test phase says of the newest store.
func (d *Dataset) gatherTest(ds *workdirs.Dataset) error {
	var t verify.Report
	found, err := read(ds, workdirs.TestDir+"/"+verify.ReportFile, &t)
	if err != nil {
		return err
	}
	state := Untested
	if found && t.Store == ds.Rel(d.Store) {
		if state = Passed; t.Verdict != verify.Passed {
			state = Faulty
		}
		for _, c := range t.Checks {
			d.Checks = append(d.Checks, Check{c.Check, c.Unit, c.Checked, int64(len(c.Faults)) + c.More, c.Accepted})
			d.More += c.More
			for _, f := range c.Faults {
				if len(d.Faults) == mostFaults {
					d.More++
					continue
				}
				d.Faults = append(d.Faults, f.String())
			}
		}
		if t.Large != nil {
			d.Remarks = append(d.Remarks, "large plot: "+t.Large.String())
		}
		client, err := verify.ReadClient(ds, d.Store)
		if err != nil {
			return err
		}
		if client != nil {
			d.Remarks = append(d.Remarks, "client: "+client.String())
		}
	}
	if d.State == Open { // what failed in the run stays failed, whatever an older store is like
		d.State = state
	}
	return nil
}

// gatherFull reads what only a full description shows.
func (d *Dataset) gatherFull(w *workdirs.Workdir, run *Submitted, took costs) error {
	ds, err := w.Dataset(d.Code)
	if err != nil {
		return err
	}
	if len(d.Checks) > 0 {
		for _, picture := range []struct{ name, file string }{{"one slice", verify.SmallPlotFile}, {"mean over time", verify.LargePlotFile}, {"as xarray draws it", verify.ClientPlotFile}} {
			data, err := thumbnail(ds.Path(workdirs.TestDir, picture.file))
			if err != nil {
				return err
			}
			if data != "" {
				d.Pictures = append(d.Pictures, Picture{picture.name, data})
			}
		}
	}
	if d.Scan == nil {
		return nil
	}
	var s scan.Report
	if _, err := read(ds, workdirs.ScanFile, &s); err != nil {
		return err
	}
	size := func(v float64) string { return byteSize(int64(v)) }
	span := func(v float64) string { return duration(time.Duration(v * float64(time.Second))) }
	actual := func(v float64) *float64 {
		if v > 0 {
			return &v
		}
		return nil
	}
	// A run that found the store there took no time worth comparing.
	if run == nil || !computedSince(ds, run.Info.Created) {
		took = costs{}
	}
	d.Forecasts = []Forecast{
		forecast("store size", s.Predicted.StoreBytes, size, actual(float64(d.StoreBytes))),
		forecast("compute time, one process", s.Predicted.Seconds, span, actual(took.seconds)),
		forecast("peak memory", s.Predicted.Memory, size, actual(float64(took.peak))),
	}
	return nil
}

func forecast(what string, p profile.Interval, text func(float64) string, actual *float64) Forecast {
	f := Forecast{What: what, Low: text(p.Low), Expected: text(p.Mid), High: text(p.High)}
	if actual == nil {
		return f
	}
	f.Actual = text(*actual)
	switch {
	case *actual < p.Low:
		f.Verdict = "less"
	case *actual > p.High:
		f.Verdict = "more"
	default:
		f.Verdict = "as predicted"
	}
	return f
}

// computedSince reports whether the dataset's history has a compute after a time. A history that can't be read says nothing.
func computedSince(ds *workdirs.Dataset, since time.Time) bool {
	computed := false
	err := workdirs.ReadLines(ds.Path(workdirs.HistoryFile), func(line []byte) error {
		var e struct {
			Time  time.Time `json:"time"`
			Event string    `json:"event"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		computed = computed || (e.Event == "compute" && e.Time.After(since))
		return nil
	})
	return err == nil && computed
}

// read reads one of the dataset's files, and says whether it is there.
func read(ds *workdirs.Dataset, name string, v any) (bool, error) {
	err := workdirs.ReadJSON(ds.Path(name), v)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("dataset %s: %w", cmp.Or(ds.Code, name), err)
	}
	return true, nil
}
