package server

import (
	"net/http"

	"traitortrack/internal/errs"
)

// ownPasswordPage is the form for a new password.
type ownPasswordPage struct {
	Frame
	Refused *errs.Error // nil before the first try
}

func (s *Server) ownPasswordPage(w http.ResponseWriter, r *http.Request) error {
	return s.showOwnPassword(w, r, http.StatusOK, nil)
}

func (s *Server) showOwnPassword(w http.ResponseWriter, r *http.Request, status int, refused *errs.Error) error {
	return s.render(w, r, status, "own-password", ownPasswordPage{Frame: s.frame(r, "Change your password", "account"), Refused: refused})
}

// changePasswordForm asks for the new password twice, since nobody sees what is typed.
func (s *Server) changePasswordForm(w http.ResponseWriter, r *http.Request) error {
	wanted := r.PostForm.Get("new_password")
	if wanted != r.PostForm.Get("again") {
		differ := errs.Field("again", "invalid_password", "The two new passwords differ. Type the same one twice.")
		return s.showOwnPassword(w, r, statusOf(differ.Kind), differ)
	}
	user, err := s.Accounts.ChangePassword(r.Context(), actorFrom(r.Context()), r.PostForm.Get("password"), wanted)
	if refused := shown(err); refused != nil {
		return s.showOwnPassword(w, r, statusOf(refused.Kind), refused)
	}
	if err != nil {
		return err
	}
	if err := s.begin(r, user); err != nil {
		return err
	}
	return seeOther(w, r, "/account?done=password")
}
