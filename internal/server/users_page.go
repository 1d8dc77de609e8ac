package server

import (
	"net/http"
	"net/url"
	"time"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/people"
)

// usersPage is the list of users, and the form for a new one.
type usersPage struct {
	Frame
	Filter  people.Filter
	Chips   []chip
	People  []people.Person
	Next    string
	First   string
	Form    userForm
	Asking  int         // people who wait for an answer to a request
	Refused *errs.Error // why the form was refused
}

// userForm is what was typed of a user, kept when it is refused.
type userForm struct{ Username, Email, Role, Area string }

// userPage is one user: how they stand, and what an admin does for them.
type userPage struct {
	Frame
	Person    people.Person
	Href      string // the user's own path
	Self      bool   // the user is who looks at the page
	FactorDue bool   // their role has to have two-factor login
	Form      userForm
	Tokens    []account.Token
	Now       time.Time
	Done      string      // what was just done, in words
	Link      string      // a link that was just made, which is shown once
	Refused   *errs.Error // why the last step was refused
	Reason    string      // for erasing them, as it was typed when it was refused
}

func (s *Server) usersPage(w http.ResponseWriter, r *http.Request) error {
	return s.showUsers(w, r, http.StatusOK, userForm{Role: string(authz.Dispatcher)}, nil)
}

func (s *Server) showUsers(w http.ResponseWriter, r *http.Request, status int, form userForm, refused *errs.Error) error {
	filter, err := userFilter(r.URL.Query())
	if err != nil {
		return err
	}
	list, err := s.People.List(r.Context(), actorFrom(r.Context()), filter)
	if err != nil {
		return err
	}
	p := usersPage{Frame: s.frame(r, "Users", "users"), Filter: filter, Chips: userChips(filter), People: list.Items, Form: form, Refused: refused}
	if p.Asking, err = s.Promotions.CountOpen(r.Context(), actorFrom(r.Context())); err != nil {
		return err
	}
	p.Query = "" // the frame's box looks for bags
	p.Next = nextHref(r.URL, list.Next)
	if filter.Cursor != "" {
		p.First = nextHref(r.URL, "-")
	}
	return s.render(w, r, status, "users", p)
}

func userChips(f people.Filter) []chip {
	var chips []chip
	for _, c := range []struct{ label, role, active string }{
		{"All", "", ""}, {"Dispatchers", "dispatcher", ""}, {"Billers", "biller", ""}, {"Admins", "admin", ""}, {"Deactivated", "", "false"},
	} {
		q := url.Values{}
		for name, value := range map[string]string{"role": c.role, "active": c.active, "q": f.Q} {
			if value != "" {
				q.Set(name, value)
			}
		}
		on := string(f.Role) == c.role && (f.Active != nil && !*f.Active) == (c.active == "false")
		chips = append(chips, chip{Label: c.label, Href: href("/users", q), On: on})
	}
	return chips
}

func readUserForm(r *http.Request) userForm {
	return userForm{Username: r.PostFormValue("username"), Email: r.PostFormValue("email"), Role: r.PostFormValue("role"), Area: r.PostFormValue("area")}
}

func (s *Server) createUserForm(w http.ResponseWriter, r *http.Request) error {
	form := readUserForm(r)
	n := account.NewUser{Username: form.Username, Email: form.Email, Role: authz.Role(form.Role), Area: form.Area}
	p, link, err := s.People.Invite(r.Context(), actorFrom(r.Context()), n)
	if refused := errs.As(err); refused != nil && (refused.Kind == errs.Invalid || refused.Kind == errs.Conflict) {
		return s.showUsers(w, r, statusOf(refused.Kind), form, refused)
	}
	if err != nil {
		return err
	}
	if link.Token == "" {
		return seeOther(w, r, userHref(p.Username)+"?done=mailed")
	}
	return s.showUser(w, r, p, func(page *userPage) {
		page.Done, page.Link = steps()["invited"], s.handOver(r, link)
	})
}

func (s *Server) userPage(w http.ResponseWriter, r *http.Request) error {
	p, err := s.People.Find(r.Context(), actorFrom(r.Context()), pathValue(r, "username"))
	if err != nil {
		return err
	}
	return s.showUser(w, r, p, func(page *userPage) { page.Done = steps()[r.URL.Query().Get("done")] })
}

// showUser shows the page of a user. What is special about it this time is for change to say.
func (s *Server) showUser(w http.ResponseWriter, r *http.Request, p people.Person, change func(*userPage)) error {
	tokens, err := s.People.Tokens(r.Context(), actorFrom(r.Context()), p.Username)
	if err != nil {
		return err
	}
	page := userPage{Frame: s.frame(r, p.Username, "users"), Person: p, Href: userHref(p.Username), Tokens: tokens, Now: s.Now(),
		Form: userForm{Email: p.Email, Role: string(p.Role), Area: p.Area}}
	page.FactorDue = s.Accounts.NeedsTOTP(p.Role)
	page.Self = account.Fold(page.Actor.Username) == account.Fold(p.Username)
	change(&page)
	status := http.StatusOK
	if page.Refused != nil {
		status = statusOf(page.Refused.Kind)
	}
	return s.render(w, r, status, "user", page)
}

// refuseUser shows the page of a user with the refusal of a step, or gives the error where it is no such refusal.
func (s *Server) refuseUser(w http.ResponseWriter, r *http.Request, err error, form *userForm) error {
	refused := errs.As(err)
	own := refused != nil && (refused.Code == "own_role" || refused.Code == "own_account")
	if refused == nil || !own && refused.Kind != errs.Conflict && refused.Kind != errs.Invalid {
		return err
	}
	p, err := s.People.Find(r.Context(), actorFrom(r.Context()), pathValue(r, "username"))
	if err != nil {
		return err
	}
	return s.showUser(w, r, p, func(page *userPage) {
		page.Refused = refused
		if form != nil {
			page.Form = *form
		}
	})
}

func (s *Server) editUserForm(w http.ResponseWriter, r *http.Request) error {
	form := readUserForm(r)
	role := authz.Role(form.Role)
	p, err := s.People.Edit(r.Context(), actorFrom(r.Context()), pathValue(r, "username"), people.Change{Email: &form.Email, Role: &role, Area: &form.Area})
	if err != nil {
		return s.refuseUser(w, r, err, &form)
	}
	return seeOther(w, r, userHref(p.Username)+"?done=saved")
}

// stepUserForm takes a step and shows the user again, with the word for what was done.
func (s *Server) stepUserForm(done string, step userStep) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := step(r.Context(), actorFrom(r.Context()), pathValue(r, "username"))
		if err != nil {
			return s.refuseUser(w, r, err, nil)
		}
		return seeOther(w, r, userHref(p.Username)+"?done="+done)
	}
}

func (s *Server) revokeTokenOfForm(w http.ResponseWriter, r *http.Request) error {
	username := pathValue(r, "username")
	if err := s.People.RevokeToken(r.Context(), actorFrom(r.Context()), username, tokenID(r)); err != nil {
		return err
	}
	return seeOther(w, r, userHref(username)+"?done=revoked")
}

func (s *Server) linkUserForm(w http.ResponseWriter, r *http.Request) error {
	actor := actorFrom(r.Context())
	link, err := s.People.NewLink(r.Context(), actor, pathValue(r, "username"))
	if err != nil {
		return s.refuseUser(w, r, err, nil)
	}
	if link.Token == "" {
		return seeOther(w, r, userHref(link.Username)+"?done=mailed")
	}
	p, err := s.People.Find(r.Context(), actor, link.Username)
	if err != nil {
		return err
	}
	return s.showUser(w, r, p, func(page *userPage) { page.Link = s.handOver(r, link) })
}

// steps are the words for what was just done to a user.
func steps() map[string]string {
	return map[string]string{
		"invited":     "The account is made. It opens with the invitation.",
		"mailed":      "The link is on its way to their mail address.",
		"saved":       "Saved. It holds everywhere within a second.",
		"deactivated": "Shut out. Their sessions end within a second, and their links are not good any more.",
		"reactivated": "They can log in again, with the password that they had.",
		"unlocked":    "They can try again at once.",
		"ended":       "They are logged out everywhere within a second.",
		"revoked":     "The token is revoked. It is refused everywhere within a second.",
		"forced":      "They choose a new password before they do anything else.",
		"factor-off":  "Their two-factor login is off. They are logged out, and told of it.",
	}
}
