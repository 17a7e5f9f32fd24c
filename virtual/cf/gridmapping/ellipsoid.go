package gridmapping

import "math"

// ellipsoid is the figure of the earth, with the functions of latitude that projections are made of (Snyder, chapter 3).
type ellipsoid struct{ a, f, e2, e float64 }

func newEllipsoid(a, flattening float64) ellipsoid {
	e2 := flattening * (2 - flattening)
	return ellipsoid{a: a, f: flattening, e2: e2, e: math.Sqrt(max(e2, 0))}
}

// m is the radius of a parallel, as a part of the equator's (14-15).
func (e ellipsoid) m(lat float64) float64 {
	s, c := math.Sincos(lat)
	return c / math.Sqrt(1-e.e2*s*s)
}

// conformal is the latitude on the sphere onto which the ellipsoid is mapped without distorting angles (3-1).
func (e ellipsoid) conformal(lat float64) float64 {
	if math.Abs(lat) >= math.Pi/2 {
		return math.Copysign(math.Pi/2, lat)
	}
	s := math.Sin(lat)
	return math.Atan(math.Sinh(math.Asinh(math.Tan(lat)) - e.e*math.Atanh(e.e*s)))
}

func (e ellipsoid) fromConformal(chi float64) float64 {
	psi := math.Asinh(math.Tan(chi))
	lat := chi
	for range 8 { // each round gains two digits or more
		lat = math.Atan(math.Sinh(psi + e.e*math.Atanh(e.e*math.Sin(lat))))
	}
	return lat
}

// q grows with the area between the equator and a parallel (3-12).
func (e ellipsoid) q(lat float64) float64 {
	s := math.Sin(lat)
	if e.e < 1e-9 {
		return 2 * s
	}
	return (1 - e.e2) * (s/(1-e.e2*s*s) + math.Atanh(e.e*s)/e.e)
}

// authalic is the latitude on the sphere of the same area (3-11).
func (e ellipsoid) authalic(lat float64) float64 {
	return math.Asin(min(max(e.q(lat)/e.q(math.Pi/2), -1), 1))
}

func (e ellipsoid) fromAuthalic(beta float64) float64 {
	return e.fromQ(math.Sin(beta) * e.q(math.Pi/2))
}

// fromQ is the latitude of a given q (3-16); NaN when there is none.
func (e ellipsoid) fromQ(q float64) float64 {
	pole := e.q(math.Pi / 2)
	if math.Abs(q) > pole*(1+1e-9) {
		return math.NaN()
	}
	lat := math.Asin(min(max(q/pole, -1), 1))
	for range 8 {
		s, c := math.Sincos(lat)
		if c < 1e-6 {
			break
		}
		d := 1 - e.e2*s*s
		lat += d * d / (2 * c * (1 - e.e2)) * (q - e.q(lat))
	}
	return lat
}
