package server_test

import (
	"regexp"
	"strings"
)

// shown finds what an answer hands over once: in JSON, in a page, and the cookie.
var shown = regexp.MustCompile(`"(?:secret|token)":"([^"]{16,})"|secret=([A-Z2-7]{16,})|/password/([\w-]{20,})|\b(tt_[\w-]{20,})|traitortrack_session=([\w-]{20,})|<li>([a-z0-9]{4}(?:-[a-z0-9]{4}){3})</li>|"([a-z0-9]{4}(?:-[a-z0-9]{4}){3})"`)

// heard looks for what no answer may hold, and remembers the secrets that it handed over.
func (s *scene) heard(route string, a answer) {
	s.t.Helper()
	said := a.raw + strings.Join(a.header.Values("Set-Cookie"), " ")
	for _, never := range []string{"$argon2id$", "password_hash", "token_hash", `"sealed"`, password, `"password":`} {
		if strings.Contains(said, never) {
			s.t.Errorf("%s answers with %s: %.500s", route, never, said)
		}
	}
	for _, found := range shown.FindAllStringSubmatch(said, -1) {
		s.secrets = append(s.secrets, strings.Join(found[1:], ""))
	}
}

// keptToThemselves greps what the server has logged for every secret of the run, of which there are some at least.
func (s *scene) keptToThemselves(least int) {
	s.t.Helper()
	log := s.log.String()
	if len(s.secrets) < least || strings.Count(log, `"msg":"request"`) < len(s.secrets) {
		s.t.Fatalf("%d secrets were handed over, and the log is %d bytes: nothing is proven", len(s.secrets), len(log))
	}
	for _, secret := range append(s.secrets, password, "$argon2id$") {
		if strings.Contains(log, secret) {
			s.t.Errorf("%s is in the log", secret)
		}
	}
}
