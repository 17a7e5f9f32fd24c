package figure

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cedadev/kerchunk-builder/virtual/cf"
)

// find is the index that a selection on dimension d means: "#3" counts from the start and "#-1" from the
// end; on a time axis "1990-01" is the first moment that begins so; elsewhere a number is the nearest value.
func (f *figure) find(d int, want string) (int64, error) {
	name, n := f.a.Dimensions[d], f.a.Grid.Shape[d]
	if s, ok := strings.CutPrefix(want, "#"); ok {
		i, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: %s=%s: %q is no integer", ErrSelection, name, want, s)
		}
		if i < 0 {
			i += n
		}
		if i < 0 || i >= n {
			return 0, fmt.Errorf("%w: %s=%s: it has %d values", ErrSelection, name, want, n)
		}
		return i, nil
	}
	c := f.along(d)
	if c == nil {
		return 0, fmt.Errorf("%w: %s=%s: the dimension has no coordinate; give an index as %s=#0", ErrSelection, name, want, name)
	}
	values, err := f.src.Floats(f.ctx, c.Path, nil, nil)
	if err != nil {
		return 0, err
	}
	if u, ok := timeUnits(c); ok {
		for i, v := range values {
			t, err := u.AtFloat(v)
			if err == nil && strings.HasPrefix(t.String(), want) {
				return int64(i), nil
			}
		}
		return 0, fmt.Errorf("%w: %s=%s: no date begins so; dates are written as 1990-01-16T12:00:00", ErrSelection, name, want)
	}
	x, err := strconv.ParseFloat(want, 64)
	if err != nil || math.IsNaN(x) {
		return 0, fmt.Errorf("%w: %s=%s: %q is no number", ErrSelection, name, want, want)
	}
	best, at := math.Inf(1), int64(-1)
	for i, v := range values {
		dist := math.Abs(v - x)
		if cf.RoleOf(c) == cf.Longitude {
			dist = math.Abs(math.Remainder(v-x, 360))
		}
		if dist < best {
			best, at = dist, int64(i)
		}
	}
	if at < 0 {
		return 0, fmt.Errorf("%w: %s=%s: the coordinate has no values", ErrSelection, name, want)
	}
	return at, nil
}
