package server

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"traitortrack/internal/authz"
	"traitortrack/internal/bill"
	"traitortrack/internal/errs"
	"traitortrack/internal/page"
	"traitortrack/internal/weight"
)

// billsPage is the list of bills, and the form for a new one.
type billsPage struct {
	Frame
	Filter  bill.Filter
	Chips   []chip
	Bills   []bill.Bill
	Next    string
	First   string
	Form    billForm
	Refused *errs.Error // why the form was refused
}

// billForm is what was typed, kept when it is refused.
type billForm struct{ Number, Description, Capacity string }

// billPage is one bill: its numbers, its parents, and the scan input.
type billPage struct {
	Frame
	station
	Bill       bill.Bill
	Lines      []bill.Line
	Filled     int          // percent of the capacity
	Missing    int          // parents that are missing to the capacity
	Difference weight.Grams // actual less expected
	Href       string       // the bill's own path
	Form       billForm
	Refused    *errs.Error // why the last step was refused
}

func (s *Server) billsPage(w http.ResponseWriter, r *http.Request) error {
	return s.showBills(w, r, http.StatusOK, billForm{Capacity: "10"}, nil)
}

func (s *Server) showBills(w http.ResponseWriter, r *http.Request, status int, form billForm, refused *errs.Error) error {
	filter, err := billFilter(r.URL.Query())
	if err != nil {
		return err
	}
	list, err := s.Bills.List(r.Context(), actorFrom(r.Context()), filter)
	if err != nil {
		return err
	}
	p := billsPage{Frame: s.frame(r, "Bills", "bills"), Filter: filter, Chips: billChips(filter), Bills: list.Items, Form: form, Refused: refused}
	p.Next = nextHref(r.URL, list.Next)
	if filter.Cursor != "" {
		p.First = nextHref(r.URL, "-")
	}
	return s.render(w, r, status, "bills", p)
}

func (s *Server) createBillForm(w http.ResponseWriter, r *http.Request) error {
	form := readBillForm(r)
	capacity, err := form.capacity()
	var b bill.Bill
	if err == nil {
		b, err = s.Bills.Create(r.Context(), actorFrom(r.Context()),
			bill.Draft{Number: form.Number, Description: form.Description, Capacity: capacity})
	}
	if refused := errs.As(err); refused != nil && refused.Kind != errs.Forbidden {
		return s.showBills(w, r, statusOf(refused.Kind), form, refused)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, billHref(b.Number))
}

func (s *Server) billPage(w http.ResponseWriter, r *http.Request) error {
	return s.showBill(w, r, http.StatusOK, nil, nil)
}

// billLive is the part of a bill's page that its scans change.
func (s *Server) billLive(w http.ResponseWriter, r *http.Request) error {
	p, err := s.loadBill(r, nil)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "bill#live", p)
}

func (s *Server) showBill(w http.ResponseWriter, r *http.Request, status int, form *billForm, refused *errs.Error) error {
	p, err := s.loadBill(r, form)
	if err != nil {
		return err
	}
	p.Refused = refused
	return s.render(w, r, status, "bill", p)
}

func (s *Server) loadBill(r *http.Request, form *billForm) (billPage, error) {
	actor, number := actorFrom(r.Context()), pathValue(r, "number")
	b, err := s.Bills.Find(r.Context(), actor, number)
	if err != nil {
		return billPage{}, err
	}
	lines, err := s.Bills.Bags(r.Context(), actor, number)
	if err != nil {
		return billPage{}, err
	}
	if form == nil {
		form = &billForm{Number: b.Number, Description: b.Description, Capacity: strconv.Itoa(b.Capacity)}
	}
	frame := s.frame(r, "Bill "+b.Number, "bills")
	return billPage{Frame: frame, station: s.station(r, frame), Bill: b, Lines: lines, Filled: 100 * b.Linked / b.Capacity,
		Missing: b.Capacity - b.Linked, Difference: b.Weight - b.ExpectedWeight, Href: billHref(b.Number), Form: *form}, nil
}

func (s *Server) editBillForm(w http.ResponseWriter, r *http.Request) error {
	form := readBillForm(r)
	return s.stepBill(w, r, &form, func(ctx context.Context, actor authz.Actor, number string) (bill.Bill, error) {
		capacity, err := form.capacity()
		if err != nil {
			return bill.Bill{}, err
		}
		return s.Bills.Edit(ctx, actor, number, bill.Change{Number: &form.Number, Description: &form.Description, Capacity: &capacity})
	})
}

func (s *Server) completeBillForm(w http.ResponseWriter, r *http.Request) error {
	return s.stepBill(w, r, nil, s.Bills.Complete)
}

func (s *Server) reopenBillForm(w http.ResponseWriter, r *http.Request) error {
	return s.stepBill(w, r, nil, s.Bills.Reopen)
}

func (s *Server) addToBillForm(w http.ResponseWriter, r *http.Request) error {
	return s.stepBill(w, r, nil, func(ctx context.Context, actor authz.Actor, number string) (bill.Bill, error) {
		added, err := s.Bills.Add(ctx, actor, number, r.PostFormValue("code"), nil)
		return added.Bill, err
	})
}

func (s *Server) removeFromBillForm(w http.ResponseWriter, r *http.Request) error {
	return s.stepBill(w, r, nil, func(ctx context.Context, actor authz.Actor, number string) (bill.Bill, error) {
		return s.Bills.Remove(ctx, actor, number, pathValue(r, "code"))
	})
}

func (s *Server) deleteBillForm(w http.ResponseWriter, r *http.Request) error {
	_, err := s.Bills.Delete(r.Context(), actorFrom(r.Context()), pathValue(r, "number"))
	if refused := errs.As(err); refused != nil && refused.Kind == errs.Conflict {
		return s.showBill(w, r, statusOf(refused.Kind), nil, refused)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, "/bills")
}

// stepBill takes one step of a bill and shows the bill again, with the refusal where there is one.
func (s *Server) stepBill(w http.ResponseWriter, r *http.Request, form *billForm, step func(context.Context, authz.Actor, string) (bill.Bill, error)) error {
	b, err := step(r.Context(), actorFrom(r.Context()), pathValue(r, "number"))
	refused := errs.As(err)
	if refused != nil && (refused.Kind == errs.Conflict || refused.Kind == errs.Invalid || refused.Code == "bag_not_found") {
		return s.showBill(w, r, statusOf(refused.Kind), form, refused)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, billHref(b.Number))
}

func readBillForm(r *http.Request) billForm {
	return billForm{Number: r.PostFormValue("number"), Description: r.PostFormValue("description"), Capacity: r.PostFormValue("capacity")}
}

func (f billForm) capacity() (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(f.Capacity))
	if err != nil {
		return 0, errs.Field("capacity", "invalid_bill", "How many parents does the bill hold? Type a whole number from 1 to 500.").Wrap(err)
	}
	return n, nil
}

func billFilter(q url.Values) (bill.Filter, error) {
	limit, err := page.Limit(q.Get("limit"))
	return bill.Filter{Status: q.Get("status"), Q: q.Get("q"), Cursor: q.Get("cursor"), Limit: limit}, err
}

func billChips(f bill.Filter) []chip {
	var chips []chip
	for _, c := range []struct{ label, status string }{{"All", ""}, {"New", "new"}, {"Processing", "processing"}, {"Completed", "completed"}} {
		q := url.Values{}
		if c.status != "" {
			q.Set("status", c.status)
		}
		if f.Q != "" {
			q.Set("q", f.Q)
		}
		chips = append(chips, chip{Label: c.label, Href: href("/bills", q), On: f.Status == c.status})
	}
	return chips
}

func billHref(number string) string { return "/bills/" + url.PathEscape(number) }
