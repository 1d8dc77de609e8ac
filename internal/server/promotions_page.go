package server

import (
	"net/http"
	"net/url"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/promotion"
)

// promotionPage is where somebody asks for a higher role, and sees what they asked for before.
type promotionPage struct {
	Frame
	Choices      []authz.Role        // the roles above theirs
	Open         *promotion.Request  // their open request, nil for none
	Before       []promotion.Request // those that were answered or taken back
	Role, Reason string              // what was typed
	Done         string              // what was just done, in words
	Refused      *errs.Error         // why the last step was refused
}

// promotionsPage is what people have asked for, for an admin to answer.
type promotionsPage struct {
	Frame
	Status   string
	Chips    []chip
	Requests []promotion.Request
	Next     string
	First    string
	Done     string      // what was just done, in words
	Refused  *errs.Error // why the last answer was refused
}

func (s *Server) promotionPage(w http.ResponseWriter, r *http.Request) error {
	p := promotionPage{Role: r.URL.Query().Get("role")}
	switch r.URL.Query().Get("done") {
	case "asked":
		p.Done = "Your request is with the admins. You are told when one has answered."
	case "withdrawn":
		p.Done = "You have taken your request back."
	}
	return s.showPromotion(w, r, http.StatusOK, p)
}

func (s *Server) showPromotion(w http.ResponseWriter, r *http.Request, status int, p promotionPage) error {
	actor := actorFrom(r.Context())
	own, err := s.Promotions.Own(r.Context(), actor)
	if err != nil {
		return err
	}
	p.Frame, p.Choices = s.frame(r, "Ask for promotion", "promotion"), promotion.Choices(actor.Role)
	for _, one := range own {
		if one.Status == promotion.Open && !one.Moot() {
			p.Open = &one
			continue
		}
		p.Before = append(p.Before, one)
	}
	return s.render(w, r, status, "promotion", p)
}

func (s *Server) askPromotionForm(w http.ResponseWriter, r *http.Request) error {
	p := promotionPage{Role: r.PostForm.Get("role"), Reason: r.PostForm.Get("reason")}
	_, err := s.Promotions.Ask(r.Context(), actorFrom(r.Context()), authz.Role(p.Role), p.Reason)
	if refused := errs.As(err); refused != nil && (refused.Kind == errs.Conflict || refused.Kind == errs.Invalid) {
		p.Refused = refused
		return s.showPromotion(w, r, statusOf(refused.Kind), p)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, "/promotion?done=asked")
}

// withdrawPromotionForm takes a request back. Where an answer came first, the page shows it.
func (s *Server) withdrawPromotionForm(w http.ResponseWriter, r *http.Request) error {
	_, err := s.Promotions.Withdraw(r.Context(), actorFrom(r.Context()))
	if refused := errs.As(err); refused != nil && refused.Kind == errs.NotFound {
		return seeOther(w, r, "/promotion")
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, "/promotion?done=withdrawn")
}

func (s *Server) promotionsPage(w http.ResponseWriter, r *http.Request) error {
	p := promotionsPage{}
	switch r.URL.Query().Get("done") {
	case promotion.Approved:
		p.Done = "Approved. They have the new role within a second, and were told."
	case promotion.Declined:
		p.Done = "Declined. They were told."
	}
	return s.showPromotions(w, r, http.StatusOK, p)
}

// showPromotions shows the open requests, unless others are asked for.
func (s *Server) showPromotions(w http.ResponseWriter, r *http.Request, status int, p promotionsPage) error {
	if p.Status = r.URL.Query().Get("status"); p.Status == "" {
		p.Status = promotion.Open
	}
	filter, err := promotionFilter(r, p.Status)
	if err != nil {
		return err
	}
	list, err := s.Promotions.List(r.Context(), actorFrom(r.Context()), filter)
	if err != nil {
		return err
	}
	here := &url.URL{Path: "/promotions", RawQuery: r.URL.RawQuery} // where an answer was refused, the address is the answer's
	p.Frame, p.Chips, p.Requests, p.Next = s.frame(r, "Promotion requests", "users"), promotionChips(p.Status), list.Items, nextHref(here, list.Next)
	if filter.Cursor != "" {
		p.First = nextHref(here, "-")
	}
	return s.render(w, r, status, "promotions", p)
}

func promotionChips(status string) []chip {
	var chips []chip
	for _, c := range []struct{ label, status string }{
		{"Open", promotion.Open}, {"Approved", promotion.Approved}, {"Declined", promotion.Declined}, {"Taken back", promotion.Withdrawn},
	} {
		chips = append(chips, chip{Label: c.label, Href: href("/promotions", url.Values{"status": {c.status}}), On: status == c.status})
	}
	return chips
}

// answerPromotionForm makes the handler of an answer on the page.
func (s *Server) answerPromotionForm(answer answerVerb) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		answered, err := answer(r.Context(), actorFrom(r.Context()), promotionID(r), r.PostForm.Get("note"))
		if refused := errs.As(err); refused != nil && (refused.Kind == errs.Conflict || refused.Kind == errs.Invalid) {
			return s.showPromotions(w, r, statusOf(refused.Kind), promotionsPage{Refused: refused})
		}
		if err != nil {
			return err
		}
		return seeOther(w, r, "/promotions?done="+answered.Status)
	}
}
