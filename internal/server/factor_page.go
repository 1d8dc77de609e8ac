package server

import (
	"context"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/notify"
	"traitortrack/internal/page"
)

// factorPage is somebody's own two-factor login: off, begun with a code to scan, or on.
type factorPage struct {
	Frame
	account.TwoFactor
	Begun   bool
	Dropped string       // what they are told whose two-factor login an admin has turned off
	QR      template.URL // of the address that an app scans
	Secret  []string     // in groups, for who types it
	Action  string       // the form that was refused: confirm, recovery, replace or off
	Refused *errs.Error  // nil unless it was
}

// codesPage shows recovery codes, once.
type codesPage struct {
	Frame
	Codes []string
	Fresh bool // two-factor login was just turned on, and not merely given new codes
}

func (s *Server) factorPage(w http.ResponseWriter, r *http.Request) error {
	return s.showFactor(w, r, http.StatusOK, factorPage{})
}

func (s *Server) showFactor(w http.ResponseWriter, r *http.Request, status int, p factorPage) error {
	ctx, who := r.Context(), actorFrom(r.Context())
	var err error
	if p.TwoFactor, err = s.Accounts.TwoFactorOf(ctx, who); err != nil {
		return err
	}
	var begun account.Enrolment
	if begun, p.Begun, err = s.Accounts.Begun(ctx, who); err != nil {
		return err
	}
	if p.Begun {
		p.Secret = inGroups(begun.Secret)
		if p.QR, err = qrImage(begun.URI); err != nil {
			return err
		}
	}
	if p.Dropped, err = s.dropped(ctx, who, p.TwoFactor); err != nil {
		return err
	}
	p.Frame = s.frame(r, "Two-factor login", "account")
	return s.render(w, r, status, "factor", p)
}

// dropped gives the notice that an admin has turned somebody's two-factor login off, for who has not read it and has none. An
// admin, who gets to nothing else before they have set it up, would not see it in time.
func (s *Server) dropped(ctx context.Context, who authz.Actor, factor account.TwoFactor) (string, error) {
	if factor.On {
		return "", nil
	}
	told, err := s.Notices.List(ctx, who, page.DefaultLimit, "")
	for _, one := range told.Items {
		if one.Kind == notify.TwoFactorOff && !one.Read {
			return one.Message, err
		}
	}
	return "", err
}

// inGroups splits a secret into groups of four, as people read and type it.
func inGroups(secret string) []string {
	var groups []string
	for group := range slices.Chunk(strings.Split(secret, ""), 4) {
		groups = append(groups, strings.Join(group, ""))
	}
	return groups
}

func (s *Server) beginFactorForm(w http.ResponseWriter, r *http.Request) error {
	_, err := s.Accounts.BeginEnrolment(r.Context(), actorFrom(r.Context()))
	if refused := errs.As(err); err != nil && (refused == nil || refused.Code != "totp_on") { // who has it sees that they have
		return err
	}
	return seeOther(w, r, factorPath)
}

func (s *Server) enrolForm(w http.ResponseWriter, r *http.Request) error {
	return s.withCodeForm(w, r, "confirm", s.Accounts.Enrol)
}

func (s *Server) renewCodesForm(w http.ResponseWriter, r *http.Request) error {
	return s.withCodeForm(w, r, "recovery", s.Accounts.RenewRecoveryCodes)
}

// withCodeForm does what a code allows, and shows recovery codes.
func (s *Server) withCodeForm(w http.ResponseWriter, r *http.Request, action string, do codeVerb) error {
	codes, err := s.redeem(w, r, r.PostForm.Get("code"), do)
	if refused := shown(err); refused != nil {
		return s.showFactor(w, r, statusOf(refused.Kind), factorPage{Action: action, Refused: refused})
	}
	if err != nil {
		return err
	}
	p := codesPage{Frame: s.frame(r, "Recovery codes", "account"), Codes: codes, Fresh: action == "confirm"}
	who := *p.Actor
	who.Owes, p.Actor, p.Banner = "", &who, nil // who had to enrol has done it
	return s.render(w, r, http.StatusOK, "codes", p)
}

func (s *Server) turnFactorOffForm(w http.ResponseWriter, r *http.Request) error {
	return s.withProofForm(w, r, "off", "/account?done=2fa-off", s.Accounts.TurnOff)
}

func (s *Server) replaceFactorForm(w http.ResponseWriter, r *http.Request) error {
	replace := func(ctx context.Context, actor authz.Actor, password, code string) (account.User, error) {
		_, user, err := s.Accounts.Replace(ctx, actor, password, code)
		return user, err
	}
	return s.withProofForm(w, r, "replace", factorPath, replace)
}

// proofVerb is a verb that takes the actor's password and a code, and gives the user for a new session.
type proofVerb func(ctx context.Context, actor authz.Actor, password, code string) (account.User, error)

// withProofForm does what a password and a code allow, and leads on.
func (s *Server) withProofForm(w http.ResponseWriter, r *http.Request, action, next string, do proofVerb) error {
	err := s.takeCode(w, r)
	var user account.User
	if err == nil {
		user, err = do(r.Context(), actorFrom(r.Context()), r.PostForm.Get("password"), r.PostForm.Get("code"))
	}
	if refused := shown(err); refused != nil {
		return s.showFactor(w, r, statusOf(refused.Kind), factorPage{Action: action, Refused: refused})
	}
	if err != nil {
		return err
	}
	if err := s.begin(r, user); err != nil {
		return err
	}
	return seeOther(w, r, next)
}
