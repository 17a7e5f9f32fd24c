package initialise

import (
	"strings"
	"testing"
)

// Lists that are written in another way than ours are refused with what is wrong about them.
func TestOtherLists(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"proj_code;pattern\nocean;/a/*.nc\n", "line 1, column 1 (proj_code): columns are separated by commas, not by ';'"},
		{"ocean\t/a/*.nc\n", `line 1, column 1 (proj_code): columns are separated by commas, not by '\t'`},
		{"proj_code,pattern\nocean\n", "line 2, column 2 (pattern): missing"},
		{"proj_code,pattern\nmy ocean,/a/*.nc\n", "line 2, column 1 (proj_code): project code"},
	} {
		if _, err := ParseCSV("list.csv", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	_, err := Expand(t.Context(), "list.csv", []Entry{{Line: 1, Code: "code", Pattern: "files"}}, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "if this line is a header, begin it with proj_code") {
		t.Errorf("a header of other names: %v", err)
	}
}
