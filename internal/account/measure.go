package account

import (
	"traitortrack/internal/errs"
	"traitortrack/internal/obs"
)

// Logins is the number that an alert watches for somebody who guesses passwords.
const Logins = "traitortrack_logins_total"

// Measure shows among the numbers how logins go, and how often a user or a token did not have to be read. It is called before the first
// login.
func (s *Store) Measure(m *obs.Metrics) {
	m.Cache("user", &s.standing.count, s.standing.entries)
	m.Cache("token", &s.grants.count, s.grants.entries)
	count := m.Counter(Logins, "Logins, by result: success, awaits_code, or the code of the refusal.", obs.Label{Name: "result",
		Values: []string{success, awaitsCode, "invalid_credentials", "invalid_totp", "account_locked", "unavailable"}})
	s.loggedIn = func(result string) { count(result) }
}

// What a login may come to beside a refusal.
const (
	success    = "success"
	awaitsCode = "awaits_code"
)

// tellLogin notes how a login went, and gives its error.
func (s *Store) tellLogin(err error) error {
	refused := errs.As(err)
	switch {
	case err == nil:
		s.loggedIn(success)
	case refused == nil:
		s.loggedIn("internal")
	case refused.Code == "totp_required":
		s.loggedIn(awaitsCode)
	default:
		s.loggedIn(refused.Code)
	}
	return err
}
