package configure

import (
	"testing"

	"github.com/cedadev/kerchunk-builder/virtual"
)

func TestRemedy(t *testing.T) {
	err := &virtual.DriftError{Drifts: []virtual.Drift{
		{Variable: "lat", What: virtual.DifferentContent}, {Variable: "lat", What: virtual.DifferentContent}, {Variable: "mask", What: virtual.DifferentContent},
		{Variable: "depth", What: virtual.Overlap}, {Variable: "sst", What: "dtype"}, {Variable: "ice", What: virtual.Absent},
	}}
	for flags, want := range map[bool]string{
		false: "take the files out of the dataset's list, or set `drift: exclude` in override.yaml; or keep the values of every file with `stack: [lat, mask]`; or take the first file's for all with `identical: [lat, mask]`; or where the files should have the same coordinate, take the first file's for all with `identical: [depth]`; or name the variables that all files have with `variables: [VAR]`",
		true:  "leave the files out; or keep the values of every file with --stack lat,mask; or take the first file's for all with --identical lat,mask; or where the files should have the same coordinate, take the first file's for all with --identical depth; or name the variables that all files have with --variable VAR",
	} {
		if got := Remedy(err, flags); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}
