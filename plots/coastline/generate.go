//go:build ignore

// This program makes coast.bin from Natural Earth's 1:50m land polygons, as the npm package
// world-atlas 2.0.2 carries them in TopoJSON (file land-50m.json). Natural Earth is in the public
// domain; world-atlas is under the ISC licence.
//
//	go run generate.go land-50m.json coast.bin
//
// Output, before DEFLATE: for each line the number of its points, then each point as the zigzag varint
// differences of longitude and latitude in units of 1/200 degree; the first point is relative to (0, 0).
package main

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"log"
	"math"
	"os"
)

const (
	unitsPerDegree = 200
	tolerance      = 0.012 // degrees a point may lie off the simplified line
)

type topology struct {
	Arcs      [][][2]float64
	Transform struct{ Scale, Translate [2]float64 }
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: go run generate.go land-50m.json coast.bin")
	}
	src, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var t topology
	if err := json.Unmarshal(src, &t); err != nil {
		log.Fatal(err)
	}
	var raw []byte
	for _, arc := range t.Arcs {
		for _, line := range split(decode(t, arc)) {
			raw = encode(raw, simplify(line))
		}
	}
	var out bytes.Buffer
	z, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := z.Write(raw); err != nil {
		log.Fatal(err)
	}
	if err := z.Close(); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[2], out.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}

// decode undoes the quantised differences of a TopoJSON arc.
func decode(t topology, arc [][2]float64) [][2]float64 {
	out := make([][2]float64, len(arc))
	var x, y float64
	for i, d := range arc {
		x, y = x+d[0], y+d[1]
		out[i] = [2]float64{x*t.Transform.Scale[0] + t.Transform.Translate[0], y*t.Transform.Scale[1] + t.Transform.Translate[1]}
	}
	return out
}

// split cuts a line where it is no coast but a seam of the flat map: the antimeridian and the South Pole.
func split(line [][2]float64) [][][2]float64 {
	seam := func(p, q [2]float64) bool {
		return math.Abs(p[0]-q[0]) > 180 || math.Abs(p[0]) > 179.99 && math.Abs(q[0]) > 179.99 || p[1] < -89.9 && q[1] < -89.9
	}
	var out [][][2]float64
	start := 0
	for i := 1; i < len(line); i++ {
		if seam(line[i-1], line[i]) {
			out, start = append(out, line[start:i]), i
		}
	}
	return append(out, line[start:])
}

// simplify is Douglas and Peucker's algorithm. A closed line is cut at its far point first.
func simplify(p [][2]float64) [][2]float64 {
	if len(p) < 3 {
		return p
	}
	far, dist := 0, 0.0
	for i := range p {
		if d := offLine(p[i], p[0], p[len(p)-1]); d > dist {
			far, dist = i, d
		}
	}
	if dist <= tolerance {
		return [][2]float64{p[0], p[len(p)-1]}
	}
	return append(simplify(p[:far+1]), simplify(p[far:])[1:]...)
}

func offLine(p, a, b [2]float64) float64 {
	dx, dy := b[0]-a[0], b[1]-a[1]
	n := math.Hypot(dx, dy)
	if n == 0 {
		return math.Hypot(p[0]-a[0], p[1]-a[1])
	}
	return math.Abs(dx*(a[1]-p[1])-dy*(a[0]-p[0])) / n
}

func encode(dst []byte, p [][2]float64) []byte {
	if len(p) < 2 {
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(len(p)))
	var x, y int64
	for _, q := range p {
		u, v := int64(math.Round(q[0]*unitsPerDegree)), int64(math.Round(q[1]*unitsPerDegree))
		dst = binary.AppendVarint(binary.AppendVarint(dst, u-x), v-y)
		x, y = u, v
	}
	return dst
}
