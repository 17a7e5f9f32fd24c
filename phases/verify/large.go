package verify

import "fmt"

// Large says what the large plot has read.
type Large struct {
	Variable string `json:"variable"`
	Bytes    int64  `json:"bytes"`        // of the variable, decoded
	Memory   int64  `json:"memory_bytes"` // that the reduction was allowed

	Seconds float64 `json:"-"` // that all processes took together: no part of the report, which has no times in it
}

func (l *Large) String() string {
	return fmt.Sprintf("the mean of %s, %d bytes decoded, in at most %d bytes of memory", l.Variable, l.Bytes, l.Memory)
}

// Throughput is how fast the variable was read.
func (l *Large) Throughput() string {
	return fmt.Sprintf("%s: %d bytes decoded in %.1f s, %.0f MB/s", l.Variable, l.Bytes, l.Seconds, float64(l.Bytes)/1e6/max(l.Seconds, 1e-3))
}
