package server

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"traitortrack/internal/errs"
	"traitortrack/internal/people"
	"traitortrack/internal/privacy"
)

func (s *Server) exportUser(w http.ResponseWriter, r *http.Request) error {
	person, err := s.Privacy.Subject(r.Context(), actorFrom(r.Context()), pathValue(r, "username"))
	if err != nil {
		return err
	}
	return s.sendPerson(w, r, person)
}

func (s *Server) exportOneself(w http.ResponseWriter, r *http.Request) error {
	person, err := s.Privacy.Oneself(r.Context(), actorFrom(r.Context()))
	if err != nil {
		return err
	}
	return s.sendPerson(w, r, person)
}

// sendPerson streams what is kept of a person. The file's name does not name them.
func (s *Server) sendPerson(w http.ResponseWriter, r *http.Request, person privacy.Person) error {
	out := s.download(w, fmt.Sprintf("user-%d-%s.json", person.ID(), s.Now().In(s.location(r)).Format(time.DateOnly)), "json")
	if r.Method == http.MethodHead {
		return nil
	}
	return s.finish(r, out, s.Privacy.Write(r.Context(), person, out))
}

func (s *Server) eraseUser(w http.ResponseWriter, r *http.Request) error {
	var sent struct {
		Reason string `json:"reason"`
	}
	if err := decode(r, &sent); err != nil {
		return err
	}
	erased, err := s.Privacy.Erase(r.Context(), actorFrom(r.Context()), pathValue(r, "username"), sent.Reason)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"username": erased.Username})
}

func (s *Server) eraseUserForm(w http.ResponseWriter, r *http.Request) error {
	reason := r.PostFormValue("reason")
	erased, err := s.Privacy.Erase(r.Context(), actorFrom(r.Context()), pathValue(r, "username"), reason)
	if err != nil {
		return s.refuseErasure(w, r, err, reason)
	}
	return seeOther(w, r, href("/audit", url.Values{"action": {"delete_user"}, "entity": {"user/" + erased.Username}}))
}

// refuseErasure shows the user with what was typed, or gives the error where it is no refusal of what was typed.
func (s *Server) refuseErasure(w http.ResponseWriter, r *http.Request, err error, reason string) error {
	refused := errs.As(err)
	if refused == nil || refused.Kind != errs.Invalid && refused.Kind != errs.Conflict && refused.Code != "own_account" {
		return err
	}
	var p people.Person
	if p, err = s.People.Find(r.Context(), actorFrom(r.Context()), pathValue(r, "username")); err != nil {
		return err
	}
	return s.showUser(w, r, p, func(page *userPage) { page.Refused, page.Reason = refused, reason })
}
