package cftime

import (
	"fmt"
	"strings"
)

// parseReference reads a reference date, "1970-1-1", "1970-01-01T00:00:00.5Z", "1970-01-01 12:30 -05:30",
// as the instant in UTC.
func parseReference(text string, c Calendar) (Instant, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Instant{}, fmt.Errorf("it is missing")
	}
	p := &dateParser{rest: text}
	year, month, day := p.year(), p.field('-', 2), p.field('-', 2)
	var nanos int64
	hasTime := p.timeFollows()
	if hasTime {
		nanos = p.timeOfDay()
	}
	nanos -= p.zone(hasTime)
	if p.err == nil && p.rest != "" {
		p.err = fmt.Errorf("%q is left over", p.rest)
	}
	if p.err != nil {
		return Instant{}, fmt.Errorf("%q: %w", text, p.err)
	}
	n, err := c.dayNumber(year, int(month), int(day))
	if err != nil {
		return Instant{}, fmt.Errorf("%q: %w", text, err)
	}
	carry := floorDiv(nanos, nanosPerDay)
	return Instant{calendar: c, day: n + carry, nanos: nanos - carry*nanosPerDay}, nil
}

// dateParser eats a date from the left. After an error it eats nothing.
type dateParser struct {
	rest string
	err  error
}

func (p *dateParser) fail(format string, a ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, a...)
	}
}

// eat takes c when it comes next.
func (p *dateParser) eat(c byte) bool {
	if p.err != nil || p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// digits takes 1 to most digits.
func (p *dateParser) digits(most int) (value int64, count int) {
	for p.err == nil && count < len(p.rest) && isDigit(p.rest[count]) {
		if count == most {
			p.fail("more than %d digits in %q", most, p.rest)
			return 0, 0
		}
		value = value*10 + int64(p.rest[count]-'0')
		count++
	}
	if count == 0 {
		p.fail("expected a number at %q", p.rest)
		return 0, 0
	}
	p.rest = p.rest[count:]
	return value, count
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (p *dateParser) year() int64 {
	negative := p.eat('-')
	if !negative {
		p.eat('+')
	}
	y, _ := p.digits(9)
	if negative {
		return -y
	}
	return y
}

// field takes a separator and a number.
func (p *dateParser) field(separator byte, most int) int64 {
	if !p.eat(separator) {
		p.fail("expected YEAR-MONTH-DAY and optionally HOUR:MINUTE:SECOND")
		return 0
	}
	n, _ := p.digits(most)
	return n
}

// timeFollows takes what stands between a date and a time.
func (p *dateParser) timeFollows() bool {
	if p.eat('T') || p.eat('t') {
		return true
	}
	p.spaces()
	return p.err == nil && p.rest != "" && isDigit(p.rest[0])
}

func (p *dateParser) spaces() { p.rest = strings.TrimLeft(p.rest, " ") }

// timeOfDay takes hour[:minute[:second[.fraction]]].
func (p *dateParser) timeOfDay() (nanos int64) {
	hour, _ := p.digits(2)
	var minute, second, fraction int64
	if p.eat(':') {
		minute, _ = p.digits(2)
		if p.eat(':') {
			second, _ = p.digits(2)
			if p.eat('.') && p.rest != "" && isDigit(p.rest[0]) {
				fraction = p.fraction()
			}
		}
	}
	if hour > 23 || minute > 59 || second > 59 {
		p.fail("there is no time %02d:%02d:%02d", hour, minute, second)
	}
	return ((hour*60+minute)*60+second)*1e9 + fraction
}

// fraction takes the decimals of a second, as nanoseconds. Readers know microseconds only.
func (p *dateParser) fraction() (nanos int64) {
	end := 0
	for end < len(p.rest) && isDigit(p.rest[end]) {
		end++
	}
	decimals := strings.TrimRight(p.rest[:end], "0")
	p.rest = p.rest[end:]
	if len(decimals) > 6 {
		p.fail("a reference finer than a microsecond is read by no one alike")
		return 0
	}
	for i := range 9 {
		nanos *= 10
		if i < len(decimals) {
			nanos += int64(decimals[i] - '0')
		}
	}
	return nanos
}

// zone takes a time zone, as nanoseconds east of Greenwich.
func (p *dateParser) zone(hasTime bool) int64 {
	p.spaces()
	for _, name := range []string{"UTC", "GMT", "Z", "utc", "gmt", "z"} {
		if after, ok := strings.CutPrefix(p.rest, name); ok && p.err == nil {
			p.rest = after
			return 0
		}
	}
	sign := int64(1)
	switch {
	case p.eat('-'):
		sign = -1
	case p.eat('+'):
	case hasTime && p.err == nil && p.rest != "" && isDigit(p.rest[0]): // UDUNITS: "00:00:00 0:00"
	default:
		return 0
	}
	if !hasTime {
		p.fail("a zone without a time is read in several ways; write the time 00:00:00")
		return 0
	}
	hours, count := p.digits(4)
	minutes := int64(0)
	switch {
	case count > 2: // hhmm
		hours, minutes = hours/100, hours%100
	case p.eat(':'):
		minutes, _ = p.digits(2)
	}
	if hours > 23 || minutes > 59 {
		p.fail("there is no zone %02d:%02d", hours, minutes)
	}
	return sign * (hours*60 + minutes) * 60e9
}
