package plots

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

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
	return exponent.ReplaceAllStringFunc(u, func(s string) string {
		m := exponent.FindStringSubmatch(s)
		return m[1] + "^{" + strings.Replace(m[2], "-", minus, 1) + "}"
	})
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

// zeroMeans reports whether zero is a neutral value of a quantity, so that both sides of it deserve colours of
// their own. On the Celsius scale it is, but for differences, only the melting point of ice.
func zeroMeans(name, units string) bool {
	if prettyUnits(units) != celsius {
		return true
	}
	name = strings.ToLower(name)
	for _, w := range []string{"anomal", "differ", "bias", "change", "trend", "error", "tendency"} {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}
