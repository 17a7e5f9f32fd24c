// Package cftime reads time coordinates as the CF conventions mean them (section 4.4, "Time
// coordinate": https://cfconventions.org/cf-conventions/cf-conventions.html#time-coordinate), and
// re-encodes them from one reference and unit to another without loss.
//
// Integers are exact from end to end: a value that the target can't hold is an error, never rounded.
// A float64 is re-encoded as the float64 nearest to the exact result.
package cftime

import (
	"fmt"
	"strings"
)

// Calendar is one of CF's calendars, by its canonical name.
type Calendar string

// The calendars.
const (
	Standard           Calendar = "standard" // Julian to 1582-10-04, Gregorian from 1582-10-15; no year 0
	ProlepticGregorian Calendar = "proleptic_gregorian"
	Julian             Calendar = "julian" // no year 0
	NoLeap             Calendar = "noleap"
	AllLeap            Calendar = "all_leap"
	Day360             Calendar = "360_day"
)

// ParseCalendar reads a calendar attribute: any case, and the synonyms of CF. No calendar is the standard one.
func ParseCalendar(s string) (Calendar, error) {
	switch c := strings.ToLower(strings.TrimSpace(s)); c {
	case "", "standard", "gregorian":
		return Standard, nil
	case "proleptic_gregorian", "julian", "noleap", "all_leap", "360_day":
		return Calendar(c), nil
	case "365_day":
		return NoLeap, nil
	case "366_day":
		return AllLeap, nil
	}
	return "", fmt.Errorf("calendar %q is not one that CF defines dates for", s)
}

// monthDays is the length of months in years without a leap day.
var monthDays = [13]int64{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// gregorianStart is the day number of 1582-10-15, the first Gregorian day of the standard calendar.
const gregorianStart = -141427

// julianShift is how far the Julian calendar's day 0000-03-01 lies before the Gregorian one's.
const julianShift = 2

// hasYearZero is false for the calendars that count ..., -2, -1, 1, 2, ... (CF 1.9).
func (c Calendar) hasYearZero() bool { return c != Standard && c != Julian }

// dayNumber counts the days from the calendar's epoch to a date: 1970-01-01 of the proleptic
// Gregorian calendar for the three calendars of the real world, which so share their day numbers,
// and 0000-01-01 for the others.
func (c Calendar) dayNumber(year int64, month, day int) (int64, error) {
	if year == 0 && !c.hasYearZero() {
		return 0, fmt.Errorf("the %s calendar has no year 0", c)
	}
	if year < -maxYear || year > maxYear {
		return 0, fmt.Errorf("year %d is out of range", year)
	}
	if month < 1 || month > 12 || day < 1 {
		return 0, fmt.Errorf("there is no month %d, day %d", month, day)
	}
	y, m, d := year, int64(month), int64(day)
	if y < 0 && !c.hasYearZero() {
		y++
	}
	if d > c.monthLength(y, m) {
		return 0, fmt.Errorf("month %d of year %d has no day %d in the %s calendar", month, year, day, c)
	}
	switch c {
	case Day360:
		return y*360 + (m-1)*30 + d - 1, nil
	case NoLeap:
		return y*365 + daysBefore(m, false) + d - 1, nil
	case AllLeap:
		return y*366 + daysBefore(m, true) + d - 1, nil
	case Julian:
		return julianDay(y, m, d), nil
	case ProlepticGregorian:
		return gregorianDay(y, m, d), nil
	}
	switch {
	case y > 1582 || y == 1582 && (m > 10 || m == 10 && d >= 15):
		return gregorianDay(y, m, d), nil
	case y < 1582 || m < 10 || m == 10 && d <= 4:
		return julianDay(y, m, d), nil
	}
	return 0, fmt.Errorf("%04d-%02d-%02d does not exist in the standard calendar, where 1582-10-15 follows 1582-10-04", year, month, day)
}

// date is the inverse of dayNumber.
func (c Calendar) date(n int64) (year int64, month, day int) {
	var y, m, d int64
	switch c {
	case Day360:
		y = floorDiv(n, 360)
		n -= y * 360
		m, d = n/30+1, n%30+1
	case NoLeap, AllLeap:
		length := int64(365)
		if c == AllLeap {
			length = 366
		}
		y = floorDiv(n, length)
		n -= y * length
		for m = 1; m < 12 && n >= daysBefore(m+1, c == AllLeap); m++ {
		}
		d = n - daysBefore(m, c == AllLeap) + 1
	default:
		if c == Julian || c == Standard && n < gregorianStart {
			y, m, d = julianDate(n)
		} else {
			y, m, d = gregorianDate(n)
		}
	}
	if y <= 0 && !c.hasYearZero() {
		y--
	}
	return y, int(m), int(d)
}

// monthLength takes astronomical years, with a year 0.
func (c Calendar) monthLength(y, m int64) int64 {
	if c == Day360 {
		return 30
	}
	if m != 2 {
		return monthDays[m]
	}
	leap := y%4 == 0
	switch c {
	case NoLeap:
		leap = false
	case AllLeap:
		leap = true
	case ProlepticGregorian:
		leap = leap && (y%100 != 0 || y%400 == 0)
	case Standard:
		leap = leap && (y < 1583 || y%100 != 0 || y%400 == 0)
	}
	if leap {
		return 29
	}
	return 28
}

// daysBefore is the number of days in a year before month m.
func daysBefore(m int64, leap bool) int64 {
	n := int64(0)
	for i := int64(1); i < m; i++ {
		n += monthDays[i]
	}
	if leap && m > 2 {
		n++
	}
	return n
}

// The two calendars of the real world count from the 1st of March, so that the leap day is the
// last of its year: 306 days are left of a year then, and a month m (March is 0) begins on day
// (153m+2)/5.

const epochFromMarch0 = 719468 // Gregorian days from 0000-03-01 to 1970-01-01

func gregorianDay(y, m, d int64) int64 {
	y, doy := fromMarch(y, m, d)
	return y*365 + floorDiv(y, 4) - floorDiv(y, 100) + floorDiv(y, 400) + doy - epochFromMarch0
}

func julianDay(y, m, d int64) int64 {
	y, doy := fromMarch(y, m, d)
	return y*365 + floorDiv(y, 4) + doy - epochFromMarch0 - julianShift
}

func fromMarch(y, m, d int64) (year, dayOfYear int64) {
	if m <= 2 {
		y, m = y-1, m+12
	}
	return y, (153*(m-3)+2)/5 + d - 1
}

func gregorianDate(n int64) (y, m, d int64) {
	n += epochFromMarch0
	era := floorDiv(n, 146097)
	doe := n - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	return toJanuary(era*400+yoe, doe-(yoe*365+yoe/4-yoe/100))
}

func julianDate(n int64) (y, m, d int64) {
	n += epochFromMarch0 + julianShift
	era := floorDiv(n, 1461)
	doe := n - era*1461
	yoe := (doe - doe/1460) / 365
	return toJanuary(era*4+yoe, doe-yoe*365)
}

func toJanuary(year, doy int64) (y, m, d int64) {
	mp := (5*doy + 2) / 153
	d = doy - (153*mp+2)/5 + 1
	if mp < 10 {
		return year, mp + 3, d
	}
	return year + 1, mp - 9, d
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
