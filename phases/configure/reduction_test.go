package configure

import (
	"testing"
	"time"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/phases/profile"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// field is a dataset with one variable of a global grid, running in time.
func field(times, timesPerChunk int64) virtual.Dataset {
	axis := func(name, units string, n int64) virtual.Array {
		return virtual.Array{Path: name, Type: cdm.DType{Kind: cdm.Float, Size: 8}, Dimensions: []string{name},
			Grid: virtual.Grid{Shape: []int64{n}, Chunks: []int64{n}}, Attributes: []cdm.Attribute{{Name: "units", Value: units}}}
	}
	return virtual.Dataset{Arrays: []virtual.Array{
		axis("time", "days since 2000-01-01", times), axis("lat", "degrees_north", 720), axis("lon", "degrees_east", 1440),
		{Path: "sst", Type: cdm.DType{Kind: cdm.Float, Size: 4}, Dimensions: []string{"time", "lat", "lon"},
			Grid: virtual.Grid{Shape: []int64{times, 720, 1440}, Chunks: []int64{timesPerChunk, 720, 1440}}},
	}}
}

// A mean is computed by as many tasks as each may take ten minutes, where there are so many chunks; and each task asks for the
// memory that its pieces need, whatever the size of the variable.
func TestReductionOf(t *testing.T) {
	const day = 720 * 1440 * 4
	const slow = 150e3 // bytes a second
	reduceSpeed := 1 / profile.BuiltIn().ReadSeconds(1)
	for _, c := range []struct {
		name         string
		times, chunk int64
		override     Override
		tasks        int
		from         string
	}{
		{"a month", 30, 1, Override{}, 0, "evidence"},
		{"a month, of an archive that is slow", 30, 1, Override{Profile: "slow"}, 5, "profile"},
		{"almost ten minutes", reduceTime * int64(reduceSpeed) / day, 1, Override{}, 0, "evidence"},
		{"a little more", reduceTime*int64(reduceSpeed)/day + 1, 1, Override{}, 2, "evidence"},
		{"much more", 100_000, 1, Override{}, 14, "evidence"},
		{"more than anything", 1 << 40, 1, Override{}, maxReduces, "evidence"},
		{"few chunks", 20_000, 10_000, Override{}, 2, "evidence"},
		{"one chunk", 20_000, 20_000, Override{}, 0, "evidence"},
		{"by hand", 30, 1, Override{Reduces: 5}, 5, "user"},
		{"by hand, too many", 30, 10, Override{Reduces: 5}, 3, "user"},
		{"by hand, none", 100_000, 1, Override{Reduces: 1}, 0, "user"},
	} {
		choice := choice{override: c.override}
		if c.override.Profile != "" {
			choice.profile = &profile.Profile{Figures: profile.Figures{Reading: slow}}
		}
		r := reductionOf(field(c.times, c.chunk), choice)
		if r == nil || r.Variable != "sst" || r.Dimension != "time" || r.Bytes != c.times*day || r.Tasks != c.tasks || r.From != c.from {
			t.Errorf("%s: %+v, want %d tasks from %s", c.name, r, c.tasks, c.from)
			continue
		}
		if c.override.Reduces == 0 && r.Tasks > 0 && r.Tasks < int(c.times/c.chunk) && r.Tasks < maxReduces && r.TaskTime() > reduceTime*time.Second {
			t.Errorf("%s: a task takes %s", c.name, r.TaskTime())
		}
		if c.chunk == 1 && r.Memory != leastReduce {
			t.Errorf("%s: a task asks for %d bytes", c.name, r.Memory)
		}
		if c.chunk > 1 && r.Memory < 6*c.chunk*day {
			t.Errorf("%s: a task asks for %d bytes and has chunks of %d", c.name, r.Memory, c.chunk*day)
		}
	}
	if r := reductionOf(field(1, 1), choice{}); r != nil {
		t.Errorf("a mean of one time: %+v", r)
	}
}
