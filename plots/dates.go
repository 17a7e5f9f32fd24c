package plots

import (
	"fmt"
)

// Date is a moment in any calendar.
type Date struct {
	Year, Month, Day     int
	Hour, Minute, Second int
}

var months = [...]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}

func (d Date) month() string { return months[min(max(d.Month, 1), 12)-1] }

// String is the date as a title has it: "16 Jan 1990", with the time of day unless it is midnight.
func (d Date) String() string {
	s := fmt.Sprintf("%d %s %d", d.Day, d.month(), d.Year)
	if d.Hour != 0 || d.Minute != 0 || d.Second != 0 {
		s += fmt.Sprintf(", %02d:%02d", d.Hour, d.Minute)
	}
	if d.Second != 0 {
		s += fmt.Sprintf(":%02d", d.Second)
	}
	return s
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
		label: func(d Date) (string, string) { return fmt.Sprint(d.Year), "" },
	}
}

func monthsOf(n int) dateUnit {
	return dateUnit{
		floor: func(d Date) Date { return Date{Year: d.Year, Month: d.Month, Day: 1} },
		keep:  func(d Date) bool { return (d.Month-1)%n == 0 },
		label: func(d Date) (string, string) { return d.month(), fmt.Sprint(d.Year) },
	}
}

func days(n int) dateUnit {
	return dateUnit{
		floor: func(d Date) Date { return Date{Year: d.Year, Month: d.Month, Day: d.Day} },
		// With n > 1 the end of a month is left free, or its last tick would crowd the next first.
		keep:  func(d Date) bool { return n == 1 || (d.Day-1)%n == 0 && d.Day+n/2 < 31 },
		label: func(d Date) (string, string) { return fmt.Sprintf("%d %s", d.Day, d.month()), fmt.Sprint(d.Year) },
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
			return l, fmt.Sprintf("%d %s %d", d.Day, d.month(), d.Year)
		},
	}
}

// dateUnits runs from the finest to the coarsest.
func dateUnits() []dateUnit {
	var u []dateUnit
	for _, n := range []int{1, 5, 15, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600} {
		u = append(u, seconds(n))
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
	for _, u := range dateUnits() {
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
