package compute

import (
	"net/url"
	"strings"

	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// Rewriting replaces prefixes of urls, all at once: of those that fit a url the longest is replaced. A prefix ends where a part
// of the path does, so that /neodc is none of /neodc2/a.nc. Where a path becomes an http(s) URL its characters are escaped, and
// the other way round.
type Rewriting []configure.Links

// Apply answers what url becomes. One that could not be taken back is refused.
func (r Rewriting) Apply(url string) (string, error) {
	to := r.replace(url)
	if from := r.inverse().replace(to); from != url {
		return "", phases.Errorf(phases.Input, "choose prefixes that tell them apart",
			"%s would become %s, which would be taken back as %s: the rewriting could not be undone", url, to, from)
	}
	return to, nil
}

// Back answers the url that Apply has made url of.
func (r Rewriting) Back(url string) string { return r.inverse().replace(url) }

func (r Rewriting) inverse() Rewriting {
	out := make(Rewriting, len(r))
	for i, l := range r {
		out[i] = configure.Links{From: l.To, To: l.From}
	}
	return out
}

// longest is which prefix of a url is replaced, and what follows it; -1 when none is.
func (r Rewriting) longest(location string) (at int, rest string) {
	at = -1
	for i, l := range r {
		if after, ok := below(location, l.From); ok && (at < 0 || len(l.From) > len(r[at].From)) {
			at, rest = i, after
		}
	}
	return at, rest
}

func (r Rewriting) replace(location string) string {
	at, rest := r.longest(location)
	if at < 0 {
		return location
	}
	switch from, to := onServer(r[at].From), onServer(r[at].To); {
	case to && !from:
		rest = (&url.URL{Path: rest}).EscapedPath()
	case from && !to:
		if plain, err := url.PathUnescape(rest); err == nil {
			rest = plain
		}
	}
	return strings.TrimRight(r[at].To, "/") + rest
}

// below answers what follows the prefix: nothing, or what begins with a slash.
func below(location, prefix string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(location, strings.TrimRight(prefix, "/"))
	return rest, ok && (rest == "" || rest[0] == '/')
}

func onServer(prefix string) bool {
	scheme, _, _ := strings.Cut(strings.ToLower(prefix), "://")
	return scheme == "http" || scheme == "https"
}

// linking is the step that the links of a plan are.
func linking(l configure.Links) Step { return Step{Links: Rewriting{l}} }

// linkable refuses a rewriting that would rewrite nothing.
func linkable(p *virtual.Plan, l *configure.Links) error {
	if l == nil {
		return nil
	}
	for i := range p.Files {
		if _, ok := below(p.Files[i].URL, l.From); ok {
			return nil
		}
	}
	return phases.Errorf(phases.Input, "correct `links` in override.yaml and run configure again", "no source file lies below %s", l.From)
}
