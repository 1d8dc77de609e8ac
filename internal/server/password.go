package server

import (
	"log/slog"
	"net/http"

	"traitortrack/internal/account"
	"traitortrack/internal/errs"
)

// passwordPath is where a link leads by which somebody sets a password. Its token stands behind it.
const passwordPath = "/password/"

// handOver gives the address of a link that no mail carries, for the admin who asked for it, or "" for one that is mailed.
// Where no BASE_URL is configured it is the address that the admin has come by.
func (s *Server) handOver(r *http.Request, l account.Link) string {
	if l.Token == "" {
		return ""
	}
	s.Log.WarnContext(r.Context(), "password link not sent by mail: shown to the admin who made it",
		slog.String("purpose", string(l.Purpose)), slog.String("request_id", requestID(r.Context())))
	base := s.BaseURL
	if base == "" {
		base = "http://" + r.Host
		if r.TLS != nil {
			base = "https://" + r.Host
		}
	}
	return base + passwordPath + l.Token
}

// passwordPage is where the owner of a link chooses a password.
type passwordPage struct {
	Frame
	Link    account.Link
	Path    string      // of the page itself, with the token
	Refused *errs.Error // why the last try was refused
	Gone    bool        // the link is not good: there is nothing to fill in
}

func (s *Server) passwordForm(w http.ResponseWriter, r *http.Request) error {
	return s.showPassword(w, r, nil)
}

// showPassword shows the page of a link. Its address holds the token, so nothing that the page loads or leads to is told more
// of it than the host. (Not even that would cost the form its Origin, by which it is known to be ours where there is no TLS.)
func (s *Server) showPassword(w http.ResponseWriter, r *http.Request, refused *errs.Error) error {
	w.Header().Set("Referrer-Policy", "strict-origin")
	token := pathValue(r, "token")
	link, err := s.Accounts.OpenLink(r.Context(), token)
	p := passwordPage{Frame: s.frame(r, "Set your password", ""), Link: link, Path: passwordPath + token, Refused: refused}
	p.Actor = nil // whoever is logged in with this browser may be somebody else
	status := http.StatusOK
	if refused != nil {
		status = statusOf(refused.Kind)
	}
	if gone := errs.As(err); gone != nil && gone.Code == "link_invalid" {
		p.Refused, p.Gone, status = gone, true, statusOf(gone.Kind)
	} else if err != nil {
		return err
	}
	return s.render(w, r, status, "password", p)
}

func (s *Server) setPasswordForm(w http.ResponseWriter, r *http.Request) error {
	password := r.PostForm.Get("password")
	if password != r.PostForm.Get("again") {
		differ := errs.Field("again", "invalid_password", "The two passwords differ. Type the same one twice.")
		return s.showPassword(w, r, differ)
	}
	_, err := s.Accounts.UseLink(r.Context(), caller(r.Context()), pathValue(r, "token"), password)
	if refused := errs.As(err); refused != nil && refused.Kind != errs.Unavailable {
		return s.showPassword(w, r, refused)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, "/login?set")
}

func (s *Server) setPassword(w http.ResponseWriter, r *http.Request) error {
	var sent struct {
		Token    string `json:"token"`
		Password string `json:"password"`
	}
	if err := decode(r, &sent); err != nil {
		return err
	}
	username, err := s.Accounts.UseLink(r.Context(), caller(r.Context()), sent.Token, sent.Password)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]string{"username": username})
}
