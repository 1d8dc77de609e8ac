package server

import (
	"net/http"
	"time"

	"traitortrack/internal/bill"
	"traitortrack/internal/page"
	"traitortrack/internal/weight"
)

type billJSON struct {
	Number         string       `json:"number"`
	Description    string       `json:"description"`
	Status         string       `json:"status"`
	Capacity       int          `json:"capacity"`
	Linked         int          `json:"linked"`
	Children       int          `json:"children"`
	Weight         weight.Grams `json:"weight_kg"`
	ExpectedWeight weight.Grams `json:"expected_weight_kg"`
	CreatedBy      string       `json:"created_by"`
	CreatedAt      time.Time    `json:"created_at"`
	CompletedBy    *string      `json:"completed_by"`
	CompletedAt    *time.Time   `json:"completed_at"`
}

type lineJSON struct {
	Code           string       `json:"code"`
	Children       int          `json:"children"`
	Capacity       int          `json:"capacity"`
	Weight         weight.Grams `json:"weight_kg"`
	ExpectedWeight weight.Grams `json:"expected_weight_kg"`
	LinkedBy       string       `json:"linked_by"`
	LinkedAt       time.Time    `json:"linked_at"`
}

func (s *Server) listBills(w http.ResponseWriter, r *http.Request) error {
	filter, err := billFilter(r.URL.Query())
	if err != nil {
		return err
	}
	list, err := s.Bills.List(r.Context(), actorFrom(r.Context()), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, listOf(list, showBillJSON))
}

func (s *Server) createBill(w http.ResponseWriter, r *http.Request) error {
	var sent struct {
		Number      string `json:"number"`
		Description string `json:"description"`
		Capacity    int    `json:"capacity"`
	}
	if err := decode(r, &sent); err != nil {
		return err
	}
	draft := bill.Draft{Number: sent.Number, Description: sent.Description, Capacity: sent.Capacity}
	b, err := s.Bills.Create(r.Context(), actorFrom(r.Context()), draft)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/api"+billHref(b.Number))
	return writeJSON(w, http.StatusCreated, showBillJSON(b))
}

func (s *Server) getBill(w http.ResponseWriter, r *http.Request) error {
	b, err := s.Bills.Find(r.Context(), actorFrom(r.Context()), pathValue(r, "number"))
	return showOrFail(w, b, err)
}

func (s *Server) editBill(w http.ResponseWriter, r *http.Request) error {
	var sent struct {
		Number      *string `json:"number"`
		Description *string `json:"description"`
		Capacity    *int    `json:"capacity"`
	}
	if err := decode(r, &sent); err != nil {
		return err
	}
	change := bill.Change{Number: sent.Number, Description: sent.Description, Capacity: sent.Capacity}
	b, err := s.Bills.Edit(r.Context(), actorFrom(r.Context()), pathValue(r, "number"), change)
	return showOrFail(w, b, err)
}

func (s *Server) deleteBill(w http.ResponseWriter, r *http.Request) error {
	b, err := s.Bills.Delete(r.Context(), actorFrom(r.Context()), pathValue(r, "number"))
	return showOrFail(w, b, err)
}

func (s *Server) completeBill(w http.ResponseWriter, r *http.Request) error {
	b, err := s.Bills.Complete(r.Context(), actorFrom(r.Context()), pathValue(r, "number"))
	return showOrFail(w, b, err)
}

func (s *Server) reopenBill(w http.ResponseWriter, r *http.Request) error {
	b, err := s.Bills.Reopen(r.Context(), actorFrom(r.Context()), pathValue(r, "number"))
	return showOrFail(w, b, err)
}

func (s *Server) billBags(w http.ResponseWriter, r *http.Request) error {
	lines, err := s.Bills.Bags(r.Context(), actorFrom(r.Context()), pathValue(r, "number"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, listOf(page.List[bill.Line]{Items: lines}, showLine))
}

func (s *Server) addToBill(w http.ResponseWriter, r *http.Request) error {
	var sent struct {
		Code   string  `json:"code"`
		ScanID *string `json:"scan_id"`
	}
	if err := decode(r, &sent); err != nil {
		return err
	}
	id, err := readScanID(sent.ScanID)
	if err != nil {
		return err
	}
	added, err := s.Bills.Add(r.Context(), actorFrom(r.Context()), pathValue(r, "number"), sent.Code, id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"outcome": added.Outcome, "bill": showBillJSON(added.Bill), "message": added.Message})
}

func (s *Server) removeFromBill(w http.ResponseWriter, r *http.Request) error {
	b, err := s.Bills.Remove(r.Context(), actorFrom(r.Context()), pathValue(r, "number"), pathValue(r, "code"))
	return showOrFail(w, b, err)
}

// showOrFail answers the bill that a verb gave, or passes its error on to the door.
func showOrFail(w http.ResponseWriter, b bill.Bill, err error) error {
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, showBillJSON(b))
}

func showBillJSON(b bill.Bill) billJSON {
	return billJSON{Number: b.Number, Description: b.Description, Status: b.Status, Capacity: b.Capacity, Linked: b.Linked,
		Children: b.Children, Weight: b.Weight, ExpectedWeight: b.ExpectedWeight, CreatedBy: b.CreatedBy, CreatedAt: b.CreatedAt,
		CompletedBy: b.CompletedBy, CompletedAt: b.CompletedAt}
}

func showLine(l bill.Line) lineJSON {
	return lineJSON{Code: l.Code, Children: l.Children, Capacity: l.Capacity, Weight: l.Weight, ExpectedWeight: l.ExpectedWeight,
		LinkedBy: l.LinkedBy, LinkedAt: l.LinkedAt}
}
