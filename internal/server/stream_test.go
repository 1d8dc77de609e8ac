package server_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"traitortrack/internal/authz"
)

// TestAStreamEndsWithItsSession logs out under an open stream, which is noticed at its next sign of life.
func TestAStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	c := start(t).as(t, authz.Dispatcher)
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
	c.want(c.call("POST", "/api/logout", nil), http.StatusNoContent, "")
	ended := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, response.Body); ended <- err }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the stream broke off: %v", err)
		}
	case <-time.After(40 * time.Second):
		t.Error("the stream goes on without its session")
	}
}
