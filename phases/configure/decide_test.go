package configure

import (
	"testing"
	"time"

	"github.com/cedadev/kerchunk-builder/phases/profile"
)

// No part is expected to make more references, or to take longer, than the settings say, as far as there are files to split.
func TestPartsFor(t *testing.T) {
	const mib = 1 << 20
	prediction := func(tk, seconds float64) profile.Prediction {
		return profile.Prediction{StoreBytes: profile.Interval{Mid: tk}, Seconds: profile.Interval{High: seconds}}
	}
	for _, c := range []struct {
		name     string
		override Override
		tk       float64
		seconds  float64
		files    int
		want     int
	}{
		{"small", Override{}, 10 * mib, 5, 100, 1},
		{"at the limits", Override{}, partTk, partTime.Seconds(), 100, 1},
		{"large Tk", Override{}, 2.5 * partTk, 5, 100, 3},
		{"long", Override{}, 10 * mib, 4.5 * partTime.Seconds(), 100, 5},
		{"both", Override{}, 7 * partTk, 4.5 * partTime.Seconds(), 100, 7},
		{"set by Tk", Override{PartTk: "2M"}, 10 * mib, 5, 100, 5},
		{"set by time", Override{PartTime: "1s"}, 10 * mib, 5, 100, 5},
		{"raised", Override{PartTk: "1T", PartTime: "100h"}, 7 * partTk, 4.5 * partTime.Seconds(), 100, 1},
		{"few files", Override{}, 50 * partTk, 5, 3, 3},
		{"too many parts", Override{PartTk: "1K"}, 1e15, 1e12, 1e6, maxParts},
	} {
		if got := partsFor(prediction(c.tk, c.seconds), c.override, c.files); got != c.want {
			t.Errorf("%s: %d parts, want %d", c.name, got, c.want)
		}
	}
}

func TestOverrideThresholds(t *testing.T) {
	o, err := parseOverride("override.yaml", []byte("part_tk: 500M\npart_time: 1h\n"), Override{})
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := byteCount(o.PartTk); n != 500<<20 {
		t.Errorf("part_tk is %d bytes", n)
	}
	if d, _ := taskTime(o.PartTime); d != time.Hour {
		t.Errorf("part_time is %s", d)
	}
	for _, text := range []string{"part_tk: many", "part_tk: 5", "part_time: 3", "part_time: -1h"} {
		if _, err := parseOverride("override.yaml", []byte(text), Override{}); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
