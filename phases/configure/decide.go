package configure

import (
	"fmt"
	"math"
	"time"

	"github.com/cedadev/kerchunk-builder/phases/profile"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Settings of the choice between serial and parallel, and of what is asked for. The first two are what override.yaml may set.
const (
	partTk            = 1 << 30          // the expected bytes of the reference set beyond which compute is split, and of a part
	partTime          = 10 * time.Minute // the same in time, at most
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
	c.Because = fmt.Sprintf("about %s, at most %s, and Tk %.1f kB, for %d references in %d files",
		span(c.Predicted.Seconds.Mid), span(seconds), c.Predicted.StoreBytes.Mid/1e3, c.References, len(p.Files))
	if ch.profile != nil {
		c.Because += ", by the profile " + ch.profile.Name
	}
	if parts := partsFor(c.Predicted, o, len(p.Files)); parts > 1 {
		c.Mode, c.Parts = "parallel", parts
		switch {
		case ch.from("part_tk") == "user" || ch.from("part_time") == "user":
			c.From = "user"
		case o.PartTk != "" || o.PartTime != "":
			c.From = "profile"
		}
	}
	if o.Compute != "" {
		c.Mode, c.From = o.Compute, ch.from("compute")
		if c.Mode == "serial" {
			c.Parts = 0
		}
	}
	if o.Parts > 0 {
		c.Mode, c.Parts, c.From = "parallel", min(o.Parts, len(p.Files)), ch.from("parts")
	}
	if c.Mode == "parallel" && c.Parts == 0 {
		c.Parts = min(2, len(p.Files))
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
	if c.Mode == "parallel" {
		if c.Combines = combinesFor(p, c.Parts, c.RecordSize); o.Combines > 0 {
			c.Combines = o.Combines
		}
	}
	return c
}

// partsFor is into how many parts a compute is split, so that none is expected to make more than so many bytes of references, or
// to take longer than so long.
func partsFor(p profile.Prediction, o Override, files int) int {
	size, limit := int64(partTk), partTime
	if n, err := byteCount(o.PartTk); err == nil && n > 0 {
		size = n
	}
	if t, err := taskTime(o.PartTime); err == nil && t > 0 {
		limit = t
	}
	n := max(p.StoreBytes.Mid/float64(size), p.Seconds.High/limit.Seconds())
	return min(int(math.Ceil(min(n, maxParts))), files)
}
