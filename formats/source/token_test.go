package source

import "testing"

func TestTokenFor(t *testing.T) {
	for _, c := range []struct{ variable, url, want string }{
		{"", "https://a.org/f", ""},
		{"s3cret", "https://a.org/f", ""}, // of no server
		{"a.org=s3cret", "https://a.org/f", "s3cret"},
		{"a.org=s=c=", "https://A.org/f", "s=c="},
		{"a.org=s3cret", "https://a.org:444/f", ""},
		{"a.org=s3cret", "https://a.org.evil.net/f", ""},
		{"a.org=s3cret", "https://a.org@evil.net/f", ""},
		{"a.org=s3cret", "http://a.org/f", ""}, // for all to read
		{"127.0.0.1:80=s3cret", "http://127.0.0.1:80/f", "s3cret"},
		{"=s3cret", "https:///f", ""},
	} {
		t.Setenv(TokenVariable, c.variable)
		if got := tokenFor(c.url); got != c.want {
			t.Errorf("%q, %s: %q, want %q", c.variable, c.url, got, c.want)
		}
	}
}
