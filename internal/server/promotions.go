package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/page"
	"traitortrack/internal/promotion"
)

type promotionJSON struct {
	ID          int64      `json:"id"`
	Username    string     `json:"username"`
	PresentRole authz.Role `json:"present_role"`
	Role        authz.Role `json:"role"`
	Reason      string     `json:"reason"`
	Status      string     `json:"status"`
	Moot        bool       `json:"moot"`
	Note        *string    `json:"note"`
	AnsweredBy  *string    `json:"answered_by"`
	CreatedAt   time.Time  `json:"created_at"`
	AnsweredAt  *time.Time `json:"answered_at"`
}

func showPromotion(r promotion.Request) promotionJSON {
	shown := promotionJSON{ID: r.ID, Username: r.Username, PresentRole: r.Present, Role: r.Role, Reason: r.Reason, Status: r.Status, Moot: r.Moot(), CreatedAt: r.AskedAt}
	if r.Note != "" {
		shown.Note = &r.Note
	}
	if r.AnsweredBy != "" {
		shown.AnsweredBy = &r.AnsweredBy
	}
	if !r.AnsweredAt.IsZero() {
		shown.AnsweredAt = &r.AnsweredAt
	}
	return shown
}

// promotionOrFail answers the request that a verb gave, or passes its error on to the door.
func promotionOrFail(w http.ResponseWriter, status int, r promotion.Request, err error) error {
	if err != nil {
		return err
	}
	return writeJSON(w, status, showPromotion(r))
}

func (s *Server) askPromotion(w http.ResponseWriter, r *http.Request) error {
	var sent struct {
		Role   authz.Role `json:"role"`
		Reason string     `json:"reason"`
	}
	if err := decode(r, &sent); err != nil {
		return err
	}
	asked, err := s.Promotions.Ask(r.Context(), actorFrom(r.Context()), sent.Role, sent.Reason)
	return promotionOrFail(w, http.StatusCreated, asked, err)
}

func (s *Server) withdrawPromotion(w http.ResponseWriter, r *http.Request) error {
	withdrawn, err := s.Promotions.Withdraw(r.Context(), actorFrom(r.Context()))
	return promotionOrFail(w, http.StatusOK, withdrawn, err)
}

// ownPromotions lists what the actor has asked for. There are few, and no further page of them.
func (s *Server) ownPromotions(w http.ResponseWriter, r *http.Request) error {
	own, err := s.Promotions.Own(r.Context(), actorFrom(r.Context()))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, listOf(page.List[promotion.Request]{Items: own}, showPromotion))
}

func (s *Server) listPromotions(w http.ResponseWriter, r *http.Request) error {
	filter, err := promotionFilter(r, r.URL.Query().Get("status"))
	if err != nil {
		return err
	}
	list, err := s.Promotions.List(r.Context(), actorFrom(r.Context()), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, listOf(list, showPromotion))
}

func promotionFilter(r *http.Request, status string) (promotion.Filter, error) {
	limit, err := page.Limit(r.URL.Query().Get("limit"))
	return promotion.Filter{Status: status, Limit: limit, Cursor: r.URL.Query().Get("cursor")}, err
}

// answerVerb is how a request is answered: approved or declined.
type answerVerb func(ctx context.Context, actor authz.Actor, id int64, note string) (promotion.Request, error)

// answerPromotion makes the handler of an answer by the API.
func (s *Server) answerPromotion(answer answerVerb) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var sent struct {
			Note string `json:"note"`
		}
		if err := decode(r, &sent); err != nil {
			return err
		}
		answered, err := answer(r.Context(), actorFrom(r.Context()), promotionID(r), sent.Note)
		return promotionOrFail(w, http.StatusOK, answered, err)
	}
}

// promotionID reads a request's id from the path. What is no number is nobody's request.
func promotionID(r *http.Request) int64 {
	id, _ := strconv.ParseInt(pathValue(r, "id"), 10, 64)
	return id
}
