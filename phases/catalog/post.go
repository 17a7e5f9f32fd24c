package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/cedadev/kerchunk-builder/phases"
)

// API is a STAC API with the transaction extensions
// (https://github.com/stac-api-extensions/transaction and collection-transaction, both v1.0.0).
type API struct {
	base   string
	token  string
	client *retryablehttp.Client
	pause  time.Duration // before a document is looked at again that is not as it was sent
}

// errOther is the error for an API that holds another document than it was sent.
var errOther = errors.New("it took the document, but gives back another")

// Outcome is what Post did to one document.
type Outcome string

// The outcomes.
const (
	Created   Outcome = "created"
	Updated   Outcome = "updated"
	Unchanged Outcome = "unchanged"
)

const (
	maxAnswer      = 64 << 20 // bytes of an answer that are read
	requestTimeout = time.Minute
	retries        = 5
	looks          = 5 // at a document that was sent
)

// Token reads a bearer token: from the file if one is named, else from the environment variable. Neither
// means none.
func Token(file, variable string) (string, error) {
	if file == "" {
		return strings.TrimSpace(os.Getenv(variable)), nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", phases.Errorf(phases.Input, "name a file that you may read", "token of the STAC API: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// NewAPI is the API at a root address. A token is sent over TLS only, or to this host itself.
func NewAPI(root, token string) (*API, error) {
	u, err := url.Parse(root)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, phases.Errorf(phases.Input, "give an http(s) URL", "STAC API %q is no address", root)
	}
	if token != "" && u.Scheme != "https" && !loopback(u.Hostname()) {
		return nil, phases.Errorf(phases.Input, "use https", "STAC API %s: a token would be sent unencrypted", root)
	}
	c := retryablehttp.NewClient()
	c.Logger = nil
	c.RetryMax = retries
	c.RetryWaitMin = 200 * time.Millisecond
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.HTTPClient.Timeout = requestTimeout
	return &API{base: strings.TrimRight(root, "/"), token: token, client: c, pause: 100 * time.Millisecond}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Post makes the API hold the product's item, as it stands in the catalogue in dir, and the collection of
// its group. It may be repeated: what the API holds already is left alone. Relative links to files become
// absolute below base, the address under which dir is published, or dir itself when base is empty.
// Each document that was sent is read back and compared.
func (a *API) Post(ctx context.Context, dir, base, group, code string) (collection, item Outcome, err error) {
	i, err := readDocument(dir, group, code, code+".json")
	if err != nil {
		return "", "", err
	}
	if base == "" {
		base = dir
	}
	if err := absolute(i, base, group, code); err != nil {
		return "", "", err
	}
	here := a.base + "/collections/" + url.PathEscape(group)
	i["links"] = []any{map[string]any{"rel": "collection", "href": here, "type": "application/json"}}
	if collection, err = a.holdCollection(ctx, dir, group, here); err != nil {
		return "", "", err
	}
	item, err = a.hold(ctx, here+"/items", here+"/items/"+url.PathEscape(code), i)
	return collection, item, err
}

// holdCollection makes the API hold a group's collection. Other tasks may be changing and posting it meanwhile: it looks at the catalogue again afterwards,
// so that of several at once the last to post has posted the last.
func (a *API) holdCollection(ctx context.Context, dir, group, here string) (Outcome, error) {
	read := func() (map[string]any, error) {
		c, err := readDocument(dir, group, "collection.json")
		if err == nil {
			c["links"] = []any{}
		}
		return c, err
	}
	c, err := read()
	if err != nil {
		return "", err
	}
	outcome := Unchanged
	for range patience {
		done, err := a.hold(ctx, a.base+"/collections", here, c)
		if err != nil && !errors.Is(err, errOther) {
			return "", err
		}
		if outcome == Unchanged {
			outcome = done
		}
		now, errRead := read()
		if errRead != nil {
			return "", errRead
		}
		if reflect.DeepEqual(now, c) {
			return outcome, err
		}
		c = now
	}
	return "", phases.Errorf(phases.IO, "run the catalog phase again", "the collection of group %s kept changing while it was posted", group)
}

// hold makes the API hold a document: create where there is none, update where it differs.
func (a *API) hold(ctx context.Context, parent, address string, doc map[string]any) (Outcome, error) {
	held, err := a.get(ctx, address)
	if err != nil {
		return "", err
	}
	if held != nil && holds(held, doc) {
		return Unchanged, nil
	}
	outcome := Updated
	if held == nil {
		outcome = Created
		status, body, err := a.send(ctx, http.MethodPost, parent, doc)
		if err != nil {
			return "", err
		}
		switch {
		case status == http.StatusConflict:
			// Another task was faster, or an answer to our own first try was lost.
			held, err := a.get(ctx, address)
			if err != nil {
				return "", err
			}
			if held != nil && holds(held, doc) {
				return Created, nil
			}
			outcome = Updated
		case status/100 != 2:
			return "", refusal(http.MethodPost, parent, status, body)
		}
	}
	if outcome == Updated {
		status, body, err := a.send(ctx, http.MethodPut, address, doc)
		if err != nil {
			return "", err
		}
		if status/100 != 2 {
			return "", refusal(http.MethodPut, address, status, body)
		}
	}
	for look := range looks { // an API may need a moment until it gives back what it took
		if look > 0 {
			select {
			case <-ctx.Done():
				return "", ctx.Err()
			case <-time.After(a.pause << look):
			}
		}
		if held, err = a.get(ctx, address); err != nil {
			return "", err
		}
		if held != nil && holds(held, doc) {
			return outcome, nil
		}
	}
	return "", phases.Errorf(phases.IO, "look at the API's log", "STAC API %s: %w", address, errOther)
}

// get reads a document; nil when there is none.
func (a *API) get(ctx context.Context, address string) (map[string]any, error) {
	status, body, err := a.send(ctx, http.MethodGet, address, nil)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return nil, nil
	case status != http.StatusOK:
		return nil, refusal(http.MethodGet, address, status, body)
	}
	var doc map[string]any
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, phases.Errorf(phases.IO, "", "STAC API %s: the answer is not JSON: %w", address, err)
	}
	return doc, nil
}

// send makes one request. Broken connections, 429 and 5xx are tried again, with growing pauses.
func (a *API) send(ctx context.Context, method, address string, doc map[string]any) (status int, body []byte, err error) {
	var payload any
	if doc != nil {
		b, err := json.Marshal(doc)
		if err != nil {
			return 0, nil, err
		}
		payload = b
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, method, address, payload)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Accept", "application/json, application/geo+json")
	if doc != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
			return 0, nil, err
		}
		return 0, nil, phases.Errorf(phases.IO, "", "STAC API: %w", err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, nil, phases.Errorf(phases.IO, "", "STAC API %s: %w", address, err)
	}
	return resp.StatusCode, body, nil
}

// refusal is the error for a status that is not a success.
func refusal(method, address string, status int, body []byte) error {
	class, remedy := phases.Input, "the API refuses the document; its answer says why"
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		remedy = "check the API's token"
	case status == http.StatusMethodNotAllowed || status == http.StatusNotFound:
		remedy = "the API must support the transaction extension"
	case status >= 500 || status == http.StatusTooManyRequests:
		class, remedy = phases.IO, "try again later"
	}
	body = bytes.TrimSpace(body)
	if len(body) > 500 {
		body = append(body[:500:500], "..."...)
	}
	return phases.Errorf(class, remedy, "STAC API: %s %s answers %d %s: %q", method, address, status, http.StatusText(status), body)
}

// holds reports whether a document that the API gives back says all that ours says. An API has its own links, keeps the times of its own
// changes (common metadata's created and updated), may add members and leave out empty ones.
func holds(held, ours map[string]any) bool {
	for k, v := range ours {
		if k == "links" || k == "created" || k == "updated" {
			continue
		}
		if w, ok := held[k]; !ok && !void(v) || ok && !within(w, v) {
			return false
		}
	}
	return true
}

func within(held, ours any) bool {
	switch o := ours.(type) {
	case map[string]any:
		h, ok := held.(map[string]any)
		return ok && holds(h, o)
	case []any:
		h, ok := held.([]any)
		return ok && slices.EqualFunc(h, o, within)
	case string:
		h, ok := held.(string)
		return ok && (h == o || sameInstant(h, o))
	}
	return reflect.DeepEqual(held, ours)
}

// void reports whether a member says nothing.
func void(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return v == nil
}

// sameInstant: RFC 3339 has many ways to write a time, and an API its own.
func sameInstant(a, b string) bool {
	s, errA := time.Parse(time.RFC3339, a)
	t, errB := time.Parse(time.RFC3339, b)
	return errA == nil && errB == nil && s.Equal(t)
}

func readDocument(dir string, elem ...string) (map[string]any, error) {
	path := strings.Join(append([]string{dir}, elem...), string(os.PathSeparator))
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, phases.Errorf(phases.Input, "run the catalog phase first", "catalogue: %w", err)
	}
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return doc, nil
}

// absolute resolves the hrefs of an item's assets against the item's own address.
func absolute(it map[string]any, base, group, code string) error {
	b, err := url.Parse(strings.TrimRight(base, "/") + "/" + group + "/" + code + "/" + code + ".json")
	if err != nil {
		return phases.Errorf(phases.Input, "give the URL under which the catalogue is published", "catalogue address %q: %w", base, err)
	}
	assets, _ := it["assets"].(map[string]any)
	for name, v := range assets {
		asset, _ := v.(map[string]any)
		href, _ := asset["href"].(string)
		h, err := url.Parse(href)
		if err != nil {
			return fmt.Errorf("asset %s: %w", name, err)
		}
		if !h.IsAbs() && !strings.HasPrefix(h.Path, "/") {
			asset["href"] = b.ResolveReference(h).String()
		}
	}
	return nil
}
