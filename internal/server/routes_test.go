package server

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"traitortrack/internal/authz"
)

// TestEveryRouteIsInTheDocument holds the document against the table of routes, both ways.
func TestEveryRouteIsInTheDocument(t *testing.T) {
	t.Parallel()
	doc, err := readDocument()
	if err != nil {
		t.Fatal(err)
	}
	var written struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(doc.json, &written); err != nil {
		t.Fatal(err)
	}
	var served []string
	for _, rt := range (&Server{}).routes() {
		if strings.HasPrefix(rt.pattern, "/api/") || strings.HasPrefix(rt.pattern, "/health") {
			served = append(served, rt.method+" "+rt.pattern)
			if _, ok := written.Paths[rt.pattern][strings.ToLower(rt.method)]; !ok {
				t.Errorf("%s %s is served, and not in openapi/*.yaml", rt.method, rt.pattern)
			}
		}
	}
	for path, members := range written.Paths {
		for method := range members {
			if method != "parameters" && !slices.Contains(served, strings.ToUpper(method)+" "+path) {
				t.Errorf("%s %s is in openapi/*.yaml, and not served", strings.ToUpper(method), path)
			}
		}
	}
}

// TestOwnRoutesAreNotGated holds what the gate lets pass against the routes by which people look after their own access, and
// the routes of a duty against those that ask for it.
func TestOwnRoutesAreNotGated(t *testing.T) {
	t.Parallel()
	var own, duties int
	for _, rt := range (&Server{}).accountRoutes() {
		path := strings.TrimPrefix(rt.pattern, "/api")
		tokens := strings.HasPrefix(path, "/account/tokens")
		if !tokens {
			own++
		}
		if gated := gateClassOf(rt) != ungated; gated != tokens {
			t.Errorf("%s %s: gated %v", rt.method, rt.pattern, gated)
		}
		duty := path == "/account/password" || strings.HasPrefix(path, "/account/2fa")
		if duty {
			duties++
		}
		if doesDuty(rt.pattern) != duty {
			t.Errorf("%s %s: a duty is done by it: %v", rt.method, rt.pattern, !duty)
		}
	}
	if own < 15 || duties < 10 {
		t.Errorf("only %d and %d routes were looked at", own, duties)
	}
}

// TestEveryRouteNamesItsAction fails for a route that lets in whoever comes without being on this list.
func TestEveryRouteNamesItsAction(t *testing.T) {
	t.Parallel()
	open := []string{"/health", "/healthz", "/static/*", "/favicon.ico", "/login", "/login/2fa", "/logout", "/api/login", "/api/openapi.json", "/api/docs",
		"/password/{token}", "/api/password", "/forgot", "/api/password/reset"}
	for _, rt := range (&Server{}).routes() {
		unguarded := rt.action == public || rt.action == bare
		if unguarded && !slices.Contains(open, rt.pattern) {
			t.Errorf("%s %s is open to everybody", rt.method, rt.pattern)
		}
		if !unguarded && !(authz.Actor{Role: authz.Admin}).Can(rt.action) {
			t.Errorf("%s %s asks for %q, which not even an admin may do", rt.method, rt.pattern, rt.action)
		}
	}
}
