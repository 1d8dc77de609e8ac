package server_test

import (
	"bufio"
	"net/http"
	"testing"
	"time"

	"traitortrack/internal/authz"
)

// TestAStreamEndsWithItsSession logs out under an open stream, which goes on until then and notices it at its next sign of life.
func TestAStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.beat = 100 * time.Millisecond
	w.url = w.serve(t)
	c := w.as(t, authz.Dispatcher)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/dashboard/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || kind != "text/event-stream" {
		t.Fatalf("the stream began with %d %s", response.StatusCode, kind)
	}
	lines := bufio.NewScanner(response.Body)
	for beats := 0; beats < 3; {
		if !lines.Scan() {
			t.Fatalf("the stream ended with its session going on: %v", lines.Err())
		}
		if lines.Text() == ": still here" {
			beats++
		}
	}
	c.want(c.call("POST", "/api/logout", nil), http.StatusNoContent, "")
	ended := make(chan error, 1)
	go func() {
		for lines.Scan() {
		}
		ended <- lines.Err()
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the stream broke off: %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("the stream goes on without its session")
	}
}

// TestAStreamShowsNothingToWhoIsShutOut changes the board after its watcher was shut out, long before the stream's next sign of life.
func TestAStreamShowsNothingToWhoIsShutOut(t *testing.T) {
	t.Parallel()
	w := start(t)
	admin, biller := w.as(t, authz.Admin), w.as(t, authz.Biller)
	out, in := biller.listen(""), w.as(t, authz.Admin).listen("")
	next(t, out)
	next(t, in)
	admin.want(admin.call("POST", "/api/users/biller"+w.name()+"/deactivate", nil), 200, "")
	eventuallyRefused(t, biller)
	admin.want(admin.call("POST", "/api/scans", map[string]any{"code": "SB00001"}), 200, "opened")
	if event, open := <-out; open {
		t.Errorf("who is shut out is shown %.200s", event[1])
	}
	next(t, in)
}
