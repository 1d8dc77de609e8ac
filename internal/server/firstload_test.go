package server_test

import (
	"io"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"traitortrack/internal/authz"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
	"traitortrack/web"
)

// mostOverTheWire is what a first load of a page may weigh, in bytes, compressed and with everything that it asks for.
const mostOverTheWire = 60 * 1024

// TestFirstLoadIsLight loads the pages as a browser with an empty cache does, and adds up what comes over the wire.
func TestFirstLoadIsLight(t *testing.T) {
	t.Parallel()
	if _, err := fs.Stat(web.Dist, "dist/manifest.json"); err != nil {
		t.Fatal("the assets are not built: run make assets")
	}
	w := start(t, func(d *server.Deps, _ *redisdb.DB) { d.Dist = web.Dist })
	for _, path := range []string{"/scan", "/dashboard", "/bills", "/login"} {
		c := w.as(t, authz.Admin)
		if path == "/login" {
			c = w.stranger(t)
		}
		page := c.compressed(path, "gzip")
		whole := page.bytes
		html := c.page(path).raw
		for _, asset := range assetsIn(html) {
			a := c.compressed(asset, "br, gzip")
			if !strings.Contains(a.header.Get("Cache-Control"), "immutable") || a.header.Get("Content-Encoding") == "" && a.bytes > 1000 {
				t.Errorf("%s: it comes again or uncompressed: %v", asset, a.header)
			}
			whole += a.bytes
		}
		t.Logf("%s: %d bytes in all, %d of them the page itself", path, whole, page.bytes)
		if whole > mostOverTheWire {
			t.Errorf("%s weighs %d bytes, and %d are the most", path, whole, mostOverTheWire)
		}
	}
}

// assetsIn gives the built files that a page asks for, each once.
func assetsIn(html string) []string {
	seen := map[string]bool{}
	var found []string
	for _, match := range regexp.MustCompile(`(?:href|src)="(/static/[^"#]+)`).FindAllStringSubmatch(html, -1) {
		if !seen[match[1]] {
			seen[match[1]] = true
			found = append(found, match[1])
		}
	}
	return found
}

type wire struct {
	header http.Header
	bytes  int
}

// compressed asks for a page and counts what comes over the wire, headers left out.
func (c *client) compressed(path, encodings string) wire {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Encoding", encodings)
	response, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %d", path, response.StatusCode)
	}
	n, err := io.Copy(io.Discard, response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return wire{header: response.Header, bytes: int(n)}
}
