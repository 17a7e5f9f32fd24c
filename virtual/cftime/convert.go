package cftime

import (
	"fmt"
	"math"
	"math/big"
	"strings"
)

// ConvertInts re-encodes integers, exactly. A value that is no whole number of to's units is an
// error that says which, and that [Common] would find units for it.
func ConvertInts(values []int64, from, to Units) ([]int64, error) {
	if err := compatible(from, to); err != nil {
		return nil, err
	}
	out := make([]int64, len(values))
	for k, v := range values {
		i, err := from.At(v)
		if err != nil {
			return nil, err
		}
		if err := i.agrees(from, to); err != nil {
			return nil, err
		}
		var exact bool
		if out[k], exact = to.Value(i); !exact {
			return nil, fmt.Errorf("%d %s, %s, is no 64-bit whole number of %s; use a finer unit or another reference", v, from, i, to)
		}
	}
	return out, nil
}

// ConvertFloats re-encodes floats: each result is the float64 nearest to the exact one. NaN and
// infinities are errors.
func ConvertFloats(values []float64, from, to Units) ([]float64, error) {
	if err := compatible(from, to); err != nil {
		return nil, err
	}
	out := make([]float64, len(values))
	var exact *rational
	for k, v := range values {
		i, err := from.AtFloat(v)
		if err != nil {
			return nil, err
		}
		if err := i.agrees(from, to); err != nil {
			return nil, err
		}
		if from.Same(to) {
			out[k] = v
			continue
		}
		if v == math.Trunc(v) && math.Abs(v) <= maxExact {
			if n, ok := to.Value(i); ok && -maxExact <= n && n <= maxExact {
				out[k] = float64(n)
				continue
			}
		}
		if exact == nil {
			exact = newRational(from, to)
		}
		out[k] = exact.convert(v)
	}
	return out, nil
}

// maxExact is the largest integer below which every integer is a float64.
const maxExact = 1 << 53

// rational converts by exact fractions: (value * from + shift) / to, all in nanoseconds.
type rational struct {
	scale, shift, value big.Rat
}

func newRational(from, to Units) *rational {
	r := &rational{}
	r.scale.SetFrac64(from.nanos, to.nanos)
	shift := big.NewInt(from.reference.day - to.reference.day)
	shift.Mul(shift, big.NewInt(nanosPerDay))
	shift.Add(shift, big.NewInt(from.reference.nanos-to.reference.nanos))
	r.shift.SetFrac(shift, big.NewInt(to.nanos))
	return r
}

func (r *rational) convert(v float64) float64 {
	r.value.SetFloat64(v)
	r.value.Mul(&r.value, &r.scale)
	r.value.Add(&r.value, &r.shift)
	f, _ := r.value.Float64()
	return f
}

// compatible says whether values of one unit can have a meaning in the other: the same calendar,
// or the standard and the proleptic Gregorian one, which have the same dates from 1582-10-15 on.
func compatible(from, to Units) error {
	a, b := from.Calendar(), to.Calendar()
	if a == b || modern(a) && modern(b) {
		return nil
	}
	return fmt.Errorf("%q is in the %s calendar and %q in the %s calendar, which have different dates", from, a, to, b)
}

func modern(c Calendar) bool { return c == Standard || c == ProlepticGregorian }

// agrees checks that an instant of from has the same date in to's calendar.
func (i Instant) agrees(from, to Units) error {
	if from.Calendar() == to.Calendar() || i.day >= gregorianStart {
		return nil
	}
	return fmt.Errorf("%s is before 1582-10-15, where the %s and %s calendars have different dates", i, from.Calendar(), to.Calendar())
}

// Common finds units in which every integer value of every given one is an integer: the longest
// unit that allows it, since the earliest reference. Units that are the same as the result keep
// their own text, so that files which agree are left as they are. All must be in one calendar, or
// in the standard and the proleptic Gregorian one with references from 1582-10-15 on; the result
// is then in the first one's.
func Common(units ...Units) (Units, error) {
	if len(units) == 0 {
		return Units{}, fmt.Errorf("there are no time units")
	}
	first := units[0]
	earliest := first.reference
	for _, u := range units[1:] {
		if err := compatible(first, u); err != nil {
			return Units{}, err
		}
		if u.reference.Compare(earliest) < 0 {
			earliest = u.reference
		}
	}
	calendar := first.Calendar()
	out := Units{reference: Instant{calendar: calendar, day: earliest.day, nanos: earliest.nanos}}
	step := big.NewInt(0) // the greatest common divisor of all units and distances
	for _, u := range units {
		if u.Calendar() != calendar && earliest.day < gregorianStart {
			return Units{}, fmt.Errorf("%q and %q: reference %s is before 1582-10-15, where their calendars have different dates", first, u, earliest)
		}
		step.GCD(nil, nil, step, big.NewInt(u.nanos))
		distance := big.NewInt(u.reference.day - earliest.day)
		distance.Mul(distance, big.NewInt(nanosPerDay))
		distance.Add(distance, big.NewInt(u.reference.nanos-earliest.nanos))
		step.GCD(nil, nil, step, distance)
	}
	for _, s := range spans {
		if calendar.allows(s.name) && step.Int64()%s.nanos == 0 {
			out.unit, out.nanos = s.name, s.nanos
			break
		}
	}
	for _, u := range units {
		if u.Same(out) {
			return u, nil
		}
	}
	out.text = out.unit + " since " + out.reference.unitsString()
	return out, nil
}

// unitsString is the reference date as units have it: no time at midnight.
func (i Instant) unitsString() string {
	date, clock, _ := strings.Cut(i.String(), "T")
	if i.nanos == 0 {
		return date
	}
	return date + " " + clock
}
