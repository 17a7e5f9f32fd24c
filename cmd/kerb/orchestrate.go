package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/scheduler/local"
	"github.com/cedadev/kerchunk-builder/scheduler/slurm"
	"github.com/cedadev/kerchunk-builder/templates"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// orchestra is a run with all that driving it takes: where the scheduler's plans meet an engine, a site, templates and
// a workdir.
type orchestra struct {
	workdir *workdirs.Workdir
	group   *workdirs.Group
	run     *workdirs.Run
	info    workdirs.RunInfo
	site    *scheduler.Site
	engine  scheduler.Engine
	local   *local.Engine // the engine, when this process may have to run the jobs itself
	scripts *templates.Set
	kerb    string // path of this program
}

// openGroup opens a group that init has recorded.
func openGroup(dir, name string) (*workdirs.Workdir, *workdirs.Group, workdirs.GroupInfo, error) {
	w, err := openWorkdir(dir)
	if err != nil {
		return nil, nil, workdirs.GroupInfo{}, err
	}
	g, err := w.Group(name)
	if err != nil {
		return nil, nil, workdirs.GroupInfo{}, &phases.Error{Class: phases.Input, Err: err}
	}
	info, err := g.Info()
	if err != nil {
		return nil, nil, info, &phases.Error{Class: phases.Input, Err: err}
	}
	return w, g, info, nil
}

// openLatest opens the newest run of a group, or the run with that identifier.
func openLatest(dir, groupOrRun string) (*orchestra, error) {
	w, err := openWorkdir(dir)
	if err != nil {
		return nil, err
	}
	run, err := w.FindRun(groupOrRun)
	if err != nil {
		_, g, _, gerr := openGroup(dir, groupOrRun)
		if gerr != nil {
			return nil, gerr
		}
		if run, err = g.LatestRun(); err != nil {
			return nil, &phases.Error{Class: phases.Input, Err: err}
		}
	}
	info, err := run.Info()
	if err != nil {
		return nil, err
	}
	return newOrchestra(w, run, info)
}

func newOrchestra(w *workdirs.Workdir, run *workdirs.Run, info workdirs.RunInfo) (*orchestra, error) {
	o := &orchestra{workdir: w, run: run, info: info}
	var err error
	if o.group, err = w.Group(info.Group); err != nil {
		return nil, err
	}
	o.site = &scheduler.Site{}
	if err := run.ReadSite(o.site); errors.Is(err, fs.ErrNotExist) { // it is about to begin
		if o.site, err = scheduler.LoadSite(siteName(info.Site)); err != nil {
			return nil, &phases.Error{Class: phases.Input, Err: err, Remedy: "give --site a name or a file; deploy/sites/default.yaml explains the keys"}
		}
	} else if err != nil {
		return nil, err
	}
	switch info.Scheduler {
	case "slurm":
		if o.engine, err = slurm.New(slurm.Options{Interval: o.site.PollInterval}); err != nil {
			return nil, err
		}
	case "local":
		dir := filepath.Join(w.Root(), "local")
		if o.local, err = local.New(dir, local.Options{}); err != nil {
			return nil, err
		}
		o.engine = o.local
	default:
		return nil, usagef("--scheduler is slurm or local, not %q", info.Scheduler)
	}
	overrides := []string{filepath.Join(w.Root(), "templates")}
	if o.site.Templates != "" {
		overrides = []string{o.site.Templates, overrides[0]}
	}
	if o.scripts, err = templates.Load(overrides...); err != nil {
		return nil, &phases.Error{Class: phases.Input, Err: err}
	}
	o.kerb, err = os.Executable()
	return o, err
}

// complete fills in what the site's profile leaves open from what the cluster says of itself.
func (o *orchestra) complete(ctx context.Context) error {
	e, ok := o.engine.(*slurm.Engine)
	if !ok {
		return nil
	}
	site, err := e.Complete(ctx, *o.site)
	if err != nil {
		return err
	}
	o.site = &site
	return nil
}

func siteName(name string) string {
	if name == "" {
		return "default"
	}
	return name
}

// driver makes the run's driver; the lease's holder steps it.
func (o *orchestra) driver(lease *workdirs.Lease) *scheduler.Driver {
	d := &scheduler.Driver{
		RunID: o.info.ID, Files: o.run, Engine: o.engine, Policy: o.policy(), Chain: o.local == nil && o.site.SubmitFromJobs,
		Script: o.writeScript, Needs: o.needs, Now: time.Now,
		Check: func() error { return errors.New("no lease") },
	}
	if o.local == nil {
		d.Self = scheduler.JobID(os.Getenv("SLURM_JOB_ID"))
	}
	if lease != nil {
		d.Check, d.Fence = lease.Check, lease.Revision
	}
	return d
}

// policy bounds retries by the most that the site gives a task.
func (o *orchestra) policy() scheduler.Policy {
	p := scheduler.DefaultPolicy
	if o.local != nil {
		p.Grace = time.Minute
		return p
	}
	p.MaxQueued = o.site.MaxQueued()
	for _, q := range o.site.QoS {
		p.MaxMemory, p.MaxTime = max(p.MaxMemory, int64(q.MaxMemory)), max(p.MaxTime, q.MaxTime)
	}
	if len(o.site.QoS) == 0 {
		for _, q := range o.site.Partitions {
			p.MaxMemory, p.MaxTime = max(p.MaxMemory, int64(q.MaxMemory)), max(p.MaxTime, q.MaxTime)
		}
	}
	return p
}

// limits bound how the work is cut.
func (o *orchestra) limits() scheduler.Limits {
	l := scheduler.DefaultLimits
	if o.site.MaxArraySize > 0 {
		l.MaxArraySize = o.site.MaxArraySize
	}
	if o.local == nil {
		l.Width = cmp.Or(o.site.Width(scheduler.Request{Memory: lightMemory, Time: time.Hour, CPUs: 1}), l.Width)
	}
	return l
}

// render makes the script of a submission, and refuses what the site could never run.
func (o *orchestra) render(s scheduler.Submit) (string, error) {
	p := scheduler.Placement{Request: s.Request, Tasks: len(s.Indices)}
	output := filepath.Join(o.run.Dir(), "logs", s.Ref.String(), "0.log")
	array := ""
	if s.Array {
		p.MaxIndex = s.Indices[len(s.Indices)-1]
		output = strings.ReplaceAll(filepath.Dir(output), "%", "%%") + "/%a.log"
	} else {
		output = strings.ReplaceAll(output, "%", "%%")
	}
	if o.local == nil {
		var err error
		p, err = o.site.Choose(p)
		switch {
		case errors.Is(err, scheduler.ErrNoAccount):
			return "", &phases.Error{Class: phases.Input, Err: err}
		case err != nil:
			return "", &phases.Error{Class: phases.Input, Err: err, Remedy: "ask for less with an override, or describe the site with --site"}
		}
	}
	if s.Array {
		array = scheduler.FormatIndices(s.Indices)
		if p.Throttle > 0 {
			array += fmt.Sprintf("%%%d", p.Throttle)
		}
	}
	return o.scripts.Render(string(s.Step), templates.Data{
		JobName: s.Name, Array: array, Partition: p.Partition, QoS: p.QoS, Account: p.Account,
		CPUs: p.Request.CPUs, Memory: p.Request.Memory, Time: p.Request.Time, Output: output,
		Setup: o.site.Setup, Scratch: o.site.Scratch,
		Kerb: o.kerb, Workdir: o.workdir.Root(), Group: o.info.Group, RunID: o.info.ID, Job: s.Ref.String(),
	})
}

// writeScript renders the script of a submission and keeps it, with what its tasks have to know.
func (o *orchestra) writeScript(s scheduler.Submit) (string, error) {
	text, err := o.render(s)
	if err != nil {
		return "", err
	}
	ref := s.Ref.String()
	if _, err := o.run.LogDir(ref); err != nil {
		return "", err
	}
	list := workdirs.TaskList{Job: s.Ref.Key, Attempt: s.Ref.Attempt, Since: s.Since, Step: string(s.Step), Tasks: map[int]string{}}
	if s.Job != nil {
		for _, i := range s.Indices {
			text, err := s.Job.Tasks[i].MarshalText()
			if err != nil {
				return "", err
			}
			list.Tasks[i] = string(text)
		}
		for _, w := range s.Job.After {
			if w.Kind == scheduler.AfterCorr {
				list.After = w.Key
			}
		}
	}
	if err := o.run.WriteTaskList(ref, list); err != nil {
		return "", err
	}
	return o.run.WriteScript(ref, text)
}

// needs reads what the configured datasets need.
func (o *orchestra) needs(_ context.Context, codes []string) ([]scheduler.Needs, error) {
	list := make([]scheduler.Needs, len(codes))
	err := eachAtOnce(codes, func(i int) (err error) {
		list[i], err = o.need(codes[i])
		return err
	})
	return list, err
}

func (o *orchestra) need(code string) (scheduler.Needs, error) {
	d, err := o.workdir.Dataset(code)
	n := scheduler.Needs{Code: code}
	if err != nil {
		return n, err
	}
	var doc struct {
		Compute configure.Compute    `json:"compute"`
		Mean    *configure.Reduction `json:"mean"`
	}
	if err := workdirs.ReadJSON(d.Path(workdirs.ConfigureFile), &doc); err != nil {
		return n, phases.Errorf(phases.Input, "run `kerb submit "+o.info.Group+" --from configure`", "dataset %s is not configured: %w", code, err)
	}
	c := doc.Compute
	request := scheduler.Request{Memory: c.Memory, Time: c.TaskTime()}
	n.Steps = map[scheduler.Step]scheduler.Request{}
	if def, err := d.Definition(); err == nil {
		n.Steps = foresee(def)
	}
	n.Steps[scheduler.Compute] = request
	if c.Mode == "parallel" && c.Parts > 0 {
		n.Parts, n.Combines = c.Parts, c.Combines
		n.Steps[scheduler.Parts] = request
	}
	if m := doc.Mean; m != nil { // which the test puts together, where it does not compute it
		n.Reduces = m.Array()
		n.Steps[scheduler.Reduce] = scheduler.Request{Memory: m.Memory, Time: m.TaskTime()}
		test := n.Steps[scheduler.Test]
		test.Memory = max(m.Memory, scheduler.DefaultRequest(scheduler.Test).Memory)
		n.Steps[scheduler.Test] = test
	}
	return n, nil
}

// How long to wait for another process to let go of the group: a person for one that is about to, a step that nobody
// repeats for any.
const (
	shortWait = 5 * time.Second
	leaseWait = 15 * time.Minute
)

// acquire takes the group's lease, and waits for it when wait is more than zero.
func (o *orchestra) acquire(ctx context.Context, wait time.Duration) (context.Context, *workdirs.Lease, error) {
	for end := time.Now().Add(wait); ; {
		held, lease, err := o.group.Acquire(ctx)
		if _, busy := errors.AsType[*workdirs.HeldError](err); !busy {
			return held, lease, err
		}
		if time.Now().After(end) {
			return nil, nil, &phases.Error{Class: phases.Input, Err: err}
		}
		if err := sleep(ctx, 250*time.Millisecond); err != nil {
			return nil, nil, err
		}
	}
}

// step takes the group's lease, steps the run once, and gives the lease back.
func (o *orchestra) step(ctx context.Context, wait time.Duration) (*scheduler.Picture, bool, error) {
	ctx, lease, err := o.acquire(ctx, wait)
	if err != nil {
		return nil, false, err
	}
	pic, finished, err := o.once(ctx, lease)
	return pic, finished, errors.Join(err, lease.Release())
}

// once steps the run once, under the lease.
func (o *orchestra) once(ctx context.Context, lease *workdirs.Lease) (*scheduler.Picture, bool, error) {
	return o.driver(lease).Step(ctx)
}

// follow steps the run until it is finished, and with the local engine runs its jobs in this process. show is called after
// every step.
func (o *orchestra) follow(ctx context.Context, lease *workdirs.Lease, show func(*scheduler.Picture)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	interval := o.site.PollInterval
	if o.local != nil {
		interval = 300 * time.Millisecond
		stopped := make(chan struct{})
		defer func() { cancel(nil); <-stopped }()
		go func() {
			defer close(stopped)
			for ctx.Err() == nil {
				if err := o.local.Run(ctx); err != nil && ctx.Err() == nil {
					cancel(err)
					return
				}
				if sleep(ctx, interval/3) != nil {
					return
				}
			}
		}()
	}
	d := o.driver(lease)
	d.Chain = false // this process does what the chain would do
	for {
		pic, finished, err := d.Step(ctx)
		switch {
		case passing(err) && ctx.Err() == nil:
			// It will be back, or have room again; the jobs that it has go on.
		case err != nil:
			if cause := context.Cause(ctx); cause != nil && ctx.Err() != nil {
				return cause
			}
			return err
		}
		if pic != nil {
			show(pic)
		}
		if finished {
			return nil
		}
		if err := sleep(ctx, interval); err != nil {
			return context.Cause(ctx)
		}
	}
}

// passing reports whether the scheduler may say otherwise a little later.
func passing(err error) bool {
	return errors.Is(err, scheduler.ErrUnreachable) || errors.Is(err, scheduler.ErrFull)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
