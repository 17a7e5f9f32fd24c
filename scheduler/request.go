package scheduler

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Request is what one task asks for.
type Request struct {
	Memory int64 // bytes; whole MiB once rounded
	Time   time.Duration
	CPUs   int
}

const (
	mebibyte = 1 << 20
	gibibyte = 1 << 30
)

// Max covers both.
func (r Request) Max(o Request) Request {
	return Request{max(r.Memory, o.Memory), max(r.Time, o.Time), max(r.CPUs, o.CPUs)}
}

// Or fills in what r leaves open from def.
func (r Request) Or(def Request) Request {
	if r.Memory == 0 {
		r.Memory = def.Memory
	}
	if r.Time == 0 {
		r.Time = def.Time
	}
	if r.CPUs == 0 {
		r.CPUs = def.CPUs
	}
	return r
}

// Rounded rounds up to what schedulers count in: MiB and minutes.
func (r Request) Rounded() Request {
	r.Memory = (r.Memory + mebibyte - 1) / mebibyte * mebibyte
	r.Time = (r.Time + time.Minute - 1) / time.Minute * time.Minute
	r.CPUs = max(r.CPUs, 1)
	return r
}

type requestJSON struct {
	Memory string `json:"memory"`
	Time   string `json:"time"`
	CPUs   int    `json:"cpus"`
}

// MarshalJSON writes memory and time as sbatch takes them.
func (r Request) MarshalJSON() ([]byte, error) {
	return json.Marshal(requestJSON{FormatMemory(r.Memory), FormatTime(r.Time), r.CPUs})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Request) UnmarshalJSON(b []byte) error {
	var j requestJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	memory, err := ParseMemory(j.Memory)
	if err != nil {
		return err
	}
	t, err := ParseTime(j.Time)
	if err != nil {
		return err
	}
	*r = Request{memory, t, j.CPUs}
	return nil
}

// FormatMemory writes a number of bytes as sbatch's --mem takes it, in MiB or whole GiB, rounded up.
func FormatMemory(bytes int64) string {
	if bytes%gibibyte == 0 {
		return strconv.FormatInt(bytes/gibibyte, 10) + "G"
	}
	return strconv.FormatInt((bytes+mebibyte-1)/mebibyte, 10) + "M"
}

// ParseMemory reads sbatch's --mem: a whole number with K, M, G or T, or none, which is M.
func ParseMemory(s string) (int64, error) {
	digits, unit := strings.TrimRight(s, "kKmMgGtT"), int64(mebibyte)
	switch strings.ToUpper(s[len(digits):]) {
	case "", "M":
	case "K":
		unit = 1 << 10
	case "G":
		unit = gibibyte
	case "T":
		unit = 1 << 40
	default:
		digits = ""
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > 1<<50/unit {
		return 0, fmt.Errorf("memory %q: give a whole number with M, G or T, such as 8G", s)
	}
	return n * unit, nil
}

// FormatTime writes a duration as sbatch's --time takes it: [DAYS-]HH:MM:SS, rounded up to seconds.
func FormatTime(d time.Duration) string {
	s := int64((d + time.Second - 1) / time.Second)
	text := fmt.Sprintf("%02d:%02d:%02d", s/3600%24, s/60%60, s%60)
	if days := s / 86400; days > 0 {
		text = fmt.Sprintf("%d-%s", days, text)
	}
	return text
}

// ParseTime reads a duration in sbatch's words (MIN, MIN:SEC, HH:MM:SS, DAYS-HH, DAYS-HH:MM, DAYS-HH:MM:SS) or in Go's
// ("2h", "90m").
func ParseTime(s string) (time.Duration, error) {
	bad := fmt.Errorf("time %q: give minutes, HH:MM:SS, DAYS-HH:MM:SS, or 2h or 90m", s)
	if d, err := time.ParseDuration(s); err == nil && d >= 0 && strings.ContainsAny(s, "hms") {
		return d, nil
	}
	days, clock, hasDays := strings.Cut(s, "-")
	if !hasDays {
		days, clock = "0", s
	}
	numbers := []int64{}
	for _, f := range append([]string{days}, strings.Split(clock, ":")...) {
		n, err := strconv.ParseInt(f, 10, 32)
		if err != nil || n < 0 {
			return 0, bad
		}
		numbers = append(numbers, n)
	}
	units := []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second}
	switch {
	case len(numbers) > 4:
		return 0, bad
	case !hasDays && len(numbers) == 2: // MIN
		units = []time.Duration{0, time.Minute}
	case !hasDays && len(numbers) == 3: // MIN:SEC
		units = []time.Duration{0, time.Minute, time.Second}
	}
	var d time.Duration
	for i, n := range numbers {
		d += time.Duration(n) * units[i]
	}
	if d < 0 || d > 10*365*24*time.Hour {
		return 0, bad
	}
	return d, nil
}
