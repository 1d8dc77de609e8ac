package server

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/page"
	"traitortrack/internal/people"
)

type personJSON struct {
	Username           string     `json:"username"`
	Email              string     `json:"email"`
	Role               authz.Role `json:"role"`
	Area               string     `json:"area"`
	Active             bool       `json:"active"`
	Invited            bool       `json:"invited"`
	TwoFactor          bool       `json:"two_factor"`
	MustChangePassword bool       `json:"must_change_password"`
	LockedUntil        *time.Time `json:"locked_until"`
	CreatedAt          time.Time  `json:"created_at"`
	LastLoginAt        *time.Time `json:"last_login_at"`
	LastSeenAt         *time.Time `json:"last_seen_at"`
	Link               *linkJSON  `json:"link,omitempty"` // only in the answer to the call that made it
}

// linkJSON is a link by which a user sets a password. It is shown once, or not at all where it is mailed.
type linkJSON struct {
	Purpose    account.Purpose `json:"purpose"`
	Mailed     bool            `json:"mailed"`
	URL        string          `json:"url,omitempty"`
	ValidUntil time.Time       `json:"valid_until"`
}

func showPersonJSON(p people.Person) personJSON {
	return personJSON{Username: p.Username, Email: p.Email, Role: p.Role, Area: p.Area, Active: p.Active, Invited: p.Invited, TwoFactor: p.TwoFactor,
		MustChangePassword: p.MustChangePassword, LockedUntil: orNull(p.LockedUntil), CreatedAt: p.CreatedAt,
		LastLoginAt: orNull(p.LastLogin), LastSeenAt: orNull(p.LastSeen)}
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *Server) linkJSON(r *http.Request, l account.Link) *linkJSON {
	return &linkJSON{Purpose: l.Purpose, Mailed: l.Token == "", URL: s.handOver(r, l), ValidUntil: l.Until}
}

func (s *Server) listUsers(w http.ResponseWriter, r *http.Request) error {
	filter, err := userFilter(r.URL.Query())
	if err != nil {
		return err
	}
	list, err := s.People.List(r.Context(), actorFrom(r.Context()), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, listOf(list, showPersonJSON))
}

func userFilter(q url.Values) (people.Filter, error) {
	limit, err := page.Limit(q.Get("limit"))
	f := people.Filter{Q: q.Get("q"), Role: authz.Role(q.Get("role")), Cursor: q.Get("cursor"), Limit: limit}
	switch q.Get("active") {
	case "":
	case "true":
		f.Active = new(true)
	case "false":
		f.Active = new(false)
	default:
		return f, errs.Field("active", "invalid_filter", "A user is active or not: true or false.")
	}
	return f, err
}

func (s *Server) createUser(w http.ResponseWriter, r *http.Request) error {
	var sent struct {
		Username string     `json:"username"`
		Email    string     `json:"email"`
		Role     authz.Role `json:"role"`
		Area     string     `json:"area"`
	}
	if err := decode(r, &sent); err != nil {
		return err
	}
	n := account.NewUser{Username: sent.Username, Email: sent.Email, Role: sent.Role, Area: sent.Area}
	p, link, err := s.People.Invite(r.Context(), actorFrom(r.Context()), n)
	if err != nil {
		return err
	}
	shown := showPersonJSON(p)
	shown.Link = s.linkJSON(r, link)
	w.Header().Set("Location", "/api"+userHref(p.Username))
	return writeJSON(w, http.StatusCreated, shown)
}

func (s *Server) getUser(w http.ResponseWriter, r *http.Request) error {
	p, err := s.People.Find(r.Context(), actorFrom(r.Context()), pathValue(r, "username"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, showPersonJSON(p))
}

func (s *Server) editUser(w http.ResponseWriter, r *http.Request) error {
	var sent struct {
		Email *string     `json:"email"`
		Role  *authz.Role `json:"role"`
		Area  *string     `json:"area"`
	}
	if err := decode(r, &sent); err != nil {
		return err
	}
	change := people.Change{Email: sent.Email, Role: sent.Role, Area: sent.Area}
	p, err := s.People.Edit(r.Context(), actorFrom(r.Context()), pathValue(r, "username"), change)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, showPersonJSON(p))
}

// userStep is something that an admin does about a user.
type userStep func(ctx context.Context, actor authz.Actor, username string) (people.Person, error)

// stepUser answers a step with the user as they are then.
func (s *Server) stepUser(step userStep) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := step(r.Context(), actorFrom(r.Context()), pathValue(r, "username"))
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, showPersonJSON(p))
	}
}

func (s *Server) linkUser(w http.ResponseWriter, r *http.Request) error {
	link, err := s.People.NewLink(r.Context(), actorFrom(r.Context()), pathValue(r, "username"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, s.linkJSON(r, link))
}

func (s *Server) listTokensOf(w http.ResponseWriter, r *http.Request) error {
	tokens, err := s.People.Tokens(r.Context(), actorFrom(r.Context()), pathValue(r, "username"))
	if err != nil {
		return err
	}
	return answerTokens(w, tokens)
}

func (s *Server) revokeTokenOf(w http.ResponseWriter, r *http.Request) error {
	if err := s.People.RevokeToken(r.Context(), actorFrom(r.Context()), pathValue(r, "username"), tokenID(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func userHref(username string) string { return "/users/" + url.PathEscape(username) }
