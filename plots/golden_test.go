package plots

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/virtual/cf/gridmapping"
)

var (
	update = flag.Bool("update", false, "write testdata/*.png anew; look at every picture before you commit it")
	large  = flag.String("large", "", "also write the pictures at full size into this folder")
)

// picture is one kind of picture, drawn from a formula.
type picture struct {
	name string
	draw func(w io.Writer, o Options) error
}

func span(lo, hi float64, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = lo + (hi-lo)*float64(i)/float64(n-1)
	}
	return v
}

// onGrid evaluates f at every cell of a grid of parallels and meridians.
func onGrid(lat, lon []float64, f func(lat, lon float64) float64) []float64 {
	var v []float64
	for _, a := range lat {
		for _, o := range lon {
			v = append(v, f(a, o))
		}
	}
	return v
}

func sin(d float64) float64 { return math.Sin(d * math.Pi / 180) }
func cos(d float64) float64 { return math.Cos(d * math.Pi / 180) }

// mapping is the projection of a grid mapping with the given attributes.
func mapping(name string, attrs ...any) Projection {
	a := virtual.Array{Attributes: []cdm.Attribute{{Name: "grid_mapping_name", Value: name}}}
	for i := 0; i < len(attrs); i += 2 {
		a.Attributes = append(a.Attributes, cdm.Attribute{Name: attrs[i].(string), Value: attrs[i+1]})
	}
	p, err := gridmapping.Of(&a)
	if err != nil {
		panic(err)
	}
	return p
}

func temperature(lat, lon float64) float64 {
	return 300 - 45*sin(lat)*sin(lat) + 6*sin(3*lon+2*lat)*cos(lat) + 3*cos(5*lon)
}

// rotated are the true places of a grid that is regular about a pole at (lat, lon), as CORDEX's are.
func rotated(rlat, rlon []float64, poleLat, poleLon float64) (lat, lon []float64) {
	for _, a := range rlat {
		for _, o := range rlon {
			z := sin(a)*sin(poleLat) + cos(a)*cos(o)*cos(poleLat)
			y := cos(a) * sin(o)
			x := -sin(a)*cos(poleLat) + cos(a)*cos(o)*sin(poleLat)
			lat = append(lat, math.Asin(z)*180/math.Pi)
			lon = append(lon, math.Mod(math.Atan2(y, x)*180/math.Pi+poleLon+180+540, 360)-180)
		}
	}
	return lat, lon
}

func pictures() []picture {
	fieldOf := func(f Field) func(io.Writer, Options) error {
		return func(w io.Writer, o Options) error { return Map(w, f, o) }
	}
	lineOf := func(l Line) func(io.Writer, Options) error {
		return func(w io.Writer, o Options) error { return Series(w, l, o) }
	}

	// Latitudes from north to south, longitudes from Greenwich eastwards, some values missing.
	lat, lon := span(90, -90, 73), span(0, 357.5, 144)
	global := Field{
		NY: 73, NX: 144, Lat: lat, Lon: lon, Title: "Near-surface air temperature", Subtitle: "ukesm-tas · 16 Jan 1990", Units: "K",
		Values: onGrid(lat, lon, func(a, o float64) float64 {
			if a < -60 && o > 200 && o < 250 {
				return math.NaN()
			}
			return temperature(a, o)
		}),
	}

	// The same world from the other edge and the other end, as an anomaly on both sides of zero.
	alat, alon := span(-88.75, 88.75, 72), span(-178.75, 178.75, 144)
	anomaly := Field{
		NY: 72, NX: 144, Lat: alat, Lon: alon, Title: "Sea level anomaly", Subtitle: "16 Jan 1990", Units: "m",
		Values: onGrid(alat, alon, func(a, o float64) float64 { return 0.4*sin(4*o)*cos(2*a) + 0.05*sin(30*o) }),
	}

	// A region; a few very wet cells.
	elat, elon := span(35.25, 59.75, 50), span(-12.25, 20.25, 66)
	rain := Field{
		NY: 50, NX: 66, Lat: elat, Lon: elon, Title: "Precipitation flux", Subtitle: "1 Jul 2003, 12:00", Units: "kg m-2 s-1",
		Values: onGrid(elat, elon, func(a, o float64) float64 {
			v := 4e-5 * math.Exp(-math.Pow((a-52)/6, 2)-math.Pow((o-3-(a-52))/5, 2)) * (1 + 0.5*sin(60*o)*sin(50*a))
			if math.Abs(a-45.25) < 0.3 && math.Abs(o-7.25) < 0.3 {
				v = 4e-3
			}
			return v
		}),
	}

	rlat, rlon := rotated(span(-23, 21, 90), span(-28, 18, 94), 39.25, -162)
	cordex := Field{NY: 90, NX: 94, Lat: rlat, Lon: rlon, Title: "Surface wind speed on a rotated grid", Units: "m s-1"}
	for i := range rlat {
		cordex.Values = append(cordex.Values, 6+5*sin(7*rlat[i])*cos(5*rlon[i]))
	}

	// A stereographic grid over the Arctic: sea ice.
	ice := Field{NY: 80, NX: 70, Title: "Sea-ice area fraction", Subtitle: "15 Mar 2012", Units: "1"}
	for j := range ice.NY {
		for i := range ice.NX {
			x, y := (float64(i)-34.5)*0.011, (float64(j)-39.5)*0.011
			r := math.Hypot(x, y)
			la, lo := 90-2*math.Atan(r/1.2)*180/math.Pi, math.Atan2(x, -y)*180/math.Pi
			v := 1 / (1 + math.Exp(-(la-68-6*sin(2*lo))/2))
			if lo > 60 && lo < 110 && la < 72 {
				v = math.NaN()
			}
			ice.Lat, ice.Lon, ice.Values = append(ice.Lat, la), append(ice.Lon, lo), append(ice.Values, v)
		}
	}

	// A section: pressure falls upwards, time runs to the right.
	section := Field{
		NY: 12, NX: 48, Title: "Ozone above Lindenberg", Units: "mg kg-1",
		X: Axis{Name: "time"}, Y: Axis{Name: "pressure", Units: "hPa", Values: span(1000, 10, 12), Down: true},
	}
	for i := range section.NX {
		section.X.Values = append(section.X.Values, float64(i)*30.4)
		section.X.Dates = append(section.X.Dates, Date{Year: 1998 + i/12, Month: i%12 + 1, Day: 16})
	}
	for j := range section.NY {
		for i := range section.NX {
			section.Values = append(section.Values, float64(j)*(1+0.3*sin(30*float64(i))))
		}
	}

	daily := Line{Title: "Air temperature at Chilbolton", Subtitle: "cardington-tas, daily mean", Units: "degC", Along: Axis{Name: "time"}}
	for i := range 730 {
		m, d := i%360/30, i%30
		daily.Along.Values = append(daily.Along.Values, float64(i))
		daily.Along.Dates = append(daily.Along.Dates, Date{Year: 2001 + i/360, Month: m + 1, Day: d + 1})
		v := 10 - 8*cos(float64(i)) + 2*sin(float64(i)*37)
		if i > 300 && i < 330 {
			v = math.NaN()
		}
		daily.Values = append(daily.Values, v)
	}

	profile := Line{
		Title: "Sea water potential temperature", Subtitle: "26°N 40°W · 3 May 2010", Units: "degC", Upright: true,
		Along: Axis{Name: "depth", Units: "m", Values: span(5, 3000, 40), Down: true},
	}
	for _, z := range profile.Along.Values {
		profile.Values = append(profile.Values, 3+20*math.Exp(-z/400))
	}
	// A region on the plane of a conformal cone, and the Arctic on the plane of an equal-area map.
	km := func(lo, hi float64, n int) Axis { return Axis{Name: "x", Units: "m", Values: span(lo*1e3, hi*1e3, n)} }
	cone := Field{NY: 60, NX: 80, X: km(-1000, 1000, 80), Y: km(-750, 750, 60), Title: "2 metre temperature", Subtitle: "arome · 1 Jul 2019, 15:00", Units: "degC",
		Projection: mapping("lambert_conformal_conic", "standard_parallel", []float64{46, 49}, "longitude_of_central_meridian", 2.0, "latitude_of_projection_origin", 46.5)}
	arctic := Field{NY: 72, NX: 72, X: km(-5400, 5400, 72), Y: km(5400, -5400, 72), Title: "Sea ice thickness", Subtitle: "15 Mar 2012", Units: "m",
		Projection: mapping("lambert_azimuthal_equal_area", "latitude_of_projection_origin", 90.0, "longitude_of_projection_origin", 0.0)}
	for _, y := range cone.Y.Values {
		for _, x := range cone.X.Values {
			cone.Values = append(cone.Values, 22-y/1e5+3*math.Sin(x/2e5))
		}
	}
	for _, y := range arctic.Y.Values {
		for _, x := range arctic.X.Values {
			v := 3.5 - math.Hypot(x, y)/1e6
			if v < 0.2+0.3*math.Sin(3*math.Atan2(y, x)) {
				v = math.NaN()
			}
			arctic.Values = append(arctic.Values, v)
		}
	}

	// The same region stored in two pieces, east of the antimeridian first.
	plat, plon := span(-50, -30.5, 40), append(span(-180, -170.5, 20), span(165, 179.5, 30)...)
	pacific := Field{NY: 40, NX: 50, Lat: plat, Lon: plon, Title: "Sea surface temperature", Units: "degC",
		Values: onGrid(plat, plon, func(a, o float64) float64 { return 30 + a/2 + 2*cos(8*o) })}

	// Quantities of many sizes; codes; places in no order.
	chlorophyll := Field{NY: 72, NX: 144, Lat: alat, Lon: alon, Title: "Chlorophyll-a concentration in sea water, blended from three algorithms for clear, turbid and very turbid water of the coast", Units: "mg m-3",
		Values: onGrid(alat, alon, func(a, o float64) float64 { return math.Pow(10, 1.8*sin(3*a)*cos(2*o)-0.8) })}
	cover := Field{NY: 36, NX: 72, Lat: span(-87.5, 87.5, 36), Lon: span(2.5, 357.5, 72), Title: "Land cover class",
		Classes: []Class{{Value: 10, Name: "cropland"}, {Value: 50, Name: "tree broadleaved evergreen"}, {Value: 130, Name: "grassland"}, {Value: 190, Name: "urban"}, {Value: 210, Name: "water", Color: color.RGBA{0, 0x46, 0xc8, 0xff}}}}
	cover.Values = onGrid(cover.Lat, cover.Lon, func(a, o float64) float64 {
		if a < -75 {
			return math.NaN()
		}
		return []float64{10, 50, 130, 210}[int(1.99*(1+sin(2*o)*cos(3*a)))]
	})
	places := Field{NY: 1, NX: 60, Title: "Wind speed", Subtitle: "1 Mar 2015", Units: "m s-1"}
	for i := range places.NX {
		t := float64(i) * 137.5
		places.Lon, places.Lat = append(places.Lon, -3+0.04*float64(i)*cos(t)), append(places.Lat, 54+0.05*float64(i)*sin(t))
		places.Values = append(places.Values, float64(i%17))
	}

	// The atmosphere to 10 hPa, where equal heights are equal ratios of pressure.
	levels := Axis{Name: "air pressure", Units: "hPa", Values: []float64{1000, 850, 700, 500, 300, 200, 100, 50, 20, 10}, Down: true, Log: true}
	jets := Field{NY: 10, NX: 36, Title: "Eastward wind", Subtitle: "Dec 1989 – Feb 1990", Units: "m s-1", X: Axis{Name: "latitude", Values: span(-87.5, 87.5, 36), Angle: Latitude}, Y: levels}
	for _, p := range levels.Values {
		for _, a := range jets.X.Values {
			jets.Values = append(jets.Values, 35*math.Exp(-math.Pow(math.Log(p/200), 2))*math.Pow(sin(2*a), 2)-12*math.Pow(cos(a), 8))
		}
	}

	minutes := Line{Title: "Surface downwelling shortwave flux", Subtitle: "mean and range of every 720 values", Units: "W m-2", Along: Axis{Name: "time"}}
	for i := range 400 {
		minutes.Along.Values = append(minutes.Along.Values, float64(i))
		minutes.Along.Dates = append(minutes.Along.Dates, Date{Year: 2001 + i/360, Month: i%360/30 + 1, Day: i%30 + 1})
		m := 200 - 150*cos(float64(i))
		lo, hi := 0.0, 2*m
		if i > 150 && i < 170 {
			m, lo, hi = math.NaN(), math.NaN(), math.NaN()
		}
		minutes.Values, minutes.Lo, minutes.Hi = append(minutes.Values, m), append(minutes.Lo, lo), append(minutes.Hi, hi)
	}
	return []picture{
		{"map-projected", fieldOf(cone)},
		{"map-projected-pole", fieldOf(arctic)},
		{"map-antimeridian", fieldOf(pacific)},
		{"map-powers", fieldOf(chlorophyll)},
		{"map-classes", fieldOf(cover)},
		{"map-places", fieldOf(places)},
		{"section-pressure", fieldOf(jets)},
		{"series-band", lineOf(minutes)},
		{"map-global", fieldOf(global)},
		{"map-anomaly", fieldOf(anomaly)},
		{"map-region", fieldOf(rain)},
		{"map-rotated", fieldOf(cordex)},
		{"map-pole", fieldOf(ice)},
		{"section", fieldOf(section)},
		{"series", lineOf(daily)},
		{"profile", lineOf(profile)},
	}
}

// The pictures under testdata were drawn by this test with -update and looked at by a person.
func TestPictures(t *testing.T) {
	for _, p := range pictures() {
		t.Run(p.name, func(t *testing.T) {
			var got bytes.Buffer
			if err := p.draw(&got, Options{Width: 600}); err != nil {
				t.Fatal(err)
			}
			if *large != "" {
				f, err := os.Create(filepath.Join(*large, p.name+".png"))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				if err := p.draw(f, Options{}); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join("testdata", p.name+".png")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, golden, got.Bytes())
		})
	}
}

// compare allows for another machine's rounding: few pixels may differ, by any amount; all the others
// only by a shade.
func compare(t *testing.T, want, got []byte) {
	t.Helper()
	a, b := decodePNG(t, want), decodePNG(t, got)
	if a.Bounds() != b.Bounds() {
		t.Fatalf("the picture is %v, want %v", b.Bounds(), a.Bounds())
	}
	different, total := 0, a.Bounds().Dx()*a.Bounds().Dy()
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			r0, g0, b0, _ := a.At(x, y).RGBA()
			r1, g1, b1, _ := b.At(x, y).RGBA()
			d := func(p, q uint32) int { return int(math.Abs(float64(p>>8) - float64(q>>8))) }
			if d(r0, r1) > 12 || d(g0, g1) > 12 || d(b0, b1) > 12 {
				different++
			}
		}
	}
	if different*500 > total {
		t.Errorf("%d of %d pixels differ from the golden picture", different, total)
	}
}

func decodePNG(t *testing.T, b []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return img
}
