package configure

import (
	"errors"
	"slices"
	"strings"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// Remedy says what may be done about files that disagree: by the keys of override.yaml, or by the flags of a command that has no
// workdir.
func Remedy(err error, flags bool) string {
	one := func(key, value string) string {
		if flags {
			return "--" + strings.ReplaceAll(key, "_", "-") + " " + value
		}
		return "`" + key + ": " + value + "`"
	}
	set := func(key string, names ...string) string {
		names = names[:min(len(names), 5)]
		if flags {
			return one(key, strings.Join(names, ","))
		}
		return one(key, "["+strings.Join(names, ", ")+"]")
	}
	if errors.Is(err, virtual.ErrNothingToJoin) {
		return "name the dimension to join them along with " + set("concat", "DIM") + ", or one that the files don't have with " + one("new_dimension", "DIM")
	}
	out := []string{"take the files out of the dataset's list, or set `drift: exclude` in override.yaml"}
	if flags {
		out[0] = "leave the files out"
	}
	drift, _ := errors.AsType[*virtual.DriftError](err)
	if differ := variables(drift, virtual.DifferentContent); differ != nil {
		out = append(out, "keep the values of every file with "+set("stack", differ...), "take the first file's for all with "+set("identical", differ...))
	}
	if overlap := variables(drift, virtual.Overlap); overlap != nil {
		out = append(out, "where the files should have the same coordinate, take the first file's for all with "+set("identical", overlap...))
	}
	if variables(drift, virtual.Absent) != nil {
		key := "variables"
		if flags {
			key = "variable"
		}
		out = append(out, "name the variables that all files have with "+set(key, "VAR"))
	}
	return strings.Join(out, "; or ")
}

// variables lists those that files disagree about in one way.
func variables(drift *virtual.DriftError, what string) []string {
	var out []string
	for _, d := range drift.Drifts {
		if d.What == what && !slices.Contains(out, d.Variable) {
			out = append(out, d.Variable)
		}
	}
	return out
}
