package scheduler

import (
	"bufio"
	"fmt"
	"strings"
)

// shortOptions are sbatch's one-letter options, of those that the engines look at.
var shortOptions = map[byte]string{
	'a': "array", 'c': "cpus-per-task", 'D': "chdir", 'e': "error", 'J': "job-name", 'o': "output", 't': "time",
}

// Directives reads the #SBATCH lines of a script: option to value, without dashes. Like sbatch it stops at the first
// command, takes --option=value, --option value and -o value, quotes, and lets a later line win.
func Directives(script string) (map[string]string, error) {
	options := map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(script))
	lines.Buffer(nil, len(script)+1)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line != "" && !strings.HasPrefix(line, "#") {
			break
		}
		rest, ok := strings.CutPrefix(line, "#SBATCH ")
		if !ok {
			continue
		}
		words, err := directiveWords(rest)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		for i := 0; i < len(words); i++ {
			name, value, hasValue := "", "", false
			switch w := words[i]; {
			case strings.HasPrefix(w, "--"):
				name, value, hasValue = strings.Cut(w[2:], "=")
			case len(w) > 1 && w[0] == '-':
				name, value, hasValue = shortOptions[w[1]], w[2:], len(w) > 2
			default:
				return nil, fmt.Errorf("line %d: %q is no option", n, w)
			}
			if !hasValue && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
				i++
				value = words[i]
			}
			if name != "" { // a letter that no engine looks at
				options[name] = value
			}
		}
	}
	return options, nil
}

// directiveWords splits an #SBATCH line into words; a word that begins with # begins a comment.
func directiveWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote byte
	started := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, started = c, true
		case c == ' ' || c == '\t':
			if started {
				words = append(words, word.String())
				word.Reset()
			}
			started = false
		case c == '#' && !started:
			return words, nil
		default:
			word.WriteByte(c)
			started = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a %c is not closed", quote)
	}
	if started {
		words = append(words, word.String())
	}
	return words, nil
}

// ArrayOption is the --array option of a submission: its indices, with the throttle of its script's own --array line. It is
// empty for a job that is no array.
func (s Submission) ArrayOption(directives map[string]string) (string, error) {
	own, isArray := directives["array"]
	if len(s.Indices) == 0 {
		if isArray || s.Indices != nil {
			return "", fmt.Errorf("job %s: the script is an array's, and no indices are given", s.Name)
		}
		return "", nil
	}
	option := FormatIndices(s.Indices)
	if isArray {
		_, throttle, err := ParseIndices(own)
		if err != nil {
			return "", fmt.Errorf("job %s: %w", s.Name, err)
		}
		if throttle > 0 {
			option += fmt.Sprintf("%%%d", throttle)
		}
	}
	return option, nil
}
