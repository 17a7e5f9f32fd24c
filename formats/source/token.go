package source

import (
	"net"
	"net/url"
	"os"
	"strings"
)

// TokenVariable is the environment variable HOST=TOKEN of the bearer token for one server. The host, with its port if it has
// one, stands with the token so that no other server is ever sent it: files and stores name servers of their own.
const TokenVariable = "KERB_TOKEN"

// tokenFor is the user's token for the server of a URL: only over TLS, or to this machine itself.
func tokenFor(location string) string {
	host, token, ok := strings.Cut(os.Getenv(TokenVariable), "=")
	u, err := url.Parse(location)
	if !ok || host == "" || err != nil || !strings.EqualFold(u.Host, host) {
		return ""
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "https" && u.Hostname() != "localhost" && !ip.IsLoopback() {
		return ""
	}
	return token
}
