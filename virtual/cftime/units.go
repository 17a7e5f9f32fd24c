package cftime

import (
	"fmt"
	"math"
	"strings"
)

// Units is a time coordinate's units and calendar: "hours since 1970-01-01" in one calendar.
type Units struct {
	text      string
	unit      string // canonical, plural
	nanos     int64  // of one unit: a divisor or a multiple of a day
	reference Instant
}

// unitNames maps what CF files write to a canonical name. UDUNITS' "year" and "month" are 365.2422
// days and a twelfth of it and are no spans of a calendar; they are left out as CF advises.
var unitNames = map[string]string{
	"nanosecond": "nanoseconds", "nanoseconds": "nanoseconds", "nanosec": "nanoseconds", "nanosecs": "nanoseconds", "ns": "nanoseconds",
	"microsecond": "microseconds", "microseconds": "microseconds", "microsec": "microseconds", "microsecs": "microseconds", "us": "microseconds",
	"millisecond": "milliseconds", "milliseconds": "milliseconds", "millisec": "milliseconds", "millisecs": "milliseconds",
	"msec": "milliseconds", "msecs": "milliseconds", "ms": "milliseconds",
	"second": "seconds", "seconds": "seconds", "sec": "seconds", "secs": "seconds", "s": "seconds",
	"minute": "minutes", "minutes": "minutes", "min": "minutes", "mins": "minutes",
	"hour": "hours", "hours": "hours", "hr": "hours", "hrs": "hours", "h": "hours",
	"day": "days", "days": "days", "d": "days",
	"month": "months", "months": "months",
	"common_year": "common_years", "common_years": "common_years",
}

// spans are the units from long to short.
var spans = []struct {
	name  string
	nanos int64
}{
	{"common_years", 365 * nanosPerDay},
	{"months", 30 * nanosPerDay},
	{"days", nanosPerDay},
	{"hours", 3600e9},
	{"minutes", 60e9},
	{"seconds", 1e9},
	{"milliseconds", 1e6},
	{"microseconds", 1e3},
	{"nanoseconds", 1},
}

// allows says whether a unit is a fixed span of the calendar, as cftime has it too.
func (c Calendar) allows(unit string) bool {
	switch unit {
	case "months":
		return c == Day360
	case "common_years":
		return c == NoLeap
	}
	return true
}

// Parse reads "UNIT since REFERENCE" and a calendar attribute. It accepts any case, dates with one or two digits,
// " " or "T" before the time, fractions of a second down to a microsecond, and a zone (Z, UTC, GMT,
// +hh, +hhmm, +hh:mm). What UDUNITS and cftime read differently, or pass over, is an error: months
// and years that are no fixed span, packed dates, a zone without a time, anything after the date.
func Parse(units, calendar string) (Units, error) {
	u, err := parse(units, calendar)
	if err != nil {
		return Units{}, fmt.Errorf("time units %q: %w", units, err)
	}
	return u, nil
}

func parse(text, calendar string) (Units, error) {
	c, err := ParseCalendar(calendar)
	if err != nil {
		return Units{}, err
	}
	word, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	since, reference, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if !strings.EqualFold(since, "since") {
		return Units{}, fmt.Errorf(`expected "UNIT since REFERENCE", such as "days since 1970-01-01"`)
	}
	unit, ok := unitNames[strings.ToLower(word)]
	switch {
	case !ok:
		return Units{}, fmt.Errorf("%q is not a unit of time that is a fixed span; use days, hours, minutes, seconds or a part of a second", word)
	case !c.allows(unit):
		return Units{}, fmt.Errorf("%s are no fixed span of the %s calendar; use days", unit, c)
	}
	at, err := parseReference(reference, c)
	if err != nil {
		return Units{}, fmt.Errorf("reference date: %w", err)
	}
	u := Units{text: text, unit: unit, reference: at}
	for _, s := range spans {
		if s.name == unit {
			u.nanos = s.nanos
		}
	}
	return u, nil
}

// String is the units attribute: as it was parsed, or as [Common] wrote it.
func (u Units) String() string { return u.text }

// Calendar is the calendar of the units.
func (u Units) Calendar() Calendar { return u.reference.calendar }

// Reference is the instant of the value 0.
func (u Units) Reference() Instant { return u.reference }

// Same reports whether two units give every value the same meaning, however they are written.
func (u Units) Same(v Units) bool { return u.nanos == v.nanos && u.reference == v.reference }

// At is the instant of an integer value, exactly.
func (u Units) At(value int64) (Instant, error) {
	return u.at(value, 0)
}

// at is the instant of value units and some nanoseconds, less than a unit and of either sign.
func (u Units) at(value, nanos int64) (Instant, error) {
	var day int64
	if u.nanos >= nanosPerDay {
		per := u.nanos / nanosPerDay
		if value > maxDay/per || value < -maxDay/per {
			return Instant{}, u.outOfRange(value)
		}
		day = value * per
	} else {
		per := nanosPerDay / u.nanos
		day = floorDiv(value, per)
		nanos += (value - day*per) * u.nanos
	}
	if day > maxDay || day < -maxDay {
		return Instant{}, u.outOfRange(value)
	}
	nanos += u.reference.nanos
	carry := floorDiv(nanos, nanosPerDay)
	return Instant{calendar: u.reference.calendar, day: u.reference.day + day + carry, nanos: nanos - carry*nanosPerDay}, nil
}

func (u Units) outOfRange(value any) error {
	return fmt.Errorf("%v %s is out of range", value, u)
}

// AtFloat is the instant of a float64: to the nearest nanosecond where neighbouring floats are
// closer than that, and else to the nearest microsecond, as cftime has it.
func (u Units) AtFloat(value float64) (Instant, error) {
	whole := math.RoundToEven(value)
	if !(math.Abs(whole) < 1<<62) { // false for NaN, too
		return Instant{}, u.outOfRange(value)
	}
	resolution := 1.0
	if spacing := math.Nextafter(math.Abs(value), math.Inf(1)) - math.Abs(value); spacing*float64(u.nanos) >= 1 {
		resolution = 1000
	}
	part := math.RoundToEven((value-whole)*float64(u.nanos)/resolution) * resolution
	return u.at(int64(whole), int64(part))
}

// Value is the integer that stands for an instant; exact is false when there is none. The
// instant must be of the units' calendar.
func (u Units) Value(i Instant) (value int64, exact bool) {
	days, nanos := i.day-u.reference.day, i.nanos-u.reference.nanos
	if u.nanos >= nanosPerDay {
		per := u.nanos / nanosPerDay
		return days / per, nanos == 0 && days%per == 0
	}
	if nanos%u.nanos != 0 {
		return 0, false
	}
	per, rest := nanosPerDay/u.nanos, nanos/u.nanos
	// With one sign on both terms the product fits when the sum does.
	switch {
	case days > 0 && rest < 0:
		days, rest = days-1, rest+per
	case days < 0 && rest > 0:
		days, rest = days+1, rest-per
	}
	if days > math.MaxInt64/per || days < math.MinInt64/per {
		return 0, false
	}
	value = days*per + rest
	return value, (value < 0) == (days < 0 || rest < 0)
}
