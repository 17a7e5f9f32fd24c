package compute

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cedadev/kerchunk-builder/formats/source"
	"github.com/cedadev/kerchunk-builder/phases"
	"github.com/cedadev/kerchunk-builder/phases/configure"
	"github.com/cedadev/kerchunk-builder/stores/zarr"
	"github.com/cedadev/kerchunk-builder/virtual"
)

// rewriter answers where a store finds a source file: its url with the prefixes replaced, each in turn.
// A url that could not be told from a rewritten one afterwards is refused, so that all can be undone.
func rewriter(links []configure.Links) func(url string) (string, error) {
	return func(url string) (string, error) {
		for _, l := range links {
			if rest, ok := strings.CutPrefix(url, l.From); ok {
				url = l.To + rest
			} else if strings.HasPrefix(url, l.To) {
				return "", phases.Errorf(phases.Input, "choose prefixes that tell them apart", "%s begins with %s already, so that the rewriting could not be undone", url, l.To)
			}
		}
		return url, nil
	}
}

// linkable refuses a rewriting that would rewrite nothing.
func linkable(p *virtual.Plan, l *configure.Links) error {
	if l == nil || slices.ContainsFunc(p.Files, func(f virtual.File) bool { return strings.HasPrefix(f.URL, l.From) }) {
		return nil
	}
	return phases.Errorf(phases.Input, "correct `links` in override.yaml and run configure again", "no source file begins with %s", l.From)
}

// describeLinks is how a rewriting stands in the attributes of a store.
func describeLinks(l configure.Links) string { return linksPrefix + l.From + linksArrow + l.To }

const (
	linksPrefix = "links "
	linksArrow  = " -> "
)

// parseLinks is the inverse of describeLinks.
func parseLinks(s string) (configure.Links, bool) {
	rest, ok := strings.CutPrefix(s, linksPrefix)
	from, to, found := strings.Cut(rest, linksArrow)
	return configure.Links{From: from, To: to}, ok && found
}

// Rewritten lists the prefixes of urls that have been replaced in a store, in order, as its attributes have it.
func Rewritten(ds virtual.Dataset) []configure.Links {
	if len(ds.Groups) == 0 {
		return nil
	}
	var list []configure.Links
	for _, e := range editsOf(ds.Groups[0].Attributes) {
		if l, ok := parseLinks(e); ok {
			list = append(list, l)
		}
	}
	return list
}

// probe opens about n of the files that a store's references name, spread over all of them, and sees that each is long enough
// for its last reference. Of a server it asks a range, since that is what readers do. It answers how many it has opened.
func probe(ctx context.Context, s zarr.Store, n int) (int, error) {
	ends := map[string]int64{}
	var urls []string
	ds := s.Dataset()
	for i := range ds.Arrays {
		for row, err := range s.References(ctx, ds.Arrays[i].Path) {
			if err != nil {
				return 0, err
			}
			if ref := row.Reference; ref.Inline == nil {
				end, seen := ends[ref.URL]
				if !seen {
					urls = append(urls, ref.URL)
				}
				ends[ref.URL] = max(end, ref.Offset+ref.Size)
			}
		}
	}
	n = min(n, len(urls))
	opts := source.Options{Client: source.NewClient(4), Retries: 1}
	for i := range n {
		url := urls[i*len(urls)/n]
		src, err := source.Open(ctx, url, opts)
		if err != nil {
			return i, phases.SourceError(url, "", fmt.Errorf("a link of the store leads nowhere: %w", err))
		}
		size := src.Size()
		if err := src.Close(); err != nil {
			return i, err
		}
		if size < ends[url] {
			return i, phases.Errorf(phases.Fault, "", "%s has %d bytes, and the store refers to its byte %d", url, size, ends[url]-1)
		}
	}
	return n, nil
}
