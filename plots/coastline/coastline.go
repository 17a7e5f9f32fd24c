// Package coastline holds the coastlines of the world: Natural Earth's 1:50m land, simplified to about
// a kilometre (public domain, https://www.naturalearthdata.com; made by generate.go).
package coastline

import (
	"bytes"
	"compress/flate"
	_ "embed"
	"encoding/binary"
	"fmt"
	"io"
)

//go:generate go run generate.go land-50m.json coast.bin

//go:embed coast.bin
var packed []byte

const unitsPerDegree = 200 // of the packed coordinates; see generate.go

// Point is a place on the earth, in degrees: Lon within -180..180, Lat within -90..90.
type Point struct{ Lon, Lat float64 }

// Lines decodes the coastlines. No line crosses the antimeridian.
func Lines() ([][]Point, error) {
	raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return nil, fmt.Errorf("embedded coastline: %w", err)
	}
	var lines [][]Point
	r := bytes.NewReader(raw)
	for r.Len() > 0 {
		n, err := binary.ReadUvarint(r)
		if err != nil || n > uint64(r.Len()) {
			return nil, fmt.Errorf("embedded coastline is damaged at byte %d", len(raw)-r.Len())
		}
		line := make([]Point, n)
		var x, y int64
		for i := range line {
			dx, errX := binary.ReadVarint(r)
			dy, errY := binary.ReadVarint(r)
			if errX != nil || errY != nil {
				return nil, fmt.Errorf("embedded coastline is damaged at byte %d", len(raw)-r.Len())
			}
			x, y = x+dx, y+dy
			line[i] = Point{Lon: float64(x) / unitsPerDegree, Lat: float64(y) / unitsPerDegree}
		}
		lines = append(lines, line)
	}
	return lines, nil
}
