package main

import (
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/phases/profile"
	"github.com/cedadev/kerchunk-builder/scheduler"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// A dataset is light up to so many files and bytes: whatever configure finds in it, one process is done with each phase of it in minutes.
const (
	lightFiles = 1000
	lightBytes = 2 << 30
)

// lightMemory is what the tasks of light datasets ask for, of which they mostly need a tenth. Should one need more, it is tried again
// with more as any other.
const lightMemory = 1 << 30

// foresee says how long the steps of a dataset may take, from what init has counted: several times what they take where the
// files are near. Nobody foresees more than what is asked for where nothing is known.
func foresee(def workdirs.Definition) map[scheduler.Step]scheduler.Request {
	steps := map[scheduler.Step]scheduler.Request{}
	add := func(step scheduler.Step, base, perFile, perGigabyte float64) {
		seconds := base + perFile*float64(def.Files) + perGigabyte*float64(def.Bytes)/1e9
		most := scheduler.DefaultRequest(step).Time / 2
		steps[step] = scheduler.Request{Time: time.Duration(min(seconds, most.Seconds()) * float64(time.Second))}
	}
	add(scheduler.Scan, 1, 0, 0)
	add(scheduler.Configure, 1, 0.02, 0)
	add(scheduler.Compute, 1, 0.02, 0)
	add(scheduler.Test, 2, 0.02, 50)
	add(scheduler.Client, 20, 0.1, 50)
	add(scheduler.Catalog, 1, 0, 0)
	return steps
}

// light says what the light ones of some datasets need, before anything is known of them but what init has counted. A dataset of which a
// user has decided how it is computed is never light: configure says what that comes to.
func (o *orchestra) light(codes []string) ([]scheduler.Needs, error) {
	profiles, err := profile.List(o.workdir)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(profiles, func(p *profile.Profile) bool { return decidesCompute(p.Settings) }) {
		return nil, nil
	}
	needs := make([]scheduler.Needs, len(codes))
	err = eachAtOnce(codes, func(i int) error {
		d, err := o.workdir.Dataset(codes[i])
		if err != nil {
			return err
		}
		def, err := d.Definition()
		if err != nil || def.Files > lightFiles || def.Bytes > lightBytes || def.Bytes == 0 { // 0: of files whose sizes nobody told
			return nil
		}
		if settings, err := configure.Settings(d); err != nil || decidesCompute(settings) {
			return nil // what is wrong with them configure says
		}
		steps := foresee(def)
		for s, r := range steps {
			if s != scheduler.Client { // whose memory is xarray's
				r.Memory = lightMemory
				steps[s] = r
			}
		}
		needs[i] = scheduler.Needs{Code: codes[i], Steps: steps}
		return nil
	})
	return slices.DeleteFunc(needs, func(n scheduler.Needs) bool { return n.Code == "" }), err
}

// decidesCompute reports whether settings of override.yaml say how a dataset is computed.
func decidesCompute(settings map[string]any) bool {
	for _, key := range []string{"compute", "parts", "combines", "reduces", "part_tk", "part_time", "memory", "time", "profile"} {
		if _, ok := settings[key]; ok {
			return true
		}
	}
	return false
}

// eachAtOnce calls fn for each index of the codes, several at a time: what it reads is mostly waited for.
func eachAtOnce(codes []string, fn func(i int) error) error {
	var group errgroup.Group
	group.SetLimit(16)
	for i := range codes {
		group.Go(func() error { return fn(i) })
	}
	return group.Wait()
}
