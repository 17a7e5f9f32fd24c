package scheduler

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestIndicesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.IntRange(0, 60), 1, 40).Draw(t, "indices")
		got, throttle, err := ParseIndices(FormatIndices(want))
		if err != nil || throttle != 0 {
			t.Fatal(err, throttle)
		}
		slices.Sort(want)
		if want = slices.Compact(want); !slices.Equal(got, want) {
			t.Fatalf("%v became %v", want, got)
		}
	})
}

func TestIndices(t *testing.T) {
	for in, want := range map[string]string{"3": "3", "0-3": "0-3", "9,1,0": "0-1,9", "0-10:5": "0,5,10", "1-20%2": "1-20"} {
		got, throttle, err := ParseIndices(in)
		if err != nil || FormatIndices(got) != want || (throttle == 2) != (in == "1-20%2") {
			t.Errorf("%s: %v, %d, %v", in, got, throttle, err)
		}
	}
	for _, in := range []string{"", "a", "3-1", "-1", "1-", "1,,2", "1%0", "1%", "0-9:0", "0-4000001", "4294967294",
		"0-4000000,0-4000000,0-4000000", "1-22,..."} {
		if got, _, err := ParseIndices(in); err == nil {
			t.Errorf("%q became %d indices", in, len(got))
		}
	}
}
