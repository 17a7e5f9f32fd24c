package compute

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cedadev/kerchunk-builder/phases/configure"
)

func TestPrefixesOfLinks(t *testing.T) {
	dap := configure.Links{From: "/neodc", To: "https://dap.example.org/neodc"}
	for _, c := range []struct {
		links     Rewriting
		url, want string // "" is refused
	}{
		{Rewriting{dap}, "/neodc/a.nc", "https://dap.example.org/neodc/a.nc"},
		{Rewriting{dap}, "/neodc2/a.nc", "/neodc2/a.nc"},
		{Rewriting{dap}, "/data/neodc/a.nc", "/data/neodc/a.nc"},
		{Rewriting{{From: "/neodc/", To: "https://dap.example.org/neodc/"}}, "/neodc/a.nc", "https://dap.example.org/neodc/a.nc"},
		{Rewriting{{From: "/neodc/", To: "/badc"}}, "/neodc/a.nc", "/badc/a.nc"},
		{Rewriting{{From: "/", To: "https://dap.example.org"}}, "/neodc/a.nc", "https://dap.example.org/neodc/a.nc"},
		{Rewriting{{From: "https://", To: "http://"}}, "https://dap.example.org/a.nc", "http://dap.example.org/a.nc"},
		{Rewriting{{From: "/neodc/a.nc", To: "/badc/b.nc"}}, "/neodc/a.nc", "/badc/b.nc"},
		{Rewriting{{From: "/neodc/a.nc", To: "/badc/b.nc"}}, "/neodc/a.nc4", "/neodc/a.nc4"},

		// The longest prefix wins, and what it gives is not rewritten again.
		{Rewriting{{From: "/a", To: "/x"}, {From: "/a/b", To: "/y"}}, "/a/b/c.nc", "/y/c.nc"},
		{Rewriting{{From: "/a/b", To: "/y"}, {From: "/a", To: "/x"}}, "/a/c.nc", "/x/c.nc"},
		{Rewriting{{From: "/a", To: "/b"}, {From: "/b", To: "/a"}}, "/b/c.nc", "/a/c.nc"},

		// URLs are escaped, paths are not.
		{Rewriting{dap}, "/neodc/50% of it/é#1?.nc", "https://dap.example.org/neodc/50%25%20of%20it/%C3%A9%231%3F.nc"},
		{Rewriting{{From: "https://dap.example.org", To: "/disk"}}, "https://dap.example.org/50%25%20of%20it.nc", "/disk/50% of it.nc"},
		{Rewriting{{From: "/neodc", To: "/badc"}}, "/neodc/50% of it.nc", "/badc/50% of it.nc"},
		{Rewriting{{From: "https://a.example.org", To: "https://b.example.org"}}, "https://a.example.org/50%25.nc", "https://b.example.org/50%25.nc"},

		// What could not be told from a rewritten one afterwards is refused.
		{Rewriting{{From: "/a", To: "/b"}}, "/b/c.nc", ""},
		{Rewriting{{From: "/a", To: "/c"}, {From: "/b", To: "/c"}}, "/b/d.nc", ""},
		{Rewriting{{From: "https://dap.example.org", To: "/disk"}}, "https://dap.example.org/%41.nc", ""},
	} {
		got, err := c.links.Apply(c.url)
		if (err == nil) != (c.want != "") || got != c.want {
			t.Errorf("%v makes of %s %q, %v; want %q", c.links, c.url, got, err, c.want)
		}
	}
}

// Whatever is rewritten can be taken back.
func TestLinksAreTakenBack(t *testing.T) {
	location := rapid.Custom(func(t *rapid.T) string {
		start := rapid.SampledFrom([]string{"", "https://a.example.org", "http://b.example.org", "s3://bucket"}).Draw(t, "server")
		return start + "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "a b", "ü", "%41", "%", "#?", "a2"}), 0, 3).Draw(t, "parts"), "/")
	})
	rapid.Check(t, func(t *rapid.T) {
		var r Rewriting
		for range rapid.IntRange(1, 3).Draw(t, "prefixes") {
			r = append(r, configure.Links{From: location.Draw(t, "from"), To: location.Draw(t, "to")})
		}
		url := location.Draw(t, "url")
		if to, err := r.Apply(url); err == nil && r.Back(to) != url {
			t.Fatalf("%s becomes %s, and that %s", url, to, r.Back(to))
		}
	})
}
