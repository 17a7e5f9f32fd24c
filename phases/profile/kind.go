package profile

import (
	"slices"
	"strings"
)

// Kind is what datasets have in common whose files are made alike.
type Kind struct {
	Format    string   `json:"format"`              // of the source files
	Variables []string `json:"variables,omitempty"` // "name dtype codec+codec", sorted
}

// Variable is what of a source file's variable makes the kind.
type Variable struct {
	Path   string
	Type   string
	Codecs []string
}

// KindOf is the kind of a dataset whose files have formats and variables. Of several variables of one name the first counts.
func KindOf(formats []string, variables []Variable) Kind {
	formats = slices.Clone(formats)
	slices.Sort(formats)
	k := Kind{Format: strings.Join(slices.Compact(formats), " ")}
	seen := map[string]bool{}
	for _, v := range variables {
		if !seen[v.Path] {
			seen[v.Path] = true
			k.Variables = append(k.Variables, strings.TrimSpace(v.Path+" "+v.Type+" "+strings.Join(v.Codecs, "+")))
		}
	}
	slices.Sort(k.Variables)
	return k
}

// Equal reports whether two kinds are the same.
func (k Kind) Equal(o Kind) bool {
	return k.Format == o.Format && slices.Equal(k.Variables, o.Variables)
}

// Family is what comes before the last part of the project codes: the longest start, up to a separator, that they share. It is
// empty where there is none.
func Family(codes []string) string {
	if len(codes) == 0 {
		return ""
	}
	shared := parent(codes[0])
	for _, c := range codes[1:] {
		for !inFamily(shared, c) {
			shared = parent(shared)
		}
	}
	return shared
}

const separators = "._-"

func parent(code string) string {
	return code[:max(0, strings.LastIndexAny(code, separators))]
}

// inFamily reports whether a code belongs to a family. All belong to the empty one.
func inFamily(family, code string) bool {
	rest, ok := strings.CutPrefix(code, family)
	return ok && (family == "" || rest != "" && strings.ContainsRune(separators, rune(rest[0])))
}
