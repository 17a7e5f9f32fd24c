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

// grown checks that the files of the old plan are in the next one, unchanged, and where they were.
func grown(old, next *virtual.Plan) error {
	axes := make([]int, len(next.Axes)) // of the old plan
	for i, a := range next.Axes {
		axes[i] = slices.IndexFunc(old.Axes, func(b virtual.Axis) bool { return a.Path == b.Path })
	}
	for i, a := range old.Axes {
		if !slices.Contains(axes, i) {
			return notAppendable("the dataset was concatenated along %s, and would not be any more", a.Path)
		}
	}
	now := make(map[string]*virtual.File, len(next.Files))
	for i := range next.Files {
		now[next.Files[i].URL] = &next.Files[i]
	}
	for i := range old.Files {
		was := &old.Files[i]
		is := now[was.URL]
		if is == nil {
			return notAppendable("%s would not be in the dataset any more", was.URL)
		}
		if was.Size != is.Size || !sameTime(was.MTime, is.MTime) {
			return notAppendable("%s has changed", was.URL)
		}
		for k, ax := range axes {
			start := int64(0) // of a file that was all that there was along the axis
			if ax >= 0 {
				start = was.Start[ax]
			}
			switch {
			case start != is.Start[k]:
				return notAppendable("%s would move from %d to %d along %s: a new file comes before the end", was.URL, start, is.Start[k], next.Axes[k].Path)
			case ax >= 0 && was.Length[ax] != is.Length[k]:
				return notAppendable("%s would be %d long along %s, and was %d", was.URL, is.Length[k], next.Axes[k].Path, was.Length[ax])
			}
		}
	}
	for _, a := range old.Dataset.Arrays {
		if next.Dataset.Array(a.Path) < 0 {
			return notAppendable("variable %s would not be in the dataset any more", a.Path)
		}
	}
	return nil
}

// takenOver reports for each array of the next plan whether what a store of the old one has of it stays as it is. The others are
// made of all files: those that are stored another way than before, as all are that were the only stretch of a dimension
// which there are several of now, or whose chunks were cut to fit the files.
func takenOver(old, next *virtual.Plan) []bool {
	kept := make([]bool, len(next.Layouts))
	owned, owners := old.Owners(), next.Owners()
	for a := range kept {
		arr, lay := &next.Dataset.Arrays[a], next.Layouts[a]
		i := old.Dataset.Array(arr.Path)
		if i < 0 {
			continue
		}
		was, before := &old.Dataset.Arrays[i], old.Layouts[i]
		byValue := lay.Role == virtual.Decoded
		kept[a] = byValue == (before.Role == virtual.Decoded) && len(was.Grid.Shape) == len(arr.Grid.Shape) &&
			was.Type.Equal(arr.Type) && slices.EqualFunc(was.Codecs, arr.Codecs, sameCodec) && bytes.Equal(was.Fill, arr.Fill) &&
			(byValue || slices.Equal(was.Grid.Chunks, arr.Grid.Chunks)) &&
			lay.Units == before.Units && lay.Calendar == before.Calendar && lay.TimeOf == before.TimeOf &&
			contains(old, owned[i], next, owners[a])
	}
	return kept
}

// contains reports whether all files that owned a stretch of an array still do.
func contains(old *virtual.Plan, owned []int, next *virtual.Plan, owners []int) bool {
	now := make(map[string]bool, len(owners))
	for _, f := range owners {
		now[next.Files[f].URL] = true
	}
	return !slices.ContainsFunc(owned, func(f int) bool { return !now[old.Files[f].URL] })
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
