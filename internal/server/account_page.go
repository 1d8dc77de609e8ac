package server

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/session"
)

// accountPage is somebody's own account.
type accountPage struct {
	Frame
	Email    string
	Factor   account.TwoFactor
	Sessions []session.Session
	Others   bool // there are sessions beside the one that asks
	Tokens   []account.Token
	Now      time.Time
	Form     tokenForm
	Secret   string      // of the token that was just made, which is shown once
	Done     string      // what was just done
	Refused  *errs.Error // nil unless a change was refused
}

// tokenForm is a new token as it is typed.
type tokenForm struct {
	Name, Days string
	Scopes     []scopeChoice
}

type scopeChoice struct {
	Name, Meaning string
	Chosen        bool
}

// choices are the scopes that are of use to a role, with what each is for.
func choices(role authz.Role, chosen []string) []scopeChoice {
	useful := authz.ScopesOf(role)
	var list []scopeChoice
	for _, c := range []scopeChoice{
		{"read", "look up bags and bills", false}, {"scan", "scan and unlink bags", false}, {"bill", "work on bills", false}, {"admin", "what only admins may do", false},
	} {
		if slices.Contains(useful.Names(), c.Name) {
			c.Chosen = slices.Contains(chosen, c.Name)
			list = append(list, c)
		}
	}
	return list
}

func (s *Server) accountPage(w http.ResponseWriter, r *http.Request) error {
	p := accountPage{Done: done(r), Form: tokenForm{Days: "90", Scopes: choices(actorFrom(r.Context()).Role, []string{"read"})}}
	return s.showAccount(w, r, http.StatusOK, p)
}

// done gives what the page before has just done, in words.
func done(r *http.Request) string {
	return map[string]string{
		"password": "Your password is changed. You are logged out everywhere else.",
		"session":  "That session has ended.",
		"sessions": "All your other sessions have ended.",
		"token":    "The token is revoked. Whatever uses it is refused within a second.",
		"2fa-off":  "Two-factor login is off. Your password alone lets you in.",
	}[r.URL.Query().Get("done")]
}

// showAccount fills in what the page shows of the account as it is.
func (s *Server) showAccount(w http.ResponseWriter, r *http.Request, status int, p accountPage) error {
	ctx, who := r.Context(), actorFrom(r.Context())
	var err error
	if p.Email, err = s.Accounts.Email(ctx, who); err != nil {
		return err
	}
	if p.Factor, err = s.Accounts.TwoFactorOf(ctx, who); err != nil {
		return err
	}
	if p.Sessions, err = s.Sessions.List(ctx, who.UserID); err != nil {
		return err
	}
	p.Others = slices.ContainsFunc(p.Sessions, func(one session.Session) bool { return !one.Present })
	if p.Tokens, err = s.Accounts.Tokens(ctx, who); err != nil {
		return err
	}
	p.Frame, p.Now = s.frame(r, "Your account", "account"), s.Now()
	return s.render(w, r, status, "account", p)
}

func (s *Server) endSessionsForm(w http.ResponseWriter, r *http.Request) error {
	user, err := s.Accounts.EndOwnSessions(r.Context(), actorFrom(r.Context()))
	if err != nil {
		return err
	}
	if err := s.begin(r, user); err != nil {
		return err
	}
	return seeOther(w, r, "/account?done=sessions")
}

func (s *Server) endSessionForm(w http.ResponseWriter, r *http.Request) error {
	err := s.Accounts.EndSession(r.Context(), actorFrom(r.Context()), s.Sessions, pathValue(r, "id"))
	if refused := errs.As(err); err != nil && (refused == nil || refused.Kind != errs.NotFound) { // gone is as good as ended
		return err
	}
	return seeOther(w, r, "/account?done=session")
}

func (s *Server) createTokenForm(w http.ResponseWriter, r *http.Request) error {
	names, days := r.PostForm["scope"], strings.TrimSpace(r.PostForm.Get("days"))
	p := accountPage{Form: tokenForm{Name: clip(r.PostForm.Get("name")), Days: clip(days), Scopes: choices(actorFrom(r.Context()).Role, names)}}
	wanted := account.NewToken{Name: r.PostForm.Get("name")}
	var err error
	if wanted.Scopes, err = authz.ParseScopes(names); err == nil {
		wanted.Days, _ = strconv.Atoi(days) // what is no number is no number of days either, and refused
		_, p.Secret, err = s.Accounts.CreateToken(r.Context(), actorFrom(r.Context()), wanted)
	}
	if p.Refused = shown(err); p.Refused != nil {
		return s.showAccount(w, r, statusOf(p.Refused.Kind), p)
	}
	if err != nil {
		return err
	}
	p.Form = tokenForm{Days: "90", Scopes: choices(actorFrom(r.Context()).Role, []string{"read"})}
	return s.showAccount(w, r, http.StatusCreated, p)
}

// revokeTokenForm revokes a token. One that is gone already is as good as revoked.
func (s *Server) revokeTokenForm(w http.ResponseWriter, r *http.Request) error {
	err := s.Accounts.RevokeToken(r.Context(), actorFrom(r.Context()), tokenID(r))
	if refused := errs.As(err); err != nil && (refused == nil || refused.Kind != errs.NotFound) {
		return err
	}
	return seeOther(w, r, "/account?done=token")
}

// shown gives the refusal of err that belongs beside the form which caused it, or nil where it is for the door.
func shown(err error) *errs.Error {
	refused := errs.As(err)
	if refused == nil || refused.Kind == errs.Unavailable || refused.Kind == errs.Internal || refused.Code == "unauthenticated" {
		return nil
	}
	return refused
}
