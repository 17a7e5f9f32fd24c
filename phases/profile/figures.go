// Package profile predicts what computing a dataset costs, from figures that are built in or were learned from finished
// datasets, and keeps what was learned as named profiles in the workdir.
package profile

import (
	"cmp"
	"math"
)

// Work is what a compute has to do.
type Work struct {
	Files      int64  `json:"files"`
	Arrays     int64  `json:"arrays"`
	References int64  `json:"references"`
	Format     string `json:"format"` // of the store: "parquet" or "json"
}

// Cost is what a compute took.
type Cost struct {
	Work
	Seconds float64 `json:"seconds"`     // of all its processes together
	Memory  int64   `json:"peak_bytes"`  // of the greatest of its processes; 0 where the system doesn't tell
	Bytes   int64   `json:"store_bytes"` // of the store
}

// Line is a cost that is a sum of fixed and proportional ones. It grows with the files, arrays and references.
type Line struct {
	Base         float64 `json:"base"`
	PerArray     float64 `json:"per_array"`
	PerFile      float64 `json:"per_file"`
	PerReference float64 `json:"per_reference"`
	Within       float64 `json:"within"` // the factor, up or down, in which it is thought to hold; at least 1
}

// Figures are what costs are predicted with.
type Figures struct {
	Seconds Line `json:"seconds"`
	Memory  Line `json:"memory_bytes"`
	Parquet Line `json:"parquet_bytes"`
	JSON    Line `json:"json_bytes"`

	Reading float64 `json:"read_bytes_per_second,omitempty"` // decoded bytes that one process of the test phase reads; 0 when that is not known
}

// Interval is a figure with its bounds.
type Interval struct {
	Low  float64 `json:"low"`
	Mid  float64 `json:"expected"`
	High float64 `json:"high"`
}

// Prediction is what a compute is expected to need.
type Prediction struct {
	StoreBytes Interval `json:"store_bytes"`
	Seconds    Interval `json:"compute_seconds"` // in one process
	Memory     Interval `json:"memory_bytes"`
}

// BuiltIn are the figures until something better is known. They were measured on one core with files in its cache. An
// archive that is far away takes several times as long for a file, which is why time is known so badly.
func BuiltIn() Figures {
	return Figures{
		// The plan is read and the store published (base), a file is written and synced for each array, each source file is
		// opened and its chunk indexes are read.
		Seconds: Line{Base: 0.01, PerArray: 0.004, PerFile: 0.005, PerReference: 1e-6, Within: 8},
		// The process; a record of each array; the plan's line of each file.
		Memory: Line{Base: 25e6, PerArray: 1e6, PerFile: 4e3, Within: 3},
		// The group's metadata; each array's and the head of its record; the file names, which compress well; an offset and a length.
		Parquet: Line{Base: 1500, PerArray: 800, PerFile: 50, PerReference: 9, Within: 2},
		JSON:    Line{Base: 500, PerArray: 500, PerFile: 50, PerReference: 120, Within: 2},
		Reading: 150e6, // of floats that are deflated
	}
}

// Predict is what some work is expected to cost.
func (f Figures) Predict(w Work) Prediction {
	return Prediction{StoreBytes: f.Bytes(w.Format).interval(w), Seconds: f.Seconds.interval(w), Memory: f.Memory.interval(w)}
}

// Bytes is the line of the bytes of a store in a format.
func (f Figures) Bytes(format string) Line {
	if format == "json" {
		return f.JSON
	}
	return f.Parquet
}

// readWithin is how many times longer than expected reading may take.
const readWithin = 3

// ReadSeconds is how long one process takes at most to read so many bytes, decoded.
func (f Figures) ReadSeconds(bytes float64) float64 {
	return bytes / cmp.Or(f.Reading, BuiltIn().Reading) * readWithin
}

func (l Line) expected(w Work) float64 {
	return l.Base + l.PerArray*float64(w.Arrays) + l.PerFile*float64(w.Files) + l.PerReference*float64(w.References)
}

func (l Line) interval(w Work) Interval {
	mid := l.expected(w)
	return Interval{Low: mid / l.Within, Mid: mid, High: mid * l.Within}
}

// usable reports whether a line can be predicted with: a file may say anything.
func (l Line) usable() bool {
	const most = 1e12 // no single cost is greater, and sums of such still fit into an int64
	for _, v := range []float64{l.Base, l.PerArray, l.PerFile, l.PerReference, l.Within} {
		if math.IsNaN(v) || v < 0 || v > most {
			return false
		}
	}
	return l.Within >= 1 && l.Within <= 1e3
}

// Whole rounds a predicted figure up to an integer; what is greater than any integer is the greatest.
func Whole(v float64) int64 {
	if v >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(math.Ceil(v))
}
