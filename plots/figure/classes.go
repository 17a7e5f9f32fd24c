package figure

import (
	"encoding/hex"
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/cdm"
	"github.com/cedadev/kerchunk-builder/plots"
	"github.com/cedadev/kerchunk-builder/virtual/cf"
)

// fewCodes is how many different integers without units are taken for codes that nobody has explained, such as a mask's or a basin's.
const fewCodes = 14

// classes are what the values of a picture stand for when they are codes (CF 3.5); nil for quantities.
func (f *figure) classes(values []float64) []plots.Class {
	meanings := strings.Fields(cf.Text(&f.a, "flag_meanings"))
	codes, masks := f.unsigned(cf.Numbers(&f.a, "flag_values")), f.unsigned(cf.Numbers(&f.a, "flag_masks"))
	switch {
	case len(meanings) > 0 && len(masks) == len(meanings):
		return bits(distinct(values), meanings, masks, codes)
	case len(codes) > 0:
		out := make([]plots.Class, len(codes))
		colours := strings.Fields(cf.Text(&f.a, "flag_colors"))
		for i, v := range codes {
			out[i] = plots.Class{Value: v, Name: strconv.FormatFloat(v, 'g', -1, 64)}
			if len(meanings) == len(codes) {
				out[i].Name = strings.ReplaceAll(meanings[i], "_", " ")
			}
			if len(colours) == len(codes) {
				out[i].Color = colourOf(colours[i])
			}
		}
		return out
	}
	if k := f.a.Type.Kind; k != cdm.Int && k != cdm.Uint && k != cdm.Bool || cf.IsFractional(&f.a) || plots.Units(cf.Text(&f.a, "units")) != "" {
		return nil
	}
	seen := distinct(values)
	if len(seen) > fewCodes {
		return nil
	}
	var out []plots.Class
	for _, v := range seen {
		out = append(out, plots.Class{Value: v, Name: strconv.FormatFloat(v, 'g', -1, 64)})
	}
	return out
}

// unsigned are codes as the values have them: files write those of unsigned bytes as signed ones.
func (f *figure) unsigned(codes []float64) []float64 {
	if f.a.Type.Kind == cdm.Uint || strings.EqualFold(cf.Text(&f.a, "_Unsigned"), "true") {
		for i, v := range codes {
			if v < 0 {
				codes[i] = v + math.Pow(2, float64(8*f.a.Type.Size))
			}
		}
	}
	return codes
}

// distinct are the different values of a picture in order, as far as a few more than can be shown.
func distinct(values []float64) []float64 {
	seen := map[float64]bool{}
	for _, v := range values {
		if !math.IsNaN(v) && len(seen) < 100 {
			seen[v] = true
		}
	}
	var out []float64
	for v := range seen {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

// bits names each value by the meanings of the bits that it has set, or by those of its fields where there are codes as well.
func bits(seen []float64, meanings []string, masks, codes []float64) []plots.Class {
	out := []plots.Class{}
	for _, v := range seen {
		if v < 0 || v >= 1<<53 {
			return nil
		}
		var names []string
		for i, m := range masks {
			part := uint64(v) & uint64(m)
			if len(codes) == len(masks) && part == uint64(codes[i]) && (part != 0 || m != codes[i]) || len(codes) != len(masks) && part != 0 {
				names = append(names, strings.ReplaceAll(meanings[i], "_", " "))
			}
		}
		if len(names) == 0 {
			names = []string{"none"}
		}
		out = append(out, plots.Class{Value: v, Name: strings.Join(names, " + ")})
	}
	return out
}

// colourOf reads "#rrggbb", as land cover products write the colours of their classes; nil for anything else.
func colourOf(s string) color.Color {
	b, err := hex.DecodeString(strings.TrimPrefix(s, "#"))
	if err != nil || len(b) != 3 {
		return nil
	}
	return color.RGBA{b[0], b[1], b[2], 0xff}
}
