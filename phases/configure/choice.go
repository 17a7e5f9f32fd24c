package configure

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/profile"
	"github.com/cedadev/kerchunk-builder/virtual"
	"github.com/cedadev/kerchunk-builder/workdirs"
)

// noProfile is the name in override.yaml for a dataset that no profile is to be applied to.
const noProfile = "none"

// choice is what the user and a profile decide.
type choice struct {
	given    map[string]any   // what override.yaml sets, by key
	override Override         // that, over the profile's settings
	profile  *profile.Profile // nil when none applies
	match    profile.Match
}

// choose finds the profile that applies to a dataset, and what the user decides over it.
func choose(d *workdirs.Dataset, kind profile.Kind) (choice, error) {
	user, err := loadOverride(d, Override{})
	if err != nil {
		return choice{}, err
	}
	given, err := Settings(d)
	if err != nil {
		return choice{}, err
	}
	c := choice{given: given, override: user}
	switch user.Profile {
	case noProfile:
		return c, nil
	case "":
		list, err := profile.List(d.Workdir())
		if err != nil {
			return c, err
		}
		c.profile, c.match = profile.Choose(list, d.Code, kind)
	default:
		if c.profile, err = profile.Load(d.Workdir(), user.Profile); err != nil {
			return c, fmt.Errorf("%s: %w", d.Path(workdirs.OverrideFile), err)
		}
		c.match = profile.Named
	}
	if c.profile == nil || c.match == profile.SameFamily || len(c.profile.Settings) == 0 {
		return c, nil
	}
	where := "profile " + c.profile.Name + ": settings"
	text, err := yaml.Marshal(c.profile.Settings)
	if err != nil {
		return c, phases.Errorf(phases.Input, "make the profile again", "%s: %w", where, err)
	}
	settings, err := parseOverride(where, text, Override{})
	if err != nil {
		return c, err
	}
	c.override, err = loadOverride(d, settings)
	return c, err
}

// ProfileFor is the profile that applies to a dataset of a kind; nil when none does.
func ProfileFor(d *workdirs.Dataset, kind profile.Kind) (*profile.Profile, error) {
	c, err := choose(d, kind)
	return c.profile, err
}

func (c choice) figures() profile.Figures {
	if c.profile == nil {
		return profile.BuiltIn()
	}
	return c.profile.Figures
}

// from says who decided what a key of the override says.
func (c choice) from(key string) string {
	if _, ok := c.given[key]; ok {
		return "user"
	}
	return "profile"
}

// notes are the decisions that a profile has made.
func (c choice) notes() []virtual.Note {
	if c.profile == nil {
		return nil
	}
	p := c.profile
	name := fmt.Sprintf("profile %s (%s)", p.Name, p.Digest)
	evidence := fmt.Sprintf("%s, learned from %d datasets: %s", name, len(p.From), c.match)
	list := []virtual.Note{{Subject: "profile", Decision: p.Name + " applied", Evidence: evidence, From: "profile"}}
	if c.match == profile.SameFamily {
		return list
	}
	for _, key := range slices.Sorted(maps.Keys(p.Settings)) {
		if c.from(key) == "profile" {
			list = append(list, virtual.Note{Subject: key, Decision: strings.TrimSpace(fmt.Sprint(p.Settings[key])), Evidence: name, From: "profile"})
		}
	}
	return list
}

// kind is what the headers have in common with those of other datasets.
func (r *Reader) kind(headers []*virtual.Header) profile.Kind {
	var variables []profile.Variable
	seen := map[*virtual.Variable]bool{}
	for _, h := range headers {
		for _, v := range h.Variables {
			if !seen[v] {
				seen[v] = true
				variables = append(variables, kindOf(v))
			}
		}
	}
	return profile.KindOf(slices.Collect(maps.Keys(r.format)), variables)
}

func kindOf(v *virtual.Variable) profile.Variable {
	out := profile.Variable{Path: v.Path}
	if v.Refused != nil {
		return out
	}
	out.Type = v.Type.String()
	for _, c := range v.Codecs {
		out.Codecs = append(out.Codecs, c.Name())
	}
	return out
}
