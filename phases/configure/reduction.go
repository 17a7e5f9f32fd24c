package configure

import (
	"fmt"
	"math"
	"time"

	"github.com/cedadev/kerchunk-builder/phases/profile"
	"github.com/cedadev/kerchunk-builder/plots"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Reduction is how the mean over time that the test phase draws is computed: by the test itself, or by an array of tasks before it.
type Reduction struct {
	Variable  string `json:"variable"`
	Dimension string `json:"dimension"`       // that it is the mean over
	Bytes     int64  `json:"bytes"`           // of the variable, decoded: all of it is read
	Seconds   int64  `json:"seconds"`         // that one process takes for it at most
	Memory    int64  `json:"memory_bytes"`    // that a task should ask for
	Tasks     int    `json:"tasks,omitempty"` // of the array; none when the test does it
	From      string `json:"from"`            // "evidence", "profile" or "user"
}

// TaskTime is the time that a task of the array should ask for.
func (r *Reduction) TaskTime() time.Duration {
	return time.Duration(r.Seconds) * time.Second / time.Duration(max(1, r.Tasks))
}

// Array is how many tasks compute the mean before the test; 0 when the test does, or there is none.
func (r *Reduction) Array() int {
	if r == nil {
		return 0
	}
	return r.Tasks
}

func (r *Reduction) String() string {
	who := "by the test itself"
	if r.Tasks > 0 {
		who = fmt.Sprintf("by %d tasks before it", r.Tasks)
	}
	return fmt.Sprintf("mean of %s over %s %s (%s: at most %s for %.1f MB)", r.Variable, r.Dimension, who, r.From, time.Duration(r.Seconds)*time.Second, float64(r.Bytes)/1e6)
}

// Settings of the choice.
const (
	reduceTime  = 600 // seconds beyond which the mean is computed by several tasks, and of each of them
	maxReduces  = 500
	reduceBase  = 256 << 20 // bytes that a task needs beside its chunks and cells
	leastReduce = 512 << 20 // and that it asks for at least
)

// reductionOf decides how the mean over time of a store is computed; nil when nothing in it has one.
func reductionOf(ds virtual.Dataset, ch choice) *Reduction {
	a, axis, ok := plots.ChooseMean(ds)
	if !ok {
		return nil
	}
	bytes := float64(a.Type.Size) * product(a.Grid.Shape)
	seconds := ch.figures().ReadSeconds(bytes)
	r := &Reduction{Variable: a.Path, Dimension: a.Dimensions[axis], Bytes: profile.Whole(bytes), Seconds: profile.Whole(seconds), From: "evidence"}
	if ch.profile != nil {
		r.From = "profile"
	}
	tasks := int(min(math.Ceil(seconds/reduceTime), maxReduces))
	if n := ch.override.Reduces; n > 0 {
		tasks, r.From = n, "user"
	}
	boxes := zarr.Cut(a.Grid, axis, tasks)
	if tasks = min(tasks, len(boxes)); tasks > 1 {
		r.Tasks = tasks
	}
	cells, chunk := 0.0, float64(a.Type.Size)
	for _, b := range boxes {
		cells = max(cells, product(b.Cells(axis)))
	}
	chunk *= product(a.Grid.Chunks)
	need := 2*(2*cells*zarr.CellBytes+3*chunk) + reduceBase // the test gives half of a task's memory to it; two pieces are merged
	r.Memory = profile.Whole(max(leastReduce, need))
	return r
}

func product(list []int64) float64 {
	n := 1.0
	for _, v := range list {
		n *= float64(v)
	}
	return n
}
