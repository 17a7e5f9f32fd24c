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
	Log    bool      // equal distances are equal ratios, where all values are positive: pressure
	Angle  Angle
}

// Angle says how the values of an axis in degrees are written.
type Angle int

// The angles: 30°W, 51.5°N, or plain numbers.
const (
	NoAngle Angle = iota
	Longitude
	Latitude
)

// Projection is a map on whose plane the axes of a field lie.
type Projection interface {
	// Forward is the place of a longitude and latitude, in degrees; not ok for what the map does not show.
	Forward(lon, lat float64) (x, y float64, ok bool)
	// Inverse is the longitude and latitude of a place.
	Inverse(x, y float64) (lon, lat float64, ok bool)
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
