package main

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// A balancer may speak HTTP/2 without TLS: requests, and a stream that is open meanwhile, share one connection.
func TestABalancerMaySpeakHTTP2(t *testing.T) {
	t.Parallel()
	r := startProgram(t, nil)
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	r.http.Transport = &http.Transport{Protocols: &protocols, MaxConnsPerHost: 1}
	r.logIn()

	q, err := http.NewRequestWithContext(t.Context(), "GET", r.url+"/dashboard/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := r.http.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Body.Close() }()
	lines := bufio.NewScanner(stream.Body)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "data:") {
	}
	if stream.ProtoMajor != 2 || !strings.HasPrefix(lines.Text(), "data:") {
		t.Errorf("the stream speaks %s and says %q: %v", stream.Proto, lines.Text(), lines.Err())
	}
	if a := r.ask("GET", "/api/stats", nil); a.ProtoMajor != 2 || a.StatusCode != http.StatusOK {
		t.Errorf("beside a stream: %s %s %s", a.Proto, a.Status, a.text)
	}
}
