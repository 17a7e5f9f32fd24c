package configure

import (
	"fmt"
	"time"

	"github.com/cedadev/kerchunk-builder/phases/profile"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Settings of the choice between serial and parallel, and of what is asked for.
const (
	parallelSeconds   = 900 // beyond this compute is split
	partSeconds       = 600 // and each part is about this long
	maxParts          = 500
	leastMemory       = 200e6 // that a task asks for
	defaultRecordSize = 100_000
)

// decide chooses how the store is built. It reckons with the upper bounds of what is predicted.
func decide(p *virtual.Plan, ch choice) Compute {
	o := ch.override
	c := Compute{Mode: "serial", Format: "parquet", From: "evidence"}
	for i, a := range p.Dataset.Arrays {
		if p.Layouts[i].Role == virtual.Decoded {
			c.References++
			continue
		}
		c.References += a.Grid.Count()
	}
	if o.Format != "" {
		c.Format, c.From = o.Format, ch.from("format")
	}
	work := profile.Work{Files: int64(len(p.Files)), Arrays: int64(len(p.Dataset.Arrays)), References: c.References, Format: c.Format}
	c.Predicted = ch.figures().Predict(work)
	seconds := c.Predicted.Seconds.High
	c.Seconds = profile.Whole(seconds)
	c.Memory = max(leastMemory, profile.Whole(c.Predicted.Memory.High))
	span := func(s float64) time.Duration {
		return time.Duration(min(s, 1e9) * float64(time.Second)).Round(time.Millisecond)
	}
	c.Because = fmt.Sprintf("about %s, at most %s, for %d references in %d files", span(c.Predicted.Seconds.Mid), span(seconds), c.References, len(p.Files))
	if ch.profile != nil {
		c.Because += ", by the profile " + ch.profile.Name
	}
	if seconds > parallelSeconds && len(p.Files) > 1 {
		c.Mode = "parallel"
		c.Parts = min(int(min(seconds/partSeconds, maxParts))+1, maxParts, len(p.Files))
	}
	if o.Compute != "" {
		c.Mode, c.From = o.Compute, ch.from("compute")
		if c.Mode == "serial" {
			c.Parts = 0
		}
	}
	if o.Parts > 0 {
		c.Mode, c.Parts, c.From = "parallel", min(o.Parts, len(p.Files)), "user"
	}
	if c.Mode == "parallel" && c.Parts == 0 {
		c.Parts = min(max(2, int(min(seconds/partSeconds, maxParts))+1), len(p.Files))
	}
	if memory, err := byteCount(o.Memory); err == nil && memory > 0 {
		c.Memory, c.From = memory, ch.from("memory")
	}
	if limit, err := taskTime(o.Time); err == nil && limit > 0 {
		c.TaskSeconds, c.From = profile.Whole(limit.Seconds()), ch.from("time")
	}
	c.Links = o.Links
	c.RecordSize = o.RecordSize
	if c.RecordSize == 0 {
		c.RecordSize = recordSize(p)
	}
	return c
}
