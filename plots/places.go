package plots

import (
	"fmt"
	"image"
	"image/color"
	"math"
)

// viewPlaces draws places in no order, stations or the cells of an unstructured grid, as discs on parallels and meridians. Many are small enough
// to leave their neighbours to be seen.
func viewPlaces(f *Field) (view, error) {
	var lons, lats []float64
	for i := range f.Values {
		if math.IsNaN(f.Lon[i]+f.Lat[i]) || math.Abs(f.Lat[i]) > 90.5 || math.Abs(f.Lon[i]) > maxLongitude {
			continue
		}
		lons, lats = append(lons, f.Lon[i]), append(lats, f.Lat[i])
	}
	if len(lons) == 0 {
		return view{}, fmt.Errorf("map %q: no place has a latitude and a longitude", f.Title)
	}
	start, span := lonWindow(lons)
	south, north := bounds(lats)
	pad := max(0.06*max(span, north-south), 0.05)
	v := view{x0: start - pad, x1: start + span + pad, y0: max(south-pad, -90), y1: min(north+pad, 90)}
	if v.x1-v.x0 >= 350 {
		v.x0, v.x1 = -180, 180
	}
	v.geographic()
	v.onTop = true
	v.paint = func(v *view, img *image.RGBA, s *scale) {
		q := panel{w: img.Rect.Dx(), h: img.Rect.Dy(), x0: v.x0, x1: v.x1, y0: v.y0, y1: v.y1}
		radius := 0.6 * math.Sqrt(float64(q.w)*float64(q.h)/float64(len(lons)))
		large := 0.012 * float64(max(q.w, q.h))
		radius = min(max(radius, 0.8), large)
		outlined := radius > 0.7*large
		for _, missing := range []bool{true, false} { // those with values lie on top
			for i, value := range f.Values {
				if math.IsNaN(value) != missing {
					continue
				}
				lon := v.x0 + math.Mod(math.Mod(f.Lon[i]-v.x0, 360)+360, 360)
				p := point{q.px(lon), q.py(f.Lat[i])}
				if outlined {
					fillDisc(img, p, radius+max(0.12*large, 1), ink)
				}
				fillDisc(img, p, radius, s.at(value))
			}
		}
	}
	return v, nil
}

// fillDisc colours the pixels whose centres lie within a disc.
func fillDisc(img *image.RGBA, p point, radius float64, col color.RGBA) {
	for y := max(int(p.y-radius), 0); y <= min(int(p.y+radius), img.Rect.Dy()-1); y++ {
		for x := max(int(p.x-radius), 0); x <= min(int(p.x+radius), img.Rect.Dx()-1); x++ {
			if math.Hypot(float64(x)+0.5-p.x, float64(y)+0.5-p.y) <= radius {
				img.SetRGBA(x, y, col)
			}
		}
	}
}
