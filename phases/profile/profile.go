package profile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// Profile is what was learned from finished datasets: WORKDIR/profiles/NAME.json. It depends on them alone.
type Profile struct {
	Name     string          `json:"name"`
	Kind     Kind            `json:"kind"`             // without variables where the datasets differ in them
	Family   string          `json:"family,omitempty"` // what the project codes begin with
	From     map[string]Cost `json:"learned_from"`     // by project code
	Figures  Figures         `json:"figures"`
	Settings map[string]any  `json:"settings,omitempty"` // of override.yaml, that the user chose for all of them

	Digest string `json:"-"` // of the file
}

// Save writes the profile, in the place of one of the same name.
func Save(w *workdirs.Workdir, p Profile) error {
	path, err := w.ProfilePath(p.Name)
	if err != nil {
		return &phases.Error{Class: phases.Input, Err: err}
	}
	if err := workdirs.WriteJSON(path, p); err != nil {
		return &phases.Error{Class: phases.IO, Err: err}
	}
	return nil
}

// Load reads a profile.
func Load(w *workdirs.Workdir, name string) (*Profile, error) {
	path, err := w.ProfilePath(name)
	if err != nil {
		return nil, &phases.Error{Class: phases.Input, Err: err}
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		names, _ := w.Profiles()
		known := "there are none; `kerb profile learn` makes them"
		if len(names) > 0 {
			known = "there are " + strings.Join(names, ", ")
		}
		return nil, phases.Errorf(phases.Input, known, "no profile %q in %s", name, w.Root())
	}
	if err != nil {
		return nil, &phases.Error{Class: phases.IO, Err: err}
	}
	p := &Profile{}
	if err := p.read(text); err != nil {
		return nil, phases.Errorf(phases.Input, "make it again with `kerb profile learn`, or remove the file", "profile %s: %s: %w", name, path, err)
	}
	if p.Name != name {
		return nil, phases.Errorf(phases.Input, "give the file the profile's name", "profile %s: %s holds the profile %q", name, path, p.Name)
	}
	return p, nil
}

func (p *Profile) read(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(p); err != nil {
		return fmt.Errorf("damaged at byte %d: %w", dec.InputOffset(), err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("damaged at byte %d: something follows the profile", dec.InputOffset())
	}
	f := p.Figures
	for _, l := range []struct {
		name string
		line Line
	}{{"seconds", f.Seconds}, {"memory_bytes", f.Memory}, {"parquet_bytes", f.Parquet}, {"json_bytes", f.JSON}} {
		if !l.line.usable() {
			return fmt.Errorf("figures: %s: not to be predicted with: %+v", l.name, l.line)
		}
	}
	if f.Reading < 0 || f.Reading > 1e15 {
		return fmt.Errorf("figures: read_bytes_per_second: not to be predicted with: %g", f.Reading)
	}
	sum := sha256.Sum256(text)
	p.Digest = hex.EncodeToString(sum[:6])
	return nil
}

// List reads all profiles of a workdir, sorted by name.
func List(w *workdirs.Workdir) ([]*Profile, error) {
	names, err := w.Profiles()
	if err != nil {
		return nil, &phases.Error{Class: phases.IO, Err: err}
	}
	var list []*Profile
	for _, n := range names {
		p, err := Load(w, n)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// Match says how a profile fits a dataset.
type Match string

// The matches.
const (
	NoMatch    Match = ""
	SameFamily Match = "same format, and a project code of the same family" // its figures apply
	SameKind   Match = "the same variables, types and codecs"               // its settings apply too
	Named      Match = "named in override.yaml"                             // as they do here
)

// Fits says how the profile fits the dataset with a code.
func (p *Profile) Fits(code string, kind Kind) Match {
	switch {
	case len(kind.Variables) > 0 && p.Kind.Equal(kind):
		return SameKind
	case p.Kind.Format == kind.Format && p.Family != "" && inFamily(p.Family, code):
		return SameFamily
	}
	return NoMatch
}

// Choose finds the profile that fits a dataset best: of the same kind before the same family, then of the longer family that holds
// the code, then the first by name. It is nil when none fits.
func Choose(list []*Profile, code string, kind Kind) (best *Profile, how Match) {
	rank := func(p *Profile, m Match) int {
		n := 0
		if inFamily(p.Family, code) {
			n = 1 + len(p.Family)
		}
		if m == SameKind {
			n += 1 << 20
		}
		return n
	}
	for _, p := range list {
		m := p.Fits(code, kind)
		if m != NoMatch && (best == nil || rank(p, m) > rank(best, how)) {
			best, how = p, m
		}
	}
	return best, how
}
