package plots

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// micro is the letter that stands for it where there are no others: "ug m-3", "um".
var micro = regexp.MustCompile(`\bu(g|m|mol|s)\b`)

// power is a power of ten before units: "1e-9", "1.e-6 mol mol-1".
var power = regexp.MustCompile(`^1\.?0*[eE]([+-]?[0-9]{1,3})( .*)?$`)

const (
	minus   = "−" // the typographic sign
	celsius = "°C"
)

// exponent is a letter followed by an integer, as UDUNITS writes powers: "m s-1", "W m^-2", "kg m**-3".
var exponent = regexp.MustCompile(`([A-Za-zµ°%])(?:\^|\*\*)?(-?[0-9]+)(\b|$)`)

// prettyUnits writes UDUNITS units as people print them, with raised exponents; "" for a pure number.
func prettyUnits(u string) string {
	u = strings.TrimSpace(u)
	switch strings.ToLower(u) {
	case "", "1", "none", "unitless", "dimensionless", "-":
		return ""
	case "degc", "deg_c", "deg c", "celsius", "degree_celsius", "degrees_celsius", "degreesc", "degree_c", "degrees c":
		return celsius
	case "degree", "degrees", "deg":
		return "°"
	case "percent":
		return "%"
	case "kelvin", "degk":
		return "K"
	}
	if m := power.FindStringSubmatch(u); m != nil {
		n, _ := strconv.Atoi(m[1])
		return strings.TrimSpace("10^{" + strings.Replace(strconv.Itoa(n), "-", minus, 1) + "} " + prettyUnits(m[2]))
	}
	u = micro.ReplaceAllString(u, "µ$1")
	return exponent.ReplaceAllStringFunc(u, func(s string) string {
		m := exponent.FindStringSubmatch(s)
		return m[1] + "^{" + strings.Replace(m[2], "-", minus, 1) + "}"
	})
}

// Units writes UDUNITS units as people print them, with powers as "m s^{−1}"; "" for a pure number.
func Units(u string) string { return prettyUnits(u) }

// Text is a value of an axis in degrees: "51.5°N"; a plain number where the axis is no such.
func (a Angle) Text(v float64) string {
	v = math.Round(v*1e4) / 1e4
	d := 0
	for d < 4 && math.Abs(v*math.Pow10(d)-math.Round(v*math.Pow10(d))) > 1e-6 {
		d++
	}
	switch a {
	case Longitude:
		return lonLabel(v, d)
	case Latitude:
		return latLabel(v, d)
	}
	return number(v, d)
}

// caption is a name with its units, and the power of ten that was taken out of the tick labels.
func caption(name, units string, power int) string {
	u := prettyUnits(units)
	if power != 0 {
		u = strings.TrimSpace(fmt.Sprintf("10^{%s} %s", strings.Replace(strconv.Itoa(power), "-", minus, 1), u))
	}
	switch {
	case u == "":
		return name
	case name == "":
		return u
	}
	return name + " (" + u + ")"
}

// number writes v with a fixed number of decimals and a true minus sign.
func number(v float64, decimals int) string {
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.HasPrefix(s, "-") {
		if strings.Trim(s, "-0.") == "" {
			return s[1:]
		}
		return minus + s[1:]
	}
	return s
}

// powerOfTen is the exponent to take out of the labels of lo..hi so that they stay short; usually 0.
func powerOfTen(lo, hi float64) int {
	m := max(math.Abs(lo), math.Abs(hi))
	if m == 0 || m >= 1e-3 && m < 1e5 {
		return 0
	}
	return int(math.Floor(math.Log10(m)))
}

// quantity is what the name and the units of values tell about their colours.
type quantity struct {
	neutralZero bool // zero is neutral: where values lie to both sides of it, each side has colours of its own
	difference  bool // a difference from something: its zero is the middle even when one side prevails
	magnitudes  bool // may be read by its powers of ten
}

// quantityOf: on the Celsius scale zero is, but for differences, only the melting point of ice. Temperatures, heights, pressures,
// percentages and fractions are never read by their powers of ten.
func quantityOf(name, units string) quantity {
	u := prettyUnits(units)
	var q quantity
	name = strings.ToLower(name)
	for _, w := range []string{"anomal", "difference", "bias", "departure"} {
		q.difference = q.difference || strings.Contains(name, w)
	}
	q.neutralZero = u != celsius || q.difference
	for _, w := range []string{"change", "trend", "error", "tendency"} {
		q.neutralZero = q.neutralZero || strings.Contains(name, w)
	}
	switch u {
	case celsius, "K", "m", "km", "Pa", "hPa", "%", "°", "": // a pure number is a fraction mostly
	default:
		q.magnitudes = !q.difference
	}
	return q
}
