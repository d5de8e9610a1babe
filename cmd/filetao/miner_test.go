package main

import (
	"net/url"
	"testing"
)

// A password may hold what means something in a URL.
func TestRedisURL(t *testing.T) {
	for _, password := range []string{"", "plain", "a/b#c%d?e@f:g"} {
		u, err := url.Parse(redisURL("::1", 6379, password, 1))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := u.User.Password(); got != password || u.Host != "[::1]:6379" || u.Path != "/1" {
			t.Errorf("%q becomes %v with password %q", password, u, got)
		}
	}
}
