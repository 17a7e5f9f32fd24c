package cftime

import (
	"cmp"
	"fmt"
	"strings"
)

const (
	nanosPerDay = 86_400_000_000_000
	// maxYear bounds dates so that no count of days overflows.
	maxYear = 1_000_000_000
	maxDay  = 366 * maxYear
)

// Instant is a point in time of one calendar, exact to the nanosecond.
type Instant struct {
	calendar Calendar
	day      int64 // see Calendar.dayNumber
	nanos    int64 // since midnight, 0 <= nanos < nanosPerDay
}

// Date is an instant as its calendar writes it.
type Date struct {
	Year                             int64
	Month, Day, Hour, Minute, Second int
	Nanosecond                       int
}

// Date returns the calendar date and time of day.
func (i Instant) Date() Date {
	y, m, d := i.calendar.date(i.day)
	s := i.nanos / 1e9
	return Date{Year: y, Month: m, Day: d, Hour: int(s / 3600), Minute: int(s / 60 % 60), Second: int(s % 60), Nanosecond: int(i.nanos % 1e9)}
}

// Calendar is the calendar that the instant belongs to.
func (i Instant) Calendar() Calendar { return i.calendar }

// Compare is -1 when i is before j, 1 when it is after, and 0 when they are the same. Instants of
// standard, proleptic_gregorian and julian compare as points in time; instants of model calendars
// compare with those of the same calendar only.
func (i Instant) Compare(j Instant) int {
	return cmp.Or(cmp.Compare(i.day, j.day), cmp.Compare(i.nanos, j.nanos))
}

// String is ISO 8601: 2001-02-03T04:05:06, with as many decimals as there are.
func (i Instant) String() string {
	d := i.Date()
	s := fmt.Sprintf("%s-%02d-%02dT%02d:%02d:%02d", yearString(d.Year), d.Month, d.Day, d.Hour, d.Minute, d.Second)
	if d.Nanosecond != 0 {
		s += strings.TrimRight(fmt.Sprintf(".%09d", d.Nanosecond), "0")
	}
	return s
}

func yearString(y int64) string {
	if y < 0 {
		return fmt.Sprintf("-%04d", -y)
	}
	return fmt.Sprintf("%04d", y)
}
