package plots

import (
	"bytes"
	"image"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func small() Field {
	lat, lon := span(60, 40, 11), span(0, 20, 21)
	return Field{
		NY: 11, NX: 21, Lat: lat, Lon: lon, Title: "t", Units: "K",
		Values: onGrid(lat, lon, func(a, o float64) float64 { return a*a + o }),
	}
}

func render(t *testing.T, f Field, o Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Map(&b, f, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The same field stored from south to north is the same picture, byte for byte; so is the same twice.
func TestOrderOfRowsDoesNotShow(t *testing.T) {
	f := small()
	g := f
	g.Lat, g.Values = slices.Clone(f.Lat), nil
	slices.Reverse(g.Lat)
	for j := f.NY - 1; j >= 0; j-- {
		g.Values = append(g.Values, f.Values[j*f.NX:(j+1)*f.NX]...)
	}
	a := render(t, f, Options{Width: 400})
	if !bytes.Equal(a, render(t, f, Options{Width: 400})) {
		t.Error("two drawings of one field differ")
	}
	if !bytes.Equal(a, render(t, g, Options{Width: 400})) {
		t.Error("a field with rising latitudes is drawn otherwise than with falling ones")
	}
	h := f
	h.Lon = slices.Clone(f.Lon)
	for i := range h.Lon {
		h.Lon[i] += 360
	}
	if !bytes.Equal(a, render(t, h, Options{Width: 400})) {
		t.Error("a field at 360..380 degrees is drawn otherwise than at 0..20")
	}
}

func viewOf(t *testing.T, f Field, view func(*Field) (view, error), w, h int) (*image.RGBA, scale) {
	t.Helper()
	v, err := view(&f)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newScale(f.Values, nil, quantity{neutralZero: true})
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	v.paint(&v, img, &s)
	return img, s
}

// On a panel of 10 x 10 pixels a cell every pixel has the colour of its cell: nothing is smoothed or shifted.
func TestPixelsAreCells(t *testing.T) {
	f := small()
	img, s := viewOf(t, f, viewParallels, f.NX*10, f.NY*10)
	for j := range f.NY * 10 {
		for i := range f.NX * 10 {
			if got, want := img.RGBAAt(i, j), s.at(f.Values[j/10*f.NX+i/10]); got != want {
				t.Fatalf("pixel %d, %d has %v, its cell %v", i, j, got, want)
			}
		}
	}
}

// A grid of parallels and meridians given as a curvilinear one lands on the same pixels, but for the
// cells' own boundaries, which are drawn along great circles there.
func TestMeshAgreesWithParallels(t *testing.T) {
	f := small()
	g := f
	g.Lat, g.Lon = nil, nil
	for _, a := range f.Lat {
		for _, o := range f.Lon {
			g.Lat, g.Lon = append(g.Lat, a), append(g.Lon, o)
		}
	}
	a, _ := viewOf(t, f, viewParallels, f.NX*10, f.NY*10)
	b, _ := viewOf(t, g, viewMesh, f.NX*10, f.NY*10)
	same, total := 0, 0
	for j := range f.NY * 10 {
		for i := range f.NX * 10 {
			total++
			if a.RGBAAt(i, j) == b.RGBAAt(i, j) {
				same++
			}
		}
	}
	if same*100 < total*97 {
		t.Errorf("only %d of %d pixels agree", same, total)
	}
}

// Every pixel within a mesh of many cells is painted exactly once: no cracks, no overlaps.
func TestQuadsTile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 4
		var corner [n + 1][n + 1]point
		for j := range corner {
			for i := range corner[j] {
				corner[j][i] = point{
					10*float64(i) + rapid.Float64Range(-3, 3).Draw(t, "x"),
					10*float64(j) + rapid.Float64Range(-3, 3).Draw(t, "y"),
				}
			}
		}
		count := map[image.Point]int{}
		for j := range n {
			for i := range n {
				img := image.NewRGBA(image.Rect(0, 0, 50, 50))
				fillQuad(img, [4]point{corner[j][i], corner[j][i+1], corner[j+1][i+1], corner[j+1][i]}, ink)
				for y := range 50 {
					for x := range 50 {
						if img.RGBAAt(x, y) == ink {
							count[image.Pt(x, y)]++
						}
					}
				}
			}
		}
		for y := 4; y < 36; y++ {
			for x := 4; x < 36; x++ {
				if count[image.Pt(x, y)] != 1 {
					t.Fatalf("pixel %d, %d was painted %d times", x, y, count[image.Pt(x, y)])
				}
			}
		}
	})
}

func TestColourRange(t *testing.T) {
	wild := make([]float64, 1000)
	for i := range wild {
		wild[i] = 10 + float64(i)/100
	}
	wild[17] = 1e30
	for name, c := range map[string]struct {
		values       []float64
		lo, hi       float64
		below, above bool
		diverging    bool
	}{
		"one wild value is beyond the range": {values: wild, lo: 10.2, hi: 19.8, below: true, above: true},
		"an even field is shown whole":       {values: []float64{1, 2, 3, 4, 5}, lo: 1, hi: 5},
		"a constant field has a range":       {values: []float64{7, 7, 7}, lo: 6.5, hi: 7.5},
		"both sides of zero are alike":       {values: []float64{-4, -2, 0, 2, 3}, lo: -4, hi: 4, diverging: true},
		"a few negative values are none":     {values: []float64{-1, 20, 40, 60, 100}, lo: -1, hi: 100},
		"missing values don't count":         {values: []float64{math.NaN(), 1, math.Inf(1), 3}, lo: 1, hi: 3},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := newScale(c.values, nil, quantity{neutralZero: true})
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(s.lo-c.lo) > 0.05 || math.Abs(s.hi-c.hi) > 0.05 || s.below != c.below || s.above != c.above {
				t.Errorf("got %g..%g, below %v, above %v", s.lo, s.hi, s.below, s.above)
			}
			_, blueToRed := s.colours[0], s.colours[255].R > 150 && s.colours[255].G < 60
			if blueToRed != c.diverging {
				t.Errorf("diverging is %v", blueToRed)
			}
			for i, col := range s.colours {
				if col == s.missing {
					t.Errorf("colour %d is that of missing values", i)
				}
			}
		})
	}
}

func TestQuantities(t *testing.T) {
	for _, c := range []struct {
		name, units string
		want        quantity
	}{
		{"air temperature", "degC", quantity{}},
		{"Temperature anomaly", "degC", quantity{neutralZero: true, difference: true}},
		{"temperature trend", "degC", quantity{neutralZero: true}},
		{"eastward wind", "m s-1", quantity{neutralZero: true, magnitudes: true}},
		{"temperature", "K", quantity{neutralZero: true}},
		{"orography", "m", quantity{neutralZero: true}},
	} {
		if got := quantityOf(c.name, c.units); got != c.want {
			t.Errorf("%s in %s: %+v", c.name, c.units, got)
		}
	}
}

func labels(ticks []tick) string {
	var out []string
	for _, t := range ticks {
		out = append(out, strings.TrimSpace(t.label+" "+t.under))
	}
	return strings.Join(out, ", ")
}

func TestTicks(t *testing.T) {
	for want, got := range map[string][]tick{
		"0, 20, 40, 60, 80":                      niceTicks(-3, 97, 6, 0),
		"0.00, 0.25, 0.50, 0.75, 1.00":           niceTicks(0, 1, 4, 0),
		"−0.4, −0.2, 0.0, 0.2, 0.4":              niceTicks(-0.4, 0.4, 5, 0),
		"1.0, 1.5, 2.0":                          niceTicks(1e-6, 2e-6, 3, -6),
		"180°, 90°W, 0°, 90°E, 180°":             degreeTicks(-180, 180, 4, lonLabel),
		"0°, 60°E, 120°E, 180°, 120°W, 60°W, 0°": degreeTicks(0, 360, 7, lonLabel),
		"90°S, 60°S, 30°S, 0°, 30°N, 60°N, 90°N": degreeTicks(-90, 90, 7, latLabel),
		"49.5°N, 50.0°N, 50.5°N":                 degreeTicks(49.4, 50.6, 3, latLabel),
	} {
		if labels(got) != want {
			t.Errorf("got %s, want %s", labels(got), want)
		}
	}
}

func TestDateTicks(t *testing.T) {
	type sample struct {
		values []float64
		dates  []Date
	}
	every := func(n int, f func(i int) Date) (s sample) {
		for i := range n {
			s.values, s.dates = append(s.values, float64(i)), append(s.dates, f(i))
		}
		return s
	}
	hourly := every(49, func(i int) Date { return Date{2020, 2, 28 + i/24, i % 24, 0, 0} })
	monthly360 := every(24, func(i int) Date { return Date{1999 + i/12, i%12 + 1, 16, 0, 0, 0} })
	annual := every(150, func(i int) Date { return Date{1850 + i, 7, 1, 0, 0, 0} })
	one := every(1, func(int) Date { return Date{1990, 1, 16, 12, 0, 0} })
	for _, c := range []struct {
		s    sample
		n    int
		want string
	}{
		{hourly, 5, "00:00 28 Feb 2020, 12:00, 00:00 29 Feb 2020, 12:00, 00:00 30 Feb 2020"},
		{monthly360, 8, "Apr 1999, Jul, Oct, Jan 2000, Apr, Jul, Oct"},
		{annual, 8, "1860, 1880, 1900, 1920, 1940, 1960, 1980"},
		{one, 8, "16 Jan 1990, 12:00"},
	} {
		got := dateTicks(c.s.values, c.s.dates, c.n)
		if labels(got) != c.want {
			t.Errorf("got %s\nwant %s", labels(got), c.want)
		}
	}
	// A round moment between two samples is placed between them.
	for _, tk := range dateTicks(monthly360.values, monthly360.dates, 8) {
		if f := tk.at - math.Floor(tk.at); f < 0.4 || f > 0.6 {
			t.Errorf("the first of a month is at %g, not half way between two mid-month samples", tk.at)
		}
	}
}

func TestPeriods(t *testing.T) {
	day := func(y, m, d int) Date { return Date{Year: y, Month: m, Day: d} }
	hour := func(d, h int) Date { return Date{1990, 1, d, h, 0, 0} }
	for _, c := range []struct {
		from, to Date
		want     string
	}{
		{day(1990, 1, 1), day(1991, 1, 1), "1990"},
		{day(1990, 1, 1), day(2000, 1, 1), "1990–1999"},
		{day(1990, 2, 1), day(1990, 3, 1), "Feb 1990"},
		{day(1990, 12, 1), day(1991, 1, 1), "Dec 1990"},
		{day(1990, 3, 1), day(1990, 6, 1), "Mar–May 1990"},
		{day(1989, 12, 1), day(1990, 3, 1), "Dec 1989 – Feb 1990"},
		{day(1990, 1, 16), day(1990, 1, 17), "16 Jan 1990"},
		{day(1990, 2, 28), day(1990, 3, 1), "28 Feb 1990"},
		{day(1990, 1, 6), day(1990, 1, 11), "6–10 Jan 1990"},
		{day(1990, 1, 31), day(1990, 2, 5), "31 Jan – 4 Feb 1990"},
		{hour(16, 9), hour(16, 12), "16 Jan 1990, 09:00–12:00"},
		{hour(16, 18), hour(17, 0), "16 Jan 1990, 18:00–24:00"},
		{hour(16, 9), hour(17, 9), ""},
		{day(1990, 1, 1), day(1990, 1, 1), ""},
		{day(1990, 2, 1), day(1990, 1, 1), ""},
	} {
		if got := Period(c.from, c.to); got != c.want {
			t.Errorf("from %v to %v: %q, want %q", c.from, c.to, got, c.want)
		}
	}
}

// A region that is stored from Greenwich on, in two pieces, is the same picture as in one piece.
func TestTwoPiecesAreOneRegion(t *testing.T) {
	f := small()
	f.Lon = span(-10, 10, 21)
	want := render(t, f, Options{Width: 400})
	g := f
	g.Lon, g.Values = nil, nil
	for i := range 21 {
		g.Lon = append(g.Lon, math.Mod(f.Lon[(i+10)%21]+360, 360))
	}
	for j := range f.NY {
		for i := range 21 {
			g.Values = append(g.Values, f.Values[j*21+(i+10)%21])
		}
	}
	if !bytes.Equal(want, render(t, g, Options{Width: 400})) {
		t.Error("the region in two pieces is drawn otherwise")
	}
	if h := f.turned(); !slices.Equal(h.Lon, f.Lon) {
		t.Error("a region in one piece has been turned")
	}
	globe := Field{NY: 1, NX: 72, Lon: span(2.5, 357.5, 72), Values: make([]float64, 72)}
	if h := globe.turned(); !slices.Equal(h.Lon, globe.Lon) {
		t.Error("a grid round the earth has been turned")
	}
}

// On parallels and meridians, the cell that holds a pole is the cap that it is: from side to side, up to the pole.
func TestPoleCell(t *testing.T) {
	f := Field{NY: 35, NX: 36, Title: "t"}
	f.Lat, f.Lon = rotated(span(-85, 85, 35), span(-170, 180, 36), 40, 10)
	for i := range f.Lat {
		f.Values = append(f.Values, float64(i%50))
	}
	m, err := newMesh(&f)
	if err != nil {
		t.Fatal(err)
	}
	if !m.holdsPole(1) || !m.holdsPole(-1) {
		t.Fatal("a grid round the globe holds no pole")
	}
	img, s := viewOf(t, f, viewMesh, 360, 180)
	at := 0
	for i := range f.Lat {
		if f.Lat[i] > f.Lat[at] {
			at = i
		}
	}
	for x := range 360 {
		if got, want := img.RGBAAt(x, 0), s.at(f.Values[at]); got != want {
			t.Fatalf("the pole is %v at longitude %d, its cell %v", got, x-180, want)
		}
	}
}

func TestLogTicks(t *testing.T) {
	for want, got := range map[string][]tick{
		"0.01, 0.1, 1, 10":                         logTicks(0.01, 10, 5),
		"0.1, 0.3, 1, 3, 10":                       logTicks(0.1, 10, 6),
		"10, 20, 50, 100, 200, 500, 1000":          logTicks(10, 1000, 7),
		"10^{−6}, 10^{−5}, 10^{−4}, 0.001":         logTicks(1e-6, 1e-3, 5),
		"3×10^{−7}, 10^{−6}, 3×10^{−6}, 10^{−5}":   logTicks(3e-7, 1e-5, 4),
		"10^{−20}, 10^{−15}, 10^{−10}, 10^{−5}, 1": logTicks(1e-20, 1, 5),
	} {
		if labels(got) != want {
			t.Errorf("got %s, want %s", labels(got), want)
		}
	}
}

// Colours go by powers of ten where the values do, and not for fields that look alike but are read by their differences.
func TestPowers(t *testing.T) {
	var rain, even, signed []float64
	for i := range 1000 {
		rain = append(rain, math.Pow(10, float64(i%100)/20-4))
		even = append(even, float64(i))
		signed = append(signed, rain[i]*float64(1-2*(i%2)))
	}
	zeros := append(make([]float64, 500), rain...)
	q := quantity{neutralZero: true, magnitudes: true}
	for _, c := range []struct {
		name   string
		values []float64
		q      quantity
		want   bool
	}{
		{"values of many sizes", rain, q, true}, {"with zeros", zeros, q, true}, {"even values", even, q, false}, {"of both signs", signed, q, false},
		{"read by differences", rain, quantity{}, false},
	} {
		s, err := newScale(c.values, nil, c.q)
		if err != nil || s.log != c.want {
			t.Errorf("%s: by logarithm: %v, %v", c.name, s.log, err)
		}
		if s.log && (s.lo <= 0 || s.at(0) != s.colours[0] || s.part(s.hi) != 1 || s.part(s.lo) != 0) {
			t.Errorf("%s: from %g to %g", c.name, s.lo, s.hi)
		}
	}
}

func TestClasses(t *testing.T) {
	values := []float64{1, 2, 2, math.NaN(), 7}
	s, ok := newClasses(values, []Class{{Value: 1, Name: "land"}, {Value: 2, Name: "sea", Color: ink}, {Value: 3, Name: "lake"}})
	if !ok || len(s.classes) != 3 || !s.holes {
		t.Fatalf("%v, %+v", ok, s.classes)
	}
	if s.at(2) != ink || s.at(1) == s.at(7) || s.at(math.NaN()) != s.missing || s.classes[2].name != "7" {
		t.Errorf("the classes are %+v", s.classes)
	}
	// A class keeps its colour when others are absent.
	alone, _ := newClasses([]float64{3}, []Class{{Value: 1}, {Value: 2}, {Value: 3}})
	if alone.at(3) != palette[2] {
		t.Error("the third class has not the third colour")
	}
	if _, ok := newClasses(span(0, 100, 101), nil); ok {
		t.Error("a hundred classes are taken")
	}
}

func TestUnits(t *testing.T) {
	for in, want := range map[string]string{
		"kg m-2 s-1": "kg m^{−2} s^{−1}", "W m**-2": "W m^{−2}", "m2": "m^{2}", "1": "", "degC": "°C", "%": "%", "K": "K",
		"mol mol-1": "mol mol^{−1}", "1e-9": "10^{−9}", "1.e-6 mol mol-1": "10^{−6} mol mol^{−1}", "1e3 km3": "10^{3} km^{3}", "ug m-3": "µg m^{−3}", "umol m-2 s-1": "µmol m^{−2} s^{−1}",
	} {
		if got := prettyUnits(in); got != want {
			t.Errorf("%q is printed %q, want %q", in, got, want)
		}
	}
}

// What can't be drawn is an error with a name in it; nothing panics, whatever the numbers.
func TestRefusals(t *testing.T) {
	for name, f := range map[string]Field{
		"no cells":          {Title: "q"},
		"too few values":    {Title: "q", NY: 2, NX: 2, Values: []float64{1}},
		"latitudes missing": {Title: "q", NY: 1, NX: 2, Values: []float64{1, 2}, Lon: []float64{1, 2}},
		"latitudes fold":    {Title: "q", NY: 3, NX: 1, Values: make([]float64, 3), Lon: []float64{1}, Lat: []float64{1, 2, 1}},
		"latitudes NaN":     {Title: "q", NY: 2, NX: 1, Values: make([]float64, 2), Lon: []float64{1}, Lat: []float64{1, math.NaN()}},
		"not on the earth":  {Title: "q", NY: 2, NX: 1, Values: make([]float64, 2), Lon: []float64{1}, Lat: []float64{1000, 1001}},
		"axis too short":    {Title: "q", NY: 1, NX: 2, Values: make([]float64, 2), X: Axis{Name: "x", Values: []float64{1}}},
		"mesh of NaN":       {Title: "q", NY: 2, NX: 2, Values: make([]float64, 4), Lat: slices.Repeat([]float64{math.NaN()}, 4), Lon: make([]float64, 4)},
	} {
		var b bytes.Buffer
		if err := Map(&b, f, Options{Width: 200}); err == nil {
			t.Errorf("%s: drawn without error", name)
		} else if b.Len() > 0 {
			t.Errorf("%s: an error, and %d bytes of picture", name, b.Len())
		}
	}
	if err := Series(&bytes.Buffer{}, Line{}, Options{}); err == nil {
		t.Error("a series without values is drawn")
	}
	if err := Map(&bytes.Buffer{}, small(), Options{Range: &[2]float64{1, 1}}); err == nil {
		t.Error("an empty range is drawn")
	}
}

func TestAnyNumbersAreDrawnOrRefused(t *testing.T) {
	number := rapid.OneOf(rapid.Float64(), rapid.Float64Range(-400, 400), rapid.Just(math.NaN()), rapid.Just(math.Inf(1)))
	rapid.Check(t, func(t *rapid.T) {
		ny, nx := rapid.IntRange(1, 4).Draw(t, "ny"), rapid.IntRange(1, 4).Draw(t, "nx")
		draw := func(n int, name string) []float64 { return rapid.SliceOfN(number, n, n).Draw(t, name) }
		f := Field{NY: ny, NX: nx, Values: draw(ny*nx, "values"), Title: "t"}
		switch rapid.IntRange(0, 3).Draw(t, "layout") {
		case 1:
			f.Lat, f.Lon = draw(ny, "lat"), draw(nx, "lon")
			slices.Sort(f.Lat)
			slices.Sort(f.Lon)
		case 2:
			f.Lat, f.Lon = draw(ny*nx, "lat"), draw(ny*nx, "lon")
		case 3:
			f.X.Values, f.Y.Values = draw(nx, "x"), draw(ny, "y")
			slices.Sort(f.X.Values)
			slices.Sort(f.Y.Values)
			f.Projection = mapping("lambert_azimuthal_equal_area", "latitude_of_projection_origin", rapid.Float64Range(-90, 90).Draw(t, "origin"))
			f.Classes = []Class{{Value: 1}}
		default:
			f.X.Values = draw(nx, "x")
			slices.Sort(f.X.Values)
		}
		_ = Map(&bytes.Buffer{}, f, Options{Width: 200})
		_ = Series(&bytes.Buffer{}, Line{Values: f.Values, Upright: nx > 2}, Options{Width: 200})
	})
}
