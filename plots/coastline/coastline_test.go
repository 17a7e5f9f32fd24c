package coastline

import (
	"math"
	"testing"
)

func TestLinesAreOnTheEarthAndHaveNoSeam(t *testing.T) {
	lines, err := Lines()
	if err != nil {
		t.Fatal(err)
	}
	points := 0
	for i, l := range lines {
		points += len(l)
		if len(l) < 2 {
			t.Fatalf("line %d has %d points", i, len(l))
		}
		for j, p := range l {
			if math.Abs(p.Lon) > 180 || math.Abs(p.Lat) > 90 {
				t.Fatalf("line %d point %d: %v is not on the earth", i, j, p)
			}
			if j > 0 && math.Abs(p.Lon-l[j-1].Lon) > 30 {
				t.Fatalf("line %d jumps from %v to %v", i, l[j-1], p)
			}
		}
	}
	if points < 10000 {
		t.Fatalf("only %d points", points)
	}
}

// Places whose distance from the sea is known from any atlas.
func TestCoastPassesKnownPlaces(t *testing.T) {
	lines, err := Lines()
	if err != nil {
		t.Fatal(err)
	}
	nearest := func(q Point) float64 {
		best := math.Inf(1)
		for _, l := range lines {
			for _, p := range l {
				best = min(best, math.Hypot((p.Lon-q.Lon)*math.Cos(q.Lat*math.Pi/180), p.Lat-q.Lat))
			}
		}
		return best
	}
	for name, c := range map[string]struct {
		at       Point
		min, max float64 // degrees of arc to the nearest coast
	}{
		"Land's End":        {Point{-5.71, 50.07}, 0, 0.15},
		"Cape of Good Hope": {Point{18.47, -34.36}, 0, 0.15},
		"Cape Horn":         {Point{-67.29, -55.98}, 0, 0.3},
		"Ulaanbaatar":       {Point{106.9, 47.9}, 9, 40},
		"Point Nemo":        {Point{-123.4, -48.9}, 20, 40},
	} {
		if d := nearest(c.at); d < c.min || d > c.max {
			t.Errorf("%s lies %.2f degrees from the coast, want %v to %v", name, d, c.min, c.max)
		}
	}
}
