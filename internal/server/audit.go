package server

import (
	"net/http"
	"net/url"
	"time"

	"traitortrack/internal/audit"
	"traitortrack/internal/errs"
	"traitortrack/internal/page"
)

func (s *Server) listAudit(w http.ResponseWriter, r *http.Request) error {
	filter, err := auditFilter(r.URL.Query(), s.location(r))
	if err != nil {
		return err
	}
	list, err := s.Audit.List(r.Context(), actorFrom(r.Context()), filter)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, listOf(list, func(e audit.Event) audit.Event { return e }))
}

// auditFilter reads the filter of the audit log from the address. Days are those of the organization.
func auditFilter(q url.Values, in *time.Location) (audit.Filter, error) {
	f := audit.Filter{Action: q.Get("action"), User: q.Get("user"), Entity: q.Get("entity"), Cursor: q.Get("cursor")}
	var err error
	if f.Limit, err = page.Limit(q.Get("limit")); err != nil {
		return f, err
	}
	if f.From, err = moment(q, "from", in, 0); err != nil {
		return f, err
	}
	f.To, err = moment(q, "to", in, 1)
	return f, err
}

// moment reads a time, or a day with so many days behind it: "to" takes a day that is still meant. Nothing is no time.
func moment(q url.Values, name string, in *time.Location, daysAfter int) (time.Time, error) {
	typed := q.Get(name)
	if typed == "" {
		return time.Time{}, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, typed, in); err == nil {
		return day.AddDate(0, 0, daysAfter), nil
	}
	t, err := time.Parse(time.RFC3339, typed)
	if err != nil {
		return t, errs.Field(name, "invalid_filter", "%q is no day and no time. Write 2026-11-24, or 2026-11-24T15:00:00Z.", clip(typed)).Wrap(err)
	}
	return t, nil
}
