package server

import (
	"net/http"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/ratelimit"
)

// loginPage is the login form, with what was typed when it is refused. Wrong names the field that gets the focus.
type loginPage struct {
	Frame
	Username, Next string
	Wrong          string
	PasswordSet    bool        // the visitor has just set a password
	Refused        *errs.Error // nil before the first try
}

func (s *Server) apiLogin(w http.ResponseWriter, r *http.Request) error {
	var sent struct {
		Username string `json:"username"`
		Password string `json:"password"`
		Code     string `json:"code"`
	}
	if err := decode(r, &sent); err != nil {
		return err
	}
	user, err := s.logIn(w, r, sent.Username, sent.Password, sent.Code)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"user": map[string]any{"username": user.Username, "role": user.Role}})
}

func (s *Server) apiLogout(w http.ResponseWriter, r *http.Request) error {
	if err := s.logOut(r); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// logOut ends the session first: should the log be out of reach, the session is over all the same.
func (s *Server) logOut(r *http.Request) error {
	if err := s.Sessions.End(r.Context()); err != nil {
		return err
	}
	return s.Accounts.RecordLogout(r.Context(), actorFrom(r.Context()))
}

func (s *Server) loginForm(w http.ResponseWriter, r *http.Request) error {
	next := ownPath(r.URL.Query().Get("next"))
	if somebody(r.Context()) != nil {
		return seeOther(w, r, next)
	}
	return s.render(w, r, http.StatusOK, "login", loginPage{Frame: s.frame(r, "Log in", ""), Next: next, Wrong: "username",
		PasswordSet: r.URL.Query().Has("set")})
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	username, next := r.PostForm.Get("username"), ownPath(r.PostForm.Get("next"))
	user, err := s.logIn(w, r, username, r.PostForm.Get("password"), "")
	refused := errs.As(err)
	if refused != nil && refused.Code == "totp_required" {
		return s.awaitSecond(w, r, user, next)
	}
	if refused != nil && refused.Kind != errs.Unavailable {
		p := loginPage{Frame: s.frame(r, "Log in", ""), Username: clip(username), Next: next, Refused: refused, Wrong: wrongField(username, refused)}
		return s.render(w, r, statusOf(refused.Kind), "login", p)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, landing(next, user.Role))
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	if who := somebody(r.Context()); who != nil && who.TokenID == 0 { // a token has no session to end
		if err := s.logOut(r); err != nil {
			return err
		}
	}
	return seeOther(w, r, "/login")
}

// home sends everybody to their own work.
func (s *Server) home(w http.ResponseWriter, r *http.Request) error {
	return seeOther(w, r, homeOf(actorFrom(r.Context()).Role))
}

// logIn checks a name and its password, and begins a session for them. Whoever failed too often is not heard. With
// totp_required comes the user whose code is missing.
func (s *Server) logIn(w http.ResponseWriter, r *http.Request, username, password, code string) (account.User, error) {
	if err := s.mayTry(w, r, username); err != nil {
		return account.User{}, err
	}
	if code != "" {
		if err := s.take(w, r, ratelimit.TOTP, account.Fold(username)); err != nil {
			return account.User{}, err
		}
	}
	user, err := s.Accounts.LoginWithCode(r.Context(), caller(r.Context()), username, password, code)
	if err := s.tried(w, r, username, err); err != nil {
		return user, err
	}
	return user, s.begin(r, user)
}

// landing is where a login leads: to the page that was asked for, or to the role's work.
func landing(next string, role authz.Role) string {
	if next == "/" {
		return homeOf(role)
	}
	return next
}

// homeOf is where a role's work is.
func homeOf(role authz.Role) string {
	switch role {
	case authz.Dispatcher:
		return "/scan"
	case authz.Biller:
		return "/bills"
	default:
		return "/dashboard"
	}
}

// wrongField names the first field to mend: the password, unless there is no name at all.
func wrongField(username string, refused *errs.Error) string {
	if refused.Field != "" {
		return refused.Field
	}
	if username == "" {
		return "username"
	}
	return "password"
}
