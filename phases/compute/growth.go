package compute

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cedadev/kerchunk-builder/formats/codecs"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// added compares the files that are there with those that init recorded, and answers the urls of the new ones. A file that
// has changed or gone can't be mended by an append.
func added(recorded, found []workdirs.Source) (map[string]bool, error) {
	now := make(map[string]workdirs.Source, len(found))
	fresh := make(map[string]bool, len(found))
	for _, s := range found {
		now[s.URL] = s
		fresh[s.URL] = true
	}
	for _, s := range recorded {
		n, there := now[s.URL]
		switch {
		case !there:
			return nil, notAppendable("%s is not there any more", s.URL)
		case n.Size != s.Size || !sameTime(n.MTime, s.MTime):
			return nil, notAppendable("%s has changed: %d bytes of %s, and it had %d of %s", s.URL, n.Size, n.MTime.UTC().Format(time.RFC3339), s.Size, s.MTime.UTC().Format(time.RFC3339))
		}
		delete(fresh, s.URL)
	}
	return fresh, nil
}

func sameTime(a, b time.Time) bool { return a.Equal(b) || a.IsZero() || b.IsZero() }

func notAppendable(format string, a ...any) error {
	return phases.Errorf(phases.Input, "make the whole dataset again: `kerb init` it under another project code, then `kerb run all`",
		"can't append: %w", fmt.Errorf(format, a...))
}

// grown checks that every reference of the old plan's store is one of the new plan's, so that only those of the new files have to be added.
func grown(old, next *virtual.Plan) error {
	if len(old.Axes) != len(next.Axes) {
		return notAppendable("the dataset was concatenated along %d dimensions, and would now be along %d", len(old.Axes), len(next.Axes))
	}
	for i := range old.Axes {
		if old.Axes[i].Path != next.Axes[i].Path {
			return notAppendable("the dataset was concatenated along %s, and would now be along %s", old.Axes[i].Path, next.Axes[i].Path)
		}
	}
	if err := inPlace(old, next); err != nil {
		return err
	}
	for i := range old.Dataset.Arrays {
		a := &old.Dataset.Arrays[i]
		k := next.Dataset.Array(a.Path)
		if k < 0 {
			return notAppendable("variable %s would not be in the dataset any more", a.Path)
		}
		if what := otherwise(a, &next.Dataset.Arrays[k], old.Layouts[i], next.Layouts[k]); what != "" {
			return notAppendable("variable %s would have another %s", a.Path, what)
		}
	}
	if len(next.Dataset.Arrays) != len(old.Dataset.Arrays) {
		for _, a := range next.Dataset.Arrays {
			if old.Dataset.Array(a.Path) < 0 {
				return notAppendable("variable %s is new", a.Path)
			}
		}
	}
	return nil
}

// inPlace checks that the old files are where they were.
func inPlace(old, next *virtual.Plan) error {
	now := make(map[string]int, len(next.Files))
	for i := range next.Files {
		now[next.Files[i].URL] = i
	}
	last := -1
	for i := range old.Files {
		was := &old.Files[i]
		k, there := now[was.URL]
		if !there {
			return notAppendable("%s would not be in the dataset any more", was.URL)
		}
		is := &next.Files[k]
		for ax := range old.Axes {
			if was.Start[ax] != is.Start[ax] {
				return notAppendable("%s would move from %d to %d along %s: a new file comes before the end", was.URL, was.Start[ax], is.Start[ax], old.Axes[ax].Path)
			}
		}
		switch {
		case was.Size != is.Size || !sameTime(was.MTime, is.MTime):
			return notAppendable("%s has changed", was.URL)
		case !slices.Equal(was.Length, is.Length):
			return notAppendable("%s would be %v long, and was %v", was.URL, is.Length, was.Length)
		case !slices.Equal(was.Lacks, is.Lacks):
			return notAppendable("the variables of the dataset that %s lacks would be %v, and were %v", was.URL, is.Lacks, was.Lacks)
		case k < last:
			return notAppendable("the order of %s and %s would change", was.URL, old.Files[i-1].URL)
		}
		last = k
	}
	return nil
}

// otherwise says in what two arrays differ but for their lengths along concatenated dimensions; "" when in nothing.
func otherwise(a, b *virtual.Array, la, lb virtual.Layout) string {
	switch {
	case la.Role != lb.Role:
		return fmt.Sprintf("role (%s, and it was %s)", lb.Role, la.Role)
	case !slices.Equal(la.Axes, lb.Axes) || !slices.Equal(a.Dimensions, b.Dimensions):
		return "list of dimensions"
	case !a.Type.Equal(b.Type):
		return fmt.Sprintf("dtype (%s, and it was %s)", b.Type, a.Type)
	case la.Role != virtual.Decoded && !slices.Equal(a.Grid.Chunks, b.Grid.Chunks):
		return fmt.Sprintf("chunk shape (%v, and it was %v)", b.Grid.Chunks, a.Grid.Chunks)
	case !slices.EqualFunc(a.Codecs, b.Codecs, sameCodec):
		return "codec"
	case !bytes.Equal(a.Fill, b.Fill):
		return "fill value"
	}
	return ""
}

func sameCodec(a, b codecs.Codec) bool {
	return a.Name() == b.Name() && fmt.Sprint(a.Config()) == fmt.Sprint(b.Config())
}

// prefix reports whether the chunks of grid a have the same indexes in b, which has grown out of it.
func prefix(a, b virtual.Grid) bool {
	if len(a.Shape) == 0 {
		return true
	}
	return slices.Equal(a.Counts()[1:], b.Counts()[1:])
}

// names lists some file names for messages.
func names(urls map[string]bool) string {
	list := make([]string, 0, len(urls))
	for u := range urls {
		list = append(list, u)
	}
	slices.Sort(list)
	if len(list) > 3 {
		return strings.Join(list[:3], ", ") + fmt.Sprintf(" and %d more", len(list)-3)
	}
	return strings.Join(list, ", ")
}
