// Package plots draws maps, sections, series and profiles from plain arrays as PNG images that can be
// shown to people: coastline, axes with units, readable dates, a perceptually uniform colour map over
// a robust range, missing values apart from low ones. It reads no store: the caller brings the numbers.
//
// The same input gives the same bytes.
package plots

// Axis is a coordinate along one side of a picture.
type Axis struct {
	Name   string
	Units  string
	Values []float64 // strictly increasing or decreasing; nil counts 0, 1, 2...
	Dates  []Date    // of a time axis: one for each of Values
	Down   bool      // larger values are lower in the picture: pressure, depth
}

// Options says how large a picture is and which values its colours or its value axis span.
// The zero value is a picture for a talk.
type Options struct {
	Width int         // pixels; 0 is 1400
	Range *[2]float64 // nil: chosen from the data
}

const (
	defaultWidth = 1400
	minWidth     = 200
	maxWidth     = 8000
)

// pixels is the width to draw at.
func (o Options) pixels() float64 {
	if o.Width == 0 {
		return defaultWidth
	}
	return float64(min(max(o.Width, minWidth), maxWidth))
}
