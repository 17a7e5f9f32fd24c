package catalog

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cedadev/kerchunk-builder/phases"
)

// standIn is a STAC API in memory. Like real ones it writes its own links and members into what it is
// given. before may answer a request first.
type standIn struct {
	mu     sync.Mutex
	docs   map[string]map[string]any // by path
	log    []string                  // "METHOD path"
	token  string
	before func(w http.ResponseWriter, r *http.Request) (done bool)
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, r.Method+" "+r.URL.Path)
	if s.before != nil && s.before(w, r) {
		return
	}
	if r.Header.Get("Authorization") != s.token {
		http.Error(w, "who are you", http.StatusUnauthorized)
		return
	}
	switch r.Method {
	case http.MethodGet:
		doc, ok := s.docs[r.URL.Path]
		if !ok {
			http.Error(w, "none", http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(doc)
	case http.MethodPost, http.MethodPut:
		var doc map[string]any
		if err := json.NewDecoder(r.Body).Decode(&doc); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		path := r.URL.Path
		if r.Method == http.MethodPost {
			path += "/" + doc["id"].(string)
		}
		if _, ok := s.docs[path]; ok && r.Method == http.MethodPost {
			http.Error(w, "exists", http.StatusConflict)
			return
		}
		if parent, isItem, _ := cutItems(path); isItem && s.docs[parent] == nil {
			http.Error(w, "no such collection", http.StatusNotFound)
			return
		}
		doc["links"] = []any{map[string]any{"rel": "self", "href": "https://api.example" + path}}
		doc["stac_api_version"] = "1.0.0"
		s.docs[path] = doc
		w.WriteHeader(http.StatusCreated)
	default:
		http.Error(w, "?", http.StatusMethodNotAllowed)
	}
}

func cutItems(path string) (collection string, ok bool, id string) {
	collection, id, ok = strings.Cut(path, "/items/")
	return collection, ok, id
}

func (s *standIn) changes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.DeleteFunc(slices.Clone(s.log), func(l string) bool { return strings.HasPrefix(l, "GET") })
	s.log = nil
	return out
}

func newStandIn(t *testing.T) (*standIn, *API) {
	t.Helper()
	s := &standIn{docs: map[string]map[string]any{}, token: "Bearer secret"}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	api, err := NewAPI(server.URL+"/", "secret")
	if err != nil {
		t.Fatal(err)
	}
	api.client.RetryWaitMin, api.client.RetryWaitMax, api.pause = time.Millisecond, 5*time.Millisecond, time.Millisecond
	return s, api
}

func post(t *testing.T, api *API, dir, code string) (collection, item Outcome) {
	t.Helper()
	c, i, err := api.Post(t.Context(), dir, "https://data.example/catalogue", "cmip", code)
	if err != nil {
		t.Fatal(err)
	}
	return c, i
}

func TestPost(t *testing.T) {
	s, api := newStandIn(t)
	dir, files := t.TempDir(), t.TempDir()
	if err := Write(dir, product(t, files, "a")); err != nil {
		t.Fatal(err)
	}
	if c, i := post(t, api, dir, "a"); c != Created || i != Created {
		t.Errorf("the first time: %s, %s", c, i)
	}
	if got := s.changes(); !slices.Equal(got, []string{"POST /collections", "POST /collections/cmip/items"}) {
		t.Errorf("the first time sent %v", got)
	}
	if c, i := post(t, api, dir, "a"); c != Unchanged || i != Unchanged {
		t.Errorf("the second time: %s, %s", c, i)
	}
	if got := s.changes(); len(got) > 0 {
		t.Errorf("the second time sent %v", got)
	}

	p := product(t, files, "a")
	p.Title = "Another title"
	if err := Write(dir, p); err != nil {
		t.Fatal(err)
	}
	// The collection names the item's title in a link only, and links are the API's own.
	if c, i := post(t, api, dir, "a"); c != Unchanged || i != Updated {
		t.Errorf("after a change: %s, %s", c, i)
	}
	if got := s.changes(); !slices.Equal(got, []string{"PUT /collections/cmip/items/a"}) {
		t.Errorf("after a change sent %v", got)
	}
	if title := at(s.docs["/collections/cmip/items/a"], "properties")["title"]; title != "Another title" {
		t.Errorf("the API holds the title %q", title)
	}
}

func TestPostedAssetsAreAbsolute(t *testing.T) {
	s, api := newStandIn(t)
	dir := filepath.Join(t.TempDir(), "catalogue")
	if err := Write(dir, product(t, filepath.Dir(dir), "a")); err != nil {
		t.Fatal(err)
	}
	post(t, api, dir, "a")
	assets := at(s.docs["/collections/cmip/items/a"], "assets")
	if got := at(assets, "thumbnail")["href"]; got != "https://data.example/a.png" {
		t.Errorf("the thumbnail is at %s", got)
	}
	if got := at(assets, "store")["href"]; got != "/archive/stores/a.kr1.0.parq" {
		t.Errorf("the store is at %s", got)
	}
}

// Refusals for a while, a connection cut and an answer lost on its way: in the end there is one item.
func TestPostThroughTrouble(t *testing.T) {
	s, api := newStandIn(t)
	dir, files := t.TempDir(), t.TempDir()
	if err := Write(dir, product(t, files, "a")); err != nil {
		t.Fatal(err)
	}
	met := map[string]int{}
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		request := r.Method + " " + r.URL.Path
		met[request]++
		if met[request] > 1 {
			return false
		}
		switch request {
		case "GET /collections/cmip":
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return true
		case "POST /collections": // not taken
			panic(http.ErrAbortHandler)
		case "POST /collections/cmip/items": // taken, but the answer is lost
			var doc map[string]any
			if err := json.NewDecoder(r.Body).Decode(&doc); err != nil {
				t.Error(err)
			}
			s.docs["/collections/cmip/items/a"] = doc
			panic(http.ErrAbortHandler)
		}
		return false
	}
	if _, i := post(t, api, dir, "a"); i != Created {
		t.Errorf("the item is %s", i)
	}
	if len(s.docs) != 2 {
		t.Errorf("the API holds %d documents", len(s.docs))
	}
	for _, request := range []string{"GET /collections/cmip", "POST /collections", "POST /collections/cmip/items"} {
		if met[request] < 2 {
			t.Errorf("%s was not tried again", request)
		}
	}
}

// Another task creates the item between our look and our request.
func TestPostInARace(t *testing.T) {
	s, api := newStandIn(t)
	dir, files := t.TempDir(), t.TempDir()
	if err := Write(dir, product(t, files, "a")); err != nil {
		t.Fatal(err)
	}
	s.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/items") {
			s.docs[r.URL.Path+"/a"] = map[string]any{"id": "a", "type": "Feature"}
		}
		return false
	}
	if _, i := post(t, api, dir, "a"); i != Updated {
		t.Errorf("the item is %s", i)
	}
	if s.docs["/collections/cmip/items/a"]["properties"] == nil {
		t.Error("the other task's item stands")
	}
}

// Many tasks enter and post datasets of one group at once: in the end the API has the collection that the catalogue has.
func TestManyPostAtOnce(t *testing.T) {
	s, api := newStandIn(t)
	dir, files := t.TempDir(), t.TempDir()
	var tasks sync.WaitGroup
	for i := range 12 {
		p := product(t, files, "set"+string(rune('a'+i)))
		p.Cover.End = time.Date(1991+i, 1, 1, 0, 0, 0, 0, time.UTC).Format(time.RFC3339)
		tasks.Go(func() {
			if err := Write(dir, p); err != nil {
				t.Error(err)
				return
			}
			if _, _, err := api.Post(t.Context(), dir, "", "cmip", p.Code); err != nil {
				t.Error(err)
			}
		})
	}
	tasks.Wait()
	want, err := readDocument(dir, "cmip", "collection.json")
	if err != nil {
		t.Fatal(err)
	}
	if !holds(s.docs["/collections/cmip"], want) {
		t.Errorf("the API holds %v", s.docs["/collections/cmip"])
	}
	if len(s.docs) != 13 {
		t.Errorf("the API holds %d documents", len(s.docs))
	}
}

// The collection grows between our look at it and our request: what is posted in the end is what the catalogue has.
func TestCollectionGrowsWhileItIsPosted(t *testing.T) {
	s, api := newStandIn(t)
	dir, files := t.TempDir(), t.TempDir()
	if err := Write(dir, product(t, files, "a")); err != nil {
		t.Fatal(err)
	}
	later := product(t, files, "b")
	later.Cover.End = "2001-01-01T00:00:00Z"
	s.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && r.URL.Path == "/collections" {
			if err := Write(dir, later); err != nil {
				t.Error(err)
			}
		}
		return false
	}
	if c, _ := post(t, api, dir, "a"); c != Created {
		t.Errorf("the collection is %s", c)
	}
	want, err := readDocument(dir, "cmip", "collection.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.docs["/collections/cmip"]; !holds(got, want) {
		t.Errorf("the API holds %v", got["extent"])
	}
}

// What servers do to documents of their own accord is no difference: stac-fastapi notes when it changed an item, pydantic writes times and numbers its own way.
func TestHolds(t *testing.T) {
	parse := func(text string) (doc map[string]any) {
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		return doc
	}
	ours := parse(`{"id": "a", "bbox": [-180, 0], "stac_extensions": [], "geometry": null, "links": [1],
		"properties": {"datetime": null, "start_datetime": "1990-01-01T00:00:00Z", "updated": "2020-01-01T00:00:00Z", "n": 1}, "extent": {"interval": [["1990-01-01T00:00:00Z", null]]}}`)
	for text, want := range map[string]bool{
		`{"id": "a", "bbox": [-180.0, 0.0], "properties": {"start_datetime": "1990-01-01T00:00:00.000000+00:00", "updated": "2026-05-05T10:00:00Z", "created": "x", "n": 1.0, "more": 1},
			"extent": {"interval": [["1990-01-01T00:00:00.000Z", null]]}, "links": []}`: true,
		`{"id": "a", "bbox": [-180, 1], "properties": {"start_datetime": "1990-01-01T00:00:00Z", "n": 1}, "extent": {"interval": [["1990-01-01T00:00:00Z", null]]}}`:                   false,
		`{"id": "a", "bbox": [-180, 0], "properties": {"start_datetime": "1990-01-02T00:00:00Z", "n": 1}, "extent": {"interval": [["1990-01-01T00:00:00Z", null]]}}`:                   false,
		`{"id": "a", "bbox": [-180, 0], "properties": {"n": 1}, "extent": {"interval": [["1990-01-01T00:00:00Z", null]]}}`:                                                             false,
		`{"id": "a", "bbox": [-180, 0], "properties": {"start_datetime": "1990-01-01T00:00:00Z", "n": 1}, "extent": {"interval": [["1990-01-01T00:00:00Z", "2000-01-01T00:00:00Z"]]}}`: false,
	} {
		if got := holds(parse(text), ours); got != want {
			t.Errorf("%v for %s", got, text)
		}
	}
}

// A token goes nowhere but over TLS that is verified.
func TestUnknownCertificate(t *testing.T) {
	asked := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer server.Close()
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	api, err := NewAPI(server.URL, "secret")
	if err != nil {
		t.Fatal(err)
	}
	api.client.RetryMax = 0
	if _, err := api.get(t.Context(), server.URL+"/collections/a"); err == nil || asked {
		t.Errorf("a certificate that nobody vouches for is taken: %v", err)
	}
}

func TestPostRefusals(t *testing.T) {
	dir, files := t.TempDir(), t.TempDir()
	if err := Write(dir, product(t, files, "a")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		set   func(*standIn)
		class phases.Class
		says  string
	}{
		"a wrong token":          {func(s *standIn) { s.token = "Bearer other" }, phases.Input, "token"},
		"a server that is down":  {func(s *standIn) { s.before = always(http.StatusBadGateway) }, phases.IO, "502"},
		"no transactions":        {func(s *standIn) { s.before = unlessGet(http.StatusMethodNotAllowed) }, phases.Input, "transaction"},
		"an API that forgets it": {func(s *standIn) { s.before = unlessGet(http.StatusOK) }, phases.IO, "another"},
	} {
		s, api := newStandIn(t)
		api.client.RetryMax = 1
		c.set(s)
		_, _, err := api.Post(t.Context(), dir, "", "cmip", "a")
		if err == nil || phases.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	if _, err := NewAPI("http://stac.example", "secret"); err == nil {
		t.Error("a token is sent unencrypted")
	}
	if _, err := NewAPI("stac.example", ""); err == nil {
		t.Error("an address without a scheme is accepted")
	}
}

func always(status int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(status)
		return true
	}
}

func unlessGet(status int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			return false
		}
		w.WriteHeader(status)
		return true
	}
}

func TestToken(t *testing.T) {
	t.Setenv("KERB_TEST_TOKEN", " from-env\n")
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Token("", "KERB_TEST_TOKEN"); err != nil || got != "from-env" {
		t.Errorf("from the environment: %q, %v", got, err)
	}
	if got, err := Token(file, "KERB_TEST_TOKEN"); err != nil || got != "from-file" {
		t.Errorf("from the file: %q, %v", got, err)
	}
	if _, err := Token(file+"x", ""); err == nil {
		t.Error("a missing file is no error")
	}
}
