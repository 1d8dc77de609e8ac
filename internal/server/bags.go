package server

import (
	"net/http"
	"time"

	"traitortrack/internal/bag"
	"traitortrack/internal/code"
	"traitortrack/internal/page"
	"traitortrack/internal/weight"
)

// listJSON is one page of a list. Next is null at the end.
type listJSON[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

// listOf puts a page of things into the shape in which the API shows them.
func listOf[T, J any](list page.List[T], show func(T) J) listJSON[J] {
	answer := listJSON[J]{Items: make([]J, len(list.Items))}
	for i, item := range list.Items {
		answer.Items[i] = show(item)
	}
	if list.Next != "" {
		answer.Next = &list.Next
	}
	return answer
}

type bagJSON struct {
	Code           string        `json:"code"`
	Kind           string        `json:"kind"`
	Status         string        `json:"status"`
	Format         *string       `json:"format"`
	Weight         weight.Grams  `json:"weight_kg"`
	ExpectedWeight *weight.Grams `json:"expected_weight_kg,omitempty"`
	Parent         string        `json:"parent,omitempty"`
	Children       []childJSON   `json:"children,omitzero"`
	ChildCount     *int          `json:"child_count,omitempty"` // of a parent; a list shows it in place of the children
	Capacity       int           `json:"capacity,omitempty"`
	Area           string        `json:"area,omitempty"`
	Bill           string        `json:"bill,omitempty"`
	CreatedAt      time.Time     `json:"created_at"`
	LastScanAt     *time.Time    `json:"last_scan_at"`
}

type childJSON struct {
	Code     string       `json:"code"`
	Weight   weight.Grams `json:"weight_kg"`
	LinkedBy string       `json:"linked_by"`
	LinkedAt time.Time    `json:"linked_at"`
}

type eventJSON struct {
	At       time.Time  `json:"at"`
	DeviceAt *time.Time `json:"device_at,omitempty"`
	Event    string     `json:"event"`
	Outcome  string     `json:"outcome"`
	Code     string     `json:"code"`
	Parent   string     `json:"parent,omitempty"`
	Other    string     `json:"other,omitempty"`
	Username string     `json:"username"`
	Device   string     `json:"device"`
}

func (s *Server) listBags(w http.ResponseWriter, r *http.Request) error {
	filter, err := bagFilter(r.URL.Query())
	if err != nil {
		return err
	}
	list, err := s.Bags.List(r.Context(), actorFrom(r.Context()), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, listOf(list, showListedBag))
}

func (s *Server) getBag(w http.ResponseWriter, r *http.Request) error {
	b, err := s.Bags.Find(r.Context(), actorFrom(r.Context()), pathValue(r, "code"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, showBag(b))
}

func (s *Server) bagHistory(w http.ResponseWriter, r *http.Request) error {
	limit, err := page.Limit(r.URL.Query().Get("limit"))
	if err != nil {
		return err
	}
	list, err := s.Bags.History(r.Context(), actorFrom(r.Context()), pathValue(r, "code"), r.URL.Query().Get("cursor"), limit)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, listOf(list, showEvent))
}

func (s *Server) unlink(w http.ResponseWriter, r *http.Request) error {
	parent, err := s.Bags.Unlink(r.Context(), actorFrom(r.Context()), pathValue(r, "code"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"parent": parentOf(&parent)})
}

func (s *Server) closeParent(w http.ResponseWriter, r *http.Request) error {
	b, err := s.Bags.Close(r.Context(), actorFrom(r.Context()), pathValue(r, "code"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, showBag(b))
}

func (s *Server) reopenParent(w http.ResponseWriter, r *http.Request) error {
	b, err := s.Bags.Reopen(r.Context(), actorFrom(r.Context()), pathValue(r, "code"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, showBag(b))
}

func (s *Server) deleteBag(w http.ResponseWriter, r *http.Request) error {
	if err := s.Bags.Delete(r.Context(), actorFrom(r.Context()), pathValue(r, "code")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// showBag gives a bag with all that is known of it. A parent has its children, be it none.
func showBag(b bag.Bag) bagJSON {
	shown := showListedBag(b)
	if b.Kind == string(code.Child) {
		return shown
	}
	shown.Children = make([]childJSON, len(b.Children))
	for i, c := range b.Children {
		shown.Children[i] = childJSON{Code: c.Code, Weight: c.Weight, LinkedBy: c.LinkedBy, LinkedAt: c.LinkedAt}
	}
	return shown
}

// showListedBag gives a bag as a list shows it: how many children a parent holds, and not which.
func showListedBag(b bag.Bag) bagJSON {
	shown := bagJSON{Code: b.Code, Kind: b.Kind, Status: b.Status, Weight: b.Weight, Parent: b.Parent, Capacity: b.Capacity, Area: b.Area,
		Bill: b.Bill, CreatedAt: b.CreatedAt, LastScanAt: b.LastScanAt}
	if b.Kind == string(code.Parent) {
		shown.Format, shown.ExpectedWeight, shown.ChildCount = &b.Format, &b.ExpectedWeight, &b.ChildCount
	}
	return shown
}

func showEvent(e bag.Event) eventJSON {
	return eventJSON{At: e.At, DeviceAt: e.DeviceAt, Event: e.Event, Outcome: e.Outcome, Code: e.Code, Parent: e.ParentCode,
		Other: e.Other, Username: e.Username, Device: e.Device}
}
