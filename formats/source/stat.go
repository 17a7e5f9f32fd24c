package source

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/go-retryablehttp"
)

// Stat answers what is known of a file without reading it. A server is asked by HEAD (RFC 9110, 9.3.2), and by a range of one
// byte where it doesn't answer that, or not with the size. A server that says that it has no ranges is [ErrNoRanges].
func Stat(ctx context.Context, location string, opts Options) (Identity, error) {
	scheme, _, _ := strings.Cut(strings.ToLower(location), "://")
	if scheme != "http" && scheme != "https" {
		src, err := Open(ctx, location, opts)
		if err != nil {
			return Identity{}, err
		}
		return src.Identity(), src.Close()
	}
	r := newRemote(ctx, location, opts)
	id, answered, err := r.headers()
	if err == nil && !answered {
		_, err = r.request(make([]byte, 1), 0, true)
		id = r.id
	}
	if err != nil {
		return Identity{}, fmt.Errorf("look at %s: %w", location, err)
	}
	return id, nil
}

// headers asks by HEAD. answered is false when the server doesn't do that, or doesn't say the size.
func (r *remote) headers() (id Identity, answered bool, err error) {
	req, err := retryablehttp.NewRequestWithContext(r.ctx, http.MethodHead, r.url, nil)
	if err != nil {
		return id, false, err
	}
	req.Header = r.header.Clone()
	resp, err := r.client.Do(req)
	if err != nil {
		return id, false, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusMethodNotAllowed, resp.StatusCode == http.StatusNotImplemented:
		return id, false, nil
	case resp.StatusCode != http.StatusOK:
		return id, false, statusError(resp)
	case strings.EqualFold(resp.Header.Get("Accept-Ranges"), "none"):
		return id, false, ErrNoRanges
	}
	return identity(resp, resp.ContentLength), resp.ContentLength >= 0, nil
}
