package workdirs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A run of 100,000 tasks has to be listed at once, so a compacted record is a line of tab-separated fields:
//
//	job index attempt state class host start end peak source code part seconds
//
// Times are nanoseconds since 1970, or 0; the last three describe the only item of a task that ended well. What does not fit
// this form is a line of JSON, which begins with a brace.
const compactFields = 13

// appendCompact appends the line of a record.
func appendCompact(line []byte, r *Record) ([]byte, error) {
	if !isPlain(r) {
		b, err := json.Marshal(r)
		return append(append(line, b...), '\n'), err
	}
	var item ItemResult
	if len(r.Items) == 1 {
		item = r.Items[0]
	}
	text := func(s string) { line = append(append(line, s...), '\t') }
	number := func(n int64) { line = append(strconv.AppendInt(line, n, 10), '\t') }
	text(r.Job)
	number(int64(r.Index))
	number(int64(r.Attempt))
	text(r.State)
	text(r.Class)
	text(r.Host)
	number(nanoseconds(r.Start))
	number(nanoseconds(r.End))
	number(r.Peak)
	text(r.Source)
	text(item.Code)
	number(int64(item.Part))
	line = strconv.AppendFloat(line, item.Seconds, 'g', -1, 64)
	return append(line, '\n'), nil
}

// isPlain reports whether a record fits the tab-separated form.
func isPlain(r *Record) bool {
	plain := r.Message == "" && !r.Transient && len(r.Redo) == 0 && len(r.Counters) == 0 && len(r.Items) <= 1 && !strings.HasPrefix(r.Job, "{")
	for _, item := range r.Items {
		plain = plain && item.State == Done && item.Code != "" && item.Class == "" && item.Message == "" && !item.Transient
	}
	for _, s := range []string{r.Job, r.State, r.Class, r.Host, r.Source} {
		plain = plain && !strings.ContainsAny(s, "\t\n")
	}
	return plain
}

func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// compactParser reads compacted lines. The words that come again and again are kept once.
type compactParser struct{ known map[string]string }

func (p *compactParser) parse(line []byte) (Record, error) {
	var r Record
	if len(line) > 0 && line[0] == '{' {
		return r, json.Unmarshal(line, &r)
	}
	var fields [compactFields][]byte
	n := 0
	for f := range bytes.SplitSeq(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\t'}) {
		if n == compactFields {
			n++
			break
		}
		fields[n] = f
		n++
	}
	if n != compactFields {
		return r, fmt.Errorf("%q is no compacted record", line)
	}
	var err error
	number := func(i int) int64 {
		v, perr := strconv.ParseInt(string(fields[i]), 10, 64)
		if perr != nil && err == nil {
			err = fmt.Errorf("field %d of %q: %w", i+1, line, perr)
		}
		return v
	}
	moment := func(i int) time.Time {
		if v := number(i); v != 0 {
			return time.Unix(0, v).UTC()
		}
		return time.Time{}
	}
	r = Record{
		Job: p.word(fields[0]), Index: int(number(1)), Attempt: int(number(2)), State: p.word(fields[3]), Class: p.word(fields[4]),
		Host: p.word(fields[5]), Start: moment(6), End: moment(7), Peak: number(8), Source: p.word(fields[9]),
	}
	if code := string(fields[10]); code != "" {
		seconds, perr := strconv.ParseFloat(string(fields[12]), 64)
		if perr != nil {
			return r, fmt.Errorf("field %d of %q: %w", compactFields, line, perr)
		}
		r.Items = []ItemResult{{Code: code, Part: int(number(11)), State: Done, Seconds: seconds}}
	}
	return r, err
}

func (p *compactParser) word(b []byte) string {
	if s, ok := p.known[string(b)]; ok {
		return s
	}
	s := string(b)
	p.known[s] = s
	return s
}
