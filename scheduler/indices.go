package scheduler

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxIndex is SLURM's own bound on an array index (MaxArraySize is at most 4,000,001).
const maxIndex = 4_000_000

// FormatIndices writes array indices in sbatch's words, shortest form: 0-3,7,9-10. The order of the
// argument does not matter, and an index given twice is written once.
func FormatIndices(indices []int) string {
	sorted := slices.Clone(indices)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	var b strings.Builder
	for i := 0; i < len(sorted); {
		j := i
		for j+1 < len(sorted) && sorted[j+1] == sorted[j]+1 {
			j++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(sorted[i]))
		if j > i {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(sorted[j]))
		}
		i = j + 1
	}
	return b.String()
}

// ParseIndices reads array indices in sbatch's words, with steps and a throttle: 0-3,7,10-20:5%2. The indices
// come sorted, each once; the throttle is 0 when there is none.
func ParseIndices(s string) (indices []int, throttle int, err error) {
	list, limit, throttled := strings.Cut(s, "%")
	if throttled {
		if throttle, err = strconv.Atoi(limit); err != nil || throttle < 1 {
			return nil, 0, fmt.Errorf("array indices %q: %q is no throttle", s, limit)
		}
	}
	for item := range strings.SplitSeq(list, ",") {
		first, last, step, err := parseRange(item)
		if err != nil {
			return nil, 0, fmt.Errorf("array indices %q: %w", s, err)
		}
		if len(indices)+(last-first)/step > maxIndex {
			return nil, 0, fmt.Errorf("array indices %q: more than %d", s, maxIndex)
		}
		for i := first; i <= last; i += step {
			indices = append(indices, i)
		}
	}
	slices.Sort(indices)
	return slices.Compact(indices), throttle, nil
}

func parseRange(item string) (first, last, step int, err error) {
	span, by, stepped := strings.Cut(item, ":")
	from, to, ranged := strings.Cut(span, "-")
	if !ranged {
		to = from
	}
	step = 1
	if stepped {
		if step, err = strconv.Atoi(by); err != nil || step < 1 {
			return 0, 0, 0, fmt.Errorf("%q is no step", by)
		}
	}
	if first, err = parseIndex(from); err != nil {
		return 0, 0, 0, err
	}
	if last, err = parseIndex(to); err != nil {
		return 0, 0, 0, err
	}
	if last < first {
		return 0, 0, 0, fmt.Errorf("%q ends before it begins", item)
	}
	return first, last, step, nil
}

func parseIndex(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n > maxIndex {
		return 0, fmt.Errorf("%q is no array index (0 to %d)", s, maxIndex)
	}
	return int(n), nil
}
