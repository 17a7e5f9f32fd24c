package configure

import (
	"math"

	"github.com/cedadev/kerchunk-builder/virtual"
)

// What putting parts together costs, at most: measured on a local disk are 0.2 µs a row and 0.2 ms a record; a shared file system takes
// several times as long for each file.
const (
	combineTime      = 300     // seconds beyond which several tasks combine, and of each of them
	secondsPerRow    = 0.25e-6 // of a record that parts share, and that is written anew
	secondsPerRecord = 5e-3    // that is renamed or written
	maxCombines      = 100
)

// combinesFor is how many tasks are to put the parts of a compute together: one, but for a great many variables.
func combinesFor(p *virtual.Plan, parts int, recordSize int64) int {
	arrays, rows, records := 0, 0.0, 0.0
	for i, a := range p.Dataset.Arrays {
		if p.Layouts[i].Role == virtual.Decoded {
			continue
		}
		n := a.Grid.Count()
		arrays++
		rows += min(float64(n), float64(parts)*float64(recordSize)) // as if a record were shared wherever parts meet
		records += math.Ceil(float64(n) / float64(recordSize))
	}
	seconds := rows*secondsPerRow + records*secondsPerRecord
	return max(1, min(int(math.Ceil(min(seconds/combineTime, maxCombines))), arrays))
}
