package server

import (
	"net/http"
	"net/url"

	"traitortrack/internal/account"
	"traitortrack/internal/errs"
	"traitortrack/internal/ratelimit"
)

// secondPath is where a login goes on whose user has two-factor login.
const secondPath = "/login/2fa"

// secondPage asks for the code of a login whose password was right.
type secondPage struct {
	Frame
	Next    string
	Refused *errs.Error // nil before the first try
}

// awaitSecond keeps a login whose password was right until its code comes. It lets nobody in.
func (s *Server) awaitSecond(w http.ResponseWriter, r *http.Request, user account.User, next string) error {
	if err := s.Sessions.BeginPending(r.Context(), loginOf(r, user)); err != nil {
		return err
	}
	to := secondPath
	if next != "/" {
		to += "?next=" + url.QueryEscape(next)
	}
	return seeOther(w, r, to)
}

func (s *Server) secondForm(w http.ResponseWriter, r *http.Request) error {
	next := ownPath(r.URL.Query().Get("next"))
	if somebody(r.Context()) != nil {
		return seeOther(w, r, next)
	}
	if _, _, waits := s.Sessions.Pending(r.Context()); !waits {
		return seeOther(w, r, loginPath(next))
	}
	return s.render(w, r, http.StatusOK, "second", secondPage{Frame: s.frame(r, "Log in", ""), Next: next})
}

// second takes the code. A login that waited too long, or whose user has changed since, begins again with the password.
func (s *Server) second(w http.ResponseWriter, r *http.Request) error {
	next := ownPath(r.PostForm.Get("next"))
	user, err := s.logInSecond(w, r, r.PostForm.Get("code"))
	refused := errs.As(err)
	switch {
	case refused != nil && refused.Code == "unauthenticated":
		return seeOther(w, r, loginPath(next))
	case refused != nil && refused.Kind != errs.Unavailable:
		p := secondPage{Frame: s.frame(r, "Log in", ""), Next: next, Refused: refused}
		return s.render(w, r, statusOf(refused.Kind), "second", p)
	case err != nil:
		return err
	}
	return seeOther(w, r, landing(next, user.Role))
}

// logInSecond checks the code that a waiting login came with, and begins a session. Its tries count under the same name,
// and as failed logins, like those of logIn.
func (s *Server) logInSecond(w http.ResponseWriter, r *http.Request, code string) (account.User, error) {
	userID, epoch, waits := s.Sessions.Pending(r.Context())
	if !waits {
		return account.User{}, errUnauthenticated()
	}
	waiting, err := s.Accounts.Actor(r.Context(), userID, epoch)
	if err != nil {
		return account.User{}, err
	}
	if err := s.mayTry(w, r, waiting.Username); err != nil {
		return account.User{}, err
	}
	if err := s.take(w, r, ratelimit.TOTP, account.Fold(waiting.Username)); err != nil {
		return account.User{}, err
	}
	user, err := s.Accounts.LoginSecond(r.Context(), caller(r.Context()), userID, epoch, code)
	if err := s.tried(w, r, waiting.Username, err); err != nil {
		return account.User{}, err
	}
	return user, s.begin(r, user)
}
