package server

import (
	"net/http"
	"strings"

	"traitortrack/internal/account"
	"traitortrack/internal/errs"
	"traitortrack/internal/ratelimit"
)

// onItsWay is the answer to everybody who has forgotten their password, whether or not there is somebody of that name.
const onItsWay = "If there is such an account with a mail address, a link is on its way to it. It is good for one hour. Look among the unwanted mail, too; if nothing comes, ask your admin."

// forgotPage asks who has forgotten their password.
type forgotPage struct {
	Frame
	Mailing bool // the server sends mail: otherwise an admin has to help
	Typed   string
	Asked   string      // the answer to who has asked
	Refused *errs.Error // nil before the first try
}

func (s *Server) forgotForm(w http.ResponseWriter, r *http.Request) error {
	return s.showForgot(w, r, forgotPage{})
}

func (s *Server) showForgot(w http.ResponseWriter, r *http.Request, p forgotPage) error {
	p.Frame, p.Mailing = s.frame(r, "Forgot your password?", ""), s.Accounts.Outbox.On()
	p.Actor = nil // the page stands alone, whoever looks at it
	status := http.StatusOK
	if p.Refused != nil {
		status = statusOf(p.Refused.Kind)
	}
	return s.render(w, r, status, "forgot", p)
}

func (s *Server) forgot(w http.ResponseWriter, r *http.Request) error {
	typed := r.PostForm.Get("login")
	err := s.mailReset(w, r, typed)
	if refused := errs.As(err); refused != nil && refused.Kind != errs.Unavailable {
		return s.showForgot(w, r, forgotPage{Typed: clip(typed), Refused: refused})
	}
	if err != nil {
		return err
	}
	return s.showForgot(w, r, forgotPage{Asked: onItsWay})
}

func (s *Server) askForReset(w http.ResponseWriter, r *http.Request) error {
	var sent struct {
		Login string `json:"login"`
	}
	if err := decode(r, &sent); err != nil {
		return err
	}
	if err := s.mailReset(w, r, sent.Login); err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, map[string]string{"message": onItsWay})
}

// mailReset asks for a link in somebody's name. It is refused by rate before anybody looks whether there is such a user.
func (s *Server) mailReset(w http.ResponseWriter, r *http.Request, typed string) error {
	if !s.Accounts.Outbox.On() {
		return errs.New(errs.Conflict, "mail_off", "This server sends no mail. Ask your admin: they can make a link for a new password.")
	}
	name := account.Fold(typed)
	if strings.TrimSpace(name) == "" {
		return errs.Field("login", "invalid_login", "Type your user name or your mail address.")
	}
	for _, key := range []string{"from " + ratelimit.Network(addressOf(r.Context())), "for " + name} {
		if err := s.take(w, r, ratelimit.Reset, key); err != nil {
			return err
		}
	}
	return s.Accounts.Forgot(r.Context(), caller(r.Context()), typed)
}
