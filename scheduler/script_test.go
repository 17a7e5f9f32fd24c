package scheduler

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDirectives(t *testing.T) {
	got, err := Directives("#!/bin/bash\n# a comment\n#SBATCH --mem=2G --requeue\n#SBATCH -t 5 # minutes\n#SBATCH -c4 -p debug\n\n" +
		"#SBATCH --output=\"/a b/%j.log\"\n#SBATCH --mem 3G\n#SBATCHED\ntrue\n#SBATCH --mem=4G\n")
	want := map[string]string{"mem": "3G", "requeue": "", "time": "5", "cpus-per-task": "4", "output": "/a b/%j.log"}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
	for _, bad := range []string{"#!/bin/sh\n#SBATCH mem=2G\n", "#!/bin/sh\n#SBATCH --output=\"x\n"} {
		if got, err := Directives(bad); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v, %v", bad, got, err)
		}
	}
}

func TestArrayOption(t *testing.T) {
	throttled := map[string]string{"array": "0-59%5"}
	for _, c := range []struct {
		indices    []int
		directives map[string]string
		want       string
		fails      bool
	}{
		{[]int{3, 7, 8}, throttled, "3,7-8%5", false},
		{[]int{3}, nil, "3", false},
		{nil, nil, "", false},
		{nil, throttled, "", true},
		{[]int{}, nil, "", true}, // an empty selection must not become a job that is no array
		{[]int{1}, map[string]string{"array": "x"}, "", true},
	} {
		got, err := Submission{Indices: c.indices}.ArrayOption(c.directives)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%v, %v: %q, %v", c.indices, c.directives, got, err)
		}
	}
}
