package gridmapping

import "math"

// rotated is a sphere turned so that its pole lies elsewhere (CF appendix F, rotated pole): the "plane" is longitude and latitude
// about the new pole.
func rotated(poleLat, poleLon, gridLon float64) plane {
	turn := func(lon, lat float64) (float64, float64) {
		sp, cp := math.Sincos(poleLat)
		s, c := math.Sincos(lat)
		sl, cl := math.Sincos(lon)
		return math.Atan2(c*sl, s*cp-c*cl*sp), math.Asin(min(max(s*sp+c*cl*cp, -1), 1))
	}
	return plane{
		forward: func(lon, lat float64) (float64, float64, bool) {
			x, y := turn(lon-poleLon, lat)
			return math.Remainder(math.Pi-x+gridLon+math.Pi, 2*math.Pi), y, true
		},
		inverse: func(x, y float64) (float64, float64, bool) {
			lon, lat := turn(x-gridLon, y)
			return math.Pi - lon + math.Pi + poleLon, lat, true
		},
	}
}

// azimuthal maps a sphere as seen from one point: a distance c round the sphere (in radians) becomes r*rho(c) on the map, directions at
// the centre stay (Snyder, 21-2 to 21-4, 20-14 and 20-15).
func azimuthal(r, lon0, lat0 float64, rho, back func(float64) float64) plane {
	s0, c0 := math.Sincos(lat0)
	return plane{
		forward: func(lon, lat float64) (float64, float64, bool) {
			s, c := math.Sincos(lat)
			sl, cl := math.Sincos(lon - lon0)
			x, y, z := c*sl, c0*s-s0*c*cl, s0*s+c0*c*cl
			side := math.Hypot(x, y)
			d := math.Atan2(side, z)
			if side < 1e-14 {
				return 0, 0, z > 0
			}
			k := r * rho(d) / side
			return k * x, k * y, d < math.Pi*0.99
		},
		inverse: func(x, y float64) (float64, float64, bool) {
			far := math.Hypot(x, y)
			if far == 0 {
				return lon0, lat0, true
			}
			d := back(far / r)
			s, c := math.Sincos(d)
			lat := math.Asin(min(max(c*s0+y*s*c0/far, -1), 1))
			return lon0 + math.Atan2(x*s, far*c0*c-y*s0*s), lat, d <= math.Pi
		},
	}
}

// stereographic is conformal: on the sphere of conformal latitudes, at a scale that is true where it is said to be (Snyder, chapter 21).
func stereographic(e ellipsoid, lon0, lat0, k0 float64, parallel []float64) plane {
	var r float64
	if math.Abs(lat0) > math.Pi/2-1e-9 {
		r = e.a * k0 / math.Sqrt(math.Pow(1+e.e, 1+e.e)*math.Pow(1-e.e, 1-e.e))
		if len(parallel) > 0 && math.Abs(parallel[0]) < 90-1e-9 {
			p := math.Abs(radians(parallel[0]))
			r = e.a * e.m(p) / (2 * math.Tan(math.Pi/4-e.conformal(p)/2))
		}
	} else {
		r = e.a * k0 * e.m(lat0) / math.Cos(e.conformal(lat0))
	}
	sphere := azimuthal(r, lon0, e.conformal(lat0),
		func(c float64) float64 { return 2 * math.Tan(c/2) }, func(rho float64) float64 { return 2 * math.Atan(rho/2) })
	return onSphere(sphere, e.conformal, e.fromConformal)
}

// equalArea is Lambert's azimuthal map, on the sphere of authalic latitudes (Snyder, chapter 24).
func equalArea(e ellipsoid, lon0, lat0 float64) plane {
	r := e.a * math.Sqrt(e.q(math.Pi/2)/2)
	beta0 := e.authalic(lat0)
	d := 1.0
	if math.Abs(lat0) < math.Pi/2-1e-9 {
		d = e.a * e.m(lat0) / (r * math.Cos(beta0))
	}
	sphere := onSphere(azimuthal(r, lon0, beta0,
		func(c float64) float64 { return 2 * math.Sin(c/2) }, func(rho float64) float64 { return 2 * math.Asin(rho/2) }), e.authalic, e.fromAuthalic)
	return plane{
		forward: func(lon, lat float64) (float64, float64, bool) {
			x, y, ok := sphere.forward(lon, lat)
			return x * d, y / d, ok
		},
		inverse: func(x, y float64) (float64, float64, bool) { return sphere.inverse(x/d, y*d) },
	}
}

// onSphere maps latitudes of an ellipsoid to those of a sphere first.
func onSphere(p plane, to, from func(float64) float64) plane {
	return plane{
		forward: func(lon, lat float64) (float64, float64, bool) { return p.forward(lon, to(lat)) },
		inverse: func(x, y float64) (float64, float64, bool) {
			lon, lat, ok := p.inverse(x, y)
			return lon, from(lat), ok
		},
	}
}

// conic has parallels that are arcs of radius rho round one point, and meridians n times as close as on the globe (Snyder, 14-1 to 14-11).
func conic(n, lon0, rho0 float64, rho, back func(float64) float64) plane {
	return plane{
		forward: func(lon, lat float64) (float64, float64, bool) {
			r := rho(lat)
			s, c := math.Sincos(n * math.Remainder(lon-lon0, 2*math.Pi))
			return r * s, rho0 - r*c, !math.IsNaN(r) && math.Abs(r) < 1e9
		},
		inverse: func(x, y float64) (float64, float64, bool) {
			sign := math.Copysign(1, n)
			r := sign * math.Hypot(x, rho0-y)
			turn := math.Atan2(sign*x, sign*(rho0-y)) / n
			return lon0 + turn, back(r), math.Abs(turn) <= math.Pi
		},
	}
}

func conformalConic(e ellipsoid, lon0, lat0 float64, p [2]float64) plane {
	t := func(lat float64) float64 { return math.Tan(math.Pi/4 - e.conformal(lat)/2) }
	n := math.Sin(p[0])
	if math.Abs(p[1]-p[0]) > 1e-9 {
		n = math.Log(e.m(p[0])/e.m(p[1])) / math.Log(t(p[0])/t(p[1]))
	}
	f := e.a * e.m(p[0]) / (n * math.Pow(t(p[0]), n))
	rho := func(lat float64) float64 { return f * math.Pow(t(lat), n) }
	return conic(n, lon0, rho(lat0), rho, func(r float64) float64 {
		return e.fromConformal(math.Pi/2 - 2*math.Atan(math.Pow(r/f, 1/n)))
	})
}

func equalAreaConic(e ellipsoid, lon0, lat0 float64, p [2]float64) plane {
	n := math.Sin(p[0])
	if math.Abs(p[1]-p[0]) > 1e-9 {
		n = (e.m(p[0])*e.m(p[0]) - e.m(p[1])*e.m(p[1])) / (e.q(p[1]) - e.q(p[0]))
	}
	c := e.m(p[0])*e.m(p[0]) + n*e.q(p[0])
	rho := func(lat float64) float64 { return e.a * math.Sqrt(c-n*e.q(lat)) / n }
	return conic(n, lon0, rho(lat0), rho, func(r float64) float64 { return e.fromQ((c - r*n/e.a*r*n/e.a) / n) })
}

// cylinder has straight, evenly spaced meridians.
func cylinder(k, lon0 float64, y, back func(float64) float64) plane {
	return plane{
		forward: func(lon, lat float64) (float64, float64, bool) {
			return k * math.Remainder(lon-lon0, 2*math.Pi), y(lat), math.Abs(lat) < math.Pi/2*0.9999
		},
		inverse: func(x, v float64) (float64, float64, bool) { return lon0 + x/k, back(v), math.Abs(x/k) <= 2*math.Pi },
	}
}

func mercator(e ellipsoid, lon0, k0 float64) plane {
	k := e.a * k0
	return cylinder(k, lon0,
		func(lat float64) float64 { return k * math.Asinh(math.Tan(e.conformal(lat))) },
		func(y float64) float64 { return e.fromConformal(math.Atan(math.Sinh(y / k))) })
}

func equalAreaCylinder(e ellipsoid, lon0, k0 float64) plane {
	return cylinder(e.a*k0, lon0,
		func(lat float64) float64 { return e.a * e.q(lat) / (2 * k0) },
		func(y float64) float64 { return e.fromQ(2 * k0 * y / e.a) })
}

func sinusoidal(r, lon0 float64) plane {
	return plane{
		forward: func(lon, lat float64) (float64, float64, bool) {
			return r * math.Remainder(lon-lon0, 2*math.Pi) * math.Cos(lat), r * lat, true
		},
		inverse: func(x, y float64) (float64, float64, bool) {
			lat := y / r
			turn := x / (r * math.Cos(lat))
			return lon0 + turn, lat, math.Abs(lat) <= math.Pi/2 && math.Abs(turn) <= math.Pi
		},
	}
}

// transverseMercator is Krüger's series in the third flattening to its third power, good to a millimetre within 30 degrees of the meridian.
func transverseMercator(e ellipsoid, lon0, lat0, k0 float64) plane {
	n := e.f / (2 - e.f)
	n2, n3 := n*n, n*n*n
	k := k0 * e.a / (1 + n) * (1 + n2/4 + n2*n2/64)
	to := [3]float64{n/2 - 2*n2/3 + 5*n3/16, 13*n2/48 - 3*n3/5, 61 * n3 / 240}
	from := [3]float64{n/2 - 2*n2/3 + 37*n3/96, n2/48 + n3/15, 17 * n3 / 480}
	series := func(c [3]float64, sign, xi, eta float64) (float64, float64) {
		x, h := xi, eta
		for j, a := range c {
			w := 2 * float64(j+1)
			x += sign * a * math.Sin(w*xi) * math.Cosh(w*eta)
			h += sign * a * math.Cos(w*xi) * math.Sinh(w*eta)
		}
		return x, h
	}
	xi0, _ := series(to, 1, e.conformal(lat0), 0)
	return plane{
		forward: func(lon, lat float64) (float64, float64, bool) {
			chi := e.conformal(lat)
			sl, cl := math.Sincos(lon - lon0)
			xi, eta := series(to, 1, math.Atan2(math.Sin(chi), math.Cos(chi)*cl), math.Atanh(math.Cos(chi)*sl))
			return k * eta, k * (xi - xi0), cl > 0.2
		},
		inverse: func(x, y float64) (float64, float64, bool) {
			xi, eta := series(from, -1, y/k+xi0, x/k)
			return lon0 + math.Atan2(math.Sinh(eta), math.Cos(xi)), e.fromConformal(math.Asin(math.Sin(xi) / math.Cosh(eta))), math.Abs(x/k) < 2
		},
	}
}

// geostationary is the view from a satellite over the equator, in scan angles; sweepX says along which of them its mirror sweeps.
func geostationary(e ellipsoid, lon0, height float64, sweepX bool) plane {
	h := e.a + height
	ratio := 1 / ((1 - e.f) * (1 - e.f)) // of the axes, squared
	return plane{
		forward: func(lon, lat float64) (float64, float64, bool) {
			c := math.Atan(math.Tan(lat) / ratio)
			s, cc := math.Sincos(c)
			r := e.a * (1 - e.f) / math.Sqrt(1-e.e2*cc*cc)
			sl, cl := math.Sincos(lon - lon0)
			x, y, z := h-r*cc*cl, r*cc*sl, r*s
			seen := h*(h-x) >= y*y+ratio*z*z+(h-x)*(h-x)
			if sweepX {
				return math.Asin(y / math.Sqrt(x*x+y*y+z*z)), math.Atan2(z, x), seen
			}
			return math.Atan2(y, x), math.Asin(z / math.Sqrt(x*x+y*y+z*z)), seen
		},
		inverse: func(x, y float64) (float64, float64, bool) {
			sx, cx := math.Sincos(x)
			sy, cy := math.Sincos(y)
			d := [3]float64{cy * cx, cy * sx, sy}
			if sweepX {
				d = [3]float64{cx * cy, sx, cx * sy}
			}
			a := d[0]*d[0] + d[1]*d[1] + ratio*d[2]*d[2]
			b := h * d[0]
			root := b*b - a*(h*h-e.a*e.a)
			if root < 0 {
				return 0, 0, false // past the earth
			}
			r := (b - math.Sqrt(root)) / a
			px, py, pz := h-r*d[0], r*d[1], r*d[2]
			return lon0 + math.Atan2(py, px), math.Atan(ratio * pz / math.Hypot(px, py)), true
		},
	}
}
