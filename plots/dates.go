package plots

import (
	"fmt"
	"slices"
)

// Date is a moment in any calendar.
type Date struct {
	Year, Month, Day     int
	Hour, Minute, Second int
}

var months = [...]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}

func (d Date) month() string { return months[min(max(d.Month, 1), 12)-1] }

// year has four digits at least, as the year 1 would look like a day.
func (d Date) year() string {
	if d.Year < 0 {
		return minus + fmt.Sprintf("%04d", -d.Year)
	}
	return fmt.Sprintf("%04d", d.Year)
}

// String is the date as a title has it: "16 Jan 1990", with the time of day unless it is midnight.
func (d Date) String() string {
	s := fmt.Sprintf("%d %s %s", d.Day, d.month(), d.year())
	if d.Hour != 0 || d.Minute != 0 || d.Second != 0 {
		s += fmt.Sprintf(", %02d:%02d", d.Hour, d.Minute)
	}
	if d.Second != 0 {
		s += fmt.Sprintf(":%02d", d.Second)
	}
	return s
}

// Period is the time from one moment to another as a title has it: "1990", "Dec 1989 – Feb 1990", "16 Jan 1990", "16 Jan 1990, 09:00–12:00"; "" where
// it has no such short name. A period ends where the next begins, so that a day ends at midnight.
func Period(from, to Date) string {
	if to.order() <= from.order() {
		return ""
	}
	midnight := func(d Date) bool { return d.Hour == 0 && d.Minute == 0 && d.Second == 0 }
	if !midnight(from) || !midnight(to) {
		last := to
		if midnight(to) && to.order()-from.order() < 86400 {
			last = Date{from.Year, from.Month, from.Day, 24, 0, 0}
		}
		if from.Second != 0 || last.Second != 0 || from.Year != last.Year || from.Month != last.Month || from.Day != last.Day {
			return ""
		}
		return fmt.Sprintf("%d %s %s, %02d:%02d–%02d:%02d", from.Day, from.month(), from.year(), from.Hour, from.Minute, last.Hour, last.Minute)
	}
	months := to.Year*12 + to.Month - from.Year*12 - from.Month
	switch {
	case from.Day == 1 && to.Day == 1 && from.Month == 1 && to.Month == 1:
		if months == 12 {
			return from.year()
		}
		return from.year() + "–" + Date{Year: to.Year - 1}.year()
	case from.Day == 1 && to.Day == 1:
		last := Date{Year: to.Year, Month: to.Month - 1}
		if to.Month == 1 {
			last = Date{Year: to.Year - 1, Month: 12}
		}
		switch {
		case months == 1:
			return from.month() + " " + from.year()
		case from.Year == last.Year:
			return from.month() + "–" + last.month() + " " + from.year()
		}
		return from.month() + " " + from.year() + " – " + last.month() + " " + last.year()
	case months == 0 && to.Day == from.Day+1, months == 1 && to.Day == 1 && from.Day >= 28:
		return Date{Year: from.Year, Month: from.Month, Day: from.Day}.String()
	case months == 0:
		return fmt.Sprintf("%d–%d %s %s", from.Day, to.Day-1, from.month(), from.year())
	case to.Day > 1 && months < 12:
		return fmt.Sprintf("%d %s – %d %s %s", from.Day, from.month(), to.Day-1, to.month(), to.year())
	}
	return ""
}

// order is a number that grows with time in every calendar: as if all months had 31 days. It serves
// to compare dates and to interpolate between two neighbours, never to measure.
func (d Date) order() float64 {
	days := (d.Year*12+d.Month-1)*31 + d.Day - 1
	return float64(days)*86400 + float64(d.Hour*3600+d.Minute*60+d.Second)
}

// dateUnit is a way to divide a time axis.
type dateUnit struct {
	floor func(Date) Date
	keep  func(Date) bool // of the floors, those that get a tick
	label func(Date) (label, under string)
}

func years(n int) dateUnit {
	return dateUnit{
		floor: func(d Date) Date { return Date{Year: d.Year, Month: 1, Day: 1} },
		keep:  func(d Date) bool { return d.Year%n == 0 },
		label: func(d Date) (string, string) { return d.year(), "" },
	}
}

func monthsOf(n int) dateUnit {
	return dateUnit{
		floor: func(d Date) Date { return Date{Year: d.Year, Month: d.Month, Day: 1} },
		keep:  func(d Date) bool { return (d.Month-1)%n == 0 },
		label: func(d Date) (string, string) { return d.month(), d.year() },
	}
}

func days(n int) dateUnit {
	return dateUnit{
		floor: func(d Date) Date { return Date{Year: d.Year, Month: d.Month, Day: d.Day} },
		// With n > 1 the end of a month is left free, or its last tick would crowd the next first.
		keep:  func(d Date) bool { return n == 1 || (d.Day-1)%n == 0 && d.Day+n/2 < 31 },
		label: func(d Date) (string, string) { return fmt.Sprintf("%d %s", d.Day, d.month()), d.year() },
	}
}

func seconds(n int) dateUnit {
	return dateUnit{
		floor: func(d Date) Date {
			s := (d.Hour*3600 + d.Minute*60 + d.Second) / n * n
			return Date{d.Year, d.Month, d.Day, s / 3600, s / 60 % 60, s % 60}
		},
		keep: func(Date) bool { return true },
		label: func(d Date) (string, string) {
			l := fmt.Sprintf("%02d:%02d", d.Hour, d.Minute)
			if n < 60 {
				l += fmt.Sprintf(":%02d", d.Second)
			}
			return l, fmt.Sprintf("%d %s %s", d.Day, d.month(), d.year())
		},
	}
}

// dateUnits runs from the finest to the coarsest; times of day only where some sample has one.
func dateUnits(timesOfDay bool) []dateUnit {
	var u []dateUnit
	if timesOfDay {
		for _, n := range []int{1, 5, 15, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600} {
			u = append(u, seconds(n))
		}
	}
	for _, n := range []int{1, 2, 5, 10, 15} {
		u = append(u, days(n))
	}
	for _, n := range []int{1, 3, 6} {
		u = append(u, monthsOf(n))
	}
	for n := 1; n <= 1_000_000; n *= 10 {
		u = append(u, years(n), years(2*n), years(5*n))
	}
	return u
}

// dateTicks marks at most n round moments on a time axis. It finds them between neighbouring samples
// and knows no calendar, so that it is right in all of them. values and dates run together.
func dateTicks(values []float64, dates []Date, n int) []tick {
	timesOfDay := slices.ContainsFunc(dates, func(d Date) bool { return d.Hour != 0 || d.Minute != 0 || d.Second != 0 })
	for _, u := range dateUnits(timesOfDay) {
		if ticks := unitTicks(values, dates, u, n); len(ticks) > 1 {
			return ticks
		}
	}
	// No two round moments: name the ends.
	last := len(dates) - 1
	out := []tick{{at: values[0], label: dates[0].String()}}
	if last > 0 {
		out = append(out, tick{at: values[last], label: dates[last].String()})
	}
	return out
}

// unitTicks is nil when there are more than n ticks or none.
func unitTicks(values []float64, dates []Date, u dateUnit, n int) []tick {
	var out []tick
	lastUnder := ""
	for i, d := range dates {
		f := u.floor(d)
		at := values[i]
		if f != d {
			if i == 0 || dates[i-1].order() >= f.order() {
				continue // the round moment lies before the first sample, or this step passed none
			}
			p := dates[i-1]
			at = values[i-1] + (values[i]-values[i-1])*(f.order()-p.order())/(d.order()-p.order())
		}
		if !u.keep(f) {
			continue
		}
		if len(out) == n {
			return nil
		}
		t := tick{at: at}
		t.label, t.under = u.label(f)
		if t.under == lastUnder {
			t.under = ""
		} else {
			lastUnder = t.under
		}
		out = append(out, t)
	}
	return out
}
