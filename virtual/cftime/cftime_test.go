package cftime

import (
	"encoding/json"
	"math"
	"math/big"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// cases is testdata/cases.json, which testdata/make.py describes.
type cases struct {
	Dates, Conversions [][]json.RawMessage
}

func load(t *testing.T) cases {
	t.Helper()
	b, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var c cases
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func decode[T any](t *testing.T, raw json.RawMessage) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(string(raw), err)
	}
	return v
}

func isInt(raw json.RawMessage) bool { return !strings.ContainsAny(string(raw), ".e") }

func mustParse(t rapid.TB, units, calendar string) Units {
	t.Helper()
	u, err := Parse(units, calendar)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestDatesAreThoseOfCftime(t *testing.T) {
	rows := load(t).Dates
	for _, row := range rows {
		u := mustParse(t, decode[string](t, row[0]), decode[string](t, row[1]))
		var i Instant
		var err error
		if isInt(row[2]) {
			i, err = u.At(decode[int64](t, row[2]))
		} else {
			i, err = u.AtFloat(decode[float64](t, row[2]))
		}
		if err != nil {
			t.Fatal(err)
		}
		w := decode[[]int64](t, row[3])
		want, err := fromParts(u.Calendar(), w)
		if err != nil {
			t.Fatal(err)
		}
		if !isInt(row[2]) {
			// cftime rounds to a microsecond, by a long double that isn't quite exact; At
			// may keep nanoseconds. Both must be next to the exact instant.
			v := decode[float64](t, row[2])
			if off := distance(u, v, i); off > 500.001 {
				t.Errorf("%s %s %s: %s is %v ns off", row[2], u, u.Calendar(), i, off)
			}
			if off := distance(u, v, want); off > 510 {
				t.Errorf("%s %s %s: %s, cftime has %s", row[2], u, u.Calendar(), i, want)
			}
		}
		if isInt(row[2]) {
			d := i.Date()
			got := []int64{d.Year, int64(d.Month), int64(d.Day), int64(d.Hour), int64(d.Minute), int64(d.Second), int64(d.Nanosecond / 1000)}
			for k := range w {
				if got[k] != w[k] {
					t.Errorf("%s %s %s: %v, cftime has %v", row[2], u, u.Calendar(), got, w)
					break
				}
			}
		}
	}
	if len(rows) < 2500 {
		t.Errorf("only %d cases", len(rows))
	}
}

// distance is how many nanoseconds lie between the exact instant of a value and i.
func distance(u Units, value float64, i Instant) float64 {
	exact := new(big.Rat).SetFloat64(value)
	exact.Mul(exact, new(big.Rat).SetInt64(u.nanos))
	got := big.NewInt(i.day - u.reference.day)
	got.Mul(got, big.NewInt(nanosPerDay))
	got.Add(got, big.NewInt(i.nanos-u.reference.nanos))
	off, _ := exact.Sub(exact, new(big.Rat).SetInt(got)).Float64()
	return math.Abs(off)
}

func fromParts(c Calendar, w []int64) (Instant, error) {
	n, err := c.dayNumber(w[0], int(w[1]), int(w[2]))
	return Instant{calendar: c, day: n, nanos: ((w[3]*60+w[4])*60+w[5])*1e9 + w[6]*1000}, err
}

func TestConversionsAreThoseOfCftime(t *testing.T) {
	whole, refused := 0, 0
	for _, row := range load(t).Conversions {
		calendar := decode[string](t, row[2])
		from, to := mustParse(t, decode[string](t, row[0]), calendar), mustParse(t, decode[string](t, row[1]), calendar)
		want := decode[float64](t, row[4])
		if isInt(row[3]) {
			got, err := ConvertInts([]int64{decode[int64](t, row[3])}, from, to)
			switch {
			case isInt(row[4]):
				whole++
				if err != nil || got[0] != decode[int64](t, row[4]) {
					t.Errorf("%s %s to %s: %d, %v; cftime has %s", row[3], from, to, got, err, row[4])
				}
			case err == nil && float64(got[0]) != want:
				t.Errorf("%s %s to %s: %d, cftime has %s", row[3], from, to, got, row[4])
			case err != nil:
				refused++
			}
			continue
		}
		got, err := ConvertFloats([]float64{decode[float64](t, row[3])}, from, to)
		if err != nil {
			t.Fatal(err)
		}
		// cftime goes through whole microseconds, so half of one is its error, and some
		// spacings of floats; the spacing of the given value carries over, too.
		ulp := math.Nextafter(math.Abs(want), math.Inf(1)) - math.Abs(want)
		if off := math.Abs(got[0] - want); off > 501/float64(to.nanos)+2*ulp {
			t.Errorf("%s %s to %s: %v, cftime has %v", row[3], from, to, got[0], want)
		}
	}
	if whole < 50 || refused < 50 {
		t.Errorf("%d whole results and %d refused ones are too few to mean anything", whole, refused)
	}
}

func TestDaysFollowOneAnother(t *testing.T) {
	for _, c := range []Calendar{Standard, ProlepticGregorian, Julian, NoLeap, AllLeap, Day360} {
		py, pm, pd := c.date(-900_000)
		for n := int64(-900_000 + 1); n < 900_000; n++ {
			y, m, d := c.date(n)
			back, err := c.dayNumber(y, m, d)
			if err != nil || back != n {
				t.Fatalf("%s: day %d is %d-%d-%d, which is day %d (%v)", c, n, y, m, d, back, err)
			}
			next := y == py && m == pm && d == pd+1 || y == py && m == pm+1 && d == 1 ||
				m == 1 && d == 1 && pm == 12 && (y == py+1 || y == 1 && py == -1)
			reform := c == Standard && y == 1582 && m == 10 && d == 15 && pd == 4
			if !next && !reform {
				t.Fatalf("%s: %d-%d-%d follows %d-%d-%d", c, y, m, d, py, pm, pd)
			}
			py, pm, pd = y, m, d
		}
	}
}

// There and back gives the same integers, and whatever Common finds holds every value of all.
func TestCommonHoldsEverything(t *testing.T) {
	words := []string{"days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds"}
	dates := []string{"1850-01-01", "2000-01-01 12:00", "1999-12-30T23:59:59", "2001-06-05 00:00:00.25", "1970-1-1 06:30 +01:30", "1850-06-01"}
	rapid.Check(t, func(t *rapid.T) {
		calendar := rapid.SampledFrom([]string{"standard", "noleap", "360_day", "julian", "proleptic_gregorian", "all_leap"}).Draw(t, "calendar")
		var all []Units
		for range rapid.IntRange(1, 4).Draw(t, "n") {
			all = append(all, mustParse(t, rapid.SampledFrom(words).Draw(t, "unit")+" since "+rapid.SampledFrom(dates).Draw(t, "date"), calendar))
		}
		common, err := Common(all...)
		if err != nil {
			t.Fatal(err)
		}
		again := mustParse(t, common.String(), calendar)
		if !again.Same(common) {
			t.Fatalf("%q is read as %s, not %s", common, again.reference, common.reference)
		}
		for _, u := range all {
			if common.reference.Compare(u.reference) > 0 {
				t.Fatalf("%s is after %s", common, u)
			}
			// All dates stay within the 292 years that 64 bits of nanoseconds span, from 1750 on.
			values := rapid.SliceOf(rapid.Int64Range(-15_000, 15_000)).Draw(t, "values")
			there, err := ConvertInts(values, u, common)
			if err != nil {
				t.Fatal(err)
			}
			back, err := ConvertInts(there, common, u)
			if err != nil {
				t.Fatal(err)
			}
			for k := range values {
				i, _ := u.At(values[k])
				j, _ := common.At(there[k])
				if i != j || back[k] != values[k] {
					t.Fatalf("%d %s (%s) is %d %s (%s), and back %d", values[k], u, i, there[k], common, j, back[k])
				}
			}
		}
	})
}

// Common is not finer than it must be: no longer unit holds all.
func TestCommonIsTheLongestUnit(t *testing.T) {
	for _, c := range []struct {
		want string
		in   []string
	}{
		{"days since 2000-1-1", []string{"days since 2000-1-1", "days since 2000-01-01 00:00:00"}},
		{"days since 1999-12-01", []string{"days since 2000-01-01", "days since 1999-12-01"}},
		{"hours since 2000-01-01", []string{"days since 2000-01-01", "days since 2000-01-02 06:00"}},
		{"hours since 2000-01-01", []string{"hours since 2001-01-01", "days since 2000-01-01"}},
		{"minutes since 2000-01-01 00:30:00", []string{"hours since 2000-01-01 00:30", "hours since 2000-01-01 01:00:00"}},
		{"milliseconds since 1999-12-31 23:59:59.25", []string{"seconds since 2000-01-01", "seconds since 1999-12-31 23:59:59.25"}},
	} {
		var in []Units
		for _, s := range c.in {
			in = append(in, mustParse(t, s, ""))
		}
		got, err := Common(in...)
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != c.want {
			t.Errorf("common of %q is %q, want %q", c.in, got, c.want)
		}
	}
}

// A converted float is the nearest one to the exact result, computed here by another way.
func TestFloatsAreCorrectlyRounded(t *testing.T) {
	from, to := mustParse(t, "days since 1850-01-01", "standard"), mustParse(t, "hours since 1970-01-01 03:00", "standard")
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(-1e6, 1e6).Draw(t, "v")
		got, err := ConvertFloats([]float64{v}, from, to)
		if err != nil {
			t.Fatal(err)
		}
		x := new(big.Float).SetPrec(2000).SetFloat64(v)
		x.Mul(x, big.NewFloat(24))
		x.Sub(x, big.NewFloat(43829*24+3)) // 43829 days from 1850-01-01 to 1970-01-01
		if want, _ := x.Float64(); got[0] != want {
			t.Fatalf("%v: %v, want %v", v, got[0], want)
		}
	})
}

func TestSameUnitsLeaveFloatsAsTheyAre(t *testing.T) {
	from, to := mustParse(t, "days since 1850-1-1", ""), mustParse(t, "days since 1850-01-01 00:00", "gregorian")
	got, err := ConvertFloats([]float64{0.1, 1e-300, math.Copysign(0, -1)}, from, to)
	if err != nil || got[0] != 0.1 || got[1] != 1e-300 || !math.Signbit(got[2]) {
		t.Error(got, err)
	}
}

func TestInexactIntegersAreNamed(t *testing.T) {
	_, err := ConvertInts([]int64{24, 25}, mustParse(t, "hours since 2000-01-01", ""), mustParse(t, "days since 2000-01-01", ""))
	if err == nil || !strings.Contains(err.Error(), "25 hours since 2000-01-01, 2000-01-02T01:00:00,") {
		t.Error(err)
	}
}

func TestCalendarsMix(t *testing.T) {
	standard, proleptic := mustParse(t, "days since 1582-10-20", "gregorian"), mustParse(t, "days since 1900-01-01", "proleptic_gregorian")
	if got, err := ConvertInts([]int64{0}, standard, proleptic); err != nil || got[0] != -115855 { // Python: date(1582, 10, 20) - date(1900, 1, 1)
		t.Error(got, err)
	}
	if _, err := ConvertInts([]int64{-10}, standard, proleptic); err == nil {
		t.Error("1582-09-30 has another name in the proleptic calendar")
	}
	for _, other := range []string{"noleap", "julian", "360_day"} {
		if _, err := ConvertInts(nil, standard, mustParse(t, "days since 1900-01-01", other)); err == nil {
			t.Error(other, "was taken for the standard calendar")
		}
		if _, err := Common(standard, mustParse(t, "days since 1900-01-01", other)); err == nil {
			t.Error(other, "has units in common with the standard calendar")
		}
	}
	if _, err := Common(mustParse(t, "days since 1500-01-01", "standard"), proleptic); err == nil {
		t.Error("a reference of 1500 is not the same in both calendars")
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ units, calendar, says string }{
		{"", "", "UNIT since REFERENCE"},
		{"None", "", "UNIT since REFERENCE"},
		{"days", "", "UNIT since REFERENCE"},
		{"day as %Y%m%d.%f", "", "UNIT since REFERENCE"},
		{"days since", "", "missing"},
		{"fortnights since 2000-01-01", "", "fixed span"},
		{"years since 2000-01-01", "", "fixed span"},
		{"months since 2000-01-01", "standard", "no fixed span"},
		{"common_years since 2000-01-01", "360_day", "no fixed span"},
		{"days since 2000-01-01", "none", "calendar"},
		{"days since 2000", "", "YEAR-MONTH-DAY"},
		{"days since 20000101", "", "YEAR-MONTH-DAY"},
		{"days since 2000/01/01", "", "YEAR-MONTH-DAY"},
		{"days since 2000-13-01", "", "no month 13"},
		{"days since 2001-02-29", "", "no day 29"},
		{"days since 1900-02-29", "", "no day 29"},
		{"days since 2000-02-29", "noleap", "no day 29"},
		{"days since 2000-01-31", "360_day", "no day 31"},
		{"days since 1582-10-10", "standard", "does not exist"},
		{"days since 0000-01-01", "standard", "no year 0"},
		{"days since 2000-01-01 24:00:00", "", "no time"},
		{"days since 2000-01-01 12:60", "", "no time"},
		{"days since 2000-01-01 00:00:60", "", "no time"},
		{"days since 2000-01-01 junk", "", "left over"},
		{"days since 2000-01-01 00:00:00 EST", "", "left over"},
		{"days since 2000-01-01 -1:00", "", "zone without a time"},
		{"days since 2000-01-01 00:00:00.1234567", "", "microsecond"},
		{"days since 9999999999-01-01", "", "more than 9 digits"},
	} {
		_, err := Parse(c.units, c.calendar)
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.units) {
			t.Errorf("%q %s: error %v does not say %q", c.units, c.calendar, err, c.says)
		}
	}
}

// Where cftime passes over an hour alone or a zone of one digit, UDUNITS' meaning is kept.
func TestReferencesOfUdunits(t *testing.T) {
	for text, want := range map[string]string{
		"days since 2000-1-1 12":                  "2000-01-01T12:00:00",
		"days since 2000-1-1 12:30 -5:00":         "2000-01-01T17:30:00",
		"days since 2000-1-1 12:30+5":             "2000-01-01T07:30:00",
		"days since 2000-1-1 00:00:00.0 0:00":     "2000-01-01T00:00:00",
		"days since 2000-01-01T23:30:00.5-0130":   "2000-01-02T01:00:00.5",
		" days  since  2000-01-01 ":               "2000-01-01T00:00:00",
		"days since -0044-03-15":                  "-0044-03-15T00:00:00",
		"seconds since 1970-01-01 00:00:00Z":      "1970-01-01T00:00:00",
		"seconds since 1970-01-01 00:00:00 +0000": "1970-01-01T00:00:00",
	} {
		if got := mustParse(t, text, "").Reference().String(); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestOutOfRange(t *testing.T) {
	for _, u := range []Units{mustParse(t, "days since 1-1-1", ""), mustParse(t, "months since 1-1-1", "360_day")} {
		for _, v := range []int64{math.MaxInt64, math.MinInt64, 1 << 40} {
			if i, err := u.At(v); err == nil {
				t.Errorf("%d %s is %s", v, u, i)
			}
		}
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -1e18} {
			if i, err := u.AtFloat(v); err == nil {
				t.Errorf("%v %s is %s", v, u, i)
			}
		}
	}
	nanos := mustParse(t, "nanoseconds since 1970-01-01", "")
	for _, v := range []int64{math.MaxInt64, math.MinInt64} {
		i, err := nanos.At(v)
		if err != nil {
			t.Fatal(err)
		}
		if _, exact := mustParse(t, "nanoseconds since 2500-01-01", "").Value(i); exact != (v > 0) {
			t.Errorf("%d nanoseconds since 1970 fit into nanoseconds since 2500: %v", v, exact)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"days since 2000-1-1", "h since -1-1-1T1:1:1.5+01:30", "months since 1-1-1 0 0:00"} {
		f.Add(s, "standard", int64(1), 0.5)
		f.Add(s, "360_day", int64(1), 0.5)
	}
	f.Fuzz(func(t *testing.T, units, calendar string, n int64, x float64) {
		u, err := Parse(units, calendar)
		if err != nil {
			return
		}
		if i, err := u.At(n); err == nil {
			if back, exact := u.Value(i); !exact || back != n {
				t.Fatalf("%d %s is %s, which is %d (%v)", n, u, i, back, exact)
			}
		}
		if i, err := u.AtFloat(x); err == nil {
			_ = i.String()
		}
	})
}

func BenchmarkConvertFloats(b *testing.B) {
	from, err := Parse("days since 1850-01-01", "standard")
	if err != nil {
		b.Fatal(err)
	}
	to, err := Parse("hours since 1970-01-01", "standard")
	if err != nil {
		b.Fatal(err)
	}
	values := make([]float64, 1000)
	for i := range values {
		values[i] = float64(i) * 0.1
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ConvertFloats(values, from, to); err != nil {
			b.Fatal(err)
		}
	}
}
